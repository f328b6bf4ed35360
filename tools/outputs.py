"""Compare the outputs of a cell with the stored ones, and tell a forged output from a stored one.

`differences` holds a new run of a cell against what the notebook shows: as many outputs, of the
same kinds and in the same order, with the same text (numbers by `tools/printed.py`, claims by
`tools/claims.py`). The bytes of a figure differ between versions of matplotlib and are not
compared; that it is there, and its description, are.

`digest` is computed when a notebook is executed and stored beside the outputs. Whatever is
edited, exchanged, moved or removed afterwards has another digest.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping

import claims
import printed
import verdicts

ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}")
CELL_FILE = re.compile(r"\S*ipykernel_\d+[/\\]\d+\.py")


def tidy(outputs: Iterable[dict]) -> None:
    """Remove what differs on every run: memory addresses and temporary paths."""
    for output in outputs:
        if "text" in output:
            output["text"] = tidy_text(output["text"])
        for kind, value in output.get("data", {}).items():
            if kind.startswith("text/") and isinstance(value, str):
                output["data"][kind] = tidy_text(value)


def tidy_text(text: str) -> str:
    return CELL_FILE.sub("<cell>", ADDRESS.sub("0x...", text))


def digest(outputs: Iterable[Mapping]) -> str:
    """Return a short digest of all that a cell shows: text, images, descriptions, their order."""
    shown = [{k: v for k, v in one.items() if k != "execution_count"} for one in outputs]
    text = json.dumps(shown, sort_keys=True, ensure_ascii=False, default=dict)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def differences(
    stored: Iterable[Mapping], now: Iterable[Mapping], spreads: claims.Spreads = claims.NO_SPREADS
) -> list[str]:
    """Compare what a cell shows with what it showed; one sentence for each difference.

    Parameters
    ----------
    stored, now : outputs in the notebook format.
    spreads : how far the cell's claims may move, see `claims.differences`.
    """
    old, new = joined_streams(stored), joined_streams(now)
    kinds, new_kinds = [_kind(one) for one in old], [_kind(one) for one in new]
    if kinds != new_kinds:
        return [f"it stored {_list(kinds)}, and now shows {_list(new_kinds)}"]
    found = unchecked_differences(old, new, spreads)
    for place, (before, after) in enumerate(zip(old, new, strict=True), start=1):
        name = f"output {place} ({_kind(before)})"
        found += [f"{name}: {why}" for why in _texts(before, after)]
    return found


def unchecked_differences(
    stored: Iterable[Mapping], now: Iterable[Mapping], spreads: claims.Spreads = claims.NO_SPREADS
) -> list[str]:
    """Compare what holds for every cell, its text aside: claims, and outcomes of predictions."""
    old, new = list(stored), list(now)
    found = claims.differences(claims.in_outputs(old), claims.in_outputs(new), spreads)
    return found + verdicts.differences(verdicts.in_outputs(old), verdicts.in_outputs(new))


def joined_streams(outputs: Iterable[Mapping]) -> list[dict]:
    """Return the outputs with all text that a cell printed to one stream in one place.

    Where a stream is cut into messages depends on the time.
    """
    streams: dict[str, dict] = {}
    found = []
    for one in map(dict, outputs):
        if one["output_type"] != "stream":
            found.append(one)
        elif one["name"] in streams:
            streams[one["name"]]["text"] += one["text"]
        else:
            streams[one["name"]] = one
            found.append(one)
    return found


def _kind(output: Mapping) -> str:
    if output["output_type"] == "stream":
        return f"text on {output['name']}"
    data = output.get("data", {})
    if claims.MIME in data:
        return "a claim"
    images = sorted(kind for kind in data if kind.startswith("image/"))
    return f"a figure ({', '.join(images)})" if images else ", ".join(sorted(data)) or "an error"


def _list(kinds: list[str]) -> str:
    return ", ".join(kinds) if kinds else "nothing"


def _texts(before: Mapping, after: Mapping) -> list[str]:
    """Compare the texts and descriptions of two outputs of one kind, other than claims."""
    if claims.MIME in before.get("data", {}):
        return []  # its texts are written from its numbers, see claims.disagreements
    old, new = _flat(before), _flat(after)
    if old.keys() != new.keys():
        return [f"it had {_list(sorted(old))}, and now has {_list(sorted(new))}"]
    return [
        f"{name}: {why}"
        for name, text in old.items()
        for why in printed.differences(text, new[name])
    ]


def _flat(output: Mapping) -> dict[str, str]:
    """Return all texts of an output by their names; of an image, that it is there."""
    found = {k: output[k] for k in ("text", "ename", "evalue") if k in output}
    for kind, value in output.get("data", {}).items():
        found[kind] = "an image" if kind.startswith("image/") else _text(value)
    for kind, about in output.get("metadata", {}).items():
        found[f"description of {kind}"] = _text(about)
    return found


def _text(value) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=dict)
