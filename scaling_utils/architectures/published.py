"""Published models by name: what they are, what their authors state, what their files hold."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from importlib.resources import files

from scaling_utils import shapes
from scaling_utils.architectures.architecture import Architecture, Latent
from scaling_utils.architectures.names import spelling
from scaling_utils.architectures.styles import STYLES
from scaling_utils.memory import Experts
from scaling_utils.shapes import Transformer

NEAREST = 3  # names that an error lists

_SIZES = ("n_layer", "d_model", "n_head", "vocab", "context", "n_kv_head", "d_head", "d_ff")
_EXPERTS = {"experts": "count", "active": "active", "d_expert": "d_expert", "shared": "shared"}
_LATENT = ("q_rank", "kv_rank", "d_rotary", "d_nope", "d_value")
_REST = ("dense_layers", "window", "global_every", "multi_token")


@dataclass(frozen=True)
class Entry:
    """A published model.

    Attributes
    ----------
    name : str
        As :func:`get` takes it, among other spellings.
    architecture : Architecture
        What everything else follows from.
    stored_parameters : int or None
        Numbers that the published files hold, shared ones once; None where they were not found.
    stated_parameters : float
        Parameters as the authors round them.
    stated_active : float or None
        Active parameters as the authors round them; None where they state none.
    certainty : str
        How ``stored_parameters`` was read, or "stated" where only the rounded figure is known.
    source, stored_source : str
        Of the shape and the stated figures, and of ``stored_parameters``.
    note : str
        What to watch out for; may be empty.
    """

    name: str
    architecture: Architecture
    stored_parameters: int | None
    stated_parameters: float
    stated_active: float | None
    certainty: str
    source: str
    stored_source: str
    note: str


@cache
def catalogue() -> dict[str, Entry]:
    """Return the published models.

    Returns
    -------
    dict of str to Entry
        By name: the rows of ``scaling_utils/data/architectures.csv``, then those of
        :func:`shapes.catalogue` that are not among them.
    """
    path = files("scaling_utils").joinpath("data/architectures.csv")
    with path.open(newline="", encoding="utf-8") as table:
        entries = {row["name"]: _entry(row) for row in csv.DictReader(table)}
    for name, plain in shapes.catalogue().items():
        if name not in entries:
            entries[name] = _plain(plain)
    return entries


def _plain(entry: shapes.Entry) -> Entry:
    return Entry(
        name=entry.name,
        architecture=Architecture(entry.shape, name=entry.name, source=entry.source),
        stored_parameters=None,
        stated_parameters=entry.published_parameters,
        stated_active=None,
        certainty="stated",
        source=entry.source,
        stored_source="",
        note=entry.note,
    )


def _entry(row: dict[str, str]) -> Entry:
    given = {name: int(value) for name, value in row.items() if value.isdigit()}
    if row["style"] == "catalogue":
        shape, fields = shapes.get(row["name"]), {}
    else:
        flags, fields = STYLES[row["style"]]
        if row["tied"]:
            flags = flags | {"tied": row["tied"] == "yes"}
        shape = Transformer(**{name: given[name] for name in _SIZES if name in given}, **flags)
    fields = dict(fields) | {name: given[name] for name in _REST if name in given}
    if "experts" in given:
        fields["experts"] = Experts(**{k: given[c] for c, k in _EXPERTS.items() if c in given})
    if "kv_rank" in given:
        fields["latent"] = Latent(**{name: given.get(name) for name in _LATENT})
    return Entry(
        name=row["name"],
        architecture=Architecture(shape, name=row["name"], source=row["source"], **fields),
        stored_parameters=given.get("stored"),
        stated_parameters=float(row["stated"]),
        stated_active=float(row["stated_active"]) if row["stated_active"] else None,
        certainty=row["certainty"],
        source=row["source"],
        stored_source=row["stored_source"],
        note=row["note"],
    )


@cache
def _spellings() -> dict[str, str]:
    """Names by every spelling they answer to."""
    known = {spelling(name): name for name in catalogue()}
    path = files("scaling_utils").joinpath("data/architectures.csv")
    with path.open(newline="", encoding="utf-8") as table:
        for row in csv.DictReader(table):
            for alias in row["aliases"].split(";"):
                if alias:
                    known.setdefault(spelling(alias), row["name"])
    return known


def entry(name: str) -> Entry:
    """Return the row of a published model.

    Parameters
    ----------
    name : str
        A name of :func:`catalogue` in any usual spelling: "llama-2-7b", "Llama2 7B" and
        "meta-llama/Llama-2-7b-hf" are one.

    Returns
    -------
    Entry

    Raises
    ------
    TypeError
        If ``name`` is no text.
    ValueError
        For an unknown name; the message gives at most three near ones.
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be the text of a model's name, got {name!r}")
    if name in catalogue():
        return catalogue()[name]
    known = _spellings()
    asked = spelling(name)
    if asked in known:
        return catalogue()[known[asked]]
    found = get_close_matches(asked, known, n=2 * NEAREST, cutoff=0.5) if asked else []
    near = list(dict.fromkeys(known[match] for match in found))[:NEAREST]
    hint = f"nearest: {', '.join(near)}" if near else "none is near"
    raise ValueError(
        f"no published model is named {name!r}; {hint} (architectures.catalogue() has all "
        f"{len(catalogue())}; a config.json works too)"
    )


def get(name: str) -> Architecture:
    """Return the architecture of a published model.

    Parameters
    ----------
    name : str
        See :func:`entry`.

    Returns
    -------
    Architecture

    Raises
    ------
    TypeError
        If ``name`` is no text.
    ValueError
        For an unknown name; the message gives at most three near ones.
    """
    return replace(entry(name).architecture)
