"""Commands that still read their own words, as click commands."""

from __future__ import annotations

import argparse
from importlib import import_module

import click


class _Parser(argparse.ArgumentParser):
    def error(self, message: str):
        raise ValueError(message)


def _command(name: str) -> click.Command:
    def run(words: tuple[str, ...]) -> int:
        module = import_module(f"scaling_utils.cli.{name}")
        parser = _Parser(prog="scaling-utils")
        module.add(parser.add_subparsers())
        try:
            arguments = parser.parse_args([name, *words])
        except SystemExit as stop:  # after --help
            return stop.code
        return arguments.run(arguments)

    words = click.Argument(["words"], nargs=-1, type=click.UNPROCESSED)
    settings = {"ignore_unknown_options": True}
    return click.Command(
        name, callback=run, params=[words], add_help_option=False, context_settings=settings
    )


count = _command("count")
