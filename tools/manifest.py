"""The manifest of the recorded results: what each file holds, and its digest.

    python tools/manifest.py           # compare with results/MANIFEST.toml; exit 1 on a difference
    python tools/manifest.py --write   # write it from the files

A loss that is edited by hand, a row that is lost or two files that are swapped show as a
difference, and a deliberate change shows in review. Who edits a table *and* writes the manifest
again passes: for that there is `make verify-results`, which trains recorded runs again.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import tomllib
from collections.abc import Iterable
from pathlib import Path

RESULTS = Path(__file__).resolve().parent.parent / "results"
FILE = "MANIFEST.toml"
UNLISTED = {FILE, "README.md"}  # the manifest itself, and prose that no number depends on
CACHE = "__pycache__"  # left beside a script that was imported
HEADER = """\
# What every file here holds. Written by `python tools/manifest.py --write`, and never by hand.
# rows: lines of the table below its heading. For each study: the commits and the digests of the
# experiment's file that its jobs name, whether any job ran from a changed checkout, and the
# digests of its corpora.
"""


def describe(results: Path) -> dict:
    """Return the manifest of a folder of recorded results, as it should be stored.

    ``files`` maps each path to its sha256 and, for a table, its number of rows; ``studies`` maps
    each study to what its jobs and runs say of their origin.
    """
    files = sorted(
        path.relative_to(results).as_posix()
        for path in results.rglob("*")
        if path.is_file() and path.name not in UNLISTED and path.parent.name != CACHE
    )
    return {
        "files": {name: _file(results / name) for name in files},
        "studies": {
            path.parent.name: _study(path.parent) for path in sorted(results.glob("*/jobs.csv"))
        },
    }


def _file(path: Path) -> dict:
    # As git stores it: a checkout on Windows may have other line ends.
    found = {"sha256": hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()}
    return found | ({"rows": len(_rows(path))} if path.suffix == ".csv" else {})


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _study(folder: Path) -> dict:
    jobs, runs = _rows(folder / "jobs.csv"), _rows(folder / "runs.csv")
    return {
        "experiment": _different(job["experiment"] for job in jobs),
        "experiment_sha256": _different(job["experiment_sha256"] for job in jobs),
        "commits": _different(job["commit"] for job in jobs),
        "dirty": any(job["dirty"] != "False" for job in jobs),
        "corpora": _different(run.get("corpus") for run in runs),
    }


def _different(values: Iterable[str | None]) -> list[str]:
    return sorted({value for value in values if value})


def differences(stored: dict, found: dict) -> list[str]:
    """Return one sentence for each difference between a stored manifest and the files."""
    wrong = []
    for part, what in (("files", "file"), ("studies", "study")):
        old, new = stored.get(part, {}), found[part]
        wrong += [f"{what} {name} is gone" for name in sorted(set(old) - set(new))]
        wrong += [f"{what} {name} is not listed" for name in sorted(set(new) - set(old))]
        for name in sorted(set(old) & set(new)):
            for key in sorted(set(old[name]) | set(new[name])):
                before, now = old[name].get(key), new[name].get(key)
                if before != now:
                    wrong.append(f"{what} {name}: {key} was {before}, is {now}")
    return wrong


def read(results: Path = RESULTS) -> dict:
    """Return the stored manifest."""
    return tomllib.loads((results / FILE).read_text(encoding="utf-8"))


def as_toml(manifest: dict) -> str:
    """Write a manifest as TOML, one table for each file and for each study."""
    lines = [HEADER]
    for part, entries in manifest.items():
        for name, about in entries.items():
            lines.append(f"[{part}.{json.dumps(name)}]")
            lines += [f"{key} = {_value(value)}" for key, value in about.items()]
            lines.append("")
    return "\n".join(lines)


def _value(value) -> str:
    if isinstance(value, list) and len(value) > 1:
        return "[\n" + "".join(f"  {json.dumps(one)},\n" for one in value) + "]"
    return json.dumps(value)


def main(words: list[str] | None = None) -> int:
    """Compare or write the manifest; return 1 where the files differ from it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="write it from the files")
    found = describe(RESULTS)
    wrong = differences(read() if (RESULTS / FILE).is_file() else {}, found)
    print("\n".join(wrong) or "every file is as the manifest says")
    if parser.parse_args(words).write and wrong:
        (RESULTS / FILE).write_text(as_toml(found), encoding="utf-8", newline="\n")
        print(f"written: {FILE}")
        return 0
    return int(bool(wrong))


if __name__ == "__main__":
    raise SystemExit(main())
