"""Claims are compared on every run, and their lists in book/ are those of the notebooks."""

from __future__ import annotations

import copy

import claims
import nbformat
import pytest
import tiny

import scaling_utils.notebook as notebook

MADE = {
    "sentence": "The exponent is 0.35, within 2 %.",
    "measured": 0.34512,
    "relation": "expected 0.34821 ± 2 %",
    "expected": 0.34821,
    "unit": "nats",
    "source": "Kaplan et al. (2020), Eq. 1.1",
    "holds": True,
    "seen_first": False,
}
BOUNDS = {"relation": "expected at least 1 and at most 2.5", "expected": [1.0, 2.5], "measured": 2}
KNOWN = claims.Spreads({0: claims.Spread(MADE["sentence"], 0.34500, 0.34540)})
SAME = [
    {},
    {"measured": 0.34511},
    {"sentence": "The exponent is 0.36, within 2 %."},
    {"expected": 0.34822, "relation": "expected 0.34822 ± 2 %"},
]
DIFFERENT = [
    {"measured": 0.34532},
    {"measured": -0.34512},
    {"measured": 34.512},
    {"measured": 0.0},
    {"sentence": "The exponent is 0.45, within 2 %."},
    {"sentence": "The exponent is 0.35, within 3 %."},
    {"expected": 0.34921},
    {"relation": "expected 0.34821 ± 4 %"},
    {"relation": "expected at least 0.34821"},
    {"expected": [0.34821, 0.5]},
    {"unit": "bits"},
    {"source": "Kaplan et al. (2020), Eq. 1.2"},
    {"source": "this chapter"},
    {"seen_first": True},
    {"holds": False},
    {"registered": "study.name"},
]


@pytest.mark.parametrize("change", SAME)
def test_the_same_claim_on_another_machine(change):
    assert claims.differences([MADE], [MADE | change]) == []


@pytest.mark.parametrize("change", DIFFERENT)
def test_another_claim(change):
    for one, other in ((MADE, MADE | change), (MADE | change, MADE)):
        said = claims.differences([one], [other])
        assert said
        assert all(next(iter(change)) in sentence for sentence in said[-1:])


@pytest.mark.parametrize("expected", [[1.0, 2.6], [1.1, 2.5], [1.0], [2.5, 1.0], 1.0])
def test_each_bound_is_held(expected):
    assert claims.differences([MADE | BOUNDS], [MADE | BOUNDS | {"expected": expected}])


def test_a_whole_number_is_exact_and_a_residue_is_none():
    assert claims.differences([MADE | BOUNDS], [MADE | BOUNDS | {"measured": 2.0}]) == []
    for value in (3, 2.0002):
        assert claims.differences([MADE | BOUNDS], [MADE | BOUNDS | {"measured": value}])
    tiny_one = MADE | {"measured": 3e-14}
    assert claims.differences([tiny_one], [MADE | {"measured": 0.0}]) == []
    assert claims.differences([tiny_one], [MADE | {"measured": 3e-6}])


def test_number_and_order_are_held():
    other = MADE | {"sentence": "Another."}
    assert claims.differences([MADE, other], [MADE, other]) == []
    assert claims.differences([MADE, other], [other, MADE])
    assert claims.differences([MADE, other], [MADE])
    assert claims.differences([], [MADE])


@pytest.mark.parametrize(("value", "passes"), [(0.34632, True), (0.34392, True), (0.34634, False)])
def test_what_varies_between_machines_may_move_by_three_times_its_spread(value, passes):
    """0.0004 three times and one unit of the fifth digit: 0.00121 on both sides of 0.34512."""
    assert (claims.differences([MADE], [MADE | {"measured": value}], KNOWN) == []) is passes


@pytest.mark.parametrize(("value", "passes"), [(0.0962, True), (0.0806, True), (0.0805, False)])
def test_what_varies_may_move_by_a_tenth_of_its_way_to_the_bound(value, passes):
    """Where an optimiser stops: 0.0884 and at least 0.01, so 0.00784; three spreads are 0.0002."""
    made = MADE | {"measured": 0.0884, "expected": 0.01, "relation": "expected at least 0.01"}
    known = claims.Spreads({0: claims.Spread(MADE["sentence"], 0.08840, 0.08846)})
    assert (claims.differences([made], [made | {"measured": value}], known) == []) is passes
    still = claims.Spreads({0: claims.Spread(MADE["sentence"], 0.0884, 0.088401)})
    assert claims.differences([made], [made | {"measured": 0.0885}], still)


def test_a_spread_belongs_to_its_sentence_and_place():
    moved = [MADE | {"measured": 0.34592}]
    assert claims.differences([MADE], moved, KNOWN) == []
    other = claims.Spreads({0: claims.Spread("Another.", 0.1, 0.9)})
    assert claims.differences([MADE], moved, other)
    assert claims.differences([MADE], moved, claims.Spreads({1: KNOWN.by_place[0]}))


def test_a_clock_is_not_compared_and_its_expectation_is():
    source = "start = time.perf_counter()\nclaim('x', time.perf_counter() - start, at_most=5)"
    clock = claims.spreads_of("01_tiny", "a", source, {})
    assert claims.differences([MADE], [MADE | {"measured": 99.0}], clock) == []
    assert claims.differences([MADE], [MADE | {"expected": 99.0}], clock)
    assert not claims.spreads_of("01_tiny", "a", "claim('x', 1)", {}).clock


