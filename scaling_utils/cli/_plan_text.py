"""What ``scaling-utils plan`` prints for people."""

from __future__ import annotations

from scaling_utils.cli._tables import Table, pairs
from scaling_utils.planning.text import NAMES, number

LEAST_SHARE = 0.05  # of the variance; what moves an answer less is not named


def in_words(plan) -> list:
    """Return a plan as lines and tables."""
    parts = [_answers(plan)]
    if plan.by_law:
        parts.append(_laws(plan))
    parts.append(_beyond(plan))
    if plan.layout is not None:
        parts += _layout(plan.layout)
    parts.append(_inputs(plan))
    counted = [(name, words) for name, words in plan.conventions.items()]
    return [*parts, pairs(counted, title="how it is counted")]


def _answers(plan) -> Table:
    rows = []
    for name, answer in plan.answers.items():
        if name not in NAMES:
            continue
        scale, unit = 1.0, answer.unit
        if name == "hours" and (answer.middle or 0) > 48:
            scale, unit = 24.0, "days on the clock"
        cells = [number(q, scale) for q in (answer.low, answer.middle, answer.high)]
        if answer.fixed:
            cells = ["", cells[1], ""]
        moved = sorted(plan.shares.get(name, {}).items(), key=lambda item: -item[1])
        words = [f"{which} {share:.0%}" for which, share in moved if share >= LEAST_SHARE]
        unit = "" if unit == NAMES[name] else unit
        rows.append((NAMES[name], *cells, unit, ", ".join(words[:3])))
    heads = (f"by {plan.law}", "10 %", "50 %", "90 %", "unit", "moved by")
    return Table(heads, rows, prose=(4, 5))


def _laws(plan) -> Table:
    names = [name for name in ("parameters", "tokens", "loss", "flops") if name in plan.answers]
    rows = [
        (law, *(number(found[name].middle) for name in names)) for law, found in plan.by_law.items()
    ]
    heads = ("law", *(NAMES[name] for name in names))
    return Table(heads, rows, title="answers of each law, never mixed: 50 % [10 %, 90 %]")


def _ranged(answer) -> str:
    if answer.fixed:
        return number(answer.middle)
    return f"{number(answer.middle)} [{number(answer.low)}, {number(answer.high)}]"


def _beyond(plan) -> str:
    far = {name: x for name, x in plan.extrapolation.items() if x is not None}
    if not far:
        return "how far this lies beyond the law's runs is not known: nobody says which they were"
    words = ", ".join(f"{name} {x:.1f}" for name, x in far.items())
    return f"powers of ten beyond the law's runs: {words}"


def _layout(found) -> list:
    from scaling_utils.cli._memory_text import search_in_words

    return search_in_words(found, whole=False) if hasattr(found, "best") else [str(found)]


def _inputs(plan) -> Table:
    rows = []
    for name, entry in plan.inputs.items():
        cells = [number(entry[key]) if entry.get(key) is not None else "" for key in _ENDS]
        rows.append((name, *cells, str(entry.get("unit") or ""), str(entry.get("source") or "")))
    return Table(("input", "10 %", "50 %", "90 %", "unit", "source"), rows, prose=(4, 5))


def next_in_words(more) -> list:
    """Return the runs to make next as a table, and what is expected of them."""
    rows = [tuple(map(number, run)) for run in zip(more.N, more.D, more.C, strict=True)]
    title = f"the next runs for {number(more.budget)} FLOPs, the most informative first"
    words = (
        f"the spread of ln N at the plan's FLOPs: {more.before:.3f} now, {more.after:.3f} expected "
        f"with them if the law holds ({more.method})"
    )
    return [Table(("parameters", "tokens", "FLOPs"), rows, title=title), words]


_ENDS = ("low", "middle", "high")
