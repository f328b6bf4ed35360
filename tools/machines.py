"""Run the chapters as other machines would, and record how far their claims move.

    python tools/machines.py                                  # every chapter, every stand-in
    python tools/machines.py notebooks/20_chinchilla.ipynb    # this one
    python tools/machines.py --record                         # and write book/spread.csv

Each chapter is run in a fresh kernel under each of the stand-ins of `tools/standins.py`; the
notebook is not written. The outputs that are checked are compared with the stored ones as in
the tests, and every claim is collected. A table shows how far each claim moves between the
stand-ins, and how far it stays from its bound. Results are kept in _build/machines/ as they
come: an interrupted sweep goes on where it stopped, until the chapter or its inputs change.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib import metadata
from multiprocessing import get_context
from pathlib import Path

import nbformat

sys.path.insert(0, str(Path(__file__).resolve().parent))

import claims
import execute
import freshness
import kernel
import outputs
import standins

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = ("chapter", "cell", "n", "sentence", "lowest", "highest", "machines")
LIBRARIES = ("numpy", "scipy", "torch", "scikit-learn", "ipykernel")
CLOSE = 3  # a claim this many spreads from its bound may fail on the next machine
# Not inside a function: what a forked rank sets for itself must stay, or it waits for ever.
THREADS = re.compile(
    r"(?:(?<=^torch\.set_num_threads\()|(?<=^set_num_threads\()|(?<=setup\(threads=))\d+(?=\))",
    re.MULTILINE,
)


def key(notebook, one: standins.StandIn, root: Path = ROOT) -> str:
    """Return what a result depends on, as a digest: code, inputs, stored outputs, libraries."""
    versions = {name: metadata.version(name) for name in LIBRARIES}
    parts = [freshness.digests(notebook, root), freshness.output_digests(notebook), versions]
    return freshness.short_hash(json.dumps([*parts, repr(one)], sort_keys=True))


def measure(path: Path, one: standins.StandIn, root: Path = ROOT) -> dict:
    """Run a notebook under one stand-in.

    Returns
    -------
    A record that JSON can hold: `problems` of the checked outputs, of the claims' words and
    bounds, and of cells that failed; the `claims` that were made, by cell; `not_taken`, the
    settings that had no effect.
    """
    stored = nbformat.read(path, as_version=4)
    notebook = nbformat.read(path, as_version=4)
    missing = execute.missing_means(notebook) | {"gpu"}
    problems: list[str] = []
    for cell in freshness.code_cells(notebook):
        cell.source = THREADS.sub(str(one.threads), cell.source)
        if not missing & set(cell.metadata.get("tags", [])):
            cell.outputs = []
    took = kernel.run(
        notebook,
        path.resolve().parent,
        missing,
        environment=one.environment(standins.processor()[1]),
        failed=lambda cell, error: problems.append(f"cell {cell} failed: {error}"),
        ask=standins.PROBE,
    )
    made = []
    for before, after in zip(stored.cells, notebook.cells, strict=True):
        if after.cell_type == "code" and not missing & set(after.metadata.get("tags", [])):
            problems += [f"cell {after.id}: {why}" for why in _changes(before, after)]
            found = enumerate(claims.in_outputs(after.outputs), start=1)
            made += [{"cell": after.id, "n": n, **claim} for n, claim in found]
    return {
        "chapter": path.stem,
        "stand_in": one.name,
        "key": key(stored, one, root),
        "seconds": round(took.seconds, 1),
        "not_taken": standins.not_taken(one, took.answers),
        "problems": problems,
        "claims": made,
    }


def _changes(before, after) -> list[str]:
    """Compare a cell's outputs; what its claims measured is recorded here, and not compared."""
    if any(output.output_type == "error" for output in after.outputs):
        return []  # told already
    outputs.tidy(after.outputs)
    anything = claims.Spreads(clock=True)
    if before.source.startswith(claims.CHECK):
        return outputs.differences(before.outputs, after.outputs, anything)
    return outputs.unchecked_differences(before.outputs, after.outputs, anything)


def sweep(paths: list[Path], allowed: list[standins.StandIn], jobs: int, root: Path) -> list[dict]:
    """Return a record for each notebook and stand-in; run what is not known yet."""
    kept = root / "_build" / "machines" / "results.jsonl"
    kept.parent.mkdir(parents=True, exist_ok=True)
    known = _read(kept)
    records, waiting = [], []
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        for one in allowed:
            record = known.get(key(notebook, one, root))
            records.append(record) if record else waiting.append((path, one))
    print(f"{len(records)} results are known, {len(waiting)} runs to go", flush=True)
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(measure, *pair, root): pair for pair in waiting}
        for done in as_completed(running):
            path, one = running[done]
            try:
                record = done.result()
            except kernel.ExecutionFailed as error:  # a dead kernel, or a cell without an end
                record = {"chapter": path.stem, "stand_in": one.name, "claims": []}
                record |= {"seconds": 0.0, "not_taken": [], "problems": [str(error)]}
            else:
                with kept.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(record) + "\n")
            records.append(record)
            print(f"[{len(records)}] {_verdict(record)}", flush=True)
    return records


