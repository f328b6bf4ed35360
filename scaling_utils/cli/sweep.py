"""``scaling-utils sweep``: the jobs of a config file, run to their end."""

from __future__ import annotations

import argparse
import signal
import sys
import tomllib
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
    parser.add_argument("--quiet", action="store_true", help="no lines about the progress")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the sweep and return the exit code: 1 where jobs failed, 130 where interrupted."""
    from scaling_utils.sweeps import JobsFailed, read_config, record, sweep, write_csv

    config = read_config(args.config)
    path = [args.config.resolve().parent]  # an experiment may lie beside its config file
    sys.path.extend(str(place) for place in path if str(place) not in sys.path)
    ledger = args.out / "ledger.jsonl"
    failures = []
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        rows = sweep(
            config.experiment,
            config.jobs,
            ledger,
            scheduler=args.scheduler,
            slurm=_slurm(args.slurm),
            workers=args.workers,
            progress=not args.quiet,
            path=path,
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
    if args.csv:
        write_csv(rows, args.csv)
    if args.record and rows:
        record(ledger, args.record)
    print(f"{len(config.jobs) - len(failures)} of {len(config.jobs)} jobs done, {len(rows)} rows")
    print(f"ledger: {ledger}")
    for failure in failures:
        print(f"failed: {failure.key} {failure.job}: {failure.error}", file=sys.stderr)
    return 1 if failures else 0


def _slurm(path: Path | None) -> dict | None:
    if path is None:
        return None
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"{path}: cannot be used: {error}") from error
