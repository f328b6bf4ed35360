"""Registered predictions: one file for programs, held to the text and to the history."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import history
import pytest
from history import needs_history
from IPython.core.interactiveshell import InteractiveShell

from scaling_utils import notebook
from scaling_utils.notebook._registered import (
    Prediction,
    prediction,
    read_predictions,
    registered_file,
)
from scaling_utils.studies import read_record, read_rows

ROOT = Path(__file__).resolve().parent.parent
TEXT = "results/PREREGISTRATION.md"
BOOK = read_predictions(ROOT / "results" / "registered.toml")
# Planned after a score, to show what it had missed: they predict nothing.
EXPLORED = {"known_entropy_rates", "known_entropy_seeds", "transformers_rates"}
WORDS = {"half": 0.5, "quarter": 0.25, "two": 2, "twice": 2, "three": 3, "four": 4, "five": 5}
WORDS["ten"] = 10
# Parts of a registration that say how, and predict nothing.
FRAME = {"Runs", "Sets", "What would spoil it", "Afterwards"}
NUMBER = re.compile(r"(?<![\w^.])-?(?:\d[\d,]*(?:\.\d+)?|\.\d+)|\b(?:" + "|".join(WORDS) + r")\b")
EVERY = pytest.mark.parametrize("one", BOOK.values(), ids=lambda one: one.id)


def plain(text: str) -> str:
    """Return a text with every run of spaces and line breaks as one space."""
    return " ".join(text.split())


def sections(text: str) -> dict[str, str]:
    """Return the parts of the registration by their heading, the heading included."""
    parts = [part.split("\n", 1) for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]]
    return {heading.strip(): plain(heading + "\n" + body) for heading, body in parts}


def numbers(quotes: tuple[str, ...]) -> set[float]:
    """Return the numbers that stand in words, written out or in digits, signs included."""
    words = [word for quote in quotes for word in NUMBER.findall(quote.lower())]
    found = {WORDS.get(word) or float(word.replace(",", "")) for word in words if word != "-"}
    if any("within a factor of" in quote for quote in quotes):
        found |= {1 / number for number in found if number}
    return found


def problems(one: Prediction, text: str) -> list[str]:
    """Return what is wrong with a prediction, held to the words of a registration."""
    part = sections(text).get(one.section)
    if part is None:
        return [f"no heading {one.section!r}"]
    wrong = [f"not registered: {q!r}" for q in (*one.quotes, *one.against_quotes) if q not in part]
    bounds = [bound for bound in (one.at_least, one.at_most) if bound is not None]
    if one.implied:
        wrong += [f"{bound:g} is no comparison" for bound in bounds if bound not in (0, 1)]
    else:
        wrong += [f"not quoted: {bound:g}" for bound in bounds if bound not in numbers(one.quotes)]
    against = [bound for bound in (one.against_above, one.against_below) if bound is not None]
    said = numbers(one.against_quotes)
    return wrong + [f"not quoted against us: {bound:g}" for bound in against if bound not in said]


def current(text: str = TEXT) -> str:
    return (ROOT / text).read_text(encoding="utf-8")


@EVERY
def test_every_bound_stands_in_words_that_are_registered(one):
    assert problems(one, current(one.text)) == []


@EVERY
def test_a_bound_that_is_widened_in_the_file_is_noticed(one):
    for name, side in (
        ("at_least", -1),
        ("at_most", 1),
        ("against_above", 1),
        ("against_below", -1),
    ):
        if (bound := getattr(one, name)) is not None:
            wider = dataclasses.replace(one, **{name: bound + side * (0.01 * abs(bound) or 0.01)})
            assert problems(wider, current(one.text))


@EVERY
def test_a_threshold_that_is_moved_in_the_text_is_noticed(one):
    for quote in (*one.quotes, *one.against_quotes):
        as_written = re.compile(r"\s+".join(map(re.escape, quote.split())))
        changed = NUMBER.sub("7777", quote, count=1) if NUMBER.search(quote) else "something else"
        edited, found = as_written.subn(lambda _, new=changed: new, current(one.text))
        assert found
        assert problems(one, edited)


def test_every_part_and_every_study_has_its_predictions():
    for text in {one.text for one in BOOK.values()}:
        named = {one.section for one in BOOK.values() if one.text == text}
        assert named == set(sections(current(text))) - FRAME
    studies = {folder.parent.name for folder in (ROOT / "results").glob("*/jobs.csv")}
    own = {one.id.split(".")[0] for one in BOOK.values() if one.text != TEXT}
    assert {one.id.split(".")[0] for one in BOOK.values()} == studies - EXPLORED | own
    for study in own:
        assert {one.text for one in BOOK.values() if one.id.split(".")[0] == study} == {
            f"results/{study}/PREREGISTRATION.md"
        }


def commits_of(folder: Path) -> set[str]:
    """Return the commits that a study's runs came from: its jobs name them, or its one table."""
    if (folder / "jobs.csv").is_file():
        return {job["commit"] for job in read_record(folder)[0].values()}
    return {row["commit"] for row in read_rows(folder / "runs.csv")}


