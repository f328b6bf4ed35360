"""Parameters of published mixtures of experts, total and active, to the integer. Needs no torch."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from scaling_utils._check import member
from scaling_utils.memory import Experts, expert_parameters
from scaling_utils.shapes import Transformer

_TEXTS = ("name", "title", "attention", "source", "stored_source")
_STATED = ("stated_total", "stated_active")


@dataclass(frozen=True)
class PublishedMixture:
    """A published model by its configuration, and what its authors and its files say.

    Attributes
    ----------
    name, title : str
        As :func:`count_mixture` takes it, and as it is written.
    d_model, n_layer, n_head, n_kv_head, d_head, vocab : int
        As in ``shapes.Transformer``; ``d_head`` of "latent" attention without its rotary part.
    count, active, d_expert, shared : int
        As in ``memory.Experts``.
    dense_layers, d_dense : int
        The first layers that have an MLP instead, and its width.
    attention : str
        "grouped" (queries in groups share keys), the same with a gain on the width or on each head
        of queries and keys, or "latent" (DeepSeek-AI 2024, arXiv:2412.19437, Sec. 2.1.1).
    q_rank, kv_rank, d_rotary : int
        Of latent attention: the two compressed widths, and the rotary part of a head.
    choice_bias : int
        1 where a bias for each expert is stored, 0 elsewhere.
    stored : int
        Numbers in the published files, without scales of formats and heads for more tokens.
    stated_total, stated_active : float
        Parameters, as the authors round them.
    source, stored_source : str
        Of the configuration and what is stated, and of ``stored``.
    """

    name: str
    title: str
    d_model: int
    n_layer: int
    n_head: int
    n_kv_head: int
    d_head: int
    vocab: int
    count: int
    active: int
    d_expert: int
    shared: int
    dense_layers: int
    d_dense: int
    attention: str
    q_rank: int
    kv_rank: int
    d_rotary: int
    choice_bias: int
    stored: int
    stated_total: float
    stated_active: float
    source: str
    stored_source: str


@dataclass(frozen=True)
class MixtureCount:
    """Parameters of a model with mixtures of experts.

    Attributes
    ----------
    total : int
        All of them, embedding and head included.
    active : int
        That one token uses, of embedding and head as well all rows.
    embedding : int
        In the table of the input alone. A token looks one row of it up; it multiplies nothing.
    head : int
        In the matrix of the output, which is not tied to that table in any of these models.
    """

    total: int
    active: int
    embedding: int
    head: int


@cache
def published_mixtures() -> dict[str, PublishedMixture]:
    """Return the published models that the book counts.

    Returns
    -------
    dict of str to PublishedMixture
        By name, in the order of ``scaling_utils/data/mixtures.csv``.
    """
    path = files("scaling_utils").joinpath("data/mixtures.csv")
    with path.open(newline="", encoding="utf-8") as table:
        return {row["name"]: PublishedMixture(**_typed(row)) for row in csv.DictReader(table)}


def _typed(row: dict[str, str]) -> dict:
    kinds = dict.fromkeys(_TEXTS, str) | dict.fromkeys(_STATED, float)
    return {name: kinds.get(name, int)(value) for name, value in row.items()}


def attention_parameters(model: PublishedMixture) -> int:
    """Return the parameters of the attention of one layer; there are no biases.

    Parameters
    ----------
    model : PublishedMixture
        The model.

    Returns
    -------
    int
        Matrices, and gains of the norms inside the attention.

    Raises
    ------
    ValueError
        For a kind of attention that is not known.
    """
    d, H, K, h = model.d_model, model.n_head, model.n_kv_head, model.d_head
    grouped = 2 * d * H * h + 2 * d * K * h  # queries and output; keys and values
    q, c, r = model.q_rank, model.kv_rank, model.d_rotary
    kinds = {
        "grouped": grouped,
        "grouped, heads normed": grouped + 2 * h,
        "grouped, width normed": grouped + H * h + K * h,
        # Down and up again with a norm between, for queries and for keys with values.
        "latent": d * q + q + q * H * (h + r) + d * (c + r) + c + c * H * 2 * h + H * h * d,
    }
    return kinds[member("attention", model.attention, kinds)]


def count_mixture(name: str | PublishedMixture) -> MixtureCount:
    """Return the parameters of a published mixture, total and active.

    Norms have a gain only, two a layer and one at the end; MLPs and experts are gated, with three
    matrices. Prediction heads for more than the next token are not counted.

    Parameters
    ----------
    name : str or PublishedMixture
        One of :func:`published_mixtures`, or a configuration.

    Returns
    -------
    MixtureCount

    Raises
    ------
    ValueError
        For an unknown name; the message names the nearest and lists the known ones.
    """
    known = published_mixtures()
    model = name if isinstance(name, PublishedMixture) else known[member("name", name, known)]
    d, V, layers = model.d_model, model.vocab, model.n_layer - model.dense_layers
    shape = Transformer(
        model.n_layer, d, model.n_head, V, 1, d_head=model.d_head, gated=True, norm="rmsnorm"
    )
    experts = Experts(model.count, model.active, model.d_expert, model.shared)
    mixed = expert_parameters(shape, experts, layers=layers)
    rest = 2 * V * d + d + model.n_layer * (attention_parameters(model) + 2 * d)
    rest += model.dense_layers * 3 * d * model.d_dense
    rest += layers * model.choice_bias * model.count
    return MixtureCount(int(mixed.total) + rest, int(mixed.active) + rest, V * d, V * d)
