"""The table of all runs of the contest's reference games, against their ledgers."""

import json
from pathlib import Path

from scaling_utils.studies import read_rows, recorded

FOLDER = Path(__file__).parents[1] / "results" / "contest"
KEY = ("kind", "C", "width", "rate")


def test_the_table_holds_every_run_of_the_ledgers_and_no_other():
    told = {
        (path.parent.name, path.name.partition(".")[0], *(line[name] for name in KEY)): line
        for path in FOLDER.glob("*/*.contest.jsonl")
        for line in map(json.loads, path.read_text(encoding="utf-8").splitlines())
        if line["kind"] in ("run", "final")
    }
    rows = read_rows(recorded("contest") / "runs.csv")
    found = {tuple(row[name] for name in ("strategy", "name", *KEY)): row for row in rows}
    assert len(found) == len(rows)
    assert set(found) == set(told)
    wrong = [
        key
        for key, row in found.items()
        if any(row[name] != told[key][name] for name in ("excess", "flops"))
    ]
    assert wrong == []
