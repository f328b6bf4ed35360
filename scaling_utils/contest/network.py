"""The network of the contest, with its gradient and its optimiser, in numpy.

A language model of a fixed number of symbols: the embeddings of the symbols side by side, two
layers of ReLU units, and a score for each next symbol.

Two machines that add the same numbers in another order round differently, and training makes
something of it: after some hundred steps the losses differ by 1 to 3 %, as if by another seed. Here
every sum is exact. What enters a matrix product is rounded first, to so few binary digits that all
products and their sums fit into the 53 of double precision; then no order matters, and a run ends
with the same weights everywhere. This costs half of the speed.
"""

from __future__ import annotations

import math

import numpy as np

BETAS = (0.9, 0.98)  # of Adam
TINY = 1e-8  # Adam's epsilon
# The grids on which what enters a product lies: with entries below the bounds, products of two and
# sums of 512 take 51 binary digits. Adding 1.5 * 2^52 grids to a number rounds it to the nearest.
WEIGHT_GRID, WEIGHT_BOUND = 2.0**-16, 2.0**5
ACTIVE_GRID = 2.0**-12  # of a unit; bound 2^9
SLOPE_GRID = 2.0**-18  # of probabilities (bound 1) and of gradients with respect to units (2^3)


def rounded(array: np.ndarray, grid: float) -> np.ndarray:
    """Round an array of double precision in place to multiples of ``grid``, a power of two."""
    array += 1.5 * 2**52 * grid
    array -= 1.5 * 2**52 * grid
    return array


class Network:
    """The weights of a network, in one flat array of single precision, and what they say.

    Networks compute with a copy of the weights, in double precision and on a grid; ``refresh``
    makes it anew.

    Weights start as in He et al. (2015), https://arxiv.org/abs/1502.01852, Sec. 2.2: normal with
    variance 2 / fan-in before a ReLU and 1 / fan-in in the last layer; embeddings have variance 1,
    biases start at 0.

    Parameters
    ----------
    vocab, order, width : int
        Symbols; symbols of a window; units of a hidden layer, even.
    seed : int
        Of the initial weights.
    """

    def __init__(self, vocab: int, order: int, width: int, seed: int = 0):
        self.vocab, self.order, part = vocab, order, width // 2
        layers = ((vocab, part), (order * part, width), (width, width), (width, vocab))
        self._shapes = (*layers, (width,), (width,), (vocab,))
        total = sum(math.prod(shape) for shape in self._shapes)
        self.weights, self._told = np.zeros((2, total), np.float32)
        self._used, self._gradient = np.zeros((2, total))
        self._one_hot = np.eye(vocab)
        rng = np.random.default_rng(seed)
        variances = (1.0, 2 / (order * part), 2 / width, 1 / width)
        for view, variance in zip(self._parts(self.weights), variances, strict=False):
            view[...] = math.sqrt(variance) * rng.standard_normal(view.shape, dtype=np.float32)
        self._layers, self._slopes = self._parts(self._used), self._parts(self._gradient)
        self._rooms: dict[int, list[np.ndarray]] = {}
        self.refresh()

    def refresh(self) -> None:
        """Take over the weights as they are now; call it after each change."""
        self._used[...] = self.weights
        rounded(self._used, WEIGHT_GRID)

    @property
    def sound(self) -> bool:
        """Whether all weights are finite and within the bound of exact sums."""
        return bool((np.abs(self.weights) < WEIGHT_BOUND).all())

    def _parts(self, flat: np.ndarray) -> list[np.ndarray]:
        """Return views of a flat array in the shapes of the parts."""
        ends = np.cumsum([math.prod(shape) for shape in self._shapes])
        pieces = np.split(flat, ends[:-1])
        return [piece.reshape(shape) for piece, shape in zip(pieces, self._shapes, strict=True)]

    def _room(self, batch: int) -> list[np.ndarray]:
        """Return arrays for what enters each layer, and for the scores: to allocate is slow."""
        if batch not in self._rooms:
            widths = [len(layer) for layer in self._layers[1:4]] + [self.vocab]
            self._rooms[batch] = [np.empty((batch, width)) for width in widths]
        return self._rooms[batch]

    def _forward(self, windows: np.ndarray) -> list[np.ndarray]:
        """Return what enters each layer, and the scores of the next symbol, (B, vocab)."""
        embedding, first, second, last, *biases = self._layers
        entering, *units, scores = found = self._room(len(windows))
        embedding.take(windows, axis=0, out=entering.reshape(*windows.shape, -1), mode="clip")
        before = entering
        for layer, bias, out in zip((first, second), biases, units, strict=False):
            np.matmul(before, layer, out=out)  # (B, h)
            out += bias
            before = rounded(np.maximum(out, 0, out=out), ACTIVE_GRID)
        np.matmul(before, last, out=scores)
        scores += biases[-1]
        return found

    def log_probabilities(self, windows: np.ndarray) -> np.ndarray:
        """Return log p of each next symbol, (B, vocab), after windows of symbols (B, order)."""
        scores = self._forward(windows)[-1]
        scores -= scores.max(1, keepdims=True)
        return scores - np.log(np.exp(scores).sum(1, keepdims=True))

    def gradient(self, windows: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return the gradient of the mean cross-entropy, flat as the weights, until the next call.

        Parameters
        ----------
        windows : array of int, shape (B, order)
        targets : array of int, shape (B,)
        """
        *inputs, back = self._forward(windows)
        back -= back.max(1, keepdims=True)
        rounded(np.exp(back, out=back), SLOPE_GRID)  # processors differ in the 53rd digit of exp
        back /= back.sum(1, keepdims=True)
        back[np.arange(len(targets)), targets] -= 1
        rounded(back, SLOPE_GRID)  # slope of the scores, (B, vocab)
        slopes, biases = self._slopes[:4], self._slopes[4:]
        for layer in (2, 1, 0):
            np.matmul(inputs[layer].T, back, out=slopes[layer + 1])
            np.sum(back, axis=0, out=biases[layer])
            open_ = inputs[layer] > 0  # of a ReLU; what entered the layer is not used again
            back = np.matmul(back, self._layers[layer + 1].T, out=inputs[layer])
            if layer:
                back *= open_
            rounded(back, SLOPE_GRID)
        each = back.reshape(windows.size, -1)  # of the embeddings, (B order, h / 2)
        np.matmul(self._one_hot[windows.ravel()].T, each, out=slopes[0])
        self._gradient /= len(targets)
        self._told[...] = self._gradient
        return self._told


class Adam:
    """Kingma and Ba (2015), https://arxiv.org/abs/1412.6980, Algorithm 1, on one flat array."""

    def __init__(self, weights: np.ndarray):
        self.weights, self._steps = weights, 0
        self._mean, self._square, self._room = np.zeros((3, len(weights)), np.float32)

    def step(self, gradient: np.ndarray, rate: float) -> None:
        """Move the weights by one step of the learning rate ``rate``."""
        self._steps += 1
        for moment, power, beta in ((self._mean, 1, BETAS[0]), (self._square, 2, BETAS[1])):
            np.multiply(gradient, gradient if power == 2 else 1, out=self._room)
            self._room *= np.float32(1 - beta)
            moment *= np.float32(beta)
            moment += self._room
        unbiased = [1 - beta**self._steps for beta in BETAS]
        np.sqrt(self._square, out=self._room)
        self._room *= np.float32(unbiased[1] ** -0.5)
        self._room += np.float32(TINY)
        np.divide(self._mean, self._room, out=self._room)
        self._room *= np.float32(rate / unbiased[0])
        self.weights -= self._room
