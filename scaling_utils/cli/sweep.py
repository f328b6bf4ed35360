"""``scaling-utils sweep``: the jobs of a config file, run to their end."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from scaling_utils.cli._types import whole

_ABOUT = """\
Run the jobs of a TOML or YAML file and write each result to FOLDER/ledger.jsonl as it comes.

Killed or interrupted, the same command goes on where it stopped: jobs that are done are not run
again, the others start from their last checkpoint. Failed jobs are tried again."""

_EXAMPLE = """\
example of a config file, study.toml:
  experiment = "package.module:function"
  [fixed]
  steps = 1000
  [[grid]]
  vary = { width = [8, 16, 32], seed = [0, 1] }

examples:
  scaling-utils sweep study.toml --out study --csv study.csv
  scaling-utils sweep study.toml --out study --scheduler tcp://127.0.0.1:8786
  scaling-utils sweep study.toml --out study --slurm slurm.toml --workers 20"""


def add(commands) -> None:
    """Add the subcommand to argparse's ``commands``."""
    parser = commands.add_parser(
        "sweep",
        help="run many jobs of an experiment, and go on after an interruption",
        description=_ABOUT,
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("config", type=Path, help="TOML or YAML file")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="ledger and checkpoints go here"
    )
    parser.add_argument(
        "--workers", type=whole, default=2, help="processes of one thread each (default: 2)"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--scheduler", metavar="ADDRESS", help="of a running Dask scheduler")
    where.add_argument(
        "--slurm",
        type=Path,
        metavar="FILE",
        help="TOML file with options of dask_jobqueue.SLURMCluster",
    )
    parser.add_argument("--csv", type=Path, metavar="PATH", help="write the rows as a table too")
    parser.add_argument(
        "--record",
        type=Path,
        metavar="FOLDER",
        help="write jobs.csv and runs.csv there: the whole record, with where it ran",
    )
    parser.add_argument(
        "--accept-changed",
        action="store_true",
        help="go on though the experiment's code has changed; what is done stays",
    )
    parser.add_argument("--quiet", action="store_true", help="no lines about the progress")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the sweep and return the exit code: 1 where jobs failed, 130 where interrupted."""
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


def _check_places(args: argparse.Namespace, ledger: Path) -> None:
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


def _write(args: argparse.Namespace, ledger: Path, rows: list[dict]) -> None:
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
