"""A plain decoder-only transformer: GPT-2 or LLaMA, by the fields of its shape.

Letters in shape comments: B sequences, T tokens, d = d_model, H query heads, K key and
value heads, h = d_head, F = d_ff, V = vocab.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scaling_utils._check import number
from scaling_utils.shapes import Transformer

ROTARY_BASE = 10_000.0


def _norm(shape: Transformer) -> nn.Module:
    if shape.norm == "rmsnorm":
        return nn.RMSNorm(shape.d_model, eps=1e-5)
    return nn.LayerNorm(shape.d_model, bias=shape.bias)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair of channels by an angle that grows with the position.

    Source: Su et al. (2021), arXiv:2104.09864, Eq. 34, with channel i paired with i + h/2.
    """
    left, right = x.chunk(2, dim=-1)  # (B, H, T, h/2) each
    return torch.cat((left * cos - right * sin, right * cos + left * sin), dim=-1)


class Attention(nn.Module):
    """Causal self-attention; keys and values may be shared by groups of query heads."""

    def __init__(self, shape: Transformer, dropout: float):
        super().__init__()
        self.shape = shape
        self.dropout = dropout
        heads = shape.n_head + 2 * shape.n_kv_head
        self.qkv = nn.Linear(shape.d_model, heads * shape.d_head, bias=shape.bias)
        self.out = nn.Linear(shape.d_attn, shape.d_model, bias=shape.bias)

    def forward(self, x: Tensor, rotary: tuple[Tensor, Tensor] | None) -> Tensor:
        """Mix positions causally: x and the result are (B, T, d)."""
        B, T, _ = x.shape  # (B, T, d)
        H, K, h = self.shape.n_head, self.shape.n_kv_head, self.shape.d_head
        q, k, v = self.qkv(x).split([H * h, K * h, K * h], dim=-1)  # (B, T, H h), 2 x (B, T, K h)
        q = q.view(B, T, H, h).transpose(1, 2)  # (B, H, T, h)
        k = k.view(B, T, K, h).transpose(1, 2)  # (B, K, T, h)
        v = v.view(B, T, K, h).transpose(1, 2)  # (B, K, T, h)
        if rotary is not None:
            q, k = rotate(q, *rotary), rotate(k, *rotary)  # unchanged shapes
        y = F.scaled_dot_product_attention(
            q,
            k,
            v,
            is_causal=True,
            dropout_p=self.dropout if self.training else 0.0,
            enable_gqa=K != H,
        )  # (B, H, T, h)
        y = y.transpose(1, 2).reshape(B, T, H * h)  # (B, T, H h)
        return self.out(y)  # (B, T, d)


