"""The list of registered predictions, as it stands before any of them is scored."""

from __future__ import annotations

from scaling_utils.notebook._registered import read_predictions, registered_file
from scaling_utils.notebook._shown import table


def predictions(study: str, caption: str = "") -> None:
    """List the registered predictions of a study, before any of them is scored.

    Parameters
    ----------
    study : str
        Its name, as in ``results/registered.toml``: what stands before the dot of an id.
    caption : str
        Of the table, where a page lists more than one study.

    Raises
    ------
    ValueError
        If it has no registered prediction.
    """
    book = read_predictions(registered_file()).values()
    found = [one for one in book if one.id.split(".")[0] == study]
    if not found:
        known = ", ".join(sorted({one.id.split(".")[0] for one in book}))
        raise ValueError(f"study must be one of {known}, got {study!r}")
    columns = {
        "registered prediction": [one.sentence for one in found],
        "held where": [f"{one.bound} {one.unit}".strip() for one in found],
    }
    table(columns, caption=caption)
