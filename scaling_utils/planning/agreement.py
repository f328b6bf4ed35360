"""Whether inputs that determine the same thing agree, and whether a plan can be carried out."""

from __future__ import annotations

import numpy as np

from scaling_utils.laws import UnreachableLoss
from scaling_utils.planning.draws import Draws
from scaling_utils.planning.inputs import Question
from scaling_utils.planning.ranges import Range

CLOSE = 0.02  # two figures within this share of each other say the same: a rounding
RATIOS = (1e-3, 1e7)  # tokens per parameter beyond which one of the two is in another unit
LEAST_CHANCE = 0.1  # a deadline that fewer draws meet is refused


def implied_mfu(question: Question, machine, flops: float, given: bool) -> Range | None:
    """Return the MFU that size, tokens and device-hours imply, where none was given.

    Raises
    ------
    ValueError
        If it is above 1.
    """
    hours = question.rivals.get("device_hours")
    money, price = question.rivals.get("money"), machine.ranges.get("price")
    what = f"device_hours = {hours:g}" if hours is not None else ""
    if hours is None and money is not None and price is not None and price.fixed:
        hours, what = money / price.middle, f"money = {money:g} at {price.middle:g} per hour"
    if given or hours is None:
        return None
    share = flops / (hours * 3600 * machine.peak)
    if share > 1:
        raise ValueError(
            f"{what} and {flops:.4g} FLOPs imply an MFU of {share:.3g}, above 1: they need at "
            f"least {flops / (3600 * machine.peak):.4g} device-hours of {machine.device.name} at "
            f"its dense {machine.dtype} peak, or {flops / (0.4 * 3600 * machine.peak):.4g} at 40 %"
        )
    return Range.of(share, "share of the dense peak", f"implied by {what}")


def check_rivals(draws: Draws, levels: np.ndarray) -> None:
    """Raise where what was given besides contradicts the plan; see ``Question.rivals``.

    Raises
    ------
    ValueError
        Names both inputs and what each implies.
    """
    question = draws.question
    if not question.rivals:
        return
    found = draws(levels)
    _, values = draws.values(levels)
    main = _main(question)
    for name, amount in question.rivals.items():
        if name == "loss":
            mine, theirs, unit = found["loss"], np.full(len(levels), amount), "nats per token"
        else:
            mine, theirs, unit = found["flops"], draws.worth_of(name, amount, values), "FLOPs"
        mine = mine[np.isfinite(mine)]
        if not _overlap(mine, theirs):
            raise ValueError(
                f"{main} and {name} = {amount:g} contradict each other: the first implies "
                f"{_span(mine)} {unit}, the second {_span(theirs)}; leave one of them out"
            )


def _main(question: Question) -> str:
    if question.budget is not None:
        return f"{question.budget} = {question.amount:g}"
    names = ("parameters", "tokens", "loss")
    parts = {name: getattr(question, name) for name in names}
    return " with ".join(f"{name} = {x:g}" for name, x in parts.items() if x is not None)


