"""What a published model is, beyond the plain transformer that it starts from."""

from __future__ import annotations

from dataclasses import dataclass

from scaling_utils._check import member, whole
from scaling_utils.memory import Experts
from scaling_utils.shapes import Transformer, check_shape

QK_NORMS = ("none", "head", "width")
NORMS_PER_LAYER = (0, 1, 2, 4)


@dataclass(frozen=True)
class Latent:
    """Multi-head latent attention: keys and values from one short vector a token.

    Source: DeepSeek-AI (2024), arXiv:2405.04434, Sec. 2.1.

    Parameters
    ----------
    q_rank : int or None
        Width of the compressed queries; None where queries are not compressed (V2-Lite).
    kv_rank : int
        Width of the vector that is cached in place of keys and values.
    d_rotary : int
        Rotary part of a head; its key is shared by all heads, and cached too. Even.
    d_nope : int
        Part of a query's and key's head without positions.
    d_value : int
        Width of a value's head.

    Raises
    ------
    TypeError, ValueError
        If a width is not whole and positive, or ``d_rotary`` odd.
    """

    q_rank: int | None
    kv_rank: int
    d_rotary: int
    d_nope: int
    d_value: int

    def __post_init__(self):
        for name in ("kv_rank", "d_rotary", "d_nope", "d_value"):
            object.__setattr__(self, name, whole(name, getattr(self, name)))
        if self.q_rank is not None:
            object.__setattr__(self, "q_rank", whole("q_rank", self.q_rank))
        if self.d_rotary % 2:
            raise ValueError(f"d_rotary must be even, got {self.d_rotary}")

    @property
    def cached(self) -> int:
        """Values that a token leaves in the cache of each layer, ``kv_rank + d_rotary``."""
        return self.kv_rank + self.d_rotary


