"""Transfer: Hernandez et al. (2021), https://arxiv.org/abs/2102.01293."""

from __future__ import annotations

from dataclasses import dataclass, field

from scaling_utils._check import number, positive_array
from scaling_utils.laws._about import About


@dataclass(frozen=True)
class TransferLaw:
    """D_T = k D_F^alpha N^beta: the data that pre-training saves (Eq. 1.1).

    Source: Hernandez et al. (2021), https://arxiv.org/abs/2102.01293.

    Parameters
    ----------
    k : float
        Coefficient, in the unit of the data (characters in the paper). Above zero.
    alpha, beta : float
        Exponents of the fine-tuning data and of the size. Above zero.
    about : About, optional
        Source, units and domain.

    Raises
    ------
    TypeError, ValueError
        If a constant is not finite and above zero.
    """

    k: float
    alpha: float
    beta: float
    about: About | None = field(default=None, compare=False, repr=False)

    def __post_init__(self):
        for name in ("k", "alpha", "beta"):
            number(name, getattr(self, name), above=0)

    def transferred_data(self, D_F, N):
        """Return the extra data that pre-training is worth (Eq. 1.1).

        Parameters
        ----------
        D_F : float or array
            Fine-tuning data, in the unit of the law: characters in the paper. Above zero.
        N : float or array
            Non-embedding parameters. Above zero; the two broadcast.

        Returns
        -------
        float or array
            D_T, in the unit of ``D_F``.

        Raises
        ------
        TypeError, ValueError
            If D_F or N is not numeric, finite and above zero.
        """
        D_F, N = positive_array("D_F", D_F), positive_array("N", N)
        return (self.k * D_F**self.alpha * N**self.beta)[()]

    def multiplier(self, D_F, N):
        """Return how many times more data pre-training is worth, (D_F + D_T) / D_F (Eq. 1.2).

        Parameters
        ----------
        D_F, N : float or array
            As for :meth:`transferred_data`.

        Returns
        -------
        float or array
            Without unit, 1 or above.

        Raises
        ------
        TypeError, ValueError
            If D_F or N is not numeric, finite and above zero.
        """
        return 1.0 + self.transferred_data(D_F, N) / positive_array("D_F", D_F)
