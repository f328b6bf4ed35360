"""The languages of the recorded studies: the same on every machine but for rounding.

    python tools/languages.py            # compute them again and compare; exit 1 on a difference
    python tools/languages.py --write    # write results/languages.csv

A run names its language by the hash of the table of probabilities, and two processors may differ
in that hash: numpy raises numbers to a power with other inner loops on each, and for a Zipf
exponent such as 1.5 the last bit of a few of 64 numbers comes out otherwise. So each language has
a second mark, a weighted sum of its table. Rounding moves that by 1e-15 of itself, another seed
or setting by 1e-4 or more.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from scaling_utils.corpora.languages import dirichlet_language
from scaling_utils.studies.records import read_rows
from scaling_utils.sweeps import read_config
from scaling_utils.sweeps.tables import write_csv
from scaling_utils.tasks.windows import table_hash

RESULTS = Path(__file__).resolve().parent.parent / "results"
FILE = RESULTS / "languages.csv"
ROUNDING = 1e-9  # relative


def of_studies() -> list[dict]:
    """Return the settings of every language that a recorded job was trained on."""
    jobs = [job for file in RESULTS.glob("*/sweep.toml") for job in read_config(file).jobs]
    found = {json.dumps(job["language"], sort_keys=True) for job in jobs if job.get("language")}
    return [json.loads(settings) for settings in sorted(found)]


def weighted_sum(settings: Mapping) -> float:
    """Return the sum of a table's probabilities, each times its own fixed weight from 0 to 1."""
    rows = dirichlet_language(**settings).rows.ravel()
    return float(rows @ np.random.default_rng(0).random(rows.size))


def described(settings: Mapping) -> dict:
    """Return a row of the table: settings, hash, weighted sum."""
    return {
        "corpus": table_hash(**settings)[:16],
        "weighted_sum": weighted_sum(settings),
        "settings": json.dumps(settings, sort_keys=True),
    }


@functools.cache
def _recorded() -> dict[str, float]:
    return {row["corpus"]: row["weighted_sum"] for row in read_rows(FILE)}


@functools.cache
def _is_recorded(corpus: str, settings: str) -> bool:
    chosen = json.loads(settings)
    if table_hash(**chosen)[:16] == corpus:
        return True
    known = _recorded().get(corpus)
    return known is not None and math.isclose(known, weighted_sum(chosen), rel_tol=ROUNDING)


def is_recorded(corpus: str, settings: Mapping) -> bool:
    """Whether a language computed here is, but for rounding, the one with a recorded hash."""
    return _is_recorded(corpus, json.dumps(settings, sort_keys=True))


def main(words: list[str] | None = None) -> int:
    """Compare the table with the languages, or write it; see the top of this file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help=f"write {FILE.name}")
    if parser.parse_args(words).write:
        write_csv([described(settings) for settings in of_studies()], FILE)
        return 0
    stored = {row["settings"]: row["corpus"] for row in read_rows(FILE)}
    wanted = {json.dumps(settings, sort_keys=True): settings for settings in of_studies()}
    wrong = set(stored) ^ set(wanted)
    wrong |= {s for s in set(stored) & set(wanted) if not is_recorded(stored[s], wanted[s])}
    for settings in sorted(wrong):
        print(f"not as recorded: {settings}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
