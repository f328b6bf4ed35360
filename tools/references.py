"""Write what the texts of the study on domains cost without a network: compressors and counts.

    python tools/references.py           # compare with results/domains/references.csv
    python tools/references.py --write   # write it again

Both measure the corpora of this Python, with the split of the recorded runs; another Python's
standard library is another corpus. It takes about 40 s. Bits per byte, four decimals.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from scaling_utils.corpora.baselines import ORDERS, compressed, ngram_entropy
from scaling_utils.corpora.splits import Split
from scaling_utils.studies.records import read_rows
from scaling_utils.sweeps.records import SHORT
from scaling_utils.sweeps.tables import write_csv
from scaling_utils.tasks.windows import split_text

FILE = Path(__file__).resolve().parent.parent / "results" / "domains" / "references.csv"
TEXTS = ("english", "python")
DECIMALS = 4


def about(name: str, split: Split) -> dict:
    """Return what all rows of a corpus share: its name, its hash, the bytes of its two parts."""
    return {
        "corpus": name,
        "sha256": split.text.sha256[:SHORT],
        "train_bytes": split.train.size,
        "held_out_bytes": split.held_out.size,
    }


def compressor_rows(split: Split) -> Iterator[tuple[str, int, float]]:
    """Yield (method, bytes of training text that it was given, bits per held-out byte)."""
    for method, one in compressed(split).items():
        yield method, 0, one.alone
        if one.after_training is not None:
            yield method, one.room, one.after_training


def count_row(split: Split, order: int) -> tuple[str, int, float]:
    """Return the row of counts of one order, as ``compressor_rows`` yields them."""
    nats = ngram_entropy(split.train, split.held_out, order)
    return f"counts of order {order}", split.train.size, nats / math.log(2)


def reference_rows(name: str) -> list[dict]:
    """Return all rows of one corpus."""
    split = split_text(name)
    found = [*compressor_rows(split), *(count_row(split, order) for order in ORDERS)]
    return [as_row(name, split, *one) for one in found]


def as_row(name: str, split: Split, method: str, given: int, bits: float) -> dict:
    """Return one row of the table."""
    measured = {"method": method, "training_text": given, "bits_per_byte": round(bits, DECIMALS)}
    return about(name, split) | measured


def main(words: list[str] | None = None) -> int:
    """Compare or write the table; return 1 where the rows differ."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="write the file")
    write = parser.parse_args(words).write
    rows = [row for name in TEXTS for row in reference_rows(name)]
    if write:
        write_csv(rows, FILE)
        print(f"{len(rows)} rows in {FILE.name}")
        return 0
    stored = read_rows(FILE)
    for row, other in zip_longest(rows, stored):
        if row != other:
            print(f"measured {row}\nstored   {other}")
    print(f"{sum(row in stored for row in rows)} of {len(rows)} rows agree")
    return int(rows != stored)


if __name__ == "__main__":
    raise SystemExit(main())
