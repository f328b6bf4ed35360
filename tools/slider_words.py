"""The words of the pages with sliders: names of rows, what is spoken, what a drawing shows."""

from __future__ import annotations

ROWS = {
    "planner": {
        "N": "Best size, parameters",
        "D": "Tokens",
        "ratio": "Tokens per parameter",
        "best": "Loss, nats per token",
        "beyond": "Beyond the law's runs, decades",
        "deviceHours": "Device-hours",
        "hours": "Hours on the clock",
        "days": "Days on the clock",
        "cost": "Money, in the unit of your price",
        "kwh": "kWh of the data centre",
        "kg": "kg CO2e of operation",
        "hoursRange": "Hours, were the MFU any of published runs'",
        "kwhRange": "kWh, were power and PUE not known either",
        "kgRange": "kg CO2e, were the grid not known either",
        "wrong": "Off by k: parameters",
        "tokens": "Off by k: tokens of the budget",
        "loss": "Off by k: loss",
        "extra": "Off by k: more loss, nats per token",
        "more": "Off by k: compute to reach the best loss, budgets",
        "worth": "Off by k: compute that the best size needs for this loss, budgets",
    },
    "memory": {
        "verdict": "Fits",
        "devices": "Devices",
        "peak": "Peak of a device, GiB",
        "instant": "Highest at",
        "stage": "On stage",
        "label": "Bytes a parameter",
        "low": "With the lowest reserve, GiB",
        "high": "With the highest reserve, GiB",
        "room": "The card has, GiB",
    },
    "valley": {
        "N": "True best size, parameters",
        "best": "Its loss, nats per token",
        "parabola": "Best size of the parabola",
        "ratio": "The factor off",
        "extra": "Price in loss, nats per token",
        "more": "Price in compute, %",
    },
}
SAME = {
    "planner": "The same from the command line, with a range where you leave an option out:",
    "memory": "The same from the command line:",
    "valley": "The same factor in Python, after <code>from scaling_utils import laws</code> and "
    "<code>from scaling_utils.fitting import isoflop_bias</code>:",
}
PICTURES = {
    "planner": "Lines of equal loss over parameters and tokens, both in logarithms, a decade of "
    "compute apart. The dashed line is the budget, the filled dot its best split with the 10 to "
    "90 % of the resamples as a bar, the open dot a size off by k. The table has the numbers.",
    "memory": "One bar for each instant of a training step, made of the parts in the table below, "
    "and a dashed line where the card is full.",
    "valley": "Loss over parameters along a budget: the law's valley with its grid of runs, and "
    "the dashed parabola through them. The filled dot is the true bottom, the open one the "
    "parabola's. The table has the numbers.",
}
# What is spoken, and how a drawing is described to those who cannot see it; names are of cells.
SAYS = {
    "planner": "Best: {N} parameters on {D} tokens, loss {best}; {hours} hours, {kg} kg CO2e. "
    "That loss with a size off by k takes, in budgets: {more}.",
    "memory": '{peak} GiB at "{instant}" on stage {stage}; with what is not counted {low} to '
    "{high} of {room} GiB. Fits: {verdict}.",
    "valley": "The parabola's best size is {ratio} times the true one, {parabola} against {N} "
    "parameters, which costs {more} % of the compute.",
}
# The same where a layout is refused, and where the parabola has no bottom.
SAYS_NOT = {
    "planner": "",
    "memory": "Not possible: {verdict}",
    "valley": "The parabola has {parabola}; the true best size is {N} parameters.",
}
