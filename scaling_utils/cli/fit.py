"""``scaling-utils fit``: the parametric law of a table of runs."""

from __future__ import annotations

import argparse
import json
import sys
import warnings

from scaling_utils.cli import _units
from scaling_utils.cli._fit_text import in_words
from scaling_utils.cli._types import index, positive, resamples, sizes
from scaling_utils.cli.runs import Runs, TableError, read_runs

PARAMETERS = ("E", "A", "B", "alpha", "beta")
LEVEL = 0.95

_ABOUT = """\
Fit L(N, D) = E + A/N^alpha + B/D^beta (Hoffmann et al. 2022, Approach 3) to a CSV file.

The file has a header and the columns loss (nats per token) and two of N (parameters),
D (tokens) and C (training FLOPs, C = 6 N D). Runs without a loss are left out and counted.
Other columns are ignored."""

_EXAMPLE = """\
example:
  scaling-utils fit runs.csv --bootstrap 1000 --budget 1e21

The exit code is 1 where the fit is not to be relied on; the reasons stand under `doubts`."""


def add(commands) -> None:
    """Add the subcommand to argparse's ``commands``."""
    parser = commands.add_parser(
        "fit",
        help="fit the parametric law to a table of runs",
        description=_ABOUT,
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", help="CSV file, or - for standard input")
    parser.add_argument(
        "--sizes", type=sizes, metavar="X,Y", help="which two of N, D and C to use (default: N,D)"
    )
    _units.add_arguments(parser)
    parser.add_argument(
        "--delta",
        type=positive,
        default=1e-3,
        help="log-loss residuals beyond delta count by size, not squared (default: 1e-3)",
    )
    parser.add_argument(
        "--bootstrap",
        type=resamples,
        metavar="n",
        help="95 %% intervals from n resamples of the runs",
    )
    parser.add_argument("--seed", type=index, default=0, help="of the bootstrap (default: 0)")
    parser.add_argument(
        "--budget",
        type=positive,
        action="append",
        default=[],
        metavar="C",
        help="print the optimal N and D for C training FLOPs; may be given again",
    )
    parser.add_argument("--json", action="store_true", help="print JSON with unrounded numbers")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Fit, print, and return the exit code: 1 where the fit is not to be relied on."""
    from scaling_utils.fitting import FitError, FitWarning, fit_parametric

    table = read_runs(args.runs, sizes=args.sizes, units=_units.said_units(args))
    name = "standard input" if args.runs == "-" else args.runs
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", FitWarning)
        try:
            fit = fit_parametric(table["N"], table["D"], table["loss"], delta=args.delta)
        except (ValueError, FitError) as error:
            raise TableError(f"{name}: {error}") from error
        drawn, why_not = _resample(fit, args)
    doubts = _doubts(fit, drawn, why_not)
    result = {
        "file": name,
        **_what_was_read(table),
        "law": {key: getattr(fit.law, key) for key in PARAMETERS},
        "exponent_of_optimal_N": fit.law.a,
        "objective": fit.objective,
        "delta": fit.delta,
        "converged": fit.converged,
        "message": fit.message,
        "doubts": doubts,
        "report": fit.report.as_dict(),
        "far_lines": table.lines[list(fit.report.far)].tolist(),
        "bootstrap": _what_was_drawn(drawn, why_not, args),
        "intervals_95": None if drawn is None else _intervals(drawn),
        "optima": [_optimum(fit.law, drawn, budget) for budget in args.budget],
        "warnings": list(dict.fromkeys(str(warning.message) for warning in caught)),
    }
    if args.json:
        print(json.dumps(result, indent=2, allow_nan=False))
    else:
        print(in_words(result, table))
    if table.disagrees:
        used = " and ".join(table.read_from)
        print(
            f"scaling-utils fit: {name}: 6 N D is not the column C; {used} are used. Is that "
            f"meant? --sizes N,C would use C ({table.six_nd_over_c[1]:.3g} times, in the middle)",
            file=sys.stderr,
        )
    for doubt in doubts:
        print(f"scaling-utils fit: {name}: {doubt}", file=sys.stderr)
    return 1 if doubts else 0


def _doubts(fit, drawn, why_not: str | None) -> list[str]:
    """Everything that speaks against relying on the fit or on its intervals."""
    doubts = [*([] if fit.converged else [fit.message]), *fit.report.doubts]
    if why_not:
        doubts.append(f"no intervals: {why_not}")
    elif drawn is not None:
        doubts += [f"of the intervals: {note}" for note in drawn.notes]
    return list(dict.fromkeys(doubts))


def _what_was_read(table: Runs) -> dict:
    return {
        "runs": len(table),
        "left_out": dict(table.left_out),
        "sizes": list(table.read_from),
        "six_nd_over_c": table.six_nd_over_c
        and dict(zip(("lowest", "middle", "highest"), table.six_nd_over_c, strict=True)),
    }


def _resample(fit, args: argparse.Namespace):
    """Return the resampled fits, or None and why there are none; the fit itself is kept."""
    if args.bootstrap is None:
        return None, None
    from scaling_utils.fitting import FitError, bootstrap

    try:
        drawn = bootstrap(fit, n=args.bootstrap, seed=args.seed)
        drawn.interval("E", LEVEL)  # too few resamples for the level are found here
        return drawn, None
    except (ValueError, FitError) as error:
        return None, str(error)


def _what_was_drawn(drawn, why_not: str | None, args: argparse.Namespace) -> dict | None:
    if args.bootstrap is None:
        return None
    if drawn is None:
        return {"n": args.bootstrap, "seed": args.seed, "failed": why_not}
    kept = drawn.as_dict(LEVEL)
    del kept["intervals"]
    return {**kept, "failed": None}


def _intervals(drawn) -> dict[str, list[float] | None]:
    found = {name: drawn.interval(name, LEVEL) for name in drawn.names}
    return {name: pair and list(pair) for name, pair in found.items()}


def _optimum(law, drawn, budget: float) -> dict:
    best = law.optimal(budget)
    out = {
        "C": budget,
        "N": best.N,
        "D": best.D,
        "tokens_per_parameter": best.tokens_per_parameter,
        "loss": best.loss,
    }
    if drawn is not None:
        for key in ("N", "D", "loss"):
            pair = drawn.interval(lambda law, key=key: getattr(law.optimal(budget), key), LEVEL)
            out[f"{key}_interval_95"] = pair and list(pair)
    return out