def _read(kept: Path) -> dict[str, dict]:
    """Read the results so far; the last line may be half of one."""
    found = {}
    for line in kept.read_text(encoding="utf-8").splitlines() if kept.is_file() else ():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        found[record["key"]] = record
    return found


def _verdict(record: Mapping) -> str:
    words = "; ".join(record["not_taken"]) or f"{len(record['problems'])} problems"
    passed = not record["not_taken"] and not record["problems"]
    return (
        f"{record['chapter']}, {record['stand_in']}: {'passed' if passed else words} "
        f"({record['seconds']:.0f} s)"
    )


def spreads(records: Iterable[Mapping]) -> list[dict]:
    """Return for each claim the lowest and the highest that was measured, and its least room."""
    found: dict[tuple, dict] = {}
    for record in records:
        for made in [] if record["not_taken"] else record["claims"]:
            place = (record["chapter"], made["cell"], made["n"])
            row = found.setdefault(place, {"values": [], "rooms": [], "made": made})
            row["values"].append(made["measured"])
            row["rooms"].append(claims.room(made))
    return [
        {
            **dict(zip(COLUMNS, place, strict=False)),
            "sentence": row["made"]["sentence"],
            "lowest": min(row["values"]),
            "highest": max(row["values"]),
            "machines": len(row["values"]),
            "room": min(row["rooms"]),
            "close": is_close(row["values"], min(row["rooms"])),
        }
        for place, row in sorted(found.items())
    ]


def is_close(values: list[float], least: float) -> bool:
    """Tell whether a claim moves by more than rounding, and by a third of its room or more."""
    spread = max(values) - min(values)
    return claims.moves(min(values), max(values)) and least < CLOSE * spread


def report(rows: Iterable[Mapping], records: Iterable[Mapping], every: bool) -> None:
    """Print the claims that move, those close to their bounds marked, and what failed."""
    for row in rows:
        spread = row["highest"] - row["lowest"]
        if every or row["close"] or claims.moves(row["lowest"], row["highest"]):
            off = f"{row['room'] / spread:.1f} spreads" if spread else "no spread"
            print(
                f"{'CLOSE ' if row['close'] else '      '}{row['chapter'][:2]} {row['cell']} "
                f"#{row['n']}: {row['lowest']:.5g} to {row['highest']:.5g}, {off} from its bound; "
                f"{row['sentence']}"
            )
    for record in records:
        for problem in [*record["not_taken"], *record["problems"]]:
            print(f"{record['chapter']}, {record['stand_in']}: {problem}")


def record_spreads(rows: Iterable[Mapping], chapters: set[str], clocks: set, root: Path) -> None:
    """Write the rows of these chapters into book/spread.csv, and leave the others as they are."""
    path = root / "book" / "spread.csv"
    kept = []
    if path.is_file():
        with path.open(newline="", encoding="utf-8") as file:
            kept = [row for row in csv.DictReader(file) if row["chapter"] not in chapters]
    timed = [row for row in rows if (row["chapter"], row["cell"]) not in clocks]
    table = sorted([*kept, *timed], key=lambda row: (row["chapter"], row["cell"], int(row["n"])))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)


def clock_cells(paths: Iterable[Path]) -> set[tuple[str, str]]:
    """Return the cells whose claims measure time or memory, which have no spread to record."""
    return {
        (path.stem, cell.id)
        for path in paths
        for cell in freshness.code_cells(nbformat.read(path, as_version=4))
        if claims.CLOCKS.search(cell.source)
    }


def main(argv: list[str] | None = None, root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, metavar="NOTEBOOK")
    parser.add_argument("--only", metavar="NAME", action="append", help="a stand-in; not recorded")
    parser.add_argument("--jobs", type=int, default=1, help="notebooks that run side by side")
    parser.add_argument("--record", action="store_true", help="write book/spread.csv")
    parser.add_argument("--all-claims", action="store_true", help="list those that do not move too")
    args = parser.parse_args(argv)
    if args.record and args.only:
        parser.error("--record needs every stand-in; leave --only out")
    if execute.DATA_FOLDER.is_dir():
        os.environ.setdefault("SCALING_DATA", str(execute.DATA_FOLDER))
    paths = args.notebooks or freshness.all_notebooks(root)
    allowed, left_out = standins.available()
    for why in left_out:
        print(f"left out: {why}")
    allowed = [one for one in allowed if not args.only or one.name in args.only]
    if not allowed:
        parser.error(f"no such stand-in; there are {[one.name for one in standins.STAND_INS]}")
    records = sweep(paths, allowed, args.jobs, root)
    rows = spreads(records)
    report(rows, records, args.all_claims)
    failed = [record for record in records if record["not_taken"] or record["problems"]]
    close = sum(row["close"] for row in rows)
    print(
        f"{len(records) - len(failed)} of {len(records)} runs passed; {len(rows)} claims, "
        f"{close} of them closer to a bound than {CLOSE} times their spread"
    )
    if args.record and failed:
        print("book/spread.csv was not written: mend the runs that failed first")
    elif args.record:
        record_spreads(rows, {path.stem for path in paths}, clock_cells(paths), root)
        print("wrote book/spread.csv")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
