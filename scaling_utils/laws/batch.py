"""The batch-size trade-off of McCandlish et al. (2018), https://arxiv.org/abs/1812.06162.

Training to a given loss takes S steps and E = B S examples with
(S / S_min - 1)(E / E_min - 1) = 1 and B_crit = E_min / S_min. Restated by Kaplan et al.
(2020), https://arxiv.org/abs/2001.08361, Eqs. 5.1-5.5.
"""

from __future__ import annotations

from scaling_utils._check import positive_array


def noise_scale(trace, squared_gradient):
    r"""Return the simple noise scale, B_simple = tr(Sigma) / \|G\|^2 (Sec. 2).

    Parameters
    ----------
    trace : float or array
        Trace of the covariance of one example's gradient. Above zero.
    squared_gradient : float or array
        Squared norm of the true gradient, in the same unit. Above zero.

    Returns
    -------
    float or array
        In examples, or in tokens where a token is the example.

    Raises
    ------
    TypeError, ValueError
        If an argument is not numeric, finite and above zero.
    """
    trace = positive_array("trace", trace)
    return (trace / positive_array("squared_gradient", squared_gradient))[()]


def steps(S_min, B, B_crit):
    """Return the steps that a batch of ``B`` needs, S = S_min (1 + B_crit / B).

    Parameters
    ----------
    S_min : float or array
        Steps at a very large batch. Above zero.
    B, B_crit : float or array
        Batch and critical batch, both in examples or both in tokens. Above zero.

    Returns
    -------
    float or array
        Steps; the arguments broadcast.

    Raises
    ------
    TypeError, ValueError
        If an argument is not numeric, finite and above zero.
    """
    S_min, B = positive_array("S_min", S_min), positive_array("B", B)
    return (S_min * (1.0 + positive_array("B_crit", B_crit) / B))[()]


def examples(E_min, B, B_crit):
    """Return the examples (or tokens) that a batch of ``B`` needs, E = E_min (1 + B / B_crit).

    Parameters
    ----------
    E_min : float or array
        Examples (or tokens) at a very small batch. Above zero.
    B, B_crit : float or array
        Batch and critical batch, in the same unit. Above zero.

    Returns
    -------
    float or array
        In the unit of ``E_min``; the arguments broadcast.

    Raises
    ------
    TypeError, ValueError
        If an argument is not numeric, finite and above zero.
    """
    E_min, B = positive_array("E_min", E_min), positive_array("B", B)
    return (E_min * (1.0 + B / positive_array("B_crit", B_crit)))[()]


def minimal_steps(S, B, B_crit):
    """Return the steps to the same loss at a very large batch, S_min = S / (1 + B_crit / B).

    Parameters
    ----------
    S : float or array
        Steps that were taken. Above zero.
    B, B_crit : float or array
        Batch and critical batch, both in examples or both in tokens. Above zero.

    Returns
    -------
    float or array
        Steps; the arguments broadcast.

    Raises
    ------
    TypeError, ValueError
        If an argument is not numeric, finite and above zero.
    """
    S, B = positive_array("S", S), positive_array("B", B)
    return (S / (1.0 + positive_array("B_crit", B_crit) / B))[()]


def minimal_compute(C, B, B_crit):
    """Return the compute to the same loss at a very small batch, C_min = C / (1 + B / B_crit).

    Parameters
    ----------
    C : float or array
        Compute that was spent, in any unit. Above zero.
    B, B_crit : float or array
        Batch and critical batch, both in examples or both in tokens. Above zero.

    Returns
    -------
    float or array
        In the unit of ``C``; the arguments broadcast.

    Raises
    ------
    TypeError, ValueError
        If an argument is not numeric, finite and above zero.
    """
    C, B = positive_array("C", C), positive_array("B", B)
    return (C / (1.0 + B / positive_array("B_crit", B_crit)))[()]
