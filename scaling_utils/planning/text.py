"""A plan as text."""

from __future__ import annotations

from textwrap import fill, wrap

NAMES = {
    "parameters": "parameters",
    "tokens": "tokens",
    "tokens_per_parameter": "tokens per parameter",
    "epochs": "passes over the data",
    "loss": "loss",
    "flops": "training work",
    "serving_flops": "serving work",
    "total_flops": "training and serving",
    "steps": "steps",
    "devices": "devices",
    "device_hours": "device-hours",
    "hours": "time on the clock",
    "cost": "cost",
    "kwh": "energy",
    "kg_co2e": "emissions",
    "kg_embodied": "embodied emissions",
}
WIDTH = 88


def text_of(plan) -> str:
    """Return the answers, what makes them uncertain, the remarks and the conventions."""
    parts = [f"Plan by the law {plan.law!r}; 10 %, 50 % and 90 % of each answer", ""]
    parts += _answers(plan)
    if plan.by_law:
        parts += ["", "Between the laws (never mixed), middle answers:"]
        for name in ("parameters", "tokens", "loss", "flops"):
            if name in plan.between and plan.between[name][0] != plan.between[name][1]:
                low, high = (number(x) for x in plan.between[name])
                parts.append(f"  {NAMES[name]:<22}{low} to {high}")
    parts += ["", _beyond(plan.extrapolation)]
    if plan.layout is not None:
        parts += ["", str(plan.layout)]
    if plan.remarks:
        parts += ["", "Remarks:"]
        parts += [
            fill(str(r), WIDTH, initial_indent="  ", subsequent_indent="    ") for r in plan.remarks
        ]
    parts += ["", "How it is counted:"]
    for name, words in plan.conventions.items():
        parts += wrap(f"{name}: {words}", WIDTH, initial_indent="  ", subsequent_indent="    ")
    return "\n".join(parts)


def _answers(plan) -> list[str]:
    lines = []
    for name, title in NAMES.items():
        if name not in plan.answers:
            continue
        answer = plan.answers[name]
        unit, scale = answer.unit, 1.0
        if name == "hours" and (answer.middle or 0) > 48:
            unit, scale = "days on the clock", 24.0
        cells = [number(q, scale) for q in (answer.low, answer.middle, answer.high)]
        if answer.fixed:
            cells = ["", cells[1], ""]
        line = f"  {title:<22}" + "".join(f"{cell:>11}" for cell in cells) + f"  {unit}"
        largest = sorted(plan.shares.get(name, {}).items(), key=lambda item: -item[1])[:2]
        words = ", ".join(f"{which} {share:.0%}" for which, share in largest if share >= 0.05)
        lines.append(f"{line}  [{words}]" if words else line.rstrip())
    return lines


def _beyond(decades: dict) -> str:
    known = {name: x for name, x in decades.items() if x is not None}
    if not known:
        return "Nobody says which runs the law was fitted on, so how far beyond them is unknown."
    words = ", ".join(f"{name} {x:.1f}" for name, x in known.items())
    return f"Powers of ten beyond the law's runs: {words}."


def number(value: float | None, scale: float = 1.0) -> str:
    """Return three digits of a number, or what stands for one that is beyond all numbers."""
    if value is None:
        return "none"
    value /= scale
    if value == 0 or 1e-2 <= abs(value) < 1e4:
        return f"{value:.4g}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{value:.3g}".replace("e+", "e")
