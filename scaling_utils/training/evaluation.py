"""Held-out loss with an honest standard error.

Letters in shape comments: M members trained side by side, B sequences, T tokens, V = vocab,
G independent units. ``...`` stands for M or for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

IGNORED = -100  # a target of this value does not count, as in torch's cross_entropy


@dataclass(frozen=True, eq=False)
class HeldOut:
    """A held-out loss and how well it is known.

    Attributes
    ----------
    loss : float or array, shape (M,)
        Mean cross-entropy in nats per token; an array for M members.
    se : float or array, shape (M,)
        Standard error of ``loss`` from the draw of the held-out text, in nats per token. It does
        not contain the spread over seeds of training.
    tokens : int
        Targets counted, of each member.
    units : int
        Independent pieces that ``se`` rests on.
    """

    loss: float | np.ndarray
    se: float | np.ndarray
    tokens: int
    units: int

    def row(self) -> dict:
        """Return loss and error as plain values, for the history of a ``Trainer``.

        Returns
        -------
        dict
            "held_out" and "se", in nats per token: a number each, or a list of M.
        """
        return {"held_out": np.asarray(self.loss).tolist(), "se": np.asarray(self.se).tolist()}


def evaluate(model: nn.Module, batches: Iterable[tuple[Tensor, ...]]) -> HeldOut:
    """Measure a model's loss on held-out text, with its cluster-robust standard error.

    Tokens of one document are alike: a model that fails at a page's first half fails at
    the second. So the independent unit is not the token but the sequence, or the document
    where ``batches`` name it. With S_g the summed loss of unit g and n_g its tokens,

        loss = sum_g S_g / n,   n = sum_g n_g,
        se^2 = G / (G - 1) * sum_g (S_g - loss * n_g)^2 / n^2.

    For units of equal length this is the usual error of a mean. It holds for many units;
    with fewer than about 30 it is rough.

    Source: the robust variance of Liang and Zeger (1986), https://doi.org/10.1093/biomet/73.1.13,
    for a regression on a constant, with the usual factor G / (G - 1) for few units.

    Parameters
    ----------
    model : torch.nn.Module
        Maps inputs to logits of the targets' shape and one axis more, (..., B, T, V) or
        (..., B, V). A model with an attribute ``members`` has the axis M in front. It is
        measured in evaluation mode, and is afterwards in the mode that it was in.
    batches : iterable of tuple
        (inputs, targets) or (inputs, targets, documents), tensors. ``targets`` are tokens
        (..., B, T), or (..., B) where each window has one; those equal to -100 are left out.
        ``documents`` are whole numbers, (B,) or (B, T), the same for all members; the same
        number in two batches is the same document. Without them each of the B sequences is a
        unit of its own.

    Returns
    -------
    HeldOut
        Loss and error in nats per token. The loss of a member that has diverged is NaN or
        infinite.

    Raises
    ------
    TypeError
        If a batch is no such tuple, holds what is no tensor, or its documents are not whole.
    ValueError
        If there are fewer than two units, of which no error can be known; shapes do not fit;
        members leave out different tokens; or only some batches name their documents.
    """
    members = getattr(model, "members", None)
    sums = _Sums()
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            for batch in batches:
                inputs, targets, documents = _parts(batch)
                logits = model(inputs)
                if logits.shape[:-1] != targets.shape:
                    raise ValueError(
                        f"targets must have the shape of the logits without their last axis, "
                        f"got {tuple(targets.shape)} and {tuple(logits.shape)}"
                    )
                losses = _losses(logits, targets)
                if members is None:
                    losses, targets = losses[None], targets[None]
                elif len(targets) != members:
                    raise ValueError(
                        f"targets must have one row for each of {members} members, "
                        f"got shape {tuple(targets.shape)}"
                    )
                sums.add(losses, targets != IGNORED, documents)
    finally:
        model.train(was_training)
    return sums.held_out(single=members is None)


class _Sums:
    """Sums of losses and tokens for each independent unit, batch by batch."""

    def __init__(self):
        self.names: list[np.ndarray] = []  # (G,) each
        self.losses: list[np.ndarray] = []  # (G, M) each
        self.tokens: list[np.ndarray] = []  # (G,) each
        self.sequences = 0
        self.named: bool | None = None

    def add(self, losses: Tensor, counted: Tensor, documents: Tensor | None) -> None:
        """Add a batch: ``losses`` and ``counted`` are (M, B, T) or (M, B)."""
        if not (counted == counted[:1]).all():
            raise ValueError("targets must leave out the same tokens for every member")
        if self.named not in (None, documents is not None):
            raise ValueError("documents must be given with every batch, or with none")
        self.named = documents is not None
        B = losses.shape[1]
        if documents is None:
            documents = torch.arange(self.sequences, self.sequences + B)  # (B,)
        self.sequences += B
        counted = counted[0].reshape(B, -1).cpu()  # (B, T)
        units = _per_token(documents.cpu(), counted.shape)[counted]  # (n,)
        kept = losses.flatten(2) if losses.dim() > 2 else losses[..., None]  # (M, B, T)
        kept = kept.cpu().double()[:, counted]  # (M, n)
        names, places = torch.unique(units, return_inverse=True)  # (G,), (n,)
        totals = torch.zeros(len(kept), len(names), dtype=torch.float64)  # (M, G)
        self.losses.append(totals.index_add_(1, places, kept).T.numpy())
        self.tokens.append(torch.bincount(places, minlength=len(names)).numpy())
        self.names.append(names.numpy())

    def held_out(self, single: bool) -> HeldOut:
        """Return the mean over all tokens and its cluster-robust standard error."""
        names = np.concatenate(self.names) if self.names else np.zeros(0)
        units = len(np.unique(names))
        if units < 2:
            raise ValueError(
                f"batches must hold at least two independent sequences or documents, got {units}"
            )
        places = np.unique(names, return_inverse=True)[1]
        each = np.bincount(places, np.concatenate(self.tokens))  # (G,)
        losses = np.concatenate(self.losses)  # (pieces, M)
        sums = np.zeros((units, losses.shape[1]))  # (G, M)
        np.add.at(sums, places, losses)
        with np.errstate(invalid="ignore"):  # a member that has diverged
            loss = sums.sum(0) / each.sum()  # (M,)
            residual = sums - loss * each[:, None]  # (G, M)
            se = np.sqrt(units / (units - 1) * np.square(residual).sum(0)) / each.sum()  # (M,)
        if single:
            loss, se = float(loss[0]), float(se[0])
        return HeldOut(loss, se, int(each.sum()), units)


def _parts(batch) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return inputs, targets and documents (or None) of one batch."""
    if not isinstance(batch, list | tuple) or len(batch) not in (2, 3):
        raise TypeError("each batch must be (inputs, targets) or (inputs, targets, documents)")
    if not all(isinstance(part, Tensor) for part in batch):
        kinds = ", ".join(type(part).__name__ for part in batch)
        raise TypeError(f"each batch must hold tensors, got {kinds}")
    if len(batch) == 3 and (batch[2].is_floating_point() or batch[2].dtype == torch.bool):
        raise TypeError(f"documents must be whole numbers, got {batch[2].dtype}")
    return batch[0], batch[1], batch[2] if len(batch) == 3 else None


def _losses(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the cross-entropy of each target in nats, of the targets' shape."""
    precise = logits.to(torch.promote_types(logits.dtype, torch.float32))  # half is too coarse
    flat = F.cross_entropy(
        precise.flatten(0, -2), targets.flatten(), reduction="none", ignore_index=IGNORED
    )
    return flat.view(targets.shape)


def _per_token(documents: Tensor, shape: torch.Size) -> Tensor:
    """Return the document of each token (B, T), from one for each sequence or each token."""
    if documents.shape == shape[:1]:
        documents = documents[:, None]
    elif documents.shape != shape:
        raise ValueError(
            f"documents must have shape {tuple(shape[:1])} or {tuple(shape)}, "
            f"got {tuple(documents.shape)}"
        )
    return documents.expand(shape)
