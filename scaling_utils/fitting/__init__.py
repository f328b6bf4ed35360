"""Fit scaling laws to tables of runs, with intervals.

>>> import numpy as np
>>> from scaling_utils.fitting import fit_parametric
>>> N, D = (grid.ravel() for grid in np.meshgrid(np.geomspace(1e7, 1e9, 5),
...                                              np.geomspace(1e9, 1e11, 5)))
>>> fit = fit_parametric(N, D, 1.7 + 400 / N**0.34 + 400 / D**0.28)
>>> round(fit.law.alpha, 6), round(fit.law.beta, 6), fit.converged
(0.34, 0.28, True)
"""

from scaling_utils.fitting.broken import BrokenFit, fit_broken_power_law
from scaling_utils.fitting.coupled import CoupledFit, fit_coupled
from scaling_utils.fitting.coupled_resampling import resample_coupled
from scaling_utils.fitting.envelope import EnvelopeFit, fit_envelope
from scaling_utils.fitting.errors import FitError, FitWarning
from scaling_utils.fitting.groups import draw_groups
from scaling_utils.fitting.interaction import Interaction, interaction
from scaling_utils.fitting.isoflop import IsoFlopFit, fit_isoflop
from scaling_utils.fitting.local import contrasts, local_exponents
from scaling_utils.fitting.parametric import ParametricFit, fit_parametric
from scaling_utils.fitting.power import PowerLawFit, fit_power_law
from scaling_utils.fitting.repetition import (
    RepetitionFit,
    fit_repetition,
    resample_repetition,
)
from scaling_utils.fitting.report import Report
from scaling_utils.fitting.resamples import Bootstrap
from scaling_utils.fitting.resampling import bootstrap
from scaling_utils.fitting.valley import IsoFlopBias, isoflop_bias

__all__ = [
    "Bootstrap",
    "BrokenFit",
    "CoupledFit",
    "EnvelopeFit",
    "FitError",
    "FitWarning",
    "Interaction",
    "IsoFlopBias",
    "IsoFlopFit",
    "ParametricFit",
    "PowerLawFit",
    "RepetitionFit",
    "Report",
    "bootstrap",
    "contrasts",
    "draw_groups",
    "fit_broken_power_law",
    "fit_coupled",
    "fit_envelope",
    "fit_isoflop",
    "fit_parametric",
    "fit_power_law",
    "fit_repetition",
    "interaction",
    "isoflop_bias",
    "local_exponents",
    "resample_coupled",
    "resample_repetition",
]
