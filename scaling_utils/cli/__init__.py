"""The command ``scaling-utils``: fit a table of runs, count a model, run a sweep.

Each subcommand has its module with ``add`` (its arguments) and ``run``. Bad input ends
with one line on standard error and exit code 2; a fit that is not to be relied on, and a
sweep with jobs that failed, ends with exit code 1 after its result.
"""

from __future__ import annotations

import argparse
import os
import sys

from scaling_utils import __version__
from scaling_utils.cli import count, fit, sweep
from scaling_utils.cli.runs import Runs, TableError, read_runs

__all__ = ["Runs", "TableError", "main", "read_runs"]


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code (argparse's own errors exit with 2)."""
    parser = argparse.ArgumentParser(
        prog="scaling-utils", description="Scaling laws, counts and sweeps from the command line."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for command in (fit, count, sweep):
        command.add(commands)
    args = parser.parse_args(argv)
    try:
        code = args.run(args)
        sys.stdout.flush()
        return code
    except ValueError as error:
        print(f"scaling-utils {args.command}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output, head for example, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
