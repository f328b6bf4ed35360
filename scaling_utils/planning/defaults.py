"""The ranges of inputs that nobody gave, each with its source. A price has none: it is asked for.

They are wide, because they stand for any run anywhere; giving a figure of your own is the
cheapest way to narrow a plan.
"""

from __future__ import annotations

import numpy as np

from scaling_utils.planning.ranges import LEVELS, Range
from scaling_utils.planning.runs import measured_runs

MFU_SEEN = (0.2, 0.6)  # what published runs reach; a plan outside is remarked

_POWER = (
    "share of the rated power: 76 % (Newkirk et al., 2025, arXiv:2506.14551) to 82 % "
    "(Latif et al., 2025, IEEE Access 13) of an 8-H100 node's rating in training; 100 % is what "
    "LLaMA's and BLOOM's reports take"
)
_PUE = (
    "1.09 Google's fleet 2025; 1.2 the machine of BLOOM (Luccioni et al., 2022, "
    "arXiv:2211.02001); 1.56 average of the Uptime survey of 2024"
)
_GRID = (
    "yearly means of 2023, Our World in Data (Ember; Energy Institute), 2024 edition: France, "
    "United States, Poland; nobody said where the run is"
)
_BATCH = (
    "rule of DeepSeek LLM (arXiv:2401.02954, Eq. 1) times 1/4, 1/2 and 1; GPT-3, LLaMA-65B and "
    "Llama 3 405B ran at a quarter of it"
)


def mfu_range() -> Range:
    """Return what published runs reached.

    Returns
    -------
    Range
        MFU, a share of the dense peak: 10, 50 and 90 % of :func:`measured_runs`.
    """
    runs = measured_runs()
    values = np.quantile([run.mfu for run in runs], LEVELS)
    years = [run.year for run in runs]
    source = (
        f"10, 50 and 90 % of {len(runs)} published runs of {min(years)} to {max(years)}, "
        "data/measured_mfu.csv"
    )
    return Range(*map(float, values), "share of the dense peak", source, at_most=1.0)


def power_range(rated: float) -> Range:
    """Return what a device draws in training.

    Parameters
    ----------
    rated : float
        Its rated power in watts.

    Returns
    -------
    Range
        Watts.
    """
    return Range(0.76, 0.82, 1.0, source=_POWER).scaled(rated, "W")


def pue_range() -> Range:
    """Return the power usage effectiveness of a data centre that nobody named.

    Returns
    -------
    Range
        Energy of the data centre per energy of its devices, above 1.
    """
    return Range(1.09, 1.2, 1.56, "", _PUE, above=1.0)


def grid_range() -> Range:
    """Return the carbon intensity of electricity somewhere.

    Returns
    -------
    Range
        g CO2e per kWh.
    """
    return Range(56.0, 369.0, 662.0, "g CO2e/kWh", _GRID)


def batch_rule(flops):
    """Return DeepSeek's batch in tokens for a run of so many FLOPs; an array is fine."""
    return 0.2920 * flops**0.3271


def batch_range() -> Range:
    """Return the tokens per step as shares of :func:`batch_rule`."""
    return Range(0.25, 0.5, 1.0, "of DeepSeek's rule", _BATCH)