@needs_history
@EVERY
def test_the_words_were_committed_first_and_the_runs_made_at_or_after_that_commit(one):
    assert history.exists(one.commit)
    before = history.git("show", f"{one.commit}:{one.text}")
    quotes = (*one.quotes, *one.against_quotes)
    assert all(quote in plain(before) for quote in quotes)
    earlier = plain(history.git("show", f"{one.commit}~:{one.text}") or "")
    assert not all(quote in earlier for quote in quotes)
    assert history.git("show", "-s", "--format=%cs", one.commit).strip() == str(one.registered)
    study = one.id.split(".")[0]
    recorded = history.first_commit(f"results/{study}/runs.csv")
    assert recorded
    assert recorded != one.commit
    assert history.is_ancestor(one.commit, recorded)
    for commit in commits_of(ROOT / "results" / study):
        assert history.is_ancestor(one.commit, commit)


@pytest.mark.parametrize(
    ("id", "measured", "outcome"),
    [
        ("known_entropy.loss", 0.6, "held"),
        ("known_entropy.loss", 1, "held"),
        ("known_entropy.loss", 1.5, "neither"),  # above 1, and not above 2
        ("known_entropy.loss", 2.01, "against us"),
        ("known_entropy.excess", 18.9, "failed"),
        ("structure.size_rank", 0.61, "neither"),
        ("structure.size_rank", 0.49, "against us"),
        ("shape.spread", 0.9, "against us"),
        ("transformers.edges", 11 / 30, "against us"),
        ("text.list_interaction", 2.1, "failed"),
        ("text.list_interaction", 0.5, "held"),
        ("learning_rates.slope_mup", -0.4, "against us"),
    ],
)
def test_outcomes_by_hand(id, measured, outcome):
    assert prediction(id).outcome(measured) == outcome


@pytest.fixture
def shown(monkeypatch):
    """Collect what is displayed, as a notebook would store it."""
    outputs = []
    publisher = InteractiveShell.instance().display_pub
    monkeypatch.setattr(publisher, "publish", lambda data, metadata=None, **_: outputs.append(data))
    yield outputs
    InteractiveShell.clear_instance()


def test_a_claim_takes_its_bound_from_the_registration(shown):
    assert notebook.registered("known_entropy_long.additive_error") == {
        "at_least": 5,
        "at_most": 25,
        "unit": "% of the excess",
        "source": f"{TEXT}, Part 1: a language of known entropy (22 November 2026)",
    }
    notebook.claim("It holds.", 8.0, **notebook.registered("known_entropy_long.additive_error"))
    assert "expected at least 5 and at most 25. [results/PREREG" in shown[0]["text/plain"]
    with pytest.raises(notebook.ClaimError):
        notebook.claim("It holds.", 4.9, **notebook.registered("known_entropy_long.additive_error"))


def test_a_failed_prediction_is_shown_like_any_other_and_raises_nothing(shown):
    notebook.verdict("shape.narrows", 1.2876543)
    notebook.verdict("shape.order", 5.2)
    failed, held = shown
    assert failed["text/plain"].startswith("✗ Registered: At 2^19 the excess of 4 x 32")
    assert "Measured 1.2877 times, wanted at most 1.1: failed." in failed["text/plain"]
    assert 'aria-label="failed">✗<' in failed["text/html"]
    assert held["text/plain"].startswith("✓ ")
    stored = json.loads(json.dumps(failed[notebook.VERDICT_MIME]))  # as it is in the file
    assert stored == {
        "id": "shape.narrows",
        "sentence": prediction("shape.narrows").sentence,
        "measured": 1.2877,
        "bound": "at most 1.1",
        "unit": "times",
        "verdict": "failed",
        "source": f"{TEXT}, Shape: depth against width at equal N (23 November 2026)",
        "registered": "2026-11-23",
        "commit": prediction("shape.narrows").commit,
    }


@pytest.mark.parametrize(
    ("measured", "error"),
    [(float("nan"), ValueError), (float("inf"), ValueError), (True, TypeError), ("1", TypeError)],
)
def test_a_measurement_that_is_no_number_is_refused(measured, error):
    with pytest.raises(error, match="measured must be"):
        notebook.verdict("shape.narrows", measured)


