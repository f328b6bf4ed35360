"""Grams of CO2 equivalents in a kWh: by place, year and edition; and what they make of energy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from scaling_utils._check import finite_array
from scaling_utils.carbon import _tables

GRAMS = 1000.0  # in a kilogram
LEAST = 2.0  # g/kWh; what lies between 0 and this was given in kg
MOST = 2000.0  # g/kWh; coal has about 1,000


@dataclass(frozen=True)
class Intensity:
    """Emissions of a kWh from a grid, with the year and edition of the figure.

    Attributes
    ----------
    value : float
        Grams of CO2 equivalents a kWh.
    place, code : str
        Name, and ISO 3166 code: "FRA", "US-CA", "WLD" for the world.
    year : int
        Year that the figure describes.
    edition : str
        Which edition of the series; later ones revise past years.
    basis : {"location", "market"}
        "location" is the grid that the plug hangs on. "market" takes off what was bought
        elsewhere, by contracts; the table here has location-based rows only.
    covers : str
        What is counted: life cycle of the plants, or their chimneys alone.
    source : str
        Where it was printed.
    """

    value: float
    place: str
    code: str
    year: int
    edition: str
    source: str
    covers: str = ""
    basis: str = "location"
    unit: str = "g CO2e/kWh"

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        return (
            f"{self.value:.0f} {self.unit} ({self.place} {self.year}, {self.edition}, "
            f"{self.basis}-based)"
        )


@cache
def _all() -> tuple[Intensity, ...]:
    return tuple(
        Intensity(
            float(row["g_per_kwh"]),
            row["place"],
            row["code"],
            int(row["year"]),
            row["edition"],
            row["source"],
            row["covers"],
        )
        for row in _tables.rows("grid_intensity.csv")
    )


@cache
def _answering() -> dict[str, str]:
    names = {_tables.folded(one.place): one.code for one in _all()}
    codes = {_tables.folded(one.code): one.code for one in _all()}
    there = set(codes.values())
    short = {
        _tables.folded(row["code_2"]): row["code_3"]
        for row in _tables.rows("country_codes.csv")
        if row["code_3"] in there
    }
    return short | codes | names


def places() -> dict[str, str]:
    """Return the places of the table.

    Returns
    -------
    dict of str to str
        Name by code. :func:`grid` takes either.
    """
    return {one.code: one.place for one in _all()}


def grids_of(place: str) -> list[Intensity]:
    """Return all that the table has on a place.

    Parameters
    ----------
    place : str
        ISO code or English name, see :func:`grid`.

    Returns
    -------
    list of Intensity
        By year. Figures of different editions are no series: methods change between them.

    Raises
    ------
    TypeError, ValueError
        For a place that is not in the table.
    """
    code = _tables.named("place", place, _answering())
    return sorted((one for one in _all() if one.code == code), key=lambda one: one.year)


def grid(place: str, year: int | None = None) -> Intensity:
    """Return the carbon intensity of a place's electricity.

    Parameters
    ----------
    place : str
        ISO code or English name in any case: "FRA", "FR", "France", "US-CA", "world".
    year : int, optional
        Year that the figure describes; the latest in the table unless given. Years differ between
        places, so print ``.year`` with the answer.

    Returns
    -------
    Intensity
        Location-based, in g CO2e/kWh.

    Raises
    ------
    TypeError, ValueError
        For a place that is not in the table, with the nearest name, which is never taken for it;
        or for a year that the table does not have, with those that it has.
    """
    found = grids_of(place)
    return _tables.of_year(found[0].place, found, year)


def emissions(kwh, intensity):
    """Return the emissions of electricity in kg CO2e.

    Parameters
    ----------
    kwh : float or array
        Energy in kWh, at the building's meter: see :func:`energy`.
    intensity : Intensity, float or array
        Grams of CO2e a kWh: 381, not .381. Zero is allowed, for a market-based claim.

    Returns
    -------
    float or array
        kg CO2e, kwh * intensity / 1000. Divide by 1000 for tonnes.

    Raises
    ------
    TypeError, ValueError
        For energy below 0, or an intensity that is in another unit by its size.
    """
    energy, grams = finite_array("kwh", kwh), _grams(intensity)
    if (energy < 0).any():
        raise ValueError(f"kwh must be at least 0, got {energy.min():g}")
    return (energy * grams / GRAMS)[()]


def _grams(intensity) -> np.ndarray:
    if isinstance(intensity, str):
        raise TypeError(
            f"intensity must be in g CO2e/kWh, got {intensity!r}: carbon.grid has a place's"
        )
    given = intensity.value if isinstance(intensity, Intensity) else intensity
    values = finite_array("intensity", given)
    if (values < 0).any() or (values > MOST).any():
        worst = values.min() if (values < 0).any() else values.max()
        raise ValueError(f"intensity must be from 0 to {MOST:g} g CO2e/kWh, got {worst:g}")
    low = values[(values > 0) & (values < LEAST)]
    if low.size:
        raise ValueError(
            f"intensity must be in grams of CO2e a kWh, got {low.flat[0]:g}: "
            f"{low.flat[0]:g} kg are {GRAMS * low.flat[0]:g} g"
        )
    return values
