"""Train associative memories of one width on one stream, at several learning rates."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch

from scaling_utils._check import number, whole
from scaling_utils.corpora.associations import OUTPUTS, Associations
from scaling_utils.models.associative import AssociativeMemory
from scaling_utils.tasks.associations import AssociationTask, strata


def associative_memory(
    g: float,
    width: int,
    tokens: int,
    rates: Sequence[float],
    *,
    batch: int = 64,
    seed: int = 0,
    stream: int = 0,
    power: float = 1.0,
    samples: int = 1024,
) -> list[dict]:
    """Return one row for each learning rate: what is left of the excess after D examples.

    Parameters
    ----------
    g : float
        Zipf exponent of the contexts.
    width : int
        n, length of an embedding; N = 512 n.
    tokens : int
        D, a multiple of ``batch``.
    rates : sequence of float
        Learning rates, trained side by side on the same batches.
    batch : int
        Examples in a step; it divides 16,384.
    seed : int
        Of the source: its embeddings and distributions.
    stream : int
        Of the examples that are drawn from it.
    power : float
        The rate falls as (1 - t)^power, t from 0 to 1; 1 is a linear decay.
    samples : int
        Contexts for each octave of the evaluation.

    Returns
    -------
    list of dict
        g, n, N, D, batch, seed, stream, power, rate, excess and se in nats, seconds of the job.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.
    """
    steps = whole("tokens", tokens) // whole("batch", batch)
    if steps * batch != tokens:
        raise ValueError(f"tokens must be a multiple of the batch of {batch}, got {tokens}")
    power = number("power", power, at_least=0)
    start = time.process_time()
    source = Associations(g, seed)
    task, model = AssociationTask(source, width, samples), AssociativeMemory(OUTPUTS, width, rates)
    for step, (E, y) in zip(range(steps), task.batches(stream, batch), strict=False):
        model.step(E, y, (1 - step / steps) ** power)
    measured = task.measure(model)
    seconds = round(time.process_time() - start, 2)
    told = {"g": g, "n": width, "N": model.size, "D": tokens, "batch": batch}
    told |= {"seed": seed, "stream": stream}
    return [
        told | {"power": power, "rate": rate, "excess": excess, "se": se, "seconds": seconds}
        for rate, excess, se in zip(rates, measured["excess"], measured["se"], strict=True)
    ]


def converged_memory(
    g: float,
    width: int,
    rates: Sequence[float],
    *,
    steps: int = 2000,
    head: int = 512,
    each: int = 64,
    seed: int = 0,
    samples: int = 1024,
) -> list[dict]:
    """Return what a width leaves with endless data: true distributions as targets, no label noise.

    Each step takes the first ``head`` ranks with their probabilities and ``each`` fresh contexts
    of every octave beyond, weighted by its mass, so that the gradient is that of the mean
    over all contexts but for the sample of the tail. The problem is convex.

    Parameters
    ----------
    g, width, rates, seed, samples
        As for :func:`associative_memory`.
    steps : int
        Steps of Adam, the rate falling linearly to zero.
    head : int
        A power of 2.
    each : int
        Contexts of an octave in a step.

    Returns
    -------
    list of dict
        One row for each rate, with D = 0, which stands for no end.
    """
    start = time.process_time()
    source = Associations(g, seed)
    task, model = AssociationTask(source, width, samples), AssociativeMemory(OUTPUTS, width, rates)
    for step in range(steps):
        parts = strata(source, head, each, np.random.default_rng([seed, step, 0x7A11]))
        ranks, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
        E = torch.from_numpy(source.embeddings(ranks, width))
        p = torch.from_numpy(source.conditionals(ranks) * weights[:, None]).float()
        model.step(E, p, 1 - step / steps)
    measured = task.measure(model)
    seconds = round(time.process_time() - start, 2)
    told = {"g": g, "n": width, "N": model.size, "D": 0, "batch": 0}
    told |= {"seed": seed, "stream": 0, "power": 1.0}
    return [
        told | {"rate": rate, "excess": excess, "se": se, "seconds": seconds}
        for rate, excess, se in zip(rates, measured["excess"], measured["se"], strict=True)
    ]
