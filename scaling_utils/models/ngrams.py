"""Neural n-gram language models: a window of c tokens in, a distribution over the next out.

Letters in shape comments: M members, B windows, c tokens of context, V = vocab,
e = embedding, h = width.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scaling_utils._check import whole

IGNORED = -100  # a target that does not count, as in torch's cross_entropy


class NeuralNgrams(nn.Module):
    """Independent feed-forward language models of one shape, trained side by side.

    Each embeds the last c tokens, concatenates the vectors z, and computes
    a = relu(z W1), a = a + relu(a W2), logits = a W3, each with a bias. The architecture is
    that of Bengio et al. (2003), https://www.jmlr.org/papers/v3/bengio03a.html, Sec. 2, with
    one residual layer more and without direct connections. The embedding is half as wide as
    the hidden layer.

    A model of a given size learns several times more tokens a second than a transformer,
    and it knows exactly what it can know: the last c tokens. On a source of order c or
    less its smallest possible loss is the source's entropy.

    Members share nothing. The embedding starts from a standard normal, W1 as in He et al.
    (2015), https://arxiv.org/abs/1502.01852, Sec. 2.2, W2 at half that, W3 and the biases
    at zero, so that all members begin with a loss of exactly ln V.

    Parameters
    ----------
    vocab : int
        V, number of tokens, at least 2.
    context : int
        c, tokens seen, at least 1.
    width : int
        h, units of a hidden layer, at least 2.
    seeds : list of int
        One seed of the initial weights for each member, zero or above. Members of equal seed
        start equal.

    Raises
    ------
    TypeError, ValueError
        If a number is not whole or too small, or there are no seeds.
    """

    def __init__(self, vocab: int, context: int, width: int, seeds: list[int]):
        super().__init__()
        self.vocab = whole("vocab", vocab, at_least=2)
        self.context = whole("context", context)
        self.width = whole("width", width, at_least=2)
        self.seeds = [whole("seeds", seed, at_least=0) for seed in seeds]
        if not self.seeds:
            raise ValueError("seeds must name at least one member, got none")
        self.members = len(self.seeds)
        self.embedded = self.width // 2
        V, h, e = self.vocab, self.width, self.embedded
        z = self.context * e
        self.embedding = self._drawn((V, e), 1.0)  # (M, V, e)
        self.w1 = self._drawn((z, h), math.sqrt(2 / z))  # (M, c e, h)
        self.w2 = self._drawn((h, h), math.sqrt(2 / h) / 2)  # (M, h, h)
        self.w3 = nn.Parameter(torch.zeros(self.members, h, V))  # (M, h, V)
        self.b1 = nn.Parameter(torch.zeros(self.members, 1, h))
        self.b2 = nn.Parameter(torch.zeros(self.members, 1, h))
        self.b3 = nn.Parameter(torch.zeros(self.members, 1, V))
        offsets = torch.arange(self.members).view(-1, 1, 1) * V  # each member's own rows
        self.register_buffer("offsets", offsets, persistent=False)

    def _drawn(self, shape: tuple[int, int], scale: float) -> nn.Parameter:
        """Return (M, *shape) normal numbers; shapes differ, so one seed serves them all."""
        start = sum(parameter[0].numel() for parameter in self.parameters())
        drawn = []
        for seed in self.seeds:
            generator = torch.Generator().manual_seed(seed * 1_000_003 + start)
            drawn.append(scale * torch.randn(shape, generator=generator))
        return nn.Parameter(torch.stack(drawn))

    @property
    def matmul_parameters(self) -> int:
        """N of one member, weights that multiply, without embedding and biases."""
        return self.w1[0].numel() + self.w2[0].numel() + self.w3[0].numel()

    @property
    def total_parameters(self) -> int:
        """All parameters of one member, embedding and biases included."""
        return sum(parameter[0].numel() for parameter in self.parameters())

    @property
    def flops_per_token(self) -> int:
        """Training FLOPs (work) per token of one member, all matrix products counted.

        Each weight of a product costs 2 FLOPs forward, 2 for its own gradient and 2 for
        the gradient of its input, which the embedding needs. So 6 N is exact here.
        """
        return 6 * self.matmul_parameters

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the logits for the token after each window.

        Parameters
        ----------
        tokens : int64 tensor, shape (M, B, c)
            B windows of each member, at least one; tokens 0 to V - 1.

        Returns
        -------
        tensor, shape (M, B, V)
            Logits, in nats up to a constant.

        Raises
        ------
        ValueError
            For tokens of another shape, or (looked at on a CPU only) outside 0 to V - 1.
        """
        self._check(tokens)
        M, B, _ = tokens.shape
        z = F.embedding(tokens + self.offsets, self.embedding.view(-1, self.embedded))
        a = torch.baddbmm(self.b1, z.view(M, B, -1), self.w1).relu()  # (M, B, h)
        a = a + torch.baddbmm(self.b2, a, self.w2).relu()  # (M, B, h)
        return torch.baddbmm(self.b3, a, self.w3)  # (M, B, V)

    def _check(self, tokens: Tensor) -> None:
        shape = tuple(tokens.shape)
        if len(shape) != 3 or shape[::2] != (self.members, self.context) or not shape[1]:
            wanted = f"({self.members}, B, {self.context}) with B at least 1"
            raise ValueError(f"tokens must have shape {wanted}, got {shape}")
        # The members' embeddings lie behind each other: a token V would read the next member's.
        # A GPU would have to wait for the answer in each step.
        if tokens.device.type == "cpu":
            low, high = tokens.min().item(), tokens.max().item()
            if low < 0 or high >= self.vocab:
                worst = low if low < 0 else high
                raise ValueError(f"tokens must be 0 to {self.vocab - 1}, got {worst}")

    def loss(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """Return each member's mean cross-entropy over the targets that count.

        Parameters
        ----------
        tokens : int64 tensor, shape (M, B, c)
            Windows, as for :meth:`forward`.
        targets : int64 tensor, shape (M, B)
            The tokens after them; a target of -100 does not count.

        Returns
        -------
        tensor, shape (M,)
            Nats per token that counts; 0 for a member without any target.

        Raises
        ------
        ValueError
            As :meth:`forward`.
        """
        logits = self(tokens)  # (M, B, V)
        each = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        counted = (targets != IGNORED).sum(1).clamp(min=1)  # (M,)
        return each.view(targets.shape).sum(1) / counted  # (M,)