@dataclass(frozen=True)
class Architecture:
    """A model: the plain transformer, and what departs from it.

    Parameters
    ----------
    shape : shapes.Transformer
        Layers, widths, heads, vocabulary and context. With latent attention ``d_head`` is the part
        of a head without positions, and ``n_kv_head`` equals ``n_head``.
    latent : Latent, optional
        Multi-head latent attention in place of the ordinary one.
    experts : memory.Experts, optional
        A mixture in place of the MLP, in all layers but the first ``dense_layers``.
    dense_layers : int
        First layers without experts; the width of their MLP is ``shape.d_ff``.
    window : int, optional
        Tokens that a sliding window lets through, the token itself included.
    global_every : int, optional
        Every how many layers one attends to everything: 2 in Gemma 2, 6 in Gemma 3. None where all
        layers have the window.
    qkv_bias : bool
        True where query, key and value carry a bias and nothing else of the blocks does.
    parallel : bool
        True where attention and MLP stand side by side and read the same input.
    qk_norm : {"none", "head", "width"}
        A gain on queries and keys: one for the width of a head that all heads share (Qwen 3), or
        one over all heads (OLMo 2).
    norms_per_layer : int, optional
        0 where norms have no parameters (OLMo 1), 4 in Gemma 2 and 3. 2 unless given, and 1 where
        ``parallel``.
    multi_token : int
        Further modules that predict later tokens (DeepSeek-V3): a projection of ``2 d_model``, one
        layer like the last, and three norms. Embedding and head are shared with the model.
    attention_bias, mlp_bias, norm_bias : bool, optional
        Biases of the attention's and the MLP's matrices and of LayerNorms, where they differ from
        ``shape.bias``.
    head_bias : bool
        True where the output head has a bias (GPT-J).
    embedding_norm : bool
        True where a norm follows the embedding (BLOOM).
    extra_positions : int
        Rows of the table of learned positions beyond the context (2 in OPT).
    choice_bias : bool
        True where the router stores a bias for each expert (DeepSeek-V3).
    shared_gate : bool
        True where a gate weighs the shared experts (Qwen 1.5 and 2 MoE).
    name, source : str
        Of the model, and where its numbers stand.

    Raises
    ------
    TypeError, ValueError
        If a field is of the wrong kind or out of its range, or two fields contradict each other.
    """

    shape: Transformer
    latent: Latent | None = None
    experts: Experts | None = None
    dense_layers: int = 0
    window: int | None = None
    global_every: int | None = None
    qkv_bias: bool = False
    parallel: bool = False
    qk_norm: str = "none"
    norms_per_layer: int | None = None
    multi_token: int = 0
    attention_bias: bool | None = None
    mlp_bias: bool | None = None
    norm_bias: bool | None = None
    head_bias: bool = False
    embedding_norm: bool = False
    extra_positions: int = 0
    choice_bias: bool = False
    shared_gate: bool = False
    name: str = ""
    source: str = ""

    def __post_init__(self):
        check_shape(self.shape)
        _kind("latent", self.latent, Latent)
        _kind("experts", self.experts, Experts)
        for name in ("dense_layers", "multi_token", "extra_positions"):
            self._fill(name, whole(name, getattr(self, name), at_least=0))
        for name in ("window", "global_every"):
            if getattr(self, name) is not None:
                self._fill(name, whole(name, getattr(self, name)))
        self._check_flags()
        member("qk_norm", self.qk_norm, QK_NORMS)
        if self.norms_per_layer is None:
            self._fill("norms_per_layer", 1 if self.parallel else 2)
        elif self.norms_per_layer not in NORMS_PER_LAYER or self.norms_per_layer is True:
            raise ValueError(
                f"norms_per_layer must be one of {NORMS_PER_LAYER}, got {self.norms_per_layer!r}"
            )
        self._check_sense()

    def _fill(self, name: str, value) -> None:
        object.__setattr__(self, name, value)

    def _check_flags(self) -> None:
        shape, filled = self.shape, ("attention_bias", "mlp_bias", "norm_bias")
        for name in filled:
            if getattr(self, name) is None:
                self._fill(name, shape.bias and (name != "norm_bias" or shape.norm == "layernorm"))
        plain = ("qkv_bias", "parallel", "head_bias", "embedding_norm", "choice_bias")
        for name in (*filled, *plain, "shared_gate"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name} must be True or False, got {getattr(self, name)!r}")

    def _check_sense(self) -> None:
        """Refuse what no model can be, naming the field to change."""
        shape = self.shape
        refused = {
            f"dense_layers must be below the {shape.n_layer} layers of a model with experts, "
            f"got {self.dense_layers}": self.experts and self.dense_layers >= shape.n_layer,
            f"dense_layers needs experts, got {self.dense_layers} without": (
                self.dense_layers and self.experts is None
            ),
            f"global_every needs a window, got {self.global_every} without": (
                self.global_every and self.window is None
            ),
            "qkv_bias stands for the only biases of the attention; attention_bias is True too": (
                self.qkv_bias and self.attention_bias
            ),
            "norm_bias needs LayerNorm, and this shape's norm is 'rmsnorm'": (
                self.norm_bias and shape.norm == "rmsnorm"
            ),
            "choice_bias and shared_gate need experts": (
                (self.choice_bias or self.shared_gate) and self.experts is None
            ),
            "shared_gate needs a shared expert": (
                self.shared_gate and self.experts and not self.experts.shared
            ),
            "mlp_bias must be False where there are experts: theirs are counted without": (
                self.mlp_bias and self.experts is not None
            ),
            "extra_positions needs learned positions": (
                self.extra_positions and shape.positions != "learned"
            ),
            "latent attention has a biased or normed form in no published model: qkv_bias, "
            "attention_bias and qk_norm must be off": (
                self.latent is not None
                and (self.qkv_bias or self.attention_bias or self.qk_norm != "none")
            ),
        }
        for message, holds in refused.items():
            if holds:
                raise ValueError(message)
        if self.latent is not None:
            if shape.n_kv_head != shape.n_head:
                raise ValueError(
                    f"n_kv_head must equal n_head with latent attention, got {shape.n_kv_head} "
                    f"and {shape.n_head}"
                )
            if shape.d_head != self.latent.d_nope:
                raise ValueError(
                    f"d_head of the shape must equal d_nope with latent attention, got "
                    f"{shape.d_head} and {self.latent.d_nope}"
                )

    @property
    def mixture_layers(self) -> int:
        """Layers with experts."""
        return 0 if self.experts is None else self.shape.n_layer - self.dense_layers

    @property
    def full_layers(self) -> int:
        """Layers that attend to everything before a token."""
        if self.window is None:
            return self.shape.n_layer
        return self.shape.n_layer // self.global_every if self.global_every else 0

    @property
    def d_query(self) -> int:
        """Width of one head of queries and keys."""
        return self.latent.d_nope + self.latent.d_rotary if self.latent else self.shape.d_head

    @property
    def d_value(self) -> int:
        """Width of one head of values."""
        return self.latent.d_value if self.latent else self.shape.d_head

    @property
    def d_expert(self) -> int | None:
        """Width inside one expert; None without experts."""
        if self.experts is None:
            return None
        return self.experts.d_expert or self.shape.d_ff


def check_architecture(architecture) -> Architecture:
    """Return ``architecture`` if it is one; anything else is an error that says how to get one.

    Parameters
    ----------
    architecture : Architecture
        What is to be counted.

    Returns
    -------
    Architecture
        The same object.

    Raises
    ------
    TypeError
        For anything else.
    """
    if isinstance(architecture, Architecture):
        return architecture
    raise TypeError(
        f"architecture must be an Architecture, got {type(architecture).__name__} "
        f"{architecture!r}; architectures.resolve() makes one"
    )


def _kind(name: str, value, kind: type) -> None:
    if value is not None and not isinstance(value, kind):
        raise TypeError(f"{name} must be {kind.__name__} or None, got {value!r}")
