"""The reference strategies of the contest, recorded.

    python results/contest/record.py              # plays what is missing
    python results/contest/record.py --toy --out FOLDER

Each strategy plays in a lab of its own; the ledger of the lab is the record, and lies in a folder
named after the strategy; ``labs.csv`` says where it ran. ``points.csv`` has a line for each ledger
that is finished, and ``runs.csv`` for each run of these: chapters read both. Said again, it goes on
where it was ended.

The expert and the rule play on all languages, the thrifty and the careful one on two, and two
untuned rates on the first. The least excess on a language sets its scale of points: --scale writes
it to scaling_utils/data/contest.csv.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

from strategies import STRATEGIES

from scaling_utils._lazy import DATA
from scaling_utils.contest import RULES, Lab, Rules
from scaling_utils.contest.languages import entries, entry_of
from scaling_utils.contest.ledger import ENDING, read
from scaling_utils.contest.playing import played
from scaling_utils.studies import read_rows
from scaling_utils.sweeps.provenance import collect_provenance
from scaling_utils.sweeps.tables import write_csv

HERE = Path(__file__).resolve().parent
FOUR = (0, 1)  # languages on which the thrifty and the careful one play too


def name_of(number: int) -> str:
    """Return the first name reference-0, reference-1, ... that picks a language."""
    names = (f"reference-{place}" for place in count())
    return next(name for name in names if entry_of(name).number == number)


def planned() -> Iterator[tuple[str, int]]:
    """Go through the strategies and languages to play, the most needed ones first."""
    first, second = FOUR
    yield from ((strategy, first) for strategy in ("expert", "rule", "thrifty", "careful"))
    others = [entry.number for entry in entries() if entry.number != first]
    yield from ((strategy, number) for number in others for strategy in ("expert", "rule"))
    yield from ((strategy, second) for strategy in ("thrifty", "careful"))
    yield from ((strategy, first) for strategy in ("default", "kept"))


def finished(folder: Path, name: str, rules: Rules):
    """Return the state of a lab whose final run is done; None where it is not."""
    path = folder / f"{name}{ENDING}"
    if not path.exists():
        return None
    game = played(name, rules, read(path)[0], path)
    return game if game.outcome else None


def play(out: Path, rules: Rules, plan: Sequence[tuple[str, int]]) -> None:
    """Play what is missing, and note where it ran."""
    table, origin = out / "labs.csv", collect_provenance()
    rows = read_rows(table) if table.exists() else []
    for strategy, number in plan:
        folder, name = out / strategy, name_of(number)
        folder.mkdir(parents=True, exist_ok=True)
        if finished(folder, name, rules) is None:
            lab = Lab(name, folder, rules=rules)
            if not lab.committed:
                STRATEGIES[strategy](lab)
            lab.final()
            game = finished(folder, name, rules)
            seconds = sum(line["seconds"] for line in (*game.results.values(), game.outcome))
            row = {"strategy": strategy, "language": number, "name": name}
            rows.append(row | {"seconds": round(seconds, 1)} | origin)
            write_csv(rows, table)
            print(f"{strategy} on language {number}: {game.outcome['excess']:.4f}", flush=True)


def scale(out: Path) -> None:
    """Write the least excess of each language's games, and the rule's, to the package's table."""
    path = DATA / "contest.csv"
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        name = name_of(int(row["number"]))
        games = {strategy: finished(out / strategy, name, RULES) for strategy in STRATEGIES}
        ends = {one: game.outcome["excess"] for one, game in games.items() if game is not None}
        row["rule"] = repr(round(ends.get("rule", math.nan), 6))
        row["reference"] = repr(round(min(ends.values(), default=math.nan), 6))
    write_csv(rows, path)


def points(out: Path) -> None:
    """Write the result of each finished ledger with its points to ``points.csv``.

    A ledger waits until its language has a scale.
    """
    rows = []
    for strategy in STRATEGIES:
        for entry in entries():
            name = name_of(entry.number)
            if not math.isfinite(entry.reference) or finished(out / strategy, name, RULES) is None:
                continue
            report = Lab(name, out / strategy).report()
            rows.append(
                {
                    "strategy": strategy,
                    "language": entry.number,
                    "screening": report.screening / report.budget,
                    "C": report.run.C,
                    "N": report.N,
                    "D": report.D,
                    "rate": report.run.rate,
                    "excess": report.excess,
                    "predicted": report.predicted,
                    "low": report.low,
                    "high": report.high,
                    "loss_points": round(report.loss_points, 2),
                    "prediction_points": round(report.prediction_points, 2),
                }
            )
    write_csv(rows, out / "points.csv")


def runs(out: Path) -> None:
    """Write every run of the finished ledgers to ``runs.csv``; the final one has round 4."""
    rows = []
    for strategy in STRATEGIES:
        for entry in entries():
            name = name_of(entry.number)
            game = finished(out / strategy, name, RULES)
            if game is None:
                continue
            about = {"strategy": strategy, "language": entry.number, "name": name}
            done = [*game.results.items(), (game.committed, game.outcome)]
            rows += [
                about
                | {"kind": line["kind"], "round": game.billed.get(run, RULES.rounds + 1)}
                | run._asdict()
                | {"N": RULES.size(run.width), "D": RULES.tokens(run.C, run.width)}
                | {name: line[name] for name in ("flops", "excess", "seconds")}
                for run, line in done
            ]
    write_csv(rows, out / "runs.csv")


def main(words: Sequence[str] | None = None) -> None:
    """Record what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--toy", action="store_true", help="a tiny budget: does it run here?")
    parser.add_argument("--scale", action="store_true", help="write the scale and the points")
    asked = parser.parse_args(words)
    if asked.scale:
        scale(asked.out)
        entries.cache_clear()
        points(asked.out)
        runs(asked.out)
        return
    rules = replace(RULES, budget=10**9, order=2, contexts=64) if asked.toy else RULES
    play(asked.out, rules, [("rule", 0)] if asked.toy else list(planned()))


if __name__ == "__main__":
    main()
