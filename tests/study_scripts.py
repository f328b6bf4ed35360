"""The scripts of a study, loaded for tests: other folders have scripts of the same names."""

import csv
import importlib.util
import subprocess
import sys
from pathlib import Path

import nbformat
import verdicts

from scaling_utils.studies import read_rows


def load(folder: Path, *names: str) -> list:
    """Return the scripts of a folder, under names of their own; later ones import earlier ones."""
    modules, others = [], {name: sys.modules.get(name) for name in names}
    try:
        for name in names:
            own = f"{folder.name}_{name}"
            spec = importlib.util.spec_from_file_location(own, folder / f"{name}.py")
            module = sys.modules[own] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            sys.modules[name] = module
            modules.append(module)
    finally:
        for name, other in others.items():
            sys.modules.pop(name, None)
            if other is not None:
                sys.modules[name] = other
    return modules


def goes_on_where_it_stopped(folder: Path, out: Path, begins: str) -> None:
    """Assert that ``record.py`` trains again just the one cell whose rows begin so, and alike."""
    script = [sys.executable, str(folder / "record.py"), "--toy", "--out", str(out)]
    subprocess.run(script, check=True, capture_output=True)
    file = out / "runs.csv"
    whole = read_rows(file)
    lines = file.read_text().splitlines()
    cut = [line for line in lines if not line.startswith(begins)]
    assert len(cut) < len(lines)
    file.write_text("\n".join(cut) + "\n")
    said = subprocess.run(script, check=True, capture_output=True, text=True).stdout
    assert said.count("\n") == 1

    def timeless(rows):
        return sorted(str({k: v for k, v in row.items() if k != "seconds"}) for row in rows)

    assert timeless(read_rows(file)) == timeless(whole)


def trained_once_and_claimed_by_one(record, out: Path) -> list[dict]:
    """Assert that a recorder trains nothing twice and shares its cells; return the toy's rows."""
    record.main(["--toy", "--out", str(out)])
    written = (out / "runs.csv").read_text(encoding="utf-8")
    record.main(["--toy", "--out", str(out)])
    assert (out / "runs.csv").read_text(encoding="utf-8") == written
    (cell, *_) = record.planned()
    table = record.Table(out)
    lock = table.claim(cell)
    assert table.claim(cell) is None
    lock.release()
    assert table.claim(cell) is not None
    return list(csv.DictReader(written.splitlines()))


def handed_over(page: Path) -> dict[str, float]:
    """Return what a page measured for each registered prediction, by its id."""
    cells = nbformat.read(page, as_version=4).cells
    shown = [one for cell in cells for one in verdicts.in_outputs(cell.get("outputs", []))]
    return {one["id"]: one["measured"] for one in shown}
