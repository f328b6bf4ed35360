"""Every prediction that was registered is answered on a page, by a verdict or by a claim."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import nbformat

from scaling_utils.notebook import CLAIM_MIME, VERDICT_MIME
from scaling_utils.notebook._registered import Prediction, read_predictions

ROOT = Path(__file__).resolve().parent.parent
BOOK = read_predictions(ROOT / "results" / "registered.toml")


def claim_of(one: Prediction) -> tuple[str, str, str]:
    """Return what a claim shows of the prediction whose bound it takes: it does not name it."""
    return one.source, one.unit, f"expected {one.bound}"


def unanswered(outputs: list[dict]) -> list[str]:
    """Return the predictions that none of the stored outputs judges or claims."""
    judged = {data[VERDICT_MIME]["id"] for data in outputs if VERDICT_MIME in data}
    claims = [data[CLAIM_MIME] for data in outputs if CLAIM_MIME in data]
    claimed = Counter((made["source"], made["unit"], made["relation"]) for made in claims)
    missing = []
    for one in BOOK.values():
        if one.id not in judged:
            claimed[claim_of(one)] -= 1  # of two predictions with one bound, each needs its own
            if claimed[claim_of(one)] < 0:
                missing.append(one.id)
    return missing


def outputs_of(notebooks: list[Path]) -> list[dict]:
    """Return the data of all stored outputs of code cells, by MIME type."""
    cells = [cell for file in notebooks for cell in nbformat.read(file, 4).cells]
    stored = [made for cell in cells for made in cell.get("outputs", [])]
    return [made["data"] for made in stored if "data" in made]


def test_every_registered_prediction_is_answered_in_a_chapter():
    assert unanswered(outputs_of(sorted((ROOT / "notebooks").glob("*.ipynb")))) == []


def test_a_prediction_without_an_answer_is_named():
    verdicts = {id: {VERDICT_MIME: {"id": id}} for id in BOOK}
    assert unanswered(list(verdicts.values())) == []
    for id, one in BOOK.items():
        others = [data for name, data in verdicts.items() if name != id]
        assert unanswered(others) == [id]
        made = dict(zip(("source", "unit", "relation"), claim_of(one), strict=True))
        assert unanswered([*others, {CLAIM_MIME: made}]) == []
        assert unanswered([*others, {CLAIM_MIME: {**made, "relation": "expected more"}}]) == [id]
    assert unanswered([]) == list(BOOK)
