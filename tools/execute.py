"""Run notebooks from top to bottom, each in a fresh kernel, and store what they show.

    python tools/execute.py notebooks/20_chinchilla.ipynb    # these
    python tools/execute.py --all                            # every chapter
    python tools/execute.py --stale                          # those whose outputs are out of date

A notebook is written only after its last cell has run without an error. With its outputs
go the time and memory it took (into the cell tagged `runs-on`), the box *In short* (into the cell
tagged `in-short`) and digests of the outputs and
of what they depend on, which `tools/freshness.py` compares later. Cells tagged `gpu` keep their
stored outputs on a machine without a GPU, cells tagged `needs-data` keep theirs where the published
run tables are not at hand, and cells tagged `needs-peft` or `needs-lm-eval` where that package is
not installed.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import nbformat

sys.path.insert(0, str(Path(__file__).resolve().parent))

import claims
import extras
import outputs
from freshness import (
    KEY,
    ROOT,
    all_notebooks,
    code_cells,
    digests,
    output_digests,
    short_hash,
    stale,
)
from kernel import ExecutionFailed, Run, run

# Where the published run tables may lie when SCALING_DATA does not say: beside the checkout.
DATA_FOLDER = ROOT.parent / "shared" / "data"
RECORDED_VERSIONS = ("torch", "numpy", "scipy", "matplotlib")


def has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def has_tables(code: str) -> bool:
    """Say whether the published run tables that some code names can be read here."""
    from scaling_utils import corpora

    try:
        for name in corpora.SOURCES:
            if name in code:
                corpora.run_table(name)
    except corpora.DataUnavailable:
        return False
    return True


def missing_means(notebook) -> set[str]:
    """Return the tags whose cells cannot run here."""
    asked = {
        tag for cell in notebook.cells for tag in cell.metadata.get("tags", [])
    } & extras.SKIPPABLE
    missing = set()
    if "gpu" in asked and not has_gpu():
        missing.add("gpu")
    code = "\n".join(cell.source for cell in code_cells(notebook))
    if "needs-data" in asked and not has_tables(code):
        missing.add("needs-data")
    return missing | {tag for tag in asked & set(extras.PACKAGES) if extras.missing(tag)}


def tidy(notebook) -> None:
    """Remove what would differ on every run, and metadata that says nothing."""
    for cell in code_cells(notebook):
        cell.metadata.pop("execution", None)
        outputs.tidy(cell.outputs)
    notebook.metadata.pop("widgets", None)
    notebook.metadata["kernelspec"] = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    notebook.metadata["language_info"] = {"name": "python", "file_extension": ".py"}
    notebook.metadata.pop("jupytext", None)


def refresh_setup(notebook) -> None:
    """Give the cell tagged `setup` the present text, so that all chapters share one."""
    from scaling_utils.notebook import write_setup_cell

    for cell in notebook.cells:
        if "setup" in cell.metadata.get("tags", []):
            cell.source = write_setup_cell()


def record(notebook, run: Run, missing: set[str], root: Path = ROOT) -> None:
    """Store the digests, the versions, the time and the memory of a run."""
    before = notebook.metadata.get(KEY, {}).get("outputs", {})
    took = {
        "seconds": round(run.seconds, 1),
        "peak_gb": round(run.peak_gb, 2),
        "slowed": round(run.slowed, 2),
    }
    stored = {k: v for k, v in notebook.metadata.get(KEY, {}).items() if k in ("cpu", "gpu")}
    if run.gpu:
        stored["gpu"] = {**took, "device": run.gpu}
    else:
        stored["cpu"] = took
    stored |= digests(notebook, root)
    # What a cell keeps from an earlier run keeps that run's digest.
    kept = _kept(notebook, missing) & before.keys()
    stored["outputs"] = output_digests(notebook) | {name: before[name] for name in kept}
    stored["versions"] = {"python": platform.python_version()} | {
        name: metadata.version(name) for name in RECORDED_VERSIONS
    }
    notebook.metadata[KEY] = stored
    for cell in code_cells(notebook):
        tags = set(cell.metadata.get("tags", []))
        if tags & extras.SKIPPABLE and not tags & missing:
            cell.metadata[KEY] = {"source": short_hash(cell.source)}
    for cell in notebook.cells:
        if "runs-on" in cell.metadata.get("tags", []):
            cell.source = runs_on(stored)


def fill_in_short(notebook) -> None:
    """Copy the box *In short*, which a cell further down has filled in, to its place on top."""
    from scaling_utils.notebook import IN_SHORT

    shown = (
        output["data"]["text/markdown"]
        for cell in code_cells(notebook)
        for output in cell.outputs
        if output.get("data", {}).get("text/markdown", "").startswith(IN_SHORT)
    )
    box = next(shown, None)
    for cell in notebook.cells:
        if "in-short" in cell.metadata.get("tags", []) and box is not None:
            cell.source = box


def _kept(notebook, missing: set[str]) -> set[str]:
    """Return the ids of the cells that were not run."""
    return {
        cell.id for cell in code_cells(notebook) if missing & set(cell.metadata.get("tags", []))
    }


def runs_on(stored: Mapping) -> str:
    """Write the line under a chapter's title from the stored record."""
    parts = []
    if "cpu" in stored:
        cpu = stored["cpu"]
        parts.append(f"CPU: {max(1, round(cpu['seconds']))} s, {cpu['peak_gb']:.1f} GB")
    if "gpu" in stored:
        gpu = stored["gpu"]
        parts.append(f"GPU ({gpu['device']}): {max(1, round(gpu['seconds']))} s")
    return f"*Runs on {' · '.join(parts)}.*"


