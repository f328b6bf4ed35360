"""The references of the study on domains: written by tools/references.py, and made again."""

from __future__ import annotations

from pathlib import Path

import pytest
import references

from scaling_utils.corpora.baselines import ORDERS
from scaling_utils.studies.records import read_rows
from scaling_utils.tasks.windows import split_text

FILE = Path(__file__).resolve().parent.parent / "results" / "domains" / "references.csv"
STORED = read_rows(FILE)


def here(name: str):
    """Return the split of a text, or skip where this Python's text is another one."""
    split = split_text(name)
    (expected,) = {row["sha256"] for row in STORED if row["corpus"] == name}
    if split.text.sha256[:16] != expected:
        found = split.text.sha256[:16]
        pytest.skip(f"another Python's standard library: {name} was {expected}, here it is {found}")
    return split


def test_the_tool_writes_this_file():
    assert references.FILE == FILE
    assert references.TEXTS == ("english", "python")


def test_each_text_has_the_same_ten_rows():
    counts = [f"counts of order {order}" for order in ORDERS]
    for name in references.TEXTS:
        rows = [row for row in STORED if row["corpus"] == name]
        assert [row["method"] for row in rows] == ["zlib", "zlib", "bz2", "lzma", "lzma", *counts]
        assert (
            len({(row["sha256"], row["train_bytes"], row["held_out_bytes"]) for row in rows}) == 1
        )


@pytest.mark.parametrize("name", references.TEXTS)
def test_cheap_rows_are_made_again_to_the_last_digit(name):
    split = here(name)
    again = [references.as_row(name, split, *references.count_row(split, k)) for k in (0, 1)]
    assert [row for row in STORED if row in again] == again


@pytest.mark.slow
def test_all_rows_of_the_smaller_text_are_made_again_to_the_last_digit():
    here("english")
    assert references.reference_rows("english") == [r for r in STORED if r["corpus"] == "english"]


def test_an_edited_row_is_told(monkeypatch, capsys):
    rows = {name: [row for row in STORED if row["corpus"] == name] for name in references.TEXTS}
    monkeypatch.setattr(references, "reference_rows", lambda name: rows[name])
    assert references.main([]) == 0
    rows["python"] = [row | {"bits_per_byte": 2.0} for row in rows["python"]]
    assert references.main([]) == 1
    rows["python"] = rows["python"][:-1]
    assert references.main([]) == 1
    said = capsys.readouterr().out
    assert "10 of 20 rows agree" in said
    assert "measured None" in said


def test_the_file_is_written_byte_for_byte(monkeypatch, tmp_path):
    rows = {name: [row for row in STORED if row["corpus"] == name] for name in references.TEXTS}
    monkeypatch.setattr(references, "reference_rows", lambda name: rows[name])
    monkeypatch.setattr(references, "FILE", tmp_path / "references.csv")
    assert references.main(["--write"]) == 0
    assert (tmp_path / "references.csv").read_bytes() == FILE.read_bytes()
