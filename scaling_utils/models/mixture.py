"""Mixtures of experts: a layer that sends each token to a few of many MLPs, and a small model.

T tokens, d = d_model, E experts, k for each token, f wide inside, V = vocab, c tokens of context.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scaling_utils._check import number, whole
from scaling_utils.memory import Experts


@dataclass(frozen=True)
class Routing:
    """What a router has decided about T tokens.

    Attributes
    ----------
    logits : tensor, shape (T, E)
        What the router says.
    scores : tensor, shape (T, E)
        Their softmax.
    chosen : int64 tensor, shape (T, k)
        Experts of each token.
    gates : tensor, shape (T, k)
        Weights of their outputs.
    kept : bool tensor, shape (T, k), optional
        False where there was no room left; None before the experts have run.
    """

    logits: Tensor
    scores: Tensor
    chosen: Tensor
    gates: Tensor
    kept: Tensor | None = None

    @property
    def load(self) -> Tensor:
        """Choices that fall on each expert, dropped ones included, (E,)."""
        return torch.bincount(self.chosen.flatten(), minlength=self.scores.shape[1])

    @property
    def dropped(self) -> int:
        """Choices for which there was no room."""
        return 0 if self.kept is None else int((~self.kept).sum())


def balance_loss(routing: Routing) -> Tensor:
    """Return E times the sum over experts of (share of the choices) x (mean score).

    It is 1 where both are uniform, and E where all tokens go to one expert with certainty. Take it
    for each layer alone. Fedus et al. (2022), arXiv:2101.03961, Eqs. 4 to 6, divided by k.

    Parameters
    ----------
    routing : Routing
        Of one layer.

    Returns
    -------
    tensor, shape ()
        The gradient goes through the scores only.
    """
    shares = routing.load / routing.chosen.numel()  # (E,)
    return len(shares) * (shares * routing.scores.mean(0)).sum()


def z_loss(routing: Routing) -> Tensor:
    """Return the mean square of the logits' log-sum-exp, which keeps logits small.

    Zoph et al. (2022), arXiv:2202.08906, Eq. 5.

    Parameters
    ----------
    routing : Routing
        Of one layer.

    Returns
    -------
    tensor, shape ()
    """
    return routing.logits.logsumexp(1).square().mean()


class FeedForward(nn.Module):
    """The MLP of a transformer block: d to f, GELU, f to d; no biases.

    Parameters
    ----------
    d_model, hidden : int
        d and f, at least 1.

    Raises
    ------
    TypeError, ValueError
        If a number is not whole or too small.
    """

    def __init__(self, d_model: int, hidden: int):
        super().__init__()
        d, f = whole("d_model", d_model), whole("hidden", hidden)
        self.up = nn.Parameter(torch.randn(d, f) / math.sqrt(d))
        self.down = nn.Parameter(torch.randn(f, d) / math.sqrt(f))

    @property
    def active_parameters(self) -> int:
        """Weights that multiply one token: all of them."""
        return self.up.numel() + self.down.numel()

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens x (T, d) to outputs (T, d)."""
        return F.gelu(x @ self.up) @ self.down  # (T, d)


