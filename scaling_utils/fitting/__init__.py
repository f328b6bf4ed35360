"""Fit scaling laws to tables of runs, with intervals.

>>> import numpy as np
>>> from scaling_utils.fitting import fit_parametric
>>> N, D = (grid.ravel() for grid in np.meshgrid(np.geomspace(1e7, 1e9, 5),
...                                              np.geomspace(1e9, 1e11, 5)))
>>> fit = fit_parametric(N, D, 1.7 + 400 / N**0.34 + 400 / D**0.28)
>>> round(fit.law.alpha, 6), round(fit.law.beta, 6), fit.converged
(0.34, 0.28, True)
"""

from scaling_utils._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "accuracy": ("fit_accuracy", "fit_error"),
        "broken": ("fit_broken_power_law",),
        "chain": ("Chain", "ChainResamples"),
        "coupled": ("fit_coupled",),
        "curves": ("ExponentialError", "Sigmoid"),
        "envelope": ("fit_envelope",),
        "errors": ("FitError", "FitWarning"),
        "fit": ("Fit", "bootstrap"),
        "_comparison": ("Comparison", "FormScore"),
        "forms": ("FORMS", "Form", "compare_forms"),
        "interactions": ("Interaction", "interaction", "null_shares"),
        "isoflop": ("fit_isoflop",),
        "local": ("contrasts", "local_exponents"),
        "parametric": ("fit_parametric",),
        "power": ("fit_power_law",),
        "prediction": ("Noise", "Prediction", "noise_of", "prediction_interval"),
        "product": ("Product", "fit_product"),
        "profiles": ("Profile", "profile"),
        "quantile": ("fit_quantile",),
        "repetition": ("fit_repetition",),
        "report": ("Report",),
        "resamples": ("Resamples",),
        "_saving": ("load", "save"),
        "keeping": ("saved_of",),
        "kept": ("Accuracy", "RunNoise"),
        "saved": ("SavedFit",),
        "surface": ("Surface", "fit_surface"),
        "transfer": ("fit_transfer",),
        "valleys": ("Frontier", "fit_valleys"),
        "valley": ("IsoFlopBias", "isoflop_bias"),
    },
)
