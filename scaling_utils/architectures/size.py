"""How many parameters an architecture has, by part, to the integer."""

from __future__ import annotations

from dataclasses import dataclass, replace

from scaling_utils import counting
from scaling_utils.architectures.architecture import Architecture
from scaling_utils.architectures.resolving import resolve
from scaling_utils.memory import Experts, expert_parameters

MATRICES_PER_MODULE = 2  # a multi-token module projects two widths onto one


@dataclass(frozen=True)
class Counted:
    """Parameters of an architecture by part; a shared one counts once.

    Attributes
    ----------
    embedding : int
        The vocabulary's matrix. A token looks one row of it up.
    position : int
        The table of learned positions; 0 where there is none.
    attention : int
        Matrices, biases and norms inside the attention of all layers.
    mlp : int
        All MLPs and experts, each one counted.
    router : int
        What chooses the experts.
    norm : int
        Norms of the layers and at the ends.
    head : int
        The output head; 0 where it is tied to the embedding, save for its bias.
    multi_token : int
        The modules that predict later tokens, without the shared embedding and head.
    resting : int
        Experts' parameters that one token does not use; a part of ``mlp``.
    tied : bool
        Whether the head is the embedding's matrix.
    n_layer : int
        Layers, without those of ``multi_token``.
    resting_multi_token : int
        The same as ``resting`` in those modules; a part of ``multi_token``.
    """

    embedding: int
    position: int
    attention: int
    mlp: int
    router: int
    norm: int
    head: int
    multi_token: int
    resting: int
    tied: bool
    n_layer: int
    resting_multi_token: int = 0

    @property
    def non_embedding(self) -> int:
        """All parameters of the layers and norms: no vocabulary, no positions, no modules."""
        return self.attention + self.mlp + self.router + self.norm

    @property
    def main(self) -> int:
        """All parameters without the modules for later tokens."""
        return self.non_embedding + self.embedding + self.position + self.head

    @property
    def total(self) -> int:
        """All parameters, as ``numel`` adds them up."""
        return self.main + self.multi_token

    @property
    def active_with_embedding(self) -> int:
        """Parameters that take part in one token, of the tables all rows; without the modules.

        37.55e9 in DeepSeek-V3.
        """
        return self.main - self.resting

    @property
    def active(self) -> int:
        """The same without tables that are only looked up: those that multiply.

        36.6e9 in DeepSeek-V3. A tied embedding stays in, because the head multiplies with it.
        """
        looked_up = self.position + (0 if self.tied else self.embedding)
        return self.active_with_embedding - looked_up

    @property
    def active_non_embedding(self) -> int:
        """Parameters of the layers and norms that one token uses."""
        return self.non_embedding - self.resting

    @property
    def per_layer(self) -> float:
        """Mean of a layer's parameters, its norms included; the final norm counts a little in."""
        return self.non_embedding / self.n_layer


def parameters(architecture) -> Counted:
    """Return the exact number of parameters, by part.

    Matrices are those of :func:`counting.parameters`, mixtures those of
    :func:`memory.expert_parameters`; the rest is what the architecture adds. Held equal to the
    published files of the models in :func:`catalogue`.

    Parameters
    ----------
    architecture : Architecture, str, shapes.Transformer, dict or path
        Anything that :func:`resolve` takes.

    Returns
    -------
    Counted

    Raises
    ------
    TypeError, ValueError
        If it is nothing of these, or a name that is unknown.
    """
    a = resolve(architecture)
    shape, layers = a.shape, a.shape.n_layer
    base = counting.parameters(replace(shape, bias=False))
    mixed = _mixtures(a, a.mixture_layers)
    resting = mixed["total"] - mixed["active"]
    attention, dense = _attention(a), _dense_mlp(a)
    extra = _mixtures(a, a.multi_token if a.experts else 0)
    # A module: a projection, a layer like the last one, and a norm for each input and at the end.
    modules = a.multi_token * (
        MATRICES_PER_MODULE * shape.d_model**2
        + attention
        + (0 if a.experts else dense)
        + (a.norms_per_layer + 3) * _one_norm(a)
    )
    ends = int(a.norms_per_layer > 0) + int(a.embedding_norm)
    return Counted(
        embedding=base.embedding,
        position=base.position + a.extra_positions * shape.d_model,
        attention=layers * attention,
        mlp=(layers - a.mixture_layers) * dense + mixed["total"],
        router=mixed["router"],
        norm=(a.norms_per_layer * layers + ends) * _one_norm(a),
        head=base.head + a.head_bias * shape.vocab,
        multi_token=modules + extra["total"] + extra["router"],
        resting=resting,
        tied=shape.tied,
        n_layer=layers,
        resting_multi_token=extra["total"] - extra["active"],
    )


def _one_norm(a: Architecture) -> int:
    return a.shape.d_model * (2 if a.norm_bias else 1)


def attention_matrices(a: Architecture) -> int:
    """Return the weights that multiply a token in the attention of one layer.

    Parameters
    ----------
    a : Architecture
        The model.

    Returns
    -------
    int
        Weights, without biases and gains.
    """
    shape, latent = a.shape, a.latent
    if latent is None:
        return counting.parameters(replace(shape, bias=False)).attention // shape.n_layer
    d, heads, c = shape.d_model, shape.n_head, latent.kv_rank
    queries = heads * a.d_query
    down = 0 if latent.q_rank is None else d * latent.q_rank
    return (
        down
        + (latent.q_rank or d) * queries
        + d * latent.cached
        + c * heads * (latent.d_nope + latent.d_value)
        + heads * latent.d_value * d
    )


def _attention(a: Architecture) -> int:
    """Parameters of one layer's attention: matrices, biases and the gains inside."""
    shape = a.shape
    queries, keys = shape.d_attn, shape.n_kv_head * shape.d_head
    biases = (a.qkv_bias or a.attention_bias) * (queries + 2 * keys)
    biases += a.attention_bias * shape.d_model
    gains = {"none": 0, "head": 2 * shape.d_head, "width": queries + keys}[a.qk_norm]
    if a.latent is not None:
        gains = (a.latent.q_rank or 0) + a.latent.kv_rank
    return attention_matrices(a) + biases + gains + a.sinks * shape.n_head


def dense_matrices(a: Architecture) -> int:
    """Return the weights of one MLP without experts.

    Parameters
    ----------
    a : Architecture
        The model.

    Returns
    -------
    int
        Weights, without biases.
    """
    return counting.parameters(replace(a.shape, bias=False)).mlp // a.shape.n_layer


def _dense_mlp(a: Architecture) -> int:
    shape = a.shape
    biases = (2 if shape.gated else 1) * shape.d_ff + shape.d_model
    return dense_matrices(a) + a.mlp_bias * biases


def _mixtures(a: Architecture, layers: int) -> dict[str, int]:
    """Experts of so many layers, all and those of one token, and what chooses among them."""
    if not layers:
        return {"total": 0, "active": 0, "router": 0}
    one = Experts(a.experts.count, a.experts.active, a.d_expert, a.experts.shared)
    mixed = expert_parameters(a.shape, one, layers=1)
    d, count = a.shape.d_model, one.count
    chooses = d * count
    router = chooses + (a.choice_bias + a.expert_bias) * count + a.shared_gate * d
    biases = a.expert_bias * ((2 if a.shape.gated else 1) * a.d_expert + d)
    return {
        "total": layers * (int(mixed.total) - chooses + (count + one.shared) * biases),
        "active": layers * (int(mixed.active) - chooses + (one.active + one.shared) * biases),
        "router": layers * router,
    }
