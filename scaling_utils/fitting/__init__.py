"""Fit scaling laws to tables of runs, with intervals.

>>> import numpy as np
>>> from scaling_utils.fitting import fit_parametric
>>> N, D = (grid.ravel() for grid in np.meshgrid(np.geomspace(1e7, 1e9, 5),
...                                              np.geomspace(1e9, 1e11, 5)))
>>> fit = fit_parametric(N, D, 1.7 + 400 / N**0.34 + 400 / D**0.28)
>>> round(fit.law.alpha, 6), round(fit.law.beta, 6), fit.converged
(0.34, 0.28, True)
"""

from scaling_utils.fitting.broken import fit_broken_power_law
from scaling_utils.fitting.coupled import fit_coupled
from scaling_utils.fitting.envelope import fit_envelope
from scaling_utils.fitting.errors import FitError, FitWarning
from scaling_utils.fitting.fit import Fit, bootstrap
from scaling_utils.fitting.interaction import Interaction, interaction
from scaling_utils.fitting.isoflop import fit_isoflop
from scaling_utils.fitting.parametric import fit_parametric
from scaling_utils.fitting.power import fit_power_law
from scaling_utils.fitting.repetition import fit_repetition
from scaling_utils.fitting.report import Report
from scaling_utils.fitting.resamples import Resamples
from scaling_utils.fitting.transfer import fit_transfer
from scaling_utils.fitting.valley import IsoFlopBias, isoflop_bias

__all__ = [
    "Fit",
    "FitError",
    "FitWarning",
    "Interaction",
    "IsoFlopBias",
    "Report",
    "Resamples",
    "bootstrap",
    "fit_broken_power_law",
    "fit_coupled",
    "fit_envelope",
    "fit_isoflop",
    "fit_parametric",
    "fit_power_law",
    "fit_repetition",
    "fit_transfer",
    "interaction",
    "isoflop_bias",
]
