"""Outputs are compared output by output, and whatever is changed after a run has another digest."""

from __future__ import annotations

import copy

import build
import freshness
import nbformat
import outputs
import pytest
import tiny
from nbformat.v4 import new_output

from scaling_utils.notebook import CLAIM_MIME, VERDICT_MIME

ALT = "Loss against size: a line that falls from {:.2f} to {:.2f} on two logarithmic axes."


def text(words: str, name: str = "stdout"):
    return new_output("stream", name=name, text=words)


def markdown(words: str):
    return new_output("display_data", data={"text/markdown": words, "text/plain": "<Markdown>"})


def figure(alt: str, image: str = "aGk="):
    data = {"image/png": image, "text/plain": alt}
    return new_output("display_data", data=data, metadata={"image/png": {"alt": alt, "width": 704}})


@pytest.fixture
def shown():
    """Return outputs as a cell stores them."""
    return [
        text("fit 0.71034, residue 1.7e-14\n"),
        markdown("The exponent is **0.35**."),
        figure(ALT.format(1.23, 0.45)),
        figure(ALT.format(3.21, 0.54), image="aG8="),
    ]


SAME = [
    lambda out: out[0].update(text="fit 0.71033, residue -2.2e-16\n"),
    lambda out: out.__setitem__(slice(0, 1), [text("fit 0.71034, "), text("residue 1e-15\n")]),
    lambda out: out[1].data.update({"text/markdown": "The exponent is **0.36**."}),
    lambda out: out[2].data.update({"image/png": "eW8="}),
    lambda out: out.__setitem__(2, figure(ALT.format(1.24, 0.44))),
]
DIFFERENT = [
    lambda out: out[0].update(text="fit 0.71134, residue 1.7e-14\n"),
    lambda out: out[0].update(text="fit 0.71034, residue 1.7e-06\n"),
    lambda out: out[0].update(text="fit 0.71034\n"),
    lambda out: out[0].update(name="stderr"),
    lambda out: out.pop(0),
    lambda out: out.pop(1),
    lambda out: out.pop(2),
    lambda out: out.clear(),
    lambda out: out.append(figure(ALT.format(1.23, 0.45))),
    lambda out: out.append(text("UserWarning: careful", "stderr")),
    lambda out: out.insert(0, out.pop(1)),  # another order
    lambda out: out.insert(2, out.pop(3)),  # figures exchanged: their descriptions tell
    lambda out: out[1].data.pop("text/markdown"),
    lambda out: out[1].data.update({"text/html": "x"}),
    lambda out: out[1].data.update({"text/markdown": "The exponent is 0.35."}),
    lambda out: out[2].data.pop("image/png"),
    lambda out: out[2].metadata["image/png"].update(alt=ALT.format(3.21, 0.54)),
    lambda out: out[2].metadata["image/png"].pop("alt"),
    lambda out: out[2].metadata["image/png"].update(width=300),
    lambda out: out.__setitem__(1, new_output("error", ename="E", evalue="e", traceback=[])),
]


@pytest.mark.parametrize("change", SAME)
def test_rounding_and_other_pixels_pass(shown, change):
    now = copy.deepcopy(shown)
    change(now)
    assert now != shown
    assert outputs.differences(shown, now) == []


@pytest.mark.parametrize("change", DIFFERENT)
def test_what_is_really_different_is_told(shown, change):
    now = copy.deepcopy(shown)
    change(now)
    for one, other in ((shown, now), (now, shown)):
        said = outputs.differences(one, other)
        assert said
        assert all(said)


def test_the_output_and_the_number_are_named(shown):
    now = copy.deepcopy(shown)
    now[1].data["text/markdown"] = "The exponent is **0.55**."
    (said,) = outputs.differences(shown, now)
    assert "output 2 (text/markdown, text/plain)" in said
    assert "stored 0.35, now 0.55" in said


@pytest.fixture(scope="module")
def chapter():
    """Return a chapter that has run, recorded as tools/execute.py does."""
    book = tiny.run_chapter()
    tiny.code(book, 5).outputs = [figure(ALT.format(3.21, 0.54), image="aG8=")]
    tiny.code(book, 6).outputs.append(
        markdown("The entropy is **1.55** nats.\n\n| a |\n|---|\n| b |")
    )
    book.metadata[freshness.KEY]["outputs"] = freshness.output_digests(book)
    book.metadata[freshness.KEY]["cells"] = freshness.code_digest(book)
    return nbformat.reads(nbformat.writes(book), as_version=4)


def claim(book):
    return tiny.code(book, 2).outputs[1]


def swap_figures(book):
    one, other = tiny.code(book, 3).outputs[0].data, tiny.code(book, 5).outputs[0].data
    one["image/png"], other["image/png"] = other["image/png"], one["image/png"]


def forge_claim(book):
    data = claim(book).data
    data[CLAIM_MIME]["measured"] = 30.0
    for kind in ("text/plain", "text/html"):
        data[kind] = data[kind].replace("easured 3,", "easured 30,").replace("<b>3<", "<b>30<")


