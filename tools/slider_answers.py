"""What the pages with sliders answer, from the package: the text of each cell of their tables.

The build writes the cells of the first state into the pages, for readers without JavaScript. The
scripts in book/sliders/ compute the same in the browser, and a test compares the two.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Context, Decimal

import numpy as np
from slider_words import SAYS, SAYS_NOT

from scaling_utils import hardware, planning
from scaling_utils.fitting import FitError, isoflop_bias
from scaling_utils.laws import get as law_of
from scaling_utils.memory.instants import PARTS
from scaling_utils.planning.answers import Answer
from scaling_utils.planning.defaults import grid_range, mfu_range, power_range, pue_range
from scaling_utils.planning.reserves import room
from scaling_utils.units import GIB, TRAINING_FLOPS

ROUNDED = Context(prec=4, rounding=ROUND_HALF_UP)
NO_PRICE = "give a price and its date"
UNKNOWN = "not known"
NO_BOTTOM = "no bottom inside the grid"
RANGES = {"mfu": mfu_range(), "power": power_range(1), "pue": pue_range(), "grid": grid_range()}


def text(value: float | None) -> str:
    """Write a number with four digits, as book/sliders/controls.js does."""
    if value is None or not math.isfinite(value):
        return "none"
    if value == 0:
        return "0"
    rounded = ROUNDED.plus(Decimal(float(value)))
    power = rounded.adjusted()
    if power >= 6 or power < -3:
        return f"{rounded.scaleb(-power):.3f}e{power}"
    return f"{int(rounded):,}" if power >= 3 else f"{rounded:.{3 - power}f}"


def settled(value: float) -> float:
    """Return a difference of losses, or 0 where rounding could make it."""
    return 0.0 if abs(value) < 1e-9 else value


def spread(answer: Answer, draws: int) -> str:
    """Write the middle of an answer, with its 10 and 90 % where there are several draws."""
    if draws == 1:
        return text(answer.middle)
    return f"{text(answer.middle)} ({text(answer.low)} to {text(answer.high)})"


def sentence(page: str, cells: dict[str, str]) -> str:
    """Return what is spoken of the answers of a page."""
    usual = {"planner": "N", "memory": "peak", "valley": "ratio"}[page] in cells
    return (SAYS if usual else SAYS_NOT)[page].format_map(cells)


def ranges(state: dict) -> dict[str, str]:
    """Return hours, kWh and kg from where all that is ranged is best to where all is worst."""
    device, r = hardware.get(state["device"]), RANGES
    found = planning.outcomes(
        1.0,
        state["flops"] / TRAINING_FLOPS,
        peak=device.peak("bf16"),
        mfu=np.array([r["mfu"].high, r["mfu"].low]),
        devices=state["devices"],
        power=device.power * np.array([r["power"].low, r["power"].high]),
        pue=np.array([r["pue"].low, r["pue"].high]),
        grid=np.array([r["grid"].low, r["grid"].high]),
    )
    names = {"hoursRange": "hours", "kwhRange": "kwh", "kgRange": "kg_co2e"}
    return {name: " to ".join(map(text, found[of])) for name, of in names.items()}


def plan_command(state: dict) -> str:
    """Return the line that gives the planner's answers."""
    power = hardware.get(state["device"]).power * state["power"] / 100
    words = {
        "flops": f"{state['flops']:g}",
        "law": state["law"],
        "device": state["device"],
        "devices": state["devices"],
        "mfu": f"{state['mfu'] / 100:g}",
        "power": f"{power:g}",
        "pue": f"{state['pue']:g}",
        "grid": f"{state['grid']:g}",
    }
    if state["price"] > 0 and state["priceDate"]:
        words |= {"price": f"{state['price']:g}", "price-date": state["priceDate"]}
    return "scaling-utils plan " + " ".join(f"--{name} {word}" for name, word in words.items())


def memory_command(state: dict) -> str:
    """Return the line that gives the answers of the page on memory."""
    words = {
        "device": "device",
        "sequence": "context",
        "micro-batch": "batch",
        "micro-batches": "passes",
        "zero": "zero",
        "recompute": "recompute",
        "data": "data",
        "tensor": "tensor",
        "pipeline": "pipeline",
        "context-parallel": "contextParallel",
        "expert-parallel": "expert",
        "bytes": "convention",
    }
    options = " ".join(f"--{option} {state[name]}" for option, name in words.items())
    return f"scaling-utils memory {state['model']} {options}"


def valley_command(state: dict) -> str:
    """Return the expression that gives the valley's factor."""
    C = state["flops"]
    return (
        f'isoflop_bias(laws.get("{state["law"]}"), [{C:g}, {10 * C:g}], width={state["width"]:g}, '
        f"centre={state['centre']:g}, points={state['points']}).size_ratio[0]"
    )


