"""The command itself: its subcommands and what it returns."""

from __future__ import annotations

import argparse
import os
import sys

from scaling_utils import __version__
from scaling_utils.cli import count, fit, sweep


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``scaling-utils``.

    Bad input is told in one line on standard error.

    Parameters
    ----------
    argv : list of str, optional
        The words after the command's name; those that this process was started with if left out.

    Returns
    -------
    int
        The exit code: 0; 1 after the result of a fit that is not to be relied on or of a sweep
        with jobs that failed; 2 for bad input; 130 for a sweep that was interrupted.

    Raises
    ------
    SystemExit
        From ``argparse``: with code 2 for words that it does not know, 0 after ``--help``.
    """
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
