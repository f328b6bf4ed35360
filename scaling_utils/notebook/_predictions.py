"""The list of registered predictions, as it stands before any of them is scored."""

from __future__ import annotations

from scaling_utils.notebook._registered import Prediction, read_predictions, registered_file
from scaling_utils.notebook._shown import table


def predictions(*studies: str) -> None:
    """List the registered predictions of some studies, before any of them is scored.

    Parameters
    ----------
    *studies : str
        Names as in ``results/registered.toml``: what stands before the dot of an id.

    Raises
    ------
    ValueError
        If no study is named, or one has no registered prediction.
    """
    book = read_predictions(registered_file()).values()
    known = sorted({_study(one) for one in book})
    for study in studies or ("",):
        if study not in known:
            raise ValueError(f"studies must name some of {', '.join(known)}, got {study!r}")
    found = [one for study in studies for one in book if _study(one) == study]
    columns = {
        "registered prediction": [one.sentence for one in found],
        "held where": [f"{one.bound} {one.unit}".strip() for one in found],
    }
    if len(studies) > 1:
        columns["part"] = [_study(one).replace("_", " ") for one in found]
    table(columns)


def predicted(study: str) -> None:
    """List the registered predictions of one study in two columns, which fit on a phone.

    Parameters
    ----------
    study : str
        Its name, as in ``results/registered.toml``: what stands before the dot of an id.

    Raises
    ------
    ValueError
        If it has no registered prediction.
    """
    book = read_predictions(registered_file()).values()
    found = [one for one in book if _study(one) == study]
    if not found:
        known = ", ".join(sorted({_study(one) for one in book}))
        raise ValueError(f"study must be one of {known}, got {study!r}")
    bounds = [f"{one.bound} {one.unit}".strip() for one in found]
    table({"registered prediction": [one.sentence for one in found], "held where": bounds})


def _study(one: Prediction) -> str:
    return one.id.split(".")[0]
