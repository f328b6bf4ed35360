"""Published tables of training runs, read from a folder or downloaded by pinned address.

The tables belong to their authors and are not part of this package. ``run_table`` looks
in the folder that the environment variable ``SCALING_DATA`` names; without it, it
downloads the file at a fixed commit into a cache. Either way the file's sha256 must be
the one recorded here, so that a fit always sees the table that the book describes.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from scaling_utils._check import member
from scaling_utils.units import TRAINING_FLOPS

FOLDER_VARIABLE = "SCALING_DATA"


class DataUnavailable(RuntimeError):
    """A table could not be had, or is not the recorded one; the message says what to do."""


@dataclass(frozen=True)
class Source:
    """Where a table comes from, and how its columns are called there.

    Attributes
    ----------
    file : str
        Its path in the folder that ``SCALING_DATA`` names.
    repository : str
        Where it stands on GitHub, as owner/name.
    commit : str
        A fixed commit.
    path : str
        The path there.
    licence : str
        What its authors allow.
    sha256 : str
        Of the file.
    columns : mapping of str to str
        This package's names N, D, C and loss to the file's.
    note : str
        How to read the table.
    single_file : bool
        Whether one file at the source holds the table.
    """

    file: str
    repository: str
    commit: str
    path: str
    licence: str
    sha256: str
    columns: Mapping[str, str]
    note: str
    single_file: bool = True

    @property
    def address(self) -> str | None:
        """Where the file can be downloaded at its pinned commit; None without a single file."""
        if not self.single_file:
            return None
        return f"https://raw.githubusercontent.com/{self.repository}/{self.commit}/{self.path}"


@dataclass(frozen=True)
class RunTable:
    """A table of training runs, one entry per run in each array.

    All arrays have shape (runs,) and are read only.

    Attributes
    ----------
    name : str
        The table's name.
    N : array
        Parameters.
    D : array
        Tokens.
    C : array
        Training FLOPs (work).
    loss : array
        Nats per token.
    other : mapping of str to array
        The file's further columns under their authors' names; text or numbers.
    source : Source
        Repository, commit, licence and a note on how to read the table.
    """

    name: str
    N: np.ndarray
    D: np.ndarray
    C: np.ndarray
    loss: np.ndarray
    other: Mapping[str, np.ndarray]
    source: Source

    def __len__(self) -> int:
        return len(self.loss)


SOURCES: Mapping[str, Source] = MappingProxyType(
    {
        "kyo_takano": Source(
            file="kyo_takano/df.csv",
            repository="kyo-takano/chinchilla",
            commit="75e5858",
            path="examples/llm/df.csv",
            licence="Apache-2.0",
            sha256="2ed2c412c6b408cb26896b92c0721fe9afa6515726b0db78c33db37cbf2816f9",
            columns={"N": "N", "D": "D", "C": "C", "loss": "loss"},
            note=(
                "Runs read off a figure of Hoffmann et al. (2022): the rows of epoch_chinchilla "
                "whose D is at least N, with fewer digits. No second reading of the figure."
            ),
        ),
        "epoch_chinchilla": Source(
            file="epoch_chinchilla/svg_extracted_data.csv",
            repository="epoch-research/analyzing-chinchilla",
            commit="9225883",
            path="data/svg_extracted_data.csv",
            licence="none stated: read it, do not copy it",
            sha256="193478df4e90f040016431996c45682659306840ecdadf83cfb9cd5ca0aa1b30",
            columns={"N": "Model Size", "C": "Training FLOP", "loss": "loss"},
            note=(
                "Runs read off a figure of Hoffmann et al. (2022) by Besiroglu et al. (2024), "
                "whose fit leaves out the five runs of highest loss. D is C / (6 N)."
            ),
        ),
        "cs336": Source(
            file="cs336/isoflops_curves.json",
            repository="stanford-cs336/assignment3-scaling",
            commit="24a558ee8f1078d0d44e0e3b1e8c17697e72a153",
            path="data/isoflops_curves.json",
            licence="MIT-style",
            sha256="da6a464c3f5e5039d3f20e137dfcab3031a3d8e7ef0ac2f376f96e295d4afd27",
            columns={"N": "parameters", "C": "compute_budget", "loss": "final_loss"},
            note="Made by a formula without noise, for an exercise. D is C / (6 N).",
        ),
        "gadre": Source(
            file="gadre/gadre_runs.csv",
            repository="mlfoundations/scaling",
            commit="a003c49",
            path="exp_data/models/*.json",
            licence="MIT",
            sha256="9dd1fb87f96a47d547905f36f009eb44711726195140649629108c748f3f5fa3",
            columns={"N": "N", "D": "D", "loss": "loss_c4_val"},
            note=(
                "Runs of Gadre et al. (2024), flattened from 104 files into one; loss is their "
                "loss_c4_val. N counts the embedding, N_noemb leaves out the "
                "input one only. C is 6 N D."
            ),
            single_file=False,
        ),
    }
)


def run_table(name: str) -> RunTable:
    """Return a published table of runs.

    Parameters
    ----------
    name : {"kyo_takano", "epoch_chinchilla", "cs336", "gadre"}
        The last has no single address at its source and is read from the ``SCALING_DATA``
        folder only.

    Returns
    -------
    RunTable
        Parameters, tokens, FLOPs and nats per token of each run.

    Raises
    ------
    ValueError
        For an unknown name.
    DataUnavailable
        If the file is missing, cannot be downloaded, or has another sha256.
    """
    source = SOURCES[member("name", name, SOURCES)]
    folder = os.environ.get(FOLDER_VARIABLE)
    path = _in_folder(name, source, Path(folder)) if folder else _downloaded(name, source)
    return _table(name, source, path)


def _in_folder(name: str, source: Source, folder: Path) -> Path:
    path = folder / source.file
    if not path.is_file():
        raise DataUnavailable(
            f"table {name!r}: {FOLDER_VARIABLE} names {folder}, which has no {source.file}. "
            f"Put the file there, or unset {FOLDER_VARIABLE} to download it."
        )
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != source.sha256:
        raise DataUnavailable(
            f"table {name!r}: {path} is not the recorded file: its sha256 is {found}, "
            f"expected {source.sha256}. Replace it by {_origin(source)}."
        )
    return path


def _downloaded(name: str, source: Source) -> Path:
    if source.address is None:
        raise DataUnavailable(
            f"table {name!r} has no single address to download: it is flattened from "
            f"{_origin(source)}. Set {FOLDER_VARIABLE} to a folder with {source.file}."
        )
    import pooch

    try:
        path = pooch.retrieve(
            source.address,
            known_hash=f"sha256:{source.sha256}",
            path=pooch.os_cache("scaling_utils"),
            fname=source.file.replace("/", "-"),
        )
    except (OSError, ValueError) as reason:  # no network, or another file than recorded
        raise DataUnavailable(
            f"table {name!r} could not be downloaded from {source.address}: {reason}. "
            f"With a network, try again; without one, set {FOLDER_VARIABLE} to a folder "
            f"with {source.file}."
        ) from reason
    return Path(path)


def _origin(source: Source) -> str:
    return f"{source.path} of github.com/{source.repository} at commit {source.commit}"


def _table(name: str, source: Source, path: Path) -> RunTable:
    raw = _read_json(path) if path.suffix == ".json" else _read_csv(path)
    core = {ours: raw[theirs] for ours, theirs in source.columns.items()}
    if "D" not in core:
        core["D"] = core["C"] / (TRAINING_FLOPS * core["N"])
    if "C" not in core:
        core["C"] = TRAINING_FLOPS * core["N"] * core["D"]
    other = {key: raw[key] for key in raw if key not in source.columns.values()}
    for column in (*core.values(), *other.values()):
        column.flags.writeable = False
    return RunTable(name=name, **core, other=MappingProxyType(other), source=source)


def _read_csv(path: Path) -> dict[str, np.ndarray]:
    with path.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    return {key: _column([row[key] for row in rows]) for key in rows[0]}


def _read_json(path: Path) -> dict[str, np.ndarray]:
    rows = json.loads(path.read_text())
    return {key: _column([row[key] for row in rows]) for key in rows[0]}


def _column(values: list) -> np.ndarray:
    """Numbers where every entry is one, text otherwise."""
    try:
        return np.array(values, dtype=float)
    except ValueError:
        return np.array(values, dtype=str)