@pytest.mark.parametrize("id", ["shape.nothing", "nothing", "", None])
def test_an_unknown_prediction_is_refused_with_those_that_there_are(id):
    with pytest.raises(ValueError, match=r"id must be a registered prediction \(.*shape\."):
        notebook.registered(id)


GOOD = """
[[prediction]]
id = "shape.one"
sentence = "It falls."
measure = "the fall"
at_most = 1
quotes = ["it falls"]
section = "Shape"
registered = 2026-11-23
commit = "18350d12"
"""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("at_most = 1\n", ""), "must have at_least or at_most, got neither"),
        (("at_most = 1", "at_most = 1\nat_least = 2"), "at_least must not exceed at_most"),
        (("at_most = 1", 'at_most = "1"'), "at_most must be numeric"),
        (("at_most = 1", "at_most = nan"), "at_most must be finite"),
        (("at_most = 1", "atmost = 1"), "atmost"),
        (('quotes = ["it falls"]', "quotes = []"), "quotes must hold the registered words"),
        (('quotes = ["it falls"]', 'quotes = "it falls"'), "quotes must be a list of strings"),
        (("2026-11-23", '"2026-11-23"'), "registered must be a date"),
        (('"It falls."', '" "'), "sentence must be a non-empty string"),
        (("at_most = 1", "at_most = 1\nagainst_above = 0.5"), "against_above must not be below"),
        (("at_most = 1", "at_most = 1\nagainst_below = 0.5"), "against_below must not exceed"),
        (("at_most = 1", "at_most = 1\nagainst_above = 2"), "against_quotes must say"),
        (("at_most = 1", "at_most = "), "Invalid value"),
    ],
)
def test_a_prediction_that_cannot_be_judged_is_refused_with_its_file(tmp_path, change, message):
    file = tmp_path / "registered.toml"
    file.write_text(GOOD.replace(*change), encoding="utf-8")
    with pytest.raises((TypeError, ValueError), match=message) as caught:
        read_predictions(file)
    assert str(file) in str(caught.value)
    file.write_text(GOOD, encoding="utf-8")
    assert read_predictions(file)["shape.one"].outcome(1.5) == "failed"


def test_a_file_without_predictions_or_with_one_twice_is_refused(tmp_path):
    file = tmp_path / "registered.toml"
    for text, message in ((GOOD + GOOD, "id must be unique"), ("", "at least one")):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=message):
            read_predictions(file)


def test_the_file_is_found_in_a_checkout_and_where_only_the_package_is_installed(tmp_path):
    assert registered_file() == ROOT / "results" / "registered.toml"
    site = tmp_path / "site"
    shutil.copytree(ROOT / "scaling_utils", site / "scaling_utils")
    code = (
        "from scaling_utils.notebook import _registered as r; "
        "print(r.registered_file(), r.registered('text.q')['at_least'])"
    )
    run = [sys.executable, "-c", code]
    env = {**os.environ, "PYTHONPATH": str(site)}
    options = {"cwd": tmp_path, "env": env, "capture_output": True, "text": True}
    without = subprocess.run(run, check=False, **options)
    assert "FileNotFoundError: no results/registered.toml in" in without.stderr
    inside = site / "scaling_utils" / "results"
    inside.mkdir()
    shutil.copy(ROOT / "results" / "registered.toml", inside)
    found = subprocess.run(run, check=True, **options).stdout.split()
    assert found == [str(inside / "registered.toml"), "1.5"]


def listed(study):
    """Return what ``notebook.predictions`` shows."""
    shell, found = InteractiveShell.instance(), []
    before = shell.display_pub.publish
    shell.display_pub.publish = lambda data, metadata=None, **_: found.append(data)
    try:
        notebook.predictions(study)
    finally:
        shell.display_pub.publish = before
        InteractiveShell.clear_instance()
    (shown,) = found
    return shown


@pytest.mark.parametrize(("study", "count"), [("known_entropy_long", 5), ("text", 5)])
def test_predictions_are_listed_with_their_bounds_and_without_outcomes(study, count):
    shown = listed(study)
    head, _, *lines = shown["text/markdown"].splitlines()
    assert head == "| registered prediction | held where |"
    wanted = [one for one in BOOK.values() if one.id.startswith(f"{study}.")]
    assert len(lines) == len(wanted) == count
    for line, one in zip(lines, wanted, strict=True):
        assert line.startswith(f"| {one.sentence.split('_')[0]}")
        assert f"| {one.bound} " in line
    assert notebook.VERDICT_MIME not in shown


@pytest.mark.parametrize("study", ["", "nothing", "known"])
def test_predictions_of_an_unknown_study_are_refused(study):
    with pytest.raises(ValueError, match=r"study must be one of .*known_entropy, .*got '"):
        notebook.predictions(study)
