"""The page that compares packages says what the recorded tables say, and these are sane."""

import csv
import importlib.util
from pathlib import Path

import comparepage
import pages
import pytest
import tables

from scaling_utils.fitting import fit_parametric

ROOT = Path(__file__).resolve().parent.parent
FITS = comparepage.rows_of(ROOT, "fits.csv")
FEATURES = comparepage.rows_of(ROOT, "features.csv")


@pytest.fixture(scope="module")
def text():
    return comparepage.compare(ROOT, pages.table)


def test_the_page_shows_every_row_of_both_tables(text):
    lines = text.splitlines()
    for row in FEATURES:
        assert "| " + " | ".join(row.values()) + " |" in lines
    for row in FITS:
        start = f"| {row['package']} ({row['version']}) | {row['minimises']} |"
        own = [line for line in lines if line.startswith(start)]
        assert len(own) == len({r["table"] for r in FITS if r["package"] == row["package"]})
        assert any(f"| {row['E']} | {row['alpha']} | {row['beta']} |" in line for line in own)
    assert text.count("## The table") == len({row["table"] for row in FITS})
    assert "{include} _generated/compare.md" in (ROOT / "book" / "compare.md").read_text("utf-8")
    assert pages.PARTS["compare.md"]


def test_what_was_only_read_has_no_number():
    read = [name for name in FEATURES[0] if FEATURES[0][name] == "read, not run"]
    assert read
    assert not [row for row in FITS if any(name in row["package"] for name in read)]


def test_no_package_is_below_our_optimum_of_our_objective():
    for row in FITS:
        if row["over_ours"]:
            assert float(row["over_ours"]) >= 1 - 1e-6
    ours = [row for row in FITS if row["package"] == comparepage.OURS]
    assert {row["over_ours"] for row in ours} <= {"1", ""}
    assert {row["fit_time"] for row in ours} == {row["resample_time"] for row in ours} == {"1"}


def test_our_rows_are_what_the_package_answers_today():
    """The table kyo_takano again, to the printed digits."""
    fit = fit_parametric(*tables.kyo_takano())
    (row,) = [r for r in FITS if (r["table"], r["package"]) == ("kyo_takano", comparepage.OURS)]
    assert float(row["objective"]) == pytest.approx(fit.objective, rel=1e-5)
    for name in ("E", "alpha", "beta"):
        assert row[name] == f"{getattr(fit.law, name):.4f}"


def test_the_script_and_the_recorded_table_have_the_same_columns_and_packages():
    path = ROOT / "benchmarks" / "compare_fits.py"
    spec = importlib.util.spec_from_file_location("compare_fits", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    with (ROOT / comparepage.FOLDER / "fits.csv").open(newline="") as file:
        assert tuple(next(csv.reader(file))) == script.FIELDS
    assert {row["package"] for row in FITS} == set(script.RIVALS)
    assert {row["minimises"] for row in FITS} == {one[1] for one in script.RIVALS.values()}
    law = fit_parametric(*tables.kyo_takano()).law
    ours = next(float(r["objective"]) for r in FITS if r["table"] == "kyo_takano")
    assert script.objective(law, *tables.kyo_takano()) == pytest.approx(ours, rel=1e-5)


def test_two_packages_agree_where_their_objective_is_the_same():
    rows = [
        row
        for row in FITS
        if row["table"] == "epoch_chinchilla" and row["minimises"] == "absolute loss, 10 to 1"
    ]
    ours, theirs = ([float(row[name]) for name in ("E", "alpha", "beta")] for row in rows)
    assert ours == pytest.approx(theirs, abs=5e-4)


def test_without_a_record_the_page_says_so(tmp_path):
    assert comparepage.compare(tmp_path, pages.table) == "No comparison is recorded.\n"
