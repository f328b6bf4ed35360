"""Transformers of attention alone, side by side: the smallest networks that recall from context.

Letters in shape comments: M members, B sequences, T tokens, d = width, V = vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scaling_utils._check import whole


class AttentionOnly(nn.Module):
    """Independent causal transformers without MLPs, one head a layer, trained side by side.

    Tokens and positions have learnt vectors. Each layer norms the stream, attends, and adds what
    it read ("attention-only", Elhage et al. 2021, https://transformer-circuits.pub/2021/framework/).
    The last position of the normed stream is read by a matrix. Members share nothing.

    With two layers such a network can look up what followed an earlier copy of its last token: a
    head of the first layer moves each token's predecessor into its place, and one of the second
    looks for it. One layer cannot, unless it is ``given`` the predecessor, as by the "smeared key"
    of Olsson et al. (2022), https://arxiv.org/abs/2209.11895, Argument 2.

    All matrices and vectors start from normals of variance 1 / d.

    Parameters
    ----------
    layers : int
        Attention layers, at least 1.
    width : int
        d, of the stream and of the one head of each layer, at least 2.
    vocab : int
        V, tokens that there are, at least 2.
    context : int
        T, tokens of the longest sequence, at least 1.
    seeds : sequence of int
        One seed of the initial weights for each member, zero or above. Members of equal seed start
        equal.
    placed : bool
        Whether positions have vectors.
    given : bool
        Whether each token's predecessor is added to its place at the start, by vectors of its own.

    Raises
    ------
    TypeError, ValueError
        If a number is not whole or too small, or there are no seeds.
    """

    def __init__(
        self,
        layers: int,
        width: int,
        vocab: int,
        context: int,
        seeds: Sequence[int],
        *,
        placed: bool = True,
        given: bool = False,
    ):
        super().__init__()
        self.layers = whole("layers", layers)
        self.width = whole("width", width, at_least=2)
        self.vocab = whole("vocab", vocab, at_least=2)
        self.context = whole("context", context)
        self.seeds = [whole("seeds", seed, at_least=0) for seed in seeds]
        if not self.seeds:
            raise ValueError("seeds must name at least one member, got none")
        M, d = len(self.seeds), self.width
        shapes = {"tokens": (M, self.vocab, d)}
        shapes |= {"places": (M, self.context, d)} if placed else {}
        shapes |= {"before": (M, self.vocab, d)} if given else {}
        for layer in range(self.layers):
            shapes |= {f"{name}_{layer}": (M, d, d) for name in ("query", "key", "value", "out")}
        shapes["head"] = (M, d, self.vocab)
        self.weights = nn.ParameterDict({k: torch.zeros(shape) for k, shape in shapes.items()})
        self._start()

    @torch.no_grad()
    def _start(self) -> None:
        for member, seed in enumerate(self.seeds):
            generator = torch.Generator().manual_seed(seed)
            for parameter in self.weights.values():
                parameter[member].normal_(std=self.width**-0.5, generator=generator)

    @property
    def parameters_each(self) -> int:
        """Parameters of one member, embeddings included."""
        return sum(parameter[0].numel() for parameter in self.weights.values())

    def forward(self, tokens: Tensor, without: int | None = None) -> Tensor:
        """Return the logits of what follows the last token.

        Parameters
        ----------
        tokens : tensor of int, shape (M, B, T)
            Sequences of each member.
        without : int, optional
            A layer, from 0, whose attention is left out.

        Returns
        -------
        tensor, shape (M, B, V)
            Logits.
        """
        return self.attended(tokens, without)[0]

    def attended(self, tokens: Tensor, without: int | None = None) -> tuple[Tensor, list[Tensor]]:
        """Return the logits, and where each layer looked.

        Parameters
        ----------
        tokens, without
            As for ``forward``.

        Returns
        -------
        (tensor, list of tensor)
            Logits (M, B, V), and for each layer its weights, (M, B, T, T): from each position, a
            row, to those up to it. A layer that is left out has weights all the same.
        """
        w, (M, B, T), d = self.weights, tokens.shape, self.width
        member = torch.arange(M).view(M, 1, 1)
        x = w["tokens"][member, tokens]  # (M, B, T, d)
        if "places" in w:
            x = x + w["places"][:, None, :T]
        if "before" in w:
            x = x + F.pad(w["before"][member, tokens[..., :-1]], (0, 0, 1, 0))
        later = torch.ones(T, T, dtype=torch.bool).triu(1)
        looks = []
        for layer in range(self.layers):
            flat = F.layer_norm(x, (d,)).view(M, B * T, d)
            query, key, value = (
                torch.bmm(flat, w[f"{name}_{layer}"]).view(M * B, T, d)
                for name in ("query", "key", "value")
            )
            scores = torch.bmm(query, key.mT) / math.sqrt(d)  # (M B, T, T)
            look = scores.masked_fill(later, -torch.inf).softmax(-1)
            looks.append(look.view(M, B, T, T))
            if layer != without:
                read = torch.bmm(look, value).view(M, B * T, d)
                x = x + torch.bmm(read, w[f"out_{layer}"]).view(M, B, T, d)
        last = F.layer_norm(x[:, :, -1], (d,))  # (M, B, d)
        return torch.bmm(last, w["head"]), looks

    def loss(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """Return each member's mean cross-entropy.

        Parameters
        ----------
        tokens : tensor of int, shape (M, B, T)
            Sequences.
        targets : tensor of int, shape (M, B)
            What follows each.

        Returns
        -------
        tensor, shape (M,)
            In nats.
        """
        logits = self(tokens)
        each = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        return each.view(targets.shape).mean(1)  # (M,)