class Mixture(nn.Module):
    """A mixture of experts in place of an MLP: a router, E experts, and those that all share.

    A token goes to the k experts of the highest score, the softmax of a linear map. The outputs are
    added with the scores as weights, divided by their sum if ``normalise``. A ``bias`` of each
    expert, which ``rebalance`` moves, is added to the scores for the choice alone, never to the
    weights (Wang et al. 2024, arXiv:2408.15664, Sec. 3). Shared experts are one ``FeedForward``.

    Parameters
    ----------
    d_model : int
        d, at least 1.
    experts : memory.Experts
        How many there are, a token uses, and are shared; how wide each is.
    capacity : float, optional
        Room of each expert over T k / E, the mean load, above 0. Choices beyond it, in the tokens'
        order, are dropped and add nothing. None drops nothing.
    normalise : bool, optional
        Whether the k weights add up to 1; unless given, where k is above 1. A single weight of 1
        would give the router no gradient.

    Attributes
    ----------
    routing : Routing or None
        Of the last forward pass.

    Raises
    ------
    TypeError, ValueError
        If ``experts`` is no Experts with ``d_expert``, or a number is out of its range.
    """

    def __init__(
        self,
        d_model: int,
        experts: Experts,
        *,
        capacity: float | None = None,
        normalise: bool | None = None,
    ):
        super().__init__()
        if not isinstance(experts, Experts):
            raise TypeError(f"experts must be Experts, got {experts!r}")
        if experts.d_expert is None:
            raise ValueError("experts must say d_expert, the width inside one, got None")
        self.experts = experts
        self.capacity = None if capacity is None else number("capacity", capacity, above=0)
        self.normalise = experts.active > 1 if normalise is None else normalise
        d, E, f = whole("d_model", d_model), experts.count, experts.d_expert
        self.router = nn.Parameter(torch.randn(d, E) / math.sqrt(d))
        self.up = nn.Parameter(torch.randn(E, d, f) / math.sqrt(d))
        self.down = nn.Parameter(torch.randn(E, f, d) / math.sqrt(f))
        self.shared = FeedForward(d, experts.shared * f) if experts.shared else None
        self.register_buffer("bias", torch.zeros(E))
        self.routing: Routing | None = None

    @property
    def active_parameters(self) -> int:
        """Weights that multiply one token, the router's included."""
        chosen = self.experts.active * (self.up[0].numel() + self.down[0].numel())
        always = self.shared.active_parameters if self.shared else 0
        return self.router.numel() + chosen + always

    def route(self, x: Tensor) -> Routing:
        """Return where the tokens x (T, d) go, and with which weights."""
        logits = x @ self.router  # (T, E)
        scores = logits.softmax(-1)
        chosen = (scores + self.bias).topk(self.experts.active).indices  # (T, k)
        gates = scores.gather(1, chosen)  # (T, k): without the bias
        if self.normalise:
            gates = gates / gates.sum(1, keepdim=True)
        return Routing(logits, scores, chosen, gates)

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens x (T, d) to outputs (T, d), each through its own experts only."""
        routing = self.route(x)
        expert = routing.chosen.flatten()  # (T k,)
        order = expert.argsort(stable=True)  # choices, expert by expert
        counts = torch.bincount(expert, minlength=self.experts.count)  # (E,)
        if self.capacity is not None:
            room = math.ceil(self.capacity * len(expert) / self.experts.count)
            first = counts.cumsum(0) - counts  # where each expert's queue begins
            place = torch.arange(len(order)) - first[expert[order]]
            order, counts = order[place < room], counts.clamp(max=room)
        kept = torch.zeros_like(expert, dtype=torch.bool)
        kept[order] = True
        self.routing = Routing(
            routing.logits,
            routing.scores,
            routing.chosen,
            routing.gates,
            kept.view_as(routing.chosen),
        )
        token = order // self.experts.active  # whose choice it is
        queues = x[token].split(counts.tolist())  # E of (load, d)
        done = [F.gelu(q @ u) @ w for q, u, w in zip(queues, self.up, self.down, strict=True)]
        weighted = torch.cat(done) * routing.gates.flatten()[order, None]  # (kept, d)
        y = torch.zeros_like(x).index_add(0, token, weighted)  # (T, d): back in order
        return y + self.shared(x) if self.shared else y

    @torch.no_grad()
    def rebalance(self, speed: float) -> None:
        """Raise by ``speed`` the bias of each expert below the mean load, lower it above.

        Wang et al. (2024), arXiv:2408.15664, Algorithm 1. Call it after each step.
        """
        load = self.routing.load.float()
        self.bias += speed * (load.mean() - load).sign()


class WindowModel(nn.Module):
    """A language model of a window of c tokens, with blocks that are dense or mixtures.

    A matrix takes the tokens' embeddings, d / 2 wide each, to a stream of width d; each block adds
    its work on the normed stream; a matrix reads the next token's logits from the normed end.

    Parameters
    ----------
    vocab, context, d_model, layers : int
        V, c, d and the number of blocks.
    hidden : int or memory.Experts
        Width inside the blocks' MLPs, or the mixture that stands in their place.
    seed, **how
        Of the initial weights, a whole number; and as for ``Mixture``.

    Raises
    ------
    TypeError, ValueError
        As ``FeedForward`` and ``Mixture``, and if a number is not whole or too small.
    """

    members = 1  # what tasks.LanguageWindows asks of one network

    def __init__(
        self,
        vocab: int,
        context: int,
        d_model: int,
        layers: int,
        hidden: int | Experts,
        seed: int = 0,
        **how,
    ):
        super().__init__()
        V, c = whole("vocab", vocab, at_least=2), whole("context", context)
        d = whole("d_model", d_model, at_least=2)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(whole("seed", seed, at_least=0))
            self.embedding = nn.Embedding(V, d // 2)
            self.mix = nn.Parameter(torch.randn(c * (d // 2), d) / math.sqrt(c * (d // 2)))
            self.blocks = nn.ModuleList(
                Mixture(d, hidden, **how) if isinstance(hidden, Experts) else FeedForward(d, hidden)
                for _ in range(whole("layers", layers))
            )
            self.head = nn.Parameter(torch.zeros(d, V))

    @property
    def flops_per_token(self) -> int:
        """Training FLOPs (work) for one token: 6 for each weight that multiplies it."""
        blocks = sum(block.active_parameters for block in self.blocks)
        return 6 * (self.mix.numel() + blocks + self.head.numel())

    @property
    def mixtures(self) -> list[Mixture]:
        """The blocks that are mixtures, from the bottom; none in a dense model."""
        return [block for block in self.blocks if isinstance(block, Mixture)]

    def forward(self, windows: Tensor) -> Tensor:
        """Map windows (..., c) to logits (..., V)."""
        x = self.embedding(windows).flatten(-2).flatten(0, -2) @ self.mix  # (T, d)
        for block in self.blocks:
            x = x + block(F.layer_norm(x, x.shape[-1:]))  # (T, d)
        logits = F.layer_norm(x, x.shape[-1:]) @ self.head  # (T, V)
        return logits.view(*windows.shape[:-1], -1)

    def loss(self, windows: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cross-entropy after windows (T, c) with targets (T,), in nats."""
        return F.cross_entropy(self(windows), targets)
