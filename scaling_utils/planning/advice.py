"""What a plan's reader should know before relying on it: the coded remarks."""

from __future__ import annotations

import numpy as np

from scaling_utils._remarks import Remark
from scaling_utils.planning.defaults import MFU_SEEN
from scaling_utils.planning.draws import Draws
from scaling_utils.planning.repeats import HARMLESS, WORTHLESS

FAR = 0.05  # decades; less than a tenth beyond the runs is no extrapolation worth a word
MANY = 32_768  # devices; runs with more are hardly published


def remarks_of(
    draws: Draws, found: dict, answers: dict, decades: dict, layout=None
) -> list[Remark]:
    """Return the remarks on a plan, those on the machine first."""
    said = list(draws.machine.remarks)
    said += _law(draws, answers, decades)
    said += _utilisation(draws, answers)
    said += _constraints(draws, found, answers)
    if layout is not None and not layout.best:
        said.append(
            Remark(
                "no-layout",
                f"no layout on {draws.machine.devices} devices was found to fit: "
                f"{layout.refused[0].sentence}; another batch_tokens or another number of devices "
                "may divide better",
            )
        )
    return said


def _law(draws: Draws, answers: dict, decades: dict) -> list[Remark]:
    family, said = draws.family, []
    used = draws.question.mode != "size and tokens"
    if not family.resampled:
        said.append(
            Remark(
                "law-without-interval",
                f"the law {family.name} is taken as exact: ranges leave its own uncertainty out; "
                "give the resamples of a fit, or several laws, to see it",
            )
        )
    if family.dropped:
        said.append(
            Remark(
                "resamples-left-out",
                f"{family.dropped} resamples make no law and were left out, so that the law's "
                "interval is too narrow: add runs until none is",
            )
        )
    far = {name: x for name, x in decades.items() if x is not None and x > FAR}
    if far:
        words = ", ".join(f"{name} by {10**x:.2g} times" for name, x in far.items())
        said.append(
            Remark(
                "extrapolation",
                f"the plan lies beyond the law's runs: {words}; runs on the way there would tell "
                "whether the law holds",
            )
        )
    if not family.seen.source and used:
        said.append(
            Remark("runs-unknown", "nobody says which runs the law was fitted on: give a Fit")
        )
    low, high = family.seen.ratio
    ratio = answers["tokens_per_parameter"].middle
    if low is not None and ratio is not None and not low <= ratio <= high:
        said.append(
            Remark(
                "tokens-per-parameter",
                f"{ratio:.3g} tokens per parameter lie outside the {low:.3g} to {high:.3g} of the "
                "law's runs: add runs with such ratios",
            )
        )
    return said


def _utilisation(draws: Draws, answers: dict) -> list[Remark]:
    mfu = draws.machine.ranges["mfu"]
    low, high = MFU_SEEN
    implied = "implied" in mfu.source
    what = f"an MFU of {mfu.middle:.1%}" + (f" is {mfu.source}" if implied else " was given")
    if mfu.middle < low:
        return [
            Remark(
                "mfu-low",
                f"{what}, under {low:.0%}: hours of failed, earlier or other runs, long contexts "
                "whose attention 6 N D leaves out, a peak with sparsity or of another dtype, or "
                "more tokens than stated would explain it",
            )
        ]
    if mfu.middle > high:
        return [
            Remark(
                "mfu-high",
                f"{what}, over {high:.0%}, which no published run of this table reaches: hours "
                "that are not all of them, recomputation counted (HFU), a peak of another dtype, "
                "or active and total parameters mixed up would explain it",
            )
        ]
    return []


def _constraints(draws: Draws, found: dict, answers: dict) -> list[Remark]:
    limits, machine, said = draws.limits, draws.machine, []
    lost = float(np.isnan(found["tokens"]).mean())
    if lost:
        said.append(
            Remark(
                "out-of-reach",
                f"{lost:.0%} of the draws cannot reach what is asked and count as beyond all "
                "numbers: ask for a loss further from the irreducible one",
            )
        )
    largest = limits.largest if draws.question.mode in ("free", "loss") else None
    if largest is not None and answers["parameters"].middle >= largest * (1 - 1e-9):
        said.append(
            Remark(
                "largest-binds",
                f"the best size is above largest = {largest:g}, which is taken instead",
            )
        )
    epochs = answers.get("epochs")
    if epochs is not None and epochs.middle is not None and epochs.middle > HARMLESS:
        lasting = "next to nothing" if epochs.middle > WORTHLESS else "less than fresh data"
        said.append(
            Remark(
                "repetition",
                f"the fresh tokens are seen {epochs.middle:.3g} times; beyond {HARMLESS:g} passes "
                f"another one is worth less, and here it is worth {lasting}: more data would help",
            )
        )
    clock = machine.deadline is not None and machine.devices is not None
    if clock and draws.question.budget != "deadline":
        chance = float(np.nanmean(found["hours"] <= machine.deadline * (1 + 1e-12)))
        if chance < 0.9:
            said.append(
                Remark(
                    "deadline-at-risk",
                    f"{chance:.0%} of the draws meet the deadline: more devices, or an MFU "
                    "measured on them, would make it sure",
                )
            )
    if machine.deadline is None and machine.devices is None:
        said.append(Remark("no-devices", "give devices, or a deadline, for the time on the clock"))
    devices = answers.get("devices")
    if devices is not None and devices.middle and devices.middle > MANY:
        said.append(
            Remark("many-devices", f"{devices.middle:.0f} devices are more than published runs had")
        )
    if "price" not in machine.ranges:
        said.append(Remark("no-price", "give price and price_date for the cost"))
    return said
