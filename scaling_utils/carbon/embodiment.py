"""Emissions of making the machines, shared out over the hours that they work."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from scaling_utils._check import finite_array, number, whole
from scaling_utils.carbon import _tables

HOURS = 8760.0  # in a year of 365 days
LONGEST = 15.0  # years; longer lives were given in another unit


@dataclass(frozen=True)
class Footprint:
    """What it took to make a server and its cards, and how long they serve.

    Attributes
    ----------
    card_kg, server_kg : float
        kg CO2e of one card, and of a server without its cards.
    cards : int
        Cards in a server.
    life_years : float
        Years until it is replaced.
    busy : float
        Share of these hours in which somebody's job pays for it, above 0 and at most 1.
    covers, source : str
        What is counted and what is not, in words; where it was printed.
    """

    card_kg: float
    server_kg: float
    cards: int
    life_years: float
    busy: float = 1.0
    covers: str = ""
    source: str = ""
    name: str = ""

    def __post_init__(self):
        number("card_kg", self.card_kg, at_least=0)
        number("server_kg", self.server_kg, at_least=0)
        whole("cards", self.cards)
        number("life_years", self.life_years, above=0)
        if self.life_years > LONGEST:
            raise ValueError(
                f"life_years must be in years, at most {LONGEST:g}, got {self.life_years:g}: "
                f"{self.life_years:g} hours are {self.life_years / HOURS:.2g} years"
            )
        number("busy", self.busy, above=0, at_most=1)

    @property
    def per_device(self) -> float:
        """kg CO2e of one card with its share of the server."""
        return self.card_kg + self.server_kg / self.cards

    @property
    def per_hour(self) -> float:
        """kg CO2e of one hour of one card."""
        return self.per_device / (self.life_years * HOURS * self.busy)


@cache
def _known() -> dict[str, Footprint]:
    found = {}
    for row in _tables.rows("embodied"):
        numbers = [float(row[c]) for c in ("card_kg", "server_kg", "cards", "life_years", "busy")]
        found[row["name"]] = Footprint(*numbers, row["covers"], row["source"], row["name"])
    return found


def footprints() -> list[str]:
    """Return the names of the published footprints.

    Returns
    -------
    list of str
        As :func:`footprint` takes them, in the order of ``data/embodied.csv``.
    """
    return list(_known())


def footprint(name: str) -> Footprint:
    """Return a published footprint.

    Parameters
    ----------
    name : str
        One of :func:`footprints`.

    Returns
    -------
    Footprint
        In kg CO2e, years and words; its ``.covers`` says what is left out.

    Raises
    ------
    TypeError, ValueError
        For an unknown name, with the nearest known one.
    """
    return _known()[_tables.named("name", name, {_tables.folded(n): n for n in _known()})]


def embodied(device_hours, of: str | Footprint = "ecologits"):
    """Return the embodied emissions of a job in kg CO2e.

    Parameters
    ----------
    device_hours : float or array
        Hours of one device, summed over all devices.
    of : str or Footprint
        A name of :func:`footprints`, or your own. What it covers is in ``.covers``.

    Returns
    -------
    float or array
        kg CO2e: device_hours times the footprint of one card with its share of the server, over
        the hours that it serves. No figure here has the building, the network or the end of life.

    Raises
    ------
    TypeError, ValueError
        For hours below 0, or an unknown footprint, with the nearest known one.
    """
    hours = finite_array("device_hours", device_hours)
    if (hours < 0).any():
        raise ValueError(f"device_hours must be at least 0, got {hours.min():g}")
    one = of if isinstance(of, Footprint) else footprint(of)
    return (hours * one.per_hour)[()]