def planner(state: dict) -> dict[str, str]:
    """Return the cells of the planner."""
    family = planning.family_of(state["law"])
    C, draws = state["flops"], len(family)
    N, D = family.optimal(C)
    wrong = planning.wrong_size(family, C, state["factor"])
    device = hardware.get(state["device"])
    found = planning.outcomes(
        float(np.median(N)),
        C / (TRAINING_FLOPS * float(np.median(N))),
        peak=device.peak("bf16"),
        mfu=state["mfu"] / 100,
        devices=state["devices"],
        price=state["price"],
        power=device.power * state["power"] / 100,
        pue=state["pue"],
        grid=state["grid"],
    )
    answers = {
        "N": wrong.best,
        "D": Answer.of(D, "tokens"),
        "ratio": Answer.of(D / N, "tokens per parameter"),
        "best": wrong.loss_best,
        "wrong": wrong.size,
        "tokens": wrong.tokens,
        "loss": wrong.loss,
        "extra": Answer(*map(settled, _ends(wrong.extra_loss)), wrong.extra_loss.unit),
        "more": wrong.more_compute,
        "worth": wrong.worth,
    }
    cost = NO_PRICE
    if state["price"] > 0 and state["priceDate"]:
        cost = f"{text(found['cost'])} at the price of {state['priceDate']}"
    return (
        {name: spread(answer, draws) for name, answer in answers.items()}
        | ranges(state)
        | {
            "command": plan_command(state),
            "deviceHours": text(found["device_hours"]),
            "hours": text(found["hours"]),
            "days": text(found["hours"] / 24),
            "cost": cost,
            "kwh": text(found["kwh"]),
            "kg": text(found["kg_co2e"]),
            "beyond": beyond(family.seen.decades(wrong.best.middle, answers["D"].middle, C)),
        }
    )


def beyond(decades: dict[str, float | None]) -> str:
    """Write how far beyond its runs a law is asked."""
    return ", ".join(
        f"{name} {UNKNOWN if value is None else text(value)}" for name, value in decades.items()
    )


def _ends(answer: Answer) -> tuple[float, ...]:
    return answer.low, answer.middle, answer.high


def layout_of(state: dict) -> planning.Layout:
    """Return the layout that the controls of the page on memory describe."""
    return planning.Layout(
        data=state["data"],
        tensor=state["tensor"],
        pipeline=state["pipeline"],
        context=state["contextParallel"],
        expert=state["expert"],
        sequence_parallel=state["tensor"] > 1,
        zero=int(state["zero"]),
        recompute=state["recompute"],
        micro_batch=state["batch"],
        micro_batches=state["passes"],
        convention=state["convention"],
    )


def memory(state: dict) -> dict[str, str]:
    """Return the cells of the page on memory: a refusal, or the ledger in GiB and the verdict."""
    layout = layout_of(state)
    try:
        found = planning.footprint(
            state["model"], layout, context=state["context"], device=state["device"]
        )
    except ValueError as error:
        return {"verdict": str(error), "command": memory_command(state)}
    ledger = found.ledger
    cells = {
        "command": memory_command(state),
        "devices": str(layout.devices),
        "peak": text(found.peak / GIB),
        "instant": found.peak_instant,
        "stage": f"{found.stage + 1} of {layout.pipeline}",
        "label": found.label,
        "low": text(found.needed[0] / GIB),
        "high": text(found.needed[2] / GIB),
        "room": text(room(found.device) / GIB),
        "verdict": found.fits,
    }
    for instant in ledger.instants:
        parts = ledger.at(instant)
        for part in PARTS:
            cells[f"{instant}/{part}"] = text(parts[part] / GIB)
        cells[f"{instant}/all"] = text(sum(parts.values()) / GIB)
    return cells


def valley(state: dict) -> dict[str, str]:
    """Return the cells of the page on the valley: the parabola's size and what it misses by."""
    law, C = law_of(state["law"]), state["flops"]
    best = law.optimal(C)
    cells = {"N": text(best.N), "best": text(best.loss), "command": valley_command(state)}
    try:
        bias = isoflop_bias(
            law,
            # One budget makes no exponent; the same grid around a second one has the same valley.
            [C, 10 * C],
            width=state["width"],
            centre=state["centre"],
            points=state["points"],
        )
    except FitError:
        return cells | {"parabola": NO_BOTTOM}
    ratio = float(bias.size_ratio[0])
    wrong = planning.wrong_size(law, C, ratio)
    return cells | {
        "parabola": text(ratio * best.N),
        "ratio": text(ratio),
        "extra": text(settled(wrong.extra_loss.middle)),
        "more": text(settled((wrong.more_compute.middle - 1) * 100)),
    }