def replace(number, place, kind, old, new):
    def change(book):
        data = tiny.code(book, number).outputs[place].data
        assert old in data[kind]
        data[kind] = data[kind].replace(old, new)

    return change


def other_alt(book):
    alt = tiny.code(book, 5).outputs[0].metadata["image/png"]["alt"]
    tiny.code(book, 3).outputs[0].metadata["image/png"]["alt"] = alt


def move(book):
    tiny.code(book, 3).outputs.append(tiny.code(book, 6).outputs.pop())


def swap_outputs(book):
    one, other = tiny.code(book, 3), tiny.code(book, 5)
    one.outputs, other.outputs = other.outputs, one.outputs


def added(book):
    tiny.code(book, 4).outputs.append(markdown("The GPU was faster."))


def without_cell(book):
    book.cells.remove(tiny.code(book, 4))


def without_record(book):
    del book.metadata[freshness.KEY]["outputs"]


FORGERIES = {
    "a claim": forge_claim,
    "the text of a claim alone": replace(2, 1, "text/html", "<b>3</b>", "<b>30</b>"),
    "a number in a sentence": replace(6, 1, "text/markdown", "1.55", "1.05"),
    "a heading of a table": replace(6, 1, "text/markdown", "| a |", "| b |"),
    "printed text": lambda book: tiny.code(book, 1).outputs[0].update(text="3\n"),
    "an output removed": lambda book: tiny.code(book, 6).outputs.pop(),
    "all outputs removed": lambda book: tiny.code(book, 6).outputs.clear(),
    "figures exchanged": swap_figures,
    "an image edited": replace(5, 0, "image/png", "aG8=", "aG9="),
    "the description of another figure": other_alt,
    "an output moved to another cell": move,
    "the outputs of two cells exchanged": swap_outputs,
    "two outputs of a cell exchanged": lambda book: tiny.code(book, 6).outputs.reverse(),
    "an output added": added,
    "a cell removed": without_cell,
    "no record": without_record,
}


def test_a_chapter_as_it_ran_passes(chapter):
    assert freshness.altered(chapter) == []


def test_code_that_has_changed_since_the_run_stops_the_build(chapter):
    assert build.untrue(chapter) == []
    other = tiny.broken(chapter, lambda book: tiny.code(book, 6).update(source="print(2)"))
    assert build.untrue(other) == ["its code has changed since it was run"]


def test_a_chapter_that_was_never_run_stops_the_build():
    assert "never run" in build.untrue(tiny.unrun_chapter())[0]


@pytest.mark.parametrize("kind", FORGERIES)
def test_a_forgery_is_told_and_stops_the_build(chapter, tmp_path, capsys, kind, monkeypatch):
    book = tiny.broken(chapter, FORGERIES[kind])
    assert freshness.altered(book)
    (tmp_path / "notebooks").mkdir()
    nbformat.write(book, tmp_path / "notebooks" / "01_tiny.ipynb")
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(build.pages, "main", lambda argv: pytest.fail("the build went on"))
    assert build.main() == 1
    assert "01_tiny.ipynb: " in capsys.readouterr().err


def test_the_build_goes_on_with_honest_chapters_alone(chapter, tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    nbformat.write(chapter, tmp_path / "notebooks" / "01_tiny.ipynb")
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(build.pages, "main", lambda argv: 7)
    assert build.main() == 1  # because of the pages
    assert not build.forged(sorted((tmp_path / "notebooks").glob("*.ipynb")))
    nbformat.write(tiny.unrun_chapter(), tmp_path / "notebooks" / "02_draft.ipynb")
    assert build.forged(sorted((tmp_path / "notebooks").glob("*.ipynb")))


def test_a_digest_outlives_writing_and_another_count(chapter):
    book = tiny.broken(chapter, lambda book: None)
    for cell in book.cells:
        for output in cell.get("outputs", []):
            if "execution_count" in output:
                output["execution_count"] = 99
    again = nbformat.reads(nbformat.writes(book), as_version=4)
    assert freshness.output_digests(again) == freshness.output_digests(chapter)


JUDGED = {"id": "text.loss", "verdict": "held", "measured": 0.5, "bound": "at most 1"}


def verdict(**changed):
    return new_output("display_data", {VERDICT_MIME: {**JUDGED, **changed}})


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ([verdict(measured=0.51)], ""),
        ([verdict(verdict="failed")], "verdict on text.loss, verdict: 'held' became 'failed'"),
        ([verdict(bound="at most 2")], "verdict on text.loss, bound: "),
        ([verdict(id="text.other")], "verdict on text.loss, id: "),
        ([], "it stored 1 verdicts and now gives 0"),
        ([verdict(), verdict()], "it stored 1 verdicts and now gives 2"),
    ],
)
def test_another_outcome_of_a_prediction_is_told_in_every_cell(now, told):
    found = outputs.unchecked_differences([verdict()], now)
    assert len(found) == bool(told)
    assert "".join(found).startswith(told)