class MLP(nn.Module):
    """Two matrices with a GELU between them, or three with a SwiGLU gate."""

    def __init__(self, shape: Transformer):
        super().__init__()
        self.up = nn.Linear(shape.d_model, shape.d_ff, bias=shape.bias)
        self.gate = nn.Linear(shape.d_model, shape.d_ff, bias=shape.bias) if shape.gated else None
        self.out = nn.Linear(shape.d_ff, shape.d_model, bias=shape.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Work on each position alone: x and the result are (B, T, d)."""
        hidden = self.up(x)  # (B, T, F)
        if self.gate is None:
            hidden = F.gelu(hidden, approximate="tanh")  # (B, T, F)
        else:
            hidden = F.silu(self.gate(x)) * hidden  # (B, T, F)
        return self.out(hidden)  # (B, T, d)


class Block(nn.Module):
    """Attention, then the MLP, each on a normed copy of the stream and added to it."""

    def __init__(self, shape: Transformer, dropout: float):
        super().__init__()
        self.attention_norm = _norm(shape)
        self.attention = Attention(shape, dropout)
        self.mlp_norm = _norm(shape)
        self.mlp = MLP(shape)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, rotary: tuple[Tensor, Tensor] | None) -> Tensor:
        """Add attention, then the MLP, to the residual stream x (B, T, d)."""
        x = x + self.drop(self.attention(self.attention_norm(x), rotary))  # (B, T, d)
        return x + self.drop(self.mlp(self.mlp_norm(x)))  # (B, T, d)


class GPT(nn.Module):
    """A decoder-only language model of a given shape.

    Weights start from a normal of standard deviation 0.02, those that write to the
    residual stream divided by sqrt(2 n_layer) (Radford et al. 2019, Sec. 2.3).

    Parameters
    ----------
    shape : shapes.Transformer
        Its parameter count equals ``counting.parameters(shape).total``.
    dropout : float
        Probability, 0 (default) up to but not 1.

    Raises
    ------
    TypeError
        If ``shape`` is no ``Transformer``, or ``dropout`` no number.
    ValueError
        For relative positions, which this model does not have, or a ``dropout`` out of range.
    """

    def __init__(self, shape: Transformer, dropout: float = 0.0):
        super().__init__()
        if not isinstance(shape, Transformer):
            raise TypeError(f"shape must be a Transformer, got {type(shape).__name__}")
        if shape.positions == "relative":
            raise ValueError("this model has no relative positions; use 'rotary' or 'learned'")
        dropout = number("dropout", dropout, at_least=0, below=1)
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocab, shape.d_model)
        self.position = (
            nn.Embedding(shape.context, shape.d_model) if shape.positions == "learned" else None
        )
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(shape, dropout) for _ in range(shape.n_layer))
        self.norm = _norm(shape)
        self.head = nn.Linear(shape.d_model, shape.vocab, bias=False)
        if shape.tied:
            self.head.weight = self.embedding.weight
        if shape.positions == "rotary":
            cos, sin = _rotary_table(shape)  # (T, h/2) each
            self.register_buffer("cos", cos, persistent=False)
            self.register_buffer("sin", sin, persistent=False)
        self._start()

    def _start(self) -> None:
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                writes = name.endswith(".out.weight")
                scale = math.sqrt(2 * self.shape.n_layer) if writes else 1.0
                nn.init.normal_(weight, std=0.02 / scale)
            elif name.endswith("bias"):
                nn.init.zeros_(weight)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the logits for the token after each of ``tokens``.

        Parameters
        ----------
        tokens : int64 tensor, shape (B, T)
            T is at most the shape's context.

        Returns
        -------
        tensor, shape (B, T, V)
            Logits, in nats up to a constant.

        Raises
        ------
        ValueError
            If there are more positions than the context has.
        """
        T = tokens.shape[1]
        if self.shape.context < T:
            raise ValueError(f"tokens hold {T} positions, the context is {self.shape.context}")
        x = self.embedding(tokens)  # (B, T, d)
        if self.position is not None:
            x = x + self.position.weight[:T]  # (B, T, d)
        rotary = None
        if self.shape.positions == "rotary":
            rotary = self.cos[:T], self.sin[:T]  # (T, h/2) each
        x = self.drop(x)  # (B, T, d)
        for block in self.blocks:
            x = block(x, rotary)  # (B, T, d)
        return self.head(self.norm(x))  # (B, T, V)

    def loss(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cross-entropy.

        Parameters
        ----------
        tokens, targets : int64 tensors, shape (B, T)
            Inputs, and the token that follows each; a target of -100 does not count.

        Returns
        -------
        tensor, shape ()
            Nats per token.

        Raises
        ------
        ValueError
            If there are more positions than the context has.
        """
        logits = self(tokens)  # (B, T, V)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def _rotary_table(shape: Transformer) -> tuple[Tensor, Tensor]:
    """Return the cosines and sines of all angles, (context, d_head/2) each."""
    pairs = torch.arange(0, shape.d_head, 2, dtype=torch.float32)  # (h/2,)
    speeds = ROTARY_BASE ** (-pairs / shape.d_head)  # (h/2,)
    angles = torch.outer(torch.arange(shape.context, dtype=torch.float32), speeds)  # (T, h/2)
    return angles.cos(), angles.sin()
