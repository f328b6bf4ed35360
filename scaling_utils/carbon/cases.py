"""What was printed about real training runs, recomputed from the inputs printed beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scaling_utils.carbon import _tables
from scaling_utils.carbon.consumption import energy
from scaling_utils.carbon.grids import emissions


@dataclass(frozen=True)
class Case:
    """One printed estimate. What its source does not print is NaN.

    Attributes
    ----------
    name, group : str
        The model, and the table that it stands in.
    device : str
        Accelerator in the words of the source.
    device_hours : float
        Hours of one device, all devices together.
    watts : float
        Watts of one device.
    kind : str
        "rated", "measured" or "assumed"; empty where no power is printed.
    pue : float
        Power usage effectiveness.
    gross, net : float
        g CO2e/kWh of the grid (location-based), and after purchases (market-based).
    mwh, tonnes, tonnes_net : float
        As printed.
    flops : float
        FLOPs of the run, as printed.
    pue_in_mwh, pue_in_tonnes : bool
        Whether the printed MWh and tonnes are said to have the PUE inside.
    includes : str
        What the figures cover, in words.
    source, certainty, note : str
        Where it is printed, how it was read, and what to watch out for.
    """

    name: str
    group: str
    device: str
    device_hours: float
    watts: float
    kind: str
    pue: float
    gross: float
    net: float
    mwh: float
    tonnes: float
    tonnes_net: float
    flops: float
    pue_in_mwh: bool
    pue_in_tonnes: bool
    includes: str
    source: str
    certainty: str
    note: str

    def recomputed_mwh(self) -> float:
        """MWh from hours, watts and, where the printed figure has it, PUE; or NaN."""
        return self._mwh(self.pue_in_mwh)

    def recomputed_tonnes(self, net: bool = False) -> float:
        """Tonnes CO2e from hours, watts, PUE and grid; from the printed MWh without hours; or NaN.

        Parameters
        ----------
        net : bool
            With the market-based intensity in place of the grid's.
        """
        grams, mwh = (self.net if net else self.gross), self._mwh(self.pue_in_tonnes)
        if math.isnan(mwh):
            more = self.pue_in_tonnes - self.pue_in_mwh  # PUEs that the printed MWh lack
            mwh = self.mwh * self.pue**more if more else self.mwh
        if math.isnan(mwh * grams):
            return math.nan
        return float(emissions(1000 * mwh, grams)) / 1000

    def _mwh(self, with_pue: bool) -> float:
        pue = self.pue if with_pue else 1.0
        if math.isnan(self.device_hours * self.watts * pue):
            return math.nan
        return float(energy(self.device_hours, self.watts, pue)) / 1000


def _number(text: str) -> float:
    return float(text) if text else math.nan


def _case(row: dict[str, str]) -> Case:
    words = ("name", "group", "device", "kind", "includes", "source", "certainty", "note")
    numbers = ("device_hours", "watts", "pue", "gross", "net", "mwh", "tonnes", "tonnes_net")
    return Case(
        **{field: row[field] for field in words},
        **{field: _number(row[field]) for field in (*numbers, "flops")},
        **{field: row[field] == "yes" for field in ("pue_in_mwh", "pue_in_tonnes")},
    )


PUBLISHED = tuple(_case(row) for row in _tables.rows("carbon_published"))


def published(group: str) -> list[Case]:
    """Return the cases of one source.

    Parameters
    ----------
    group : str
        "patterson", "llama", "llama-2", "bloom", ...; the error lists all.

    Returns
    -------
    list of Case
        In the order of the source.

    Raises
    ------
    TypeError, ValueError
        For an unknown group.
    """
    groups = {_tables.folded(case.group): case.group for case in PUBLISHED}
    key = _tables.named("group", group, groups)
    return [case for case in PUBLISHED if case.group == key]
