"""What ``scaling-utils fit`` prints for people."""

from __future__ import annotations

import numpy as np

from scaling_utils.tables import Runs
from scaling_utils.tables._gather import counted

COUNTED = {"N": "parameters", "D": "tokens", "C": "FLOPs"}
OFFSETS = ("E", "c")
EDGE = 1e-12  # of a loss


def in_words(result: dict, table: Runs) -> list[str]:
    """Write the result of a fit, one line for each thing to know."""
    return [
        *_input(result, table),
        *_law(result),
        *_trust(result),
        *_budgets(result),
        *_optima(result),
        *_points(result),
        *_accuracy(result),
        *_held_out(result),
        *_comparison(result),
        *[f"{key:<12}{result[key]}" for key in ("saved", "plot", "residuals") if key in result],
    ]


def _input(result: dict, table: Runs) -> list[str]:
    lines = [f"runs        {result['runs']} from {result['file']}"]
    if result["left_out"]:
        reasons = counted(result["left_out"])
        lines.append(f"left out    {sum(result['left_out'].values())} rows: {reasons}")
    if result["groups"]:
        lines.append(f"groups      {result['groups']}, drawn whole")
    ends = ", ".join(
        f"{name} {low:.3g} to {high:.3g} {COUNTED.get(name, '')}".rstrip()
        for name, (low, high) in result["ranges"].items()
    )
    lines.append(f"range       {ends}")
    used = " and ".join(result["sizes"])
    if result["six_nd_over_c"] and len(result["sizes"]) == 2:
        low, middle, high = result["six_nd_over_c"].values()
        lines.append(
            f"sizes       {used} are used; 6 N D is {middle:.4g} times the column C "
            f"({low:.4g} to {high:.4g}), --sizes chooses others"
        )
    elif len(result["sizes"]) == 2 and "C" in result["sizes"] and result["form"] != "isoflop":
        lines.append(f"sizes       {used} are used, the third follows from C = 6 N D")
    return lines


def _law(result: dict) -> list[str]:
    law, intervals = result["law"], result["intervals_95"]
    lines = [f"law         {result['formula']}, {result['unit']}"]
    for name, value in law.items():
        held = " (held)" if name in result["fixed"] else ""
        lines.append(f"  {name:<8}  {_seen(name, value):.6g}{_bounds(intervals, name)}{held}")
    if "exponent_of_optimal_N" in result:
        lines.append(
            f"optimum     N grows as C^a, a = beta/(alpha+beta) = "
            f"{result['exponent_of_optimal_N']:.4f}{_bounds(intervals, 'a')}"
        )
    return [*lines, _objective(result)]


def _objective(result: dict) -> str:
    if result["form"] == "isoflop":
        return f"objective   {result['objective']:.6g}  (half the squares about the parabolas)"
    if result["delta"] is None:
        kind = "half the squares of log residuals"
    elif result["delta"] == 0:
        kind = "sizes of log residuals"
    else:
        kind = f"Huber loss of log residuals, delta {result['delta']:g}"
    return f"objective   {result['objective']:.6g}  (sum over runs of the {kind})"


def _trust(result: dict) -> list[str]:
    report, drawn = result["report"], result["bootstrap"]
    shown = ".2%" if report["scale"] == "log" else ".3g"
    lines = [
        f"converged   {'yes' if result['converged'] else 'no'}",
        f"residuals   half within {report['residual_median']:{shown}}, largest "
        f"{report['residual_max']:{shown}} of the {'loss' if report['scale'] == 'log' else 'rows'}"
        f"; {report['rows']} runs, {report['free']} constants",
    ]
    if result["far_lines"]:
        lines.append(f"far off     lines {_list(result['far_lines'])} of the file")
    if report["without_far"]:
        law = ", ".join(
            f"{name} {value:.4g}"
            for name, value in report["without_far"].items()
            if isinstance(value, (int, float))
        )
        lines.append(f"  without   {law}")
    if drawn and drawn["failed"] is None:
        kinds = {"groups": "groups", "stratified": "runs within each budget"}
        what = kinds.get(drawn["kind"], "runs")
        seed = "" if drawn["seed"] is None else f" (seed {drawn['seed']})"
        lines.append(
            f"intervals   {100 * drawn['level']:g} %, percentiles of {drawn['n']} resamples of the "
            f"{what}{seed}"
        )
    lines.append(f"doubts      {'' if result['doubts'] else 'none'}".rstrip())
    lines += [f"  - {sentence}" for sentence in result["doubts"]]
    lines += [f"note        {note['sentence']}" for note in result["notes"]]
    return lines


