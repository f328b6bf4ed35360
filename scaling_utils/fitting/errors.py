"""What a fit says when it cannot be trusted."""

from __future__ import annotations


class FitError(RuntimeError):
    """A fit that gave no usable law; a RuntimeError.

    Attributes
    ----------
    partial : dict
        What the fit has: the parameters where it stopped, the objective there.
    fit : object or None
        The finished fit, where only what was built on it failed.
    """

    def __init__(self, message: str, partial: dict, fit=None):
        super().__init__(message)
        self.partial = partial
        self.fit = fit


class FitWarning(UserWarning):
    """A fit that has a law, but not one to rely on; its ``message`` says why."""