def _ends(values: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(values, (0.1, 0.9)) if len(values) else (np.inf, np.inf)
    return float(low), float(high)


def _overlap(mine: np.ndarray, theirs: np.ndarray) -> bool:
    (a, b), (c, d) = _ends(mine), _ends(theirs)
    return a * (1 - CLOSE) <= d and c * (1 - CLOSE) <= b


def _span(values: np.ndarray) -> str:
    low, high = _ends(values)
    if not np.isfinite(low):
        return "more than any number of"
    return f"{low:.4g}" if high <= low * (1 + 1e-9) else f"{low:.4g} to {high:.4g}"


def check_possible(draws: Draws, levels: np.ndarray, found: dict[str, np.ndarray]) -> None:
    """Raise where half of the draws or more cannot do what is asked, and say what would help.

    Raises
    ------
    UnreachableLoss, ValueError
        A loss below what the law, or the size or tokens that were given, can reach; serving that
        takes the whole budget; less than one step; a deadline out of reach.
    """
    question, limits = draws.question, draws.limits
    if np.isnan(found["tokens"]).mean() >= 0.5:
        _impossible(draws, levels)
    tokens, batch = found["tokens"], found["batch_tokens"]
    if np.nanmedian(tokens) < np.nanmedian(batch):
        short = np.nanmedian(batch) / np.nanmedian(tokens)
        raise ValueError(
            f"{_main(question)} pays for {np.nanmedian(tokens):.3g} tokens, less than one step of "
            f"{np.nanmedian(batch):.3g} tokens: it takes {short:.3g} times the budget, or a "
            "smaller batch_tokens"
        )
    fresh = limits.unique
    if fresh is not None and fresh < np.nanmedian(batch):
        raise ValueError(
            f"unique_tokens must be at least one step, {np.nanmedian(batch):.3g} tokens, got "
            f"{fresh:g}"
        )
    _check_ratio(question, found)
    _check_deadline(draws, found)


def _check_ratio(question: Question, found: dict[str, np.ndarray]) -> None:
    ratio = float(np.nanmedian(found["tokens_per_parameter"]))
    if not RATIOS[0] <= ratio <= RATIOS[1]:
        size, tokens = (float(np.nanmedian(found[x])) for x in ("parameters", "tokens"))
        raise ValueError(
            f"{_main(question)} comes to {tokens:.3g} tokens for {size:.3g} parameters, "
            f"{ratio:.2g} per parameter, and published runs have 1 to 100,000: count both one by "
            "one, not in millions or billions"
        )


def _impossible(draws: Draws, levels: np.ndarray) -> None:
    question, limits = draws.question, draws.limits
    family = draws.family.middle()
    if question.loss is None:
        work = 2.0 * (question.parameters or 0.0) * limits.served
        raise ValueError(
            f"{_main(question)}: serving {limits.served:g} tokens takes {work:.4g} FLOPs, all of "
            "the budget or more; give a larger budget, a smaller size or fewer served_tokens"
        )
    floor, because = float(family.E[0]), f"the law {draws.family.name} has an irreducible loss E"
    size = question.parameters or limits.largest
    if size is not None:
        floor = float(family.loss(size, 1e300)[0])
        because = f"{size:g} parameters leave E + A / N^alpha at any number of tokens"
        if limits.unique is not None:
            because += f", and {limits.unique:g} fresh tokens more at any number of passes"
    elif question.tokens is not None:
        floor = float(family.loss(1e300, question.tokens)[0])
        because = f"{question.tokens:g} tokens leave E + B / D^beta at any size"
    elif limits.unique is not None:
        endless = limits.unique * (1 + family.R_D_star)
        floor = float(family.loss(1e300, endless)[0])
        because = f"{limits.unique:g} fresh tokens leave a data term at any number of passes"
    raise UnreachableLoss(question.loss, floor, float("inf"), because)


def _check_deadline(draws: Draws, found: dict[str, np.ndarray]) -> None:
    machine = draws.machine
    if machine.deadline is None or draws.question.budget == "deadline":
        return
    needed = found["device_hours"] / machine.deadline
    batch = np.nanmedian(found["batch_tokens"])
    if machine.devices is None:
        if np.nanmedian(needed) > batch:
            hours = np.nanmedian(found["device_hours"]) / batch
            raise ValueError(
                f"deadline = {machine.deadline:g} hours takes {np.nanmedian(needed):.3g} devices, "
                f"more than a step has tokens ({batch:.3g}): no number of devices meets it; "
                f"{hours:.3g} hours is the least"
            )
        return
    chance = np.nanmean(needed <= machine.devices * (1 + 1e-12))
    if chance < LEAST_CHANCE:
        low, middle = np.nanquantile(found["hours"], (0.1, 0.5))
        raise ValueError(
            f"deadline = {machine.deadline:g} hours is not met by devices = {machine.devices}: the "
            f"run takes {middle:.4g} hours (10 %: {low:.4g}); it needs "
            f"{np.ceil(np.nanmedian(needed)):.0f} devices, or that deadline"
        )