def _budgets(result: dict) -> list[str]:
    if not result["budgets"]:
        return []
    lines = [f"valleys     tokens {result['budgets']['tokens_from']}"]
    for row in result["budgets"]["used"]:
        lines.append(
            f"  C {row['C']:.3g}  N {row['N']:.4g}  D {row['D']:.4g}  loss {row['loss']:.4g}  "
            f"({row['runs']} runs)"
        )
    lines += [
        f"  C {budget}  left out: {why}" for budget, why in result["budgets"]["left_out"].items()
    ]
    return lines


def _optima(result: dict) -> list[str]:
    lines = []
    largest = result["ranges"].get("C", (0, np.inf))[1]
    kind = ", one more run" if result["kind"] == "new-run" else ""
    for optimum in result["optima"]:
        lines += [
            f"budget      {optimum['C']:.4g} FLOPs",
            f"  N         {optimum['N']:.4g} parameters{_bounds(optimum, 'N_interval_95')}",
            f"  D         {optimum['D']:.4g} tokens{_bounds(optimum, 'D_interval_95')}"
            f", {optimum['tokens_per_parameter']:.3g} per parameter",
        ]
        if "loss" in optimum:
            lines.append(
                f"  loss      {optimum['loss']:.4g} nats per token"
                f"{_bounds(optimum, 'loss_interval_95')}{kind}"
            )
        if optimum["C"] > largest:
            lines.append(f"  beyond the runs: {optimum['C'] / largest:.3g} times the largest one")
    return lines


def _points(result: dict) -> list[str]:
    lines = []
    kind = ", one more run" if result["kind"] == "new-run" else ""
    for point in result["points"]:
        names = [name for name in point if not name.endswith(("_95", "_beyond"))]
        x = [name for name in names if name in result["ranges"]]
        lines.append("at          " + ", ".join(f"{name} {point[name]:.4g}" for name in x))
        for name in names:
            if name not in x:
                bounds = _bounds(point, f"{name}_interval_95")
                lines.append(f"  {name:<8}  {point[name]:.4g}{bounds}{kind}")
        beyond = [f"{v:+.2g} decades of {k}" for k, v in point["decades_beyond"].items() if v]
        if beyond:
            lines.append(f"  outside the rows: {', '.join(beyond)}")
    return lines


def _accuracy(result: dict) -> list[str]:
    step = result["accuracy"]
    if not step:
        return []
    lines = [f"accuracy    {step['formula']}"]
    lines += [
        f"  {name:<8}  {value:.4g}{_bounds(step['intervals_95'], name)}"
        for name, value in step["law"].items()
    ]
    return [*lines, f"  rows      {step['rows']}, rms of the residuals {step['residual_rms']:.3g}"]


def _held_out(result: dict) -> list[str]:
    held = result["hold_out"]
    if not held:
        return []
    inside = held["inside_new_run_95"]
    return [
        f"hold-out    {held['rows']} rows with {held['rule']}",
        f"  error     {held['mean_size_of_error']:.2%} in the mean, bias {held['bias']:+.2%}, "
        f"largest {held['largest']:.2%}",
        *(
            []
            if inside is None
            else [f"  inside    {inside:.0%} in the 95 % interval of a new run"]
        ),
    ]


def _comparison(result: dict) -> list[str]:
    found = result["comparison"]
    if not found:
        return []
    lines = [f"comparison  error on {len(found['held'])} held-out rows: {found['rule']}"]
    for name, score in found["scores"].items():
        tie = "  not told apart from the best" if name in found["ties"] else ""
        best = "  the best" if name == found["best"] else ""
        lines.append(f"  {name:<24}{score['error']:.2%}, bias {score['bias']:+.2%}{best}{tie}")
    return lines


def _list(numbers: list[int], most: int = 8) -> str:
    shown = ", ".join(map(str, numbers[:most]))
    return shown + (f" and {len(numbers) - most} more" if len(numbers) > most else "")


def _bounds(intervals: dict | None, name: str) -> str:
    if not intervals or name not in intervals:
        return ""
    if intervals[name] is None:
        return "  [no bounds]"
    low, high = intervals[name]
    return f"  [{_seen(name, low):.4g}, {_seen(name, high):.4g}]"


def _seen(name: str, value: float) -> float:
    """Return 0 for an offset at its edge: the solver works in logarithms and never arrives."""
    return 0.0 if name in OFFSETS and abs(value) < EDGE else value
