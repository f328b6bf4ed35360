"""The shape of a transformer: the few numbers from which its size and its work follow.

A shape is counted by :mod:`scaling_utils.counting` and built by
:mod:`scaling_utils.models`; both read the same frozen dataclass, so that a formula and
a module cannot drift apart.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from scaling_utils._check import member, whole

NORMS = ("layernorm", "rmsnorm")
POSITIONS = ("learned", "rotary", "relative", "none")


@dataclass(frozen=True)
class Transformer:
    """The shape of a transformer language model.

    Parameters
    ----------
    n_layer : int
        Number of blocks, each one attention and one MLP.
    d_model : int
        Width of the residual stream.
    n_head : int
        Number of query heads.
    vocab : int
        Entries of the vocabulary.
    context : int
        Longest sequence, in tokens.
    n_kv_head : int, optional
        Key and value heads; ``n_head`` unless heads are grouped.
    d_head : int, optional
        Width of one head; ``d_model / n_head`` unless given.
    d_ff : int, optional
        Width inside the MLP; ``4 * d_model`` unless given.
    gated : bool
        True for a SwiGLU MLP (three matrices), False for a GELU one (two).
    bias : bool
        True where the linear layers and the LayerNorms carry biases.
    norm : {"layernorm", "rmsnorm"}
        "rmsnorm" has a gain only. Two per block and one at the end.
    positions : {"learned", "rotary", "relative", "none"}
        "learned" is a table of ``context`` rows, "rotary" and "none" have no parameters, and
        "relative" (Transformer-XL) has one more matrix per layer.
    tied : bool
        True where the output head shares the embedding's matrix. The head has no bias.

    Raises
    ------
    TypeError, ValueError
        If a number is not whole and positive, a flag neither True nor False, ``d_model`` no
        multiple of ``n_head`` and no ``d_head`` given, ``n_kv_head`` no divisor of ``n_head``, a
        rotary head odd, or ``norm`` or ``positions`` unknown.
    """

    n_layer: int
    d_model: int
    n_head: int
    vocab: int
    context: int
    n_kv_head: int | None = None
    d_head: int | None = None
    d_ff: int | None = None
    gated: bool = False
    bias: bool = True
    norm: str = "layernorm"
    positions: str = "learned"
    tied: bool = True

    def __post_init__(self):
        for name in ("n_layer", "d_model", "n_head", "vocab", "context"):
            self._fill(name, whole(name, getattr(self, name)))
        member("norm", self.norm, NORMS)
        member("positions", self.positions, POSITIONS)
        for name in ("gated", "bias", "tied"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name} must be True or False, got {getattr(self, name)!r}")
        if self.d_head is None and self.d_model % self.n_head:
            raise ValueError(
                f"d_model must be a multiple of n_head unless d_head is given, "
                f"got d_model {self.d_model} and n_head {self.n_head}"
            )
        defaults = {
            "n_kv_head": self.n_head,
            "d_head": self.d_model // self.n_head,
            "d_ff": 4 * self.d_model,
        }
        for name, default in defaults.items():
            value = getattr(self, name)
            self._fill(name, default if value is None else whole(name, value))
        if self.n_head % self.n_kv_head:
            raise ValueError(
                f"n_kv_head must divide n_head, got {self.n_kv_head} and {self.n_head}"
            )
        if self.positions == "rotary" and self.d_head % 2:
            raise ValueError(f"d_head must be even for rotary positions, got {self.d_head}")

    def _fill(self, name: str, value) -> None:
        object.__setattr__(self, name, value)

    @property
    def d_attn(self) -> int:
        """Width of the attention output before its projection, ``n_head * d_head``."""
        return self.n_head * self.d_head


def check_shape(shape) -> Transformer:
    """Return ``shape`` if it is a ``Transformer``; a name, a dict or anything else is an error.

    Parameters
    ----------
    shape : Transformer
        What is to be counted or built.

    Returns
    -------
    Transformer
        The same object.

    Raises
    ------
    TypeError
        For anything else, with the way to get a shape from what came.
    """
    if isinstance(shape, Transformer):
        return shape
    hint = ""
    if isinstance(shape, str):
        hint = f"; shapes.get({shape!r}) looks a name up"
    elif isinstance(shape, dict):
        hint = "; Transformer(**fields) makes one of its fields"
    raise TypeError(f"shape must be a Transformer, got {type(shape).__name__} {shape!r}{hint}")


@dataclass(frozen=True)
class Entry:
    """A published model: its shape, the size that its authors state, and where.

    Attributes
    ----------
    name : str
        As :func:`get` takes it.
    shape : Transformer
        What the size and the work follow from.
    published_parameters : float
        Number of parameters that the authors state.
    source : str
        Paper, with its table or section.
    note : str
        What to watch out for; may be empty.
    """

    name: str
    shape: Transformer
    published_parameters: float
    source: str
    note: str


# What the models of one family have in common.
_STYLES = {
    "gpt": {},
    "llama": {
        "gated": True,
        "bias": False,
        "norm": "rmsnorm",
        "positions": "rotary",
        "tied": False,
    },
    "gopher": {"norm": "rmsnorm", "positions": "relative"},
}
_SIZES = ("n_layer", "d_model", "n_head", "d_head", "d_ff", "vocab", "context")


@cache
def catalogue() -> dict[str, Entry]:
    """Return the published models that the book counts.

    Returns
    -------
    dict of str to Entry
        By name, in the order of ``scaling_utils/data/transformers.csv``.
    """
    path = files("scaling_utils").joinpath("data/transformers.csv")
    with path.open(newline="") as table:
        return {row["name"]: _entry(row) for row in csv.DictReader(table)}


def _entry(row: dict[str, str]) -> Entry:
    sizes = {name: int(row[name]) for name in _SIZES}
    return Entry(
        name=row["name"],
        shape=Transformer(**sizes, **_STYLES[row["style"]]),
        published_parameters=float(row["published_parameters"]),
        source=row["source"],
        note=row["note"],
    )


def get(name: str) -> Transformer:
    """Return the shape of a published model.

    Parameters
    ----------
    name : str
        One of :func:`catalogue`: "gpt3-175b".

    Returns
    -------
    Transformer

    Raises
    ------
    ValueError
        For an unknown name; the message names the nearest and lists the known ones.
    """
    return catalogue()[member("name", name, catalogue())].shape


D_HEAD = 16  # of the transformers of the recorded studies


def gpt_shape(vocab: int, context: int, d_model: int, n_layer: int) -> Transformer:
    """Return the shape of the studies' transformers: heads of 16, rotary positions, GELU.

    They have no biases, and a head that is not tied to the embedding. Attention heads have
    another width than 16 where ``d_model`` is no multiple of 16.

    Parameters
    ----------
    vocab : int
        Entries of the vocabulary.
    context : int
        Longest sequence, in tokens.
    d_model : int
        Width; a multiple of the number of heads, which is ``d_model // 16`` and at least 1.
    n_layer : int
        Number of blocks.

    Returns
    -------
    Transformer

    Raises
    ------
    TypeError, ValueError
        If a number is not whole and positive, the width no multiple of the number of heads, or
        the width of a head odd.
    """
    return Transformer(
        n_layer=n_layer,
        d_model=d_model,
        n_head=max(1, d_model // D_HEAD),
        vocab=vocab,
        context=context,
        bias=False,
        positions="rotary",
        tied=False,
    )
