"""What ``scaling-utils fit`` prints for people."""

from __future__ import annotations

import numpy as np

from scaling_utils.cli.runs import Runs


def in_words(result: dict, table: Runs) -> str:
    """Write the result of a fit, one line for each thing to know."""
    return "\n".join(
        [*_input(result, table), *_law(result), *_trust(result), *_optima(result, table)]
    )


def _input(result: dict, table: Runs) -> list[str]:
    lines = [f"runs        {result['runs']} from {result['file']}"]
    if result["left_out"]:
        reasons = ", ".join(f"{count} with {why}" for why, count in result["left_out"].items())
        lines.append(f"left out    {sum(result['left_out'].values())} rows: {reasons}")
    N, D = _range(table["N"]), _range(table["D"])
    lines.append(f"range       N {N} parameters, D {D} tokens")
    used = " and ".join(result["sizes"])
    if result["six_nd_over_c"]:
        low, middle, high = result["six_nd_over_c"].values()
        lines.append(
            f"sizes       {used} are used; 6 N D is {middle:.4g} times the column C "
            f"({low:.4g} to {high:.4g}), --sizes chooses others"
        )
    elif "C" in result["sizes"]:
        lines.append(f"sizes       {used} are used, the third follows from C = 6 N D")
    return lines


def _law(result: dict) -> list[str]:
    law, intervals = result["law"], result["intervals_95"]
    lines = ["law         L(N, D) = E + A/N^alpha + B/D^beta, nats per token"]
    lines += [f"  {name:<8}  {value:.6g}{_bounds(intervals, name)}" for name, value in law.items()]
    lines += [
        f"optimum     N grows as C^a, a = beta/(alpha+beta) = "
        f"{result['exponent_of_optimal_N']:.4f}{_bounds(intervals, 'a')}",
        f"objective   {result['objective']:.6g}  (sum over runs of the Huber loss of "
        f"log residuals, delta {result['delta']:g})",
    ]
    return lines


def _trust(result: dict) -> list[str]:
    report, drawn = result["report"], result["bootstrap"]
    lines = [
        f"converged   {'yes' if result['converged'] else 'no'}",
        f"residuals   half within {report['residual_median']:.2%}, largest "
        f"{report['residual_max']:.2%} of the loss; {report['rows']} runs, "
        f"{report['free']} constants",
    ]
    if result["far_lines"]:
        lines.append(f"far off     lines {_list(result['far_lines'])} of the file")
    if report["without_far"]:
        law = ", ".join(f"{name} {value:.4g}" for name, value in report["without_far"].items())
        lines.append(f"  without   {law}")
    if drawn and drawn["failed"] is None:
        lines.append(
            f"intervals   {100 * drawn['level']:g} %, percentiles of {drawn['n']} resamples of the "
            f"runs (seed {drawn['seed']})"
        )
    lines.append(f"doubts      {'' if result['doubts'] else 'none'}".rstrip())
    lines += [f"  - {sentence}" for sentence in result["doubts"]]
    return lines


def _optima(result: dict, table: Runs) -> list[str]:
    lines = []
    largest = float(table["C"].max())
    for optimum in result["optima"]:
        lines += [
            f"budget      {optimum['C']:.4g} FLOPs",
            f"  N         {optimum['N']:.4g} parameters{_bounds(optimum, 'N_interval_95')}",
            f"  D         {optimum['D']:.4g} tokens{_bounds(optimum, 'D_interval_95')}"
            f", {optimum['tokens_per_parameter']:.3g} per parameter",
            f"  loss      {optimum['loss']:.4g} nats per token"
            f"{_bounds(optimum, 'loss_interval_95')}",
        ]
        if optimum["C"] > largest:
            lines.append(f"  beyond the runs: {optimum['C'] / largest:.3g} times the largest one")
    return lines


def _list(numbers: list[int], most: int = 8) -> str:
    shown = ", ".join(map(str, numbers[:most]))
    return shown + (f" and {len(numbers) - most} more" if len(numbers) > most else "")


def _range(values: np.ndarray) -> str:
    return f"{values.min():.3g} to {values.max():.3g}"


def _bounds(intervals: dict | None, name: str) -> str:
    if not intervals or name not in intervals:
        return ""
    if intervals[name] is None:
        return "  [no bounds]"
    low, high = intervals[name]
    return f"  [{low:.4g}, {high:.4g}]"
