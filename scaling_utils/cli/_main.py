"""The command itself: its subcommands and what it returns."""

from __future__ import annotations

import argparse
import os
import sys

from scaling_utils import __version__
from scaling_utils.cli import count, fit, sweep


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
