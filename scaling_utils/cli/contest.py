"""``scaling-utils contest``: verify the ledger of a lab."""

from __future__ import annotations

from pathlib import Path

import click

from scaling_utils._remarks import Remark
from scaling_utils.cli._numbers import Number, Word
from scaling_utils.cli._out import emit, output_options
from scaling_utils.cli._tables import Table


@click.command(
    "contest",
    epilog="""\b
Examples:
  scaling-utils contest verify ann.contest.jsonl
  scaling-utils contest verify ann.contest.jsonl --seed 7 --json
  scaling-utils contest verify "handed in (2).jsonl" --name ann --quick

The status is 0 where all holds, 1 where something does not (and with --strict where there is a
remark), and 2 where the file is no ledger.""",
)
@click.argument("action", type=Word(["verify"]), metavar="verify")
@click.argument("ledger", type=click.Path(path_type=Path))
@click.option("--name", help="Of the lab, where the file is not called NAME.contest.jsonl.")
@click.option(
    "--seed", type=Number(whole=True, zero=True), help="Draws the runs to repeat; else a fresh one."
)
@click.option(
    "--reruns",
    type=Number(whole=True, zero=True),
    default=3,
    show_default=True,
    help="Screening runs to train again.",
)
@click.option("--quick", is_flag=True, help="Train nothing: chain, rules, bills and points alone.")
@output_options
def command(action, ledger, name, seed, reruns, quick, as_json, strict) -> int:
    """Verify the ledger of a lab, and say its points.

    The chain of hashes, the name, the rules and the bills are read again; the final run and three
    screening runs, drawn at random, are trained again, which takes about a minute. Each must come
    within 1 % of the excess in the ledger. The file is only read, and nothing in it is run.
    """
    from scaling_utils.contest import verify

    verdict = verify(ledger, name=name, seed=seed, reruns=reruns, train=not quick)
    result = as_dict(verdict)
    remarks = list(_remarks(verdict))
    status = emit(
        "contest", result, lambda: _text(verdict), remarks, as_json=as_json, strict=strict
    )
    return status if verdict.holds else 1


def as_dict(verdict) -> dict:
    """Return a verdict for programs: excess in nats per symbol, budgets in FLOPs."""
    report = verdict.report
    return {
        "name": verdict.name,
        "holds": verdict.holds,
        "seed": verdict.seed,
        "trained": verdict.trained,
        "checks": verdict.checks,
        "points": None
        if report is None
        else {
            "all": report.points,
            "loss": report.loss_points,
            "prediction": report.prediction_points,
            "interval_score": report.interval_score,
        },
        "report": report,
    }


def _text(verdict):
    rows = [
        (check.what, "holds" if check.holds else "FAILS", check.found) for check in verdict.checks
    ]
    said = "all of it holds" if verdict.holds else "not all of it holds"
    yield Table(("", "", ""), rows, prose=(2,), title=f"Lab {verdict.name}, seed {verdict.seed}")
    yield f"{said[:1].upper()}{said[1:]}."
    if verdict.report is not None:
        yield str(verdict.report)


def _remarks(verdict):
    if not verdict.trained:
        yield Remark(
            "nothing-trained",
            "no run was trained again, so that a ledger with invented losses passes",
        )
    if not verdict.same_code:
        yield Remark(
            "other-code",
            "the runs were made by another version of the contest's code than this one; its "
            "losses may differ",
        )