def test_the_table_of_spreads_is_read(tmp_path):
    (tmp_path / "book").mkdir()
    assert claims.read_spreads(tmp_path / "elsewhere") == {}
    (tmp_path / "book" / "spread.csv").write_text(
        "chapter,cell,n,sentence,lowest,highest,machines\n01_tiny,a,2,It holds.,0.1,0.3,7\n"
    )
    table = claims.read_spreads(tmp_path)
    assert table == {("01_tiny", "a", 2): claims.Spread("It holds.", 0.1, 0.3)}
    here = claims.spreads_of("01_tiny", "a", "", table)
    made = MADE | {"sentence": "It holds."}
    assert here.allowed(1, made) == pytest.approx(0.6)
    assert here.allowed(0, made) == 0
    assert claims.spreads_of("01_tiny", "b", "", table).allowed(1, made) == 0


@pytest.fixture(scope="module")
def chapter():
    return tiny.run_chapter()


def test_the_texts_of_a_claim_follow_from_its_numbers(chapter):
    cell = tiny.code(chapter, 2)
    assert claims.disagreements(cell.outputs) == []
    assert len(claims.in_outputs(cell.outputs)) == 3


def test_a_claim_with_two_bounds_agrees_with_its_texts():
    made = notebook.Claim("A.", 2.0, "expected at least 1", (1.0, 2.5), "", "s", True, True)
    data = {
        **notebook.claim_texts(made),
        claims.MIME: copy.copy(made.__dict__) | {"expected": [1, 2.5]},
    }
    assert claims.disagreements([{"output_type": "display_data", "data": data}]) == []


def write(root, book):
    (root / "notebooks").mkdir(exist_ok=True)
    (root / "book").mkdir(exist_ok=True)
    nbformat.write(book, root / "notebooks" / "01_tiny.ipynb")


def test_the_lists_name_every_claim_and_count_the_contents(chapter, tmp_path):
    write(tmp_path, chapter)
    assert [path.name for path in claims.write_lists(tmp_path)] == ["claims.csv", "contents.csv"]
    assert claims.write_lists(tmp_path) == []
    head, *rows = (tmp_path / "book" / "claims.csv").read_text().splitlines()
    assert head == "chapter,cell,n,sentence,relation,expected,unit,source,seen_first"
    assert [row.split(",")[2:5] for row in rows] == [
        ["1", "Two is two.", "expected 2 ± 0"],
        ["2", "Three is at least two.", "expected at least 2"],
        ["3", "Pi is near 22/7.", "expected 3.1429 ± 0.1 %"],
    ]
    head, row = (tmp_path / "book" / "contents.csv").read_text().splitlines()
    assert dict(zip(head.split(","), row.split(","), strict=True)) == {
        "chapter": "01_tiny",
        "code_cells": "8",
        "checked_cells": "3",
        "claims": "3",
        "figures": "1",
        "displayed_equations": "1",
        "numbered_equations": "1",
        "exercises": "3",
        "solutions_in_code": "1",
        "solutions_in_prose": "2",
    }


def expectation(book):
    tiny.code(book, 2).outputs[1].data[claims.MIME].update(
        relation="expected at least 1", expected=1
    )


def unmarked(book):
    tiny.code(book, 6).source = "print('still here')"


def prose_for_code(book):
    book.cells[-2] = nbformat.v4.new_markdown_cell(tiny.PROSE_SOLUTION)


CHANGES = {
    "an expectation": expectation,
    "a source": lambda book: tiny.code(book, 2).outputs[1].data[claims.MIME].update(source="me"),
    "a claim less": lambda book: tiny.code(book, 2).outputs.pop(),
    "a check removed": unmarked,
    "a figure less": lambda book: tiny.code(book, 3).outputs.pop(),
    "a solution in code replaced": prose_for_code,
    "an equation less": lambda book: book.cells[4].update(source="## The theory"),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_shows_in_the_lists(chapter, tmp_path, kind):
    write(tmp_path, chapter)
    claims.write_lists(tmp_path)
    write(tmp_path, tiny.broken(chapter, CHANGES[kind]))
    found = claims.outdated(tmp_path)
    assert found
    assert all(lines for lines in found.values())


def test_the_lists_of_the_book_are_up_to_date():
    found = claims.outdated()
    lines = [f"{path.name}: {line}" for path, changed in found.items() for line in changed]
    assert not found, "\n".join(["run tools/claims.py, and look at what has changed:", *lines])


def test_every_spread_belongs_to_a_claim_of_the_book():
    """A row of a claim that is gone, or that measures something else now, allows too much."""
    stored = {}
    for path in sorted((claims.ROOT / "notebooks").glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            made = claims.in_outputs(cell.get("outputs", []))
            stored |= {(path.stem, cell.id, n): one for n, one in enumerate(made, start=1)}
    for place, spread in claims.read_spreads().items():
        assert place in stored, f"{place} is no claim: run make machines for its chapter"
        spreads = claims.Spreads({0: spread})
        middle = stored[place] | {"measured": (spread.lowest + spread.highest) / 2}
        off = claims.differences([middle], [stored[place]], spreads)
        assert not off, f"{off}: run make machines for {place[0]}"
