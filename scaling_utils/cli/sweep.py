"""``scaling-utils sweep``: the jobs of a config file, run to their end."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import click

from scaling_utils.cli._numbers import Number

_EXAMPLE = """\b
Example of a config file, study.toml:
  experiment = "package.module:function"
  [fixed]
  steps = 1000
  [[grid]]
  vary = { width = [8, 16, 32], seed = [0, 1] }

\b
Examples:
  scaling-utils sweep study.toml --out study --csv study.csv
  scaling-utils sweep study.toml --out study --scheduler tcp://127.0.0.1:8786
  scaling-utils sweep study.toml --out study --slurm slurm.toml --workers 20

The status is 1 where jobs failed, and 130 where the sweep was interrupted."""
_PATH = click.Path(path_type=Path)


@click.command("sweep", epilog=_EXAMPLE)
@click.argument("config", type=_PATH)
@click.option(
    "--out", type=_PATH, required=True, metavar="FOLDER", help="Ledger and checkpoints go here."
)
@click.option(
    "--workers",
    type=Number(whole=True),
    default=2,
    show_default=True,
    help="Processes of one thread each.",
)
@click.option("--scheduler", metavar="ADDRESS", help="Of a running Dask scheduler.")
@click.option(
    "--slurm",
    type=_PATH,
    metavar="FILE",
    help="TOML file with options of dask_jobqueue.SLURMCluster.",
)
@click.option("--csv", type=_PATH, metavar="PATH", help="Write the rows as a table too.")
@click.option(
    "--record",
    type=_PATH,
    metavar="FOLDER",
    help="Write jobs.csv and runs.csv there: the whole record, with where it ran.",
)
@click.option(
    "--accept-changed",
    is_flag=True,
    help="Go on though the experiment's code has changed; what is done stays.",
)
@click.option("--quiet", is_flag=True, help="No lines about the progress.")
def command(**options) -> int:
    """Run the jobs of a TOML or YAML file and write each result to FOLDER/ledger.jsonl.

    Killed or interrupted, the same command goes on where it stopped: jobs that are done are not
    run again, the others start from their last checkpoint. Failed jobs are tried again.
    """
    args = SimpleNamespace(**options)
    if args.scheduler is not None and args.slurm is not None:
        raise click.UsageError("--scheduler and --slurm say two places; give one of them")
    return _run(args)


def _run(args: SimpleNamespace) -> int:
    """Run the sweep and return the status: 1 where jobs failed, 130 where interrupted."""
    from scaling_utils.sweeps import JobsFailed, read_config, sweep
    from scaling_utils.sweeps.config import read_toml
    from scaling_utils.sweeps.tables import with_diverged

    config = read_config(args.config)
    options = None if args.slurm is None else read_toml(args.slurm)
    ledger = args.out / "ledger.jsonl"
    _check_places(args, ledger)
    path = [args.config.resolve().parent]  # an experiment may lie beside its config file
    sys.path.extend(str(place) for place in path if str(place) not in sys.path)
    failures = []
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        rows = sweep(
            config.experiment,
            config.jobs,
            ledger,
            scheduler=args.scheduler,
            slurm=options,
            workers=args.workers,
            progress=not args.quiet,
            path=path,
            accept_changed=args.accept_changed,
        )
    except JobsFailed as error:
        rows, failures = error.rows, error.failures
    except (ImportError, OSError, TypeError) as error:
        raise ValueError(str(error)) from error
    except KeyboardInterrupt:
        print("\nscaling-utils sweep: interrupted; the same command goes on", file=sys.stderr)
        return 130
    finally:
        signal.signal(signal.SIGTERM, before)
    marked = with_diverged(rows)
    _write(args, ledger, marked)
    print(f"{len(config.jobs) - len(failures)} of {len(config.jobs)} jobs done, {len(rows)} rows")
    print(f"ledger: {ledger}")
    if marked is not rows:
        count = sum(row["diverged"] is True for row in marked)
        print(f"{count} of {len(rows)} rows have no finite loss: diverged is True in the table")
    for failure in failures:
        print(f"failed: {failure.key} {failure.job}: {failure.error}", file=sys.stderr)
    return 1 if failures else 0


def _check_places(args: SimpleNamespace, ledger: Path) -> None:
    """Raise for a place that cannot be written now, not when all jobs have run."""
    from scaling_utils.sweeps.tables import check_writable

    places = [("--out", ledger)]
    if args.csv:
        places.append(("--csv", args.csv))
    if args.record:
        places += [("--record", args.record / name) for name in ("jobs.csv", "runs.csv")]
    for option, place in places:
        try:
            check_writable(place)
        except OSError as error:
            raise ValueError(
                f"{option}: {place} cannot be written: {error.strerror or error}"
            ) from error


def _write(args: SimpleNamespace, ledger: Path, rows: list[dict]) -> None:
    """Write the tables that were asked for."""
    from scaling_utils.sweeps import record, write_csv

    try:
        if args.csv:
            write_csv(rows, args.csv)
        if args.record and rows:
            record(ledger, args.record)
    except OSError as error:
        raise ValueError(
            f"a table cannot be written: {error}; all results are in {ledger}, and the same "
            "command writes the table without running them again"
        ) from error
