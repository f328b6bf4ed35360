"""A saved fit as a law that can be planned by, with its resamples."""

from __future__ import annotations

import numpy as np

from scaling_utils.fitting import SavedFit
from scaling_utils.planning.families import CONSTANTS, Family
from scaling_utils.planning.seen import UNKNOWN, Seen

FORMS = ("additive", "coupled")


def family_of_saved(saved: SavedFit, file: str = "the saved fit") -> Family:
    """Return the constants of a saved fit, one row for each of its resamples.

    Parameters
    ----------
    saved : SavedFit
        Of a loss in N and D. Without resamples it is taken as exact.
    file : str
        Its file, for the names and the errors.

    Raises
    ------
    ValueError
        If it is no law of size and data, or a resample makes none.
    """
    if saved.form not in FORMS or set(saved.x) != {"N", "D"}:
        raise ValueError(
            f"fit: {file} is a fit of the form {saved.form} in {' and '.join(saved.x)}; a plan "
            f"needs a loss in N and D, of the form {' or '.join(FORMS)}"
        )
    rows = saved.draws or {name: np.array([value]) for name, value in saved.constants.items()}
    table = np.stack([np.asarray(rows[name], dtype=float) for name in CONSTANTS])
    q = np.asarray(rows.get("q", np.ones(table.shape[1])), dtype=float)
    lawful = np.isfinite(table).all(axis=0) & np.isfinite(q) & (q > 0)
    lawful &= (table[1:] > 0).all(axis=0) & (table[0] >= 0)
    if not lawful.any():
        raise ValueError(f"fit: {file} holds no constants that make a law")
    spans = {name: saved.ranges.get(name, UNKNOWN) for name in ("N", "D", "C")}
    return Family(
        "fit",
        *table[:, lawful],
        q[lawful],
        seen=Seen(**spans, source=f"the {saved.rows} rows of {file}"),
        resampled=bool(saved.draws),
        dropped=int((~lawful).sum()),
        source=f"{file}: {saved.rows} rows, {saved.n} resamples",
    )
