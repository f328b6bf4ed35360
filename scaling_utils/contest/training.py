"""One run of the contest: train a network on a language, and say by how much it misses it."""

from __future__ import annotations

import math

import numpy as np

from scaling_utils.contest.network import Adam, Network
from scaling_utils.contest.rules import Rules
from scaling_utils.corpora.languages import HELD_OUT, Language
from scaling_utils.training.schedules import Schedule

SEED = 0  # of data and initial weights: every lab's runs start alike
WARMUP, DECAY = 20, 4  # one step in 20 warms up, the last one in 4 ends at zero
BLOCK = 128  # batches drawn at a time
SCORED = 4096  # contexts scored at a time


def excess_of(language: Language, rules: Rules, width: int, steps: int, rate: float) -> float:
    """Train a network and return its excess over the entropy of the language.

    Adam with betas .9 and .98; the rate warms up over the first twentieth of the steps and falls to
    zero, in a straight line, over the last quarter.

    Parameters
    ----------
    language : Language
        Of ``rules.vocab`` symbols and order ``rules.order``.
    rules : Rules
        The batch, and on how many contexts the run is scored.
    width : int
        Units of a hidden layer, even.
    steps : int
        Optimiser steps.
    rate : float
        Peak learning rate: Adam's own, not in the unit of a lab.

    Returns
    -------
    float
        Mean divergence of the network from the true probabilities, in nats per symbol. Infinite
        where the run diverged: a weight is beyond 32, or the loss not finite or twice what a guess
        among all symbols costs.
    """
    network = Network(language.vocab, language.order, width, SEED)
    optimiser = Adam(network.weights)
    factor = Schedule(steps, warmup=steps // WARMUP, decay=steps // DECAY)
    with np.errstate(all="ignore"):  # a run that diverges is a result
        for step in range(steps):
            place = step % BLOCK * rules.batch
            if place == 0:
                if not network.sound:
                    return math.inf
                drawn = language.windows(BLOCK * rules.batch, SEED, step // BLOCK)
            windows, targets = (part[place : place + rules.batch] for part in drawn)
            optimiser.step(network.gradient(windows, targets), rate * factor(step))
            network.refresh()
        return _scored(network, language, rules.contexts) if network.sound else math.inf


def _scored(network: Network, language: Language, contexts: int) -> float:
    """Return the mean divergence over drawn contexts, whose next symbol is not drawn but known."""
    rng = np.random.Generator(np.random.Philox(key=[SEED, HELD_OUT]))
    drawn = language.contexts(contexts, rng)
    total, cross = 0.0, 0.0
    for first in range(0, contexts, SCORED):
        part = drawn[first : first + SCORED]
        rows = language.rows[part]
        told = network.log_probabilities(language.symbols(part))
        total += float((rows * (np.log(rows) - told)).sum())
        cross -= float((rows * told).sum())
    diverged = not cross / contexts < 2 * math.log(language.vocab)  # also where it is no number
    return math.inf if diverged else total / contexts
