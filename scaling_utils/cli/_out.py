"""How every command answers: results on standard output, remarks on standard error.

The status is 0; 1 where there are remarks and ``--strict`` was given; 2, which is not given here,
for input that cannot be used. With ``--json`` the result is one object that names its schema; it
holds no NaN.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, is_dataclass

import click

from scaling_utils import __version__
from scaling_utils._remarks import Remark


def output_options(function):
    """Give a click command ``--json`` and ``--strict``, as ``as_json`` and ``strict``."""
    function = click.option(
        "--strict", is_flag=True, help="End with status 1 where there is a remark."
    )(function)
    return click.option(
        "--json", "as_json", is_flag=True, help="Print JSON with unrounded numbers."
    )(function)


def emit(
    command: str,
    result: Mapping,
    text: Callable[[], Iterable],
    remarks: Iterable[Remark] = (),
    *,
    as_json: bool = False,
    strict: bool = False,
) -> int:
    """Print the answer of a command and return its status.

    Parameters
    ----------
    command : str
        Name of the command, such as "count".
    result : mapping
        The answer, for programs. Numbers unrounded, with their units in the keys or in an object
        ``units``. Arrays, tuples and dataclasses are turned into what JSON has, and what is not
        finite into null.
    text : callable
        Returns the answer for people, as parts for :func:`_tables.render`: lines and tables. It
        is only called where it is printed.
    remarks : iterable of Remark
        Told on standard error, and in the JSON too.
    as_json : bool
        Print the result in place of the text.
    strict : bool
        Return 1 where there is a remark.

    Returns
    -------
    int
        The status: 0 or 1.
    """
    remarks = list(dict.fromkeys(remarks))
    if as_json:
        print(json.dumps(as_object(command, result, remarks), indent=2, allow_nan=False))
    else:
        from scaling_utils.cli._tables import render

        # A stream in ASCII, as an old server has, gets a sign's number in place of the sign.
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        print(render(text(), sys.stdout).encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()  # before the remarks, also where both streams are one
    for remark in remarks:
        print(f"scaling-utils {command}: {' '.join(str(remark).split())}", file=sys.stderr)
    return 1 if strict and remarks else 0


def as_object(command: str, result: Mapping, remarks: Iterable[Remark] = ()) -> dict:
    """Return what ``--json`` prints, as a dict."""
    head = {"schema": f"scaling-utils/{command}/1", "version": __version__}
    told = [{"code": remark.code, "sentence": remark.sentence} for remark in remarks]
    return {**head, **plain(result), **head, "remarks": told}  # the head first, whatever comes


def plain(value):
    """Return a value as JSON has it: what is not finite is None, an array is a list."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, (set, frozenset)):
        return sorted(map(plain, value))
    if hasattr(value, "tolist"):  # arrays and scalars of numpy, without loading it
        return plain(value.tolist())
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Iterable):
        return [plain(entry) for entry in value]
    return str(value)
