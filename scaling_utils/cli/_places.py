"""Places whose electricity is known, as people name them: France, FRA, FR, US-CA, world."""

from __future__ import annotations

import csv
from functools import cache

from scaling_utils import carbon
from scaling_utils._lazy import DATA
from scaling_utils.cli._names import known


@cache
def _short() -> dict[str, str]:
    """Codes of three letters by those of two (ISO 3166), and UK."""
    with (DATA / "country_codes.csv").open(newline="", encoding="utf-8") as table:
        return {row["code_2"].casefold(): row["code_3"] for row in csv.DictReader(table)}


def place_of(name: str) -> str:
    """Return a name that ``carbon.grid`` takes; case does not matter.

    Parameters
    ----------
    name : str
        Name, or code of two or three letters, or a code such as US-CA.

    Raises
    ------
    ValueError
        For a place that the table does not have, with the nearest names.
    """
    code = _short().get(name.casefold().strip())
    if code is not None:
        return code
    places = carbon.places()
    return known("place", name, [*places.values(), *places], "scaling-utils carbon --list grids")
