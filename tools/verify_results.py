"""Train recorded runs again, long ones included, and compare their losses with the record.

    make verify-results STUDY=known_entropy N=5            # five runs, drawn at random
    make verify-results STUDY=known_entropy SEED=3         # the same draw as an earlier call
    make verify-results STUDY="text domains" LONGEST=1     # the dearest run of each
    make verify-results STUDY=repetition ALL=1 RECORD=1    # all, and kept in verified.csv

A whole study that may be interrupted is better run again by `scaling-utils sweep`; its ledger is
then compared with `python tools/verify_results.py STUDY --ledger FOLDER/ledger.jsonl`.

The tests train only short runs of narrow networks again. This trains any, outside CI: a table and
a manifest that were edited together pass every test, but not this. Without STUDY it draws from
every study. The tolerance and its reason are printed with the runs. It ends with 1 if a loss, a
size or the work of a run differs, or if nothing could be compared.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterable
from dataclasses import fields
from datetime import date
from pathlib import Path

import torch
from repeat import FIRM, LOOSE, RESULTS, SQUARED, Repeated, Study, compare, repeat

from scaling_utils.studies.records import read_rows
from scaling_utils.sweeps.ledger import read_ledger
from scaling_utils.sweeps.provenance import collect_provenance
from scaling_utils.sweeps.tables import write_csv

STUDIES = sorted(path.parent.name for path in RESULTS.glob("*/jobs.csv"))
VERIFIED = RESULTS / "verified.csv"
KEPT = [field.name for field in fields(Repeated) if field.name not in ("why", "comparable")]
WHY = (
    f"Tolerance: {FIRM:g} of the loss up to the best rate of its cell, {LOOSE:g} above it. On one "
    "machine a loss repeats to all digits; on another one sums are rounded in another order, and "
    "a high learning rate makes the difference grow. Squared errors are compared as their mean "
    f"over all functions, {SQUARED:g} of it. tools/repeat.py says what was measured."
)


def drawn(study: Study, count: int | None, longest: bool, seed: int) -> list[dict]:
    """Return the runs to train again: all (count None), the dearest ones, or some at random."""
    if count is None:
        return study.runs
    if longest:
        return sorted(study.runs, key=study.cost)[-count:]
    return random.Random(f"{seed} {study.name}").sample(study.runs, min(count, len(study.runs)))


def line(one: Repeated) -> str:
    """Return one run as a line of text."""
    verdict = "agrees" if one.agrees else "DIFFERS" if one.comparable else "not comparable"
    return (
        f"{one.study:20} {one.length:>9} seed {one.seed:<3} rate {one.rate:<7g} "
        f"recorded {one.recorded:<11.7g} repeated {one.repeated:<11.7g} "
        f"{one.difference:+8.1e} of {one.tolerance:g}  {verdict}{': ' if one.why else ''}{one.why}"
    )


def from_ledger(study: Study, ledger: Path) -> tuple[list[Repeated], dict]:
    """Compare the runs of a sweep's ledger with the record; return them and where they ran."""
    jobs, sources = read_ledger(ledger)
    recorded = {(run["key"], *study.identity(run)): run for run in study.runs}
    found = [
        compare(study, recorded[key, *study.identity(row)], row)
        for key, line in jobs.items()
        for row in study.measured(line["rows"])
    ]
    origins = [sources[line["provenance"]] for line in jobs.values()]
    if any(origin["commit"] != origins[0]["commit"] for origin in origins):
        raise ValueError(f"ledger must be of one commit, got several in {ledger}")
    return found, origins[0]


def keep(found: Iterable[Repeated], where: dict, file: Path = VERIFIED) -> None:
    """Add runs to the table of what was verified; a run that is there already is replaced."""
    origin = {
        "date": date.today().isoformat(),
        "torch": where["torch"],
        "processor": where["device"],
        "capability": torch.backends.cpu.get_cpu_capability(),
        "commit": where["commit"],
        "dirty": where["dirty"],
    }
    rows = read_rows(file) if file.is_file() else []
    rows += [
        {**{name: getattr(one, name) for name in KEPT}, "agrees": one.agrees, **origin}
        for one in found
    ]
    last = {tuple(row[name] for name in KEPT[:5]): row for row in rows}
    write_csv([last[identity] for identity in sorted(last)], file)


def main(words: list[str] | None = None) -> int:
    """Train runs again and print how they compare; see the top of this file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("studies", nargs="*", metavar="STUDY", help="default: every study")
    parser.add_argument("-n", type=int, default=1, help="runs of each study (default: 1)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--longest", action="store_true", help="the dearest runs")
    which.add_argument("--all", action="store_true", help="every run")
    parser.add_argument("--seed", type=int, help="draw the same runs as an earlier call")
    which.add_argument("--ledger", type=Path, help="those of a sweep of one study")
    parser.add_argument("--record", action="store_true", help=f"keep them in {VERIFIED.name}")
    asked = parser.parse_args(words)
    if unknown := sorted(set(asked.studies) - set(STUDIES)):
        parser.error(f"STUDY must be one of {', '.join(STUDIES)}, got {', '.join(unknown)}")
    if asked.n < 1:
        parser.error(f"-n must be at least 1, got {asked.n}")
    if asked.ledger and len(asked.studies) != 1:
        parser.error(f"--ledger goes with one STUDY, got {len(asked.studies)}")
    print(WHY)
    if asked.ledger:
        found, where = from_ledger(Study(asked.studies[0]), asked.ledger)
        print(*map(line, found), sep="\n")
    else:
        found, where = trained(asked), collect_provenance()
    return report(found, where, asked.record)


def trained(asked: argparse.Namespace) -> list[Repeated]:
    """Train what was asked for, and print each run as it ends."""
    seed = random.SystemRandom().randrange(10**6) if asked.seed is None else asked.seed
    print(f"The draw: --seed {seed}")
    found: list[Repeated] = []
    for name in asked.studies or STUDIES:
        study, start, before = Study(name), time.monotonic(), len(found)
        for one in repeat(study, drawn(study, None if asked.all else asked.n, asked.longest, seed)):
            print(line(one), flush=True)
            found.append(one)
        print(f"{name}: {len(found) - before} runs in {time.monotonic() - start:.0f} s", flush=True)
    return found


def report(found: list[Repeated], where: dict, record: bool) -> int:
    """Print the sum of it, keep it where asked; return 1 where something is wrong."""
    comparable = [one for one in found if one.comparable]
    differing = [one for one in comparable if not one.agrees]
    other = len(found) - len(comparable)
    print(
        f"{len(comparable) - len(differing)} runs agree, {len(differing)} differ, {other} cannot "
        "be compared" + (", because the corpus is another one" if other else "")
    )
    if comparable:
        worst = max(comparable, key=lambda one: abs(one.difference) / one.tolerance)
        print(f"The largest difference for its tolerance: {line(worst)}")
    if record and comparable:
        keep(comparable, where)
        print(f"kept in {VERIFIED.name}; now write the manifest: python tools/manifest.py --write")
    return int(bool(differing) or not comparable)


if __name__ == "__main__":
    sys.exit(main())
