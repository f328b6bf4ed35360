"""Every published figure is recomputed: no row of the tables passes without a comparison."""

import json
from dataclasses import replace

import pytest
from evaluators import EVALUATORS

from scaling_utils.laws import facts

ROWS = list(facts.numbers().values())


def compute(fact):
    return EVALUATORS[fact.check](**fact.inputs)


def wrong(rows) -> list[str]:
    """The rows that do not give what is printed, each with both figures."""
    computed = [(fact, compute(fact)) for fact in rows]
    return [
        f"{fact.id}: printed {fact.value}, computed {value}"
        for fact, value in computed
        if not fact.agrees(value)
    ]


def test_every_published_figure_is_what_the_package_computes():
    assert ROWS
    assert wrong(ROWS) == []


def test_a_wrong_figure_would_be_noticed():
    spoiled_rows = [
        replace(fact, value=spoiled(fact.value, 10 if fact.tolerance == "inside" else 1.5))
        for fact in ROWS
    ]
    noticed = {sentence.split(":")[0] for sentence in wrong(spoiled_rows)}
    assert sorted({fact.id for fact in ROWS} - noticed) == []


def spoiled(value, factor):
    """The figure, every part of it, off by a factor."""
    if isinstance(value, dict):
        return {key: spoiled(part, factor) for key, part in value.items()}
    if isinstance(value, list):
        return [spoiled(part, factor) for part in value]
    return value * factor


def test_every_check_is_used_and_known():
    assert set(EVALUATORS) == {fact.check for fact in ROWS}


def faults(fact) -> list[str]:
    """What a row does not say."""
    empty = [name for name in ("quantity", "formula", "citation") if not getattr(fact, name)]
    if fact.certainty not in facts.CERTAINTY:
        empty.append("certainty")
    # What the book prints is dated.
    if not any(char.isdigit() for char in fact.citation) and "NVIDIA" not in fact.citation:
        empty.append("the year of its citation")
    if isinstance(fact.value, str | bool) or json.loads(json.dumps(fact.value)) != fact.value:
        empty.append("a value that is a number")
    return [f"{fact.id} lacks {name}" for name in empty]


def test_rows_say_what_they_are():
    assert [fault for fact in ROWS for fault in faults(fact)] == []


def test_a_row_that_says_too_little_is_named():
    bad = replace(ROWS[0], quantity="", citation="somewhere", certainty="sure", value="3")
    assert len(faults(bad)) == 4
    assert all(fault.startswith(ROWS[0].id) for fault in faults(bad))


def test_no_row_repeats_a_constant_of_a_law():
    """A constant is typed once, in the table of its law."""
    assert [f.id for f in ROWS if f.check == "law_field" and f.tolerance == "exact"] == []


# ---- the comparison itself ----------------------------------------------------------------


def fact(value, tolerance):
    return facts.Fact("x", "q", value, "", {}, "f", "c", tolerance, "s", "secondary")


@pytest.mark.parametrize(
    ("value", "tolerance", "good", "bad"),
    [
        (2.0, "exact", 2.0, 2.0001),
        (200.0, "2 %", 203.9, 204.1),
        (200.0, "2 %", 196.1, 195.9),
        (0.0, "abs 0.1", 0.09, 0.11),
        ([1.0, 2.0], "inside", 1.5, 2.5),
        ([1.0, 2.0], "abs 0.1", [1.05, 2.05], [1.05, 2.2]),
        ({"a": 1.0}, "exact", {"a": 1.0}, {"a": 1.1}),
        (1.0, "exact", 1.0, float("nan")),
        (1.0, "1 %", 1.0, float("nan")),
    ],
)
def test_agreement(value, tolerance, good, bad):
    assert fact(value, tolerance).agrees(good)
    assert not fact(value, tolerance).agrees(bad)


def test_other_forms_are_refused():
    with pytest.raises(ValueError, match="keys"):
        fact({"a": 1.0}, "exact").agrees({"b": 1.0})
    with pytest.raises(ValueError, match="shorter"):
        fact([1.0, 2.0], "exact").agrees([1.0])
    with pytest.raises(ValueError, match="unknown tolerance 'about'"):
        fact(1.0, "about").agrees(1.0)


def test_figures_are_found_by_id():
    assert facts.get("muen.fig1b").value == 2.2269634075087867
    with pytest.raises(ValueError, match=r"id must be one of .*'muen.fig1b'.*got 'muen.fig2'"):
        facts.get("muen.fig2")
    with pytest.raises(ValueError, match=r"id must be one of 'bert', .*got 'nothing'"):
        facts.get("nothing")


def test_an_id_stands_once(tmp_path, monkeypatch):
    names = "id,quantity,value,unit,inputs,formula,check,tolerance,citation,certainty,note"
    row = "mine.a,q,1,,{},f,c,exact,s,secondary,"
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "published_numbers.csv").write_text(f"{names}\n{row}\n{row}\n")
    monkeypatch.setattr(facts, "files", lambda package: tmp_path)
    with pytest.raises(ValueError, match=r"ids in published_numbers.csv .* got 'mine.a' twice"):
        facts.numbers.__wrapped__()
