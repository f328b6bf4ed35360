"""The command itself: what it returns, and how it says what is wrong."""

from __future__ import annotations

import os
import sys
import warnings

import click

from scaling_utils.cli._group import COMMANDS, COMPLETE, group
from scaling_utils.cli._names import typed, with_options

INTERRUPTED = 130


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``scaling-utils``.

    Input that cannot be used is told in one line on standard error.

    Parameters
    ----------
    argv : list of str, optional
        The words after the command's name; those that this process was started with if left out.

    Returns
    -------
    int
        The status: 0; 1 under ``--strict`` after any remark, and after a sweep with jobs that
        failed; 2 for input that cannot be used; 130 where it was interrupted.
    """
    instruction = os.environ.get(COMPLETE)
    if instruction:
        from click.shell_completion import shell_complete

        return shell_complete(group, {}, "scaling-utils", COMPLETE, instruction)
    words = sys.argv[1:] if argv is None else list(argv)
    outer = None
    if not words:
        return _refuse(outer, f"name a command: {', '.join(COMMANDS)} (--help says more)")
    try:
        with warnings.catch_warnings(), group.make_context("scaling-utils", words) as outer:
            warnings.showwarning = _told
            status = group.invoke(outer) or 0
        sys.stdout.flush()
        return status
    except click.exceptions.Exit as stop:  # after --help and --version
        return stop.exit_code
    except BrokenPipeError:  # the reader of our output, head for example, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except click.ClickException as error:
        return _refuse(outer, _of_click(error))
    except (ValueError, TypeError, ArithmeticError) as error:
        return _refuse(outer, _by_option(outer, str(error) or type(error).__name__))
    except MemoryError:
        return _refuse(outer, "this needs more memory than there is; ask for less at once")
    except OSError as error:
        return _refuse(outer, _of_system(error))
    except (KeyboardInterrupt, click.Abort):
        return _refuse(outer, "interrupted", INTERRUPTED)


def _refuse(outer: click.Context | None, sentence: str, status: int = 2) -> int:
    """Say in one line what is wrong, and return the status."""
    command = outer and outer.invoked_subcommand
    place = f"scaling-utils {command}" if command else "scaling-utils"
    print(f"{place}: {' '.join(sentence.split())}", file=sys.stderr)
    return status


def _told(message, category, filename, lineno, file=None, line=None) -> None:
    """Tell a warning of a library in one line, as a remark."""
    sentence = " ".join(str(message).split())
    print(f"scaling-utils: [warning] {category.__name__}: {sentence}", file=sys.stderr)


def _of_click(error: click.ClickException) -> str:
    """Return what click says in the form of this package: lower case, with what is near."""
    if isinstance(error, click.NoSuchOption):
        near = next(iter(error.possibilities or []), None)
        hint = f"; did you mean {near}?" if near else "; --help lists the options"
        return f"no such option {error.option_name}{hint}"
    if isinstance(error, click.MissingParameter) and error.param is not None:
        return f"{typed(error.param)} is missing; --help says what it is"
    if isinstance(error, click.BadParameter) and error.param is not None:
        return f"{typed(error.param)}: {error.message}"
    sentence = error.format_message().rstrip(".")
    return sentence[:1].lower() + sentence[1:]


def _name(param: click.Parameter) -> str:
    """Return how a parameter is typed."""
    return (
        max(param.opts, key=len) if isinstance(param, click.Option) else param.human_readable_name
    )


def _by_option(outer: click.Context | None, sentence: str) -> str:
    """Return a complaint of the library with options in place of its arguments' names."""
    if outer is None or outer.invoked_subcommand is None:
        return sentence
    command = group.get_command(outer, outer.invoked_subcommand)
    return with_options(sentence, command)


def _of_system(error: OSError) -> str:
    """Return what the system says, with the file that it is about."""
    place = f"{error.filename}: " if error.filename else ""
    return f"{place}{error.strerror or error}"