def write(notebook, path: Path) -> None:
    """Write a notebook in one step, so that an interrupted run leaves no half file."""
    nbformat.validate(notebook)
    half = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        half.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)


def execute(path: Path, root: Path = ROOT) -> Run:
    """Run the notebook at `path` and write it back; on any failure leave it untouched."""
    notebook = nbformat.read(path, as_version=4)
    refresh_setup(notebook)
    missing = missing_means(notebook)
    took = run(notebook, path.resolve().parent, missing)
    tidy(notebook)
    fill_in_short(notebook)
    record(notebook, took, missing, root)
    write(notebook, path)
    return took


def _warned(path: Path) -> bool:
    """Say whether a stored output holds warnings: readers would see them in the book."""
    cells = code_cells(nbformat.read(path, as_version=4))
    return any(output.get("name") == "stderr" for cell in cells for output in cell.outputs)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, metavar="NOTEBOOK")
    parser.add_argument("--all", action="store_true", help="every chapter in notebooks/")
    parser.add_argument("--stale", action="store_true", help="only those that are out of date")
    args = parser.parse_args(argv)
    if DATA_FOLDER.is_dir():
        os.environ.setdefault("SCALING_DATA", str(DATA_FOLDER))
    paths = args.notebooks or (all_notebooks() if args.all or args.stale else [])
    if args.stale:
        paths = list(stale(paths))
        if not paths:
            print("Every notebook is up to date.")
            return 0
    if not paths:
        parser.error("name at least one notebook, or give --all or --stale")
    failed = []
    for number, path in enumerate(paths, start=1):
        print(f"[{number}/{len(paths)}] {path.name} ... ", end="", flush=True)
        try:
            took = execute(path)
        except ExecutionFailed as error:
            failed.append(path)
            print(f"FAILED, file left as it was\n  {error}", flush=True)
        else:
            note = "  (it prints warnings)" if _warned(path) else ""
            print(f"{took.seconds:.0f} s, {took.peak_gb:.1f} GB{note}", flush=True)
    if any(path.resolve().parent == ROOT / "notebooks" for path in paths):
        for changed in claims.write_lists():
            print(f"wrote {changed.relative_to(ROOT)}: look at what has changed")
    if failed:
        print(f"{len(failed)} of {len(paths)} notebooks failed: " + ", ".join(map(str, failed)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
