"""What came of registered predictions: compare the outcomes of a run with the stored ones.

A chapter shows a prediction with `notebook.verdict`, and the scoreboard counts it. The outcome
must be the same on every machine, whether or not the text of its cell is compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

MIME = "application/vnd.scaling-utils.verdict+json"


def in_outputs(outputs: Iterable[Mapping]) -> list[dict]:
    """Return the verdicts among a cell's outputs, in order."""
    bundles = [one.get("data", {}) for one in outputs]
    return [dict(bundle[MIME]) for bundle in bundles if MIME in bundle]


def differences(stored: list[dict], now: list[dict]) -> list[str]:
    """Compare the verdicts of a cell with the stored ones: all but the number that was measured."""
    if len(stored) != len(now):
        return [f"it stored {len(stored)} verdicts and now gives {len(now)}"]
    return [
        f"verdict on {old.get('id')}, {key}: {old.get(key)!r} became {new.get(key)!r}"
        for old, new in zip(stored, now, strict=True)
        for key in sorted((old.keys() | new.keys()) - {"measured"})
        if old.get(key) != new.get(key)
    ]
