"""How much of a table of losses no additive law can describe, whatever its two functions are."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from scaling_utils._check import finite_array, positive_array, same_length, whole


@dataclass(frozen=True)
class Interaction:
    """A complete N x D table, split into its mean, rows, columns and the rest.

    Attributes
    ----------
    N : array, shape (sizes,)
        Sizes, rising.
    D : array, shape (lengths,)
        Tokens, rising.
    values : array, shape (sizes, lengths)
        What was analysed: loss, or log loss.
    residuals : array, shape (sizes, lengths)
        ``values`` less the best additive table f(N) + g(D), by least squares.
    size_share : float
        Part of the variance of the table that f can have.
    data_share : float
        The part that g can have.
    share : float
        The part that neither can have. The three add up to 1.
    """

    N: np.ndarray
    D: np.ndarray
    values: np.ndarray = field(repr=False)
    residuals: np.ndarray = field(repr=False)
    size_share: float
    data_share: float
    share: float

    @property
    def rms(self) -> float:
        """Root mean square of the residuals, in the unit of the values."""
        return float(np.sqrt(np.mean(self.residuals**2)))

    def share_from_noise(self, se) -> float:
        """Return the share that independent errors of standard deviation ``se`` would give.

        Of the errors' variance the part (1 - 1/sizes)(1 - 1/lengths) falls into the residuals.

        Parameters
        ----------
        se : float or array, shape (sizes, lengths)
            In the unit of the values. Above zero.

        Returns
        -------
        float
            To be compared with ``share``.

        Raises
        ------
        TypeError, ValueError
            If se is not numeric, finite and above zero, or of another shape.
        """
        se = np.broadcast_to(positive_array("se", se), self.values.shape)
        kept = (1 - 1 / len(self.N)) * (1 - 1 / len(self.D))
        return float(kept * np.mean(se**2) / np.var(self.values))


def interaction(N, D, values) -> Interaction:
    """Split a complete table over N and D into size, data and interaction.

    Any additive law, E + A/N^alpha + B/D^beta or another f(N) + g(D), leaves at least this
    interaction unexplained when ``values`` are losses; any law that is a product f(N) g(D)
    leaves it when they are log losses. No form and no fitter is involved: it is the two-way
    analysis of variance with one value in each cell (Tukey 1949,
    https://doi.org/10.2307/3001938, gives the test that belongs to it).

    Parameters
    ----------
    N, D : arrays, shape (cells,)
        Size and tokens of each cell, in any order.
    values : array, shape (cells,)
        Loss or log loss of each.

    Raises
    ------
    TypeError, ValueError
        If a cell is missing or there twice, N or D take fewer than two values, or the values
        are all the same.

    Returns
    -------
    Interaction
        The three shares of the variance, and the residuals in the unit of the values.
    """
    N, D = positive_array("N", N, ndim=1), positive_array("D", D, ndim=1)
    values = finite_array("values", values, ndim=1)
    same_length(N=N, D=D, values=values)
    sizes, row = np.unique(N, return_inverse=True)
    lengths, column = np.unique(D, return_inverse=True)
    for name, found in (("N", sizes), ("D", lengths)):
        if len(found) < 2:
            raise ValueError(f"{name} must take at least 2 distinct values, got {len(found)}")
    count = np.zeros((len(sizes), len(lengths)), dtype=int)
    np.add.at(count, (row, column), 1)
    if (count != 1).any():
        i, j = np.argwhere(count != 1)[0]
        raise ValueError(
            "N and D must form a complete table with one value in each cell, got "
            f"{count[i, j]} at N = {sizes[i]:g}, D = {lengths[j]:g}"
        )
    table = np.empty(count.shape)
    table[row, column] = values
    variance = table.var()
    if variance == 0:
        raise ValueError(f"values must vary between cells, got {values[0]:g} everywhere")
    by_size = table.mean(1, keepdims=True) - table.mean()
    by_data = table.mean(0, keepdims=True) - table.mean()
    residuals = table - table.mean() - by_size - by_data
    return Interaction(
        N=sizes,
        D=lengths,
        values=table,
        residuals=residuals,
        size_share=float(np.mean(by_size**2) / variance),
        data_share=float(np.mean(by_data**2) / variance),
        share=float(np.mean(residuals**2) / variance),
    )


def null_shares(split: Interaction, se, rng: np.random.Generator, draws: int = 2000) -> np.ndarray:
    """Draw the share that neither size nor data can have, were the truth additive.

    Parameters
    ----------
    split : Interaction
        Of a measured table; the additive table nearest to it is the truth of the draws.
    se : float or array, shape (sizes, lengths)
        Standard errors, in the unit of the values. Above zero.
    rng : numpy.random.Generator
        Where the noise comes from: normal, and independent between cells.
    draws : int
        How many, at least 1.

    Returns
    -------
    array, shape (draws,)
        To be compared with ``split.share``.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range or of another shape.
    """
    se = np.broadcast_to(positive_array("se", se), split.values.shape)
    noise = rng.standard_normal((whole("draws", draws), *se.shape))  # (draws, sizes, lengths)
    made = split.values - split.residuals + se * noise
    middle = made.mean((1, 2), keepdims=True)
    left = made - made.mean(1, keepdims=True) - made.mean(2, keepdims=True) + middle
    return (left**2).sum((1, 2)) / ((made - middle) ** 2).sum((1, 2))
