"""``scaling-utils carbon``: energy and emissions of device-hours, each step by its name."""

from __future__ import annotations

import click

from scaling_utils import carbon, hardware
from scaling_utils._remarks import Remark
from scaling_utils.cli._names import Listed, known
from scaling_utils.cli._numbers import Number, Word, shown
from scaling_utils.cli._out import emit, output_options
from scaling_utils.cli._tables import Table, pairs
from scaling_utils.cli.hardware import device_of

_LISTS = ("grids", "pue", "embodied")


@click.command(
    "carbon",
    epilog="""\b
Examples:
  scaling-utils carbon --device-hours 1.3M --power 700 --pue 1.1 --grid USA
  scaling-utils carbon --device-hours 5000 --device A100-80-SXM --pue Google --grid France
  scaling-utils carbon --kwh 120 --pue 1.2 --grid 369
  scaling-utils carbon --list grids""",
)
@click.option(
    "--device-hours", type=Number("hours"), help="Hours of one device, summed over all devices."
)
@click.option("--kwh", type=Number("energy"), help="Energy of the devices, where it is known.")
@click.option(
    "--device",
    type=Listed(hardware.devices),
    help="Its rated power is taken: a ceiling, not a measurement.",
)
@click.option("--power", type=Number("plain"), help="Watts of one device as measured.")
@click.option(
    "--pue",
    help="The building's energy over its machines', or an operator of --list pue.",
)
@click.option(
    "--grid", type=Listed(carbon.places), help="A place of --list grids, or grams of CO2e per kWh."
)
@click.option("--year", type=Number("plain", whole=True), help="Of the grid's figure.")
@click.option(
    "--embodied",
    type=Listed(carbon.footprints),
    help="Add the making of the machines: a name of --list embodied.",
)
@click.option("--list", "listed", type=Word(_LISTS), help="List what is in a table.")
@output_options
def command(device_hours, kwh, device, power, pue, grid, year, embodied, listed, as_json, strict):
    """Energy and emissions of a job: device-hours, kWh, kg of CO2e.

    Give --device-hours with --device or --power, or give --kwh. The PUE is applied once. Emissions
    are location-based: those of the grid that the plug hangs on.
    """
    if listed:
        result, text = _LISTED[listed]()
        return emit("carbon", result, lambda: [text], as_json=as_json, strict=strict)
    remarks = []
    result = _energy(device_hours, kwh, device, power, remarks)
    result |= _building(result["device_kwh"], pue, remarks)
    result |= _emitted(result["kwh"], grid, year, remarks)
    result |= _made(device_hours, embodied)
    parts = [result["emissions_kg"], result["embodied_kg"]]
    result["total_kg"] = None if parts[0] is None else sum(filter(None, parts))
    return emit("carbon", result, lambda: [_text(result)], remarks, as_json=as_json, strict=strict)


def _energy(device_hours, kwh, device, power, remarks: list[Remark]) -> dict:
    """The energy of the devices, and what it follows from."""
    if (device_hours is None) == (kwh is None):
        raise ValueError("give --device-hours (with --device or --power) or --kwh, one of the two")
    if kwh is not None:
        if device is not None or power is not None:
            raise ValueError("--kwh is the energy already; --device and --power belong to hours")
        return {"device_hours": None, "power": None, "device_kwh": kwh}
    if (device is None) == (power is None):
        raise ValueError("give --device (rated power) or --power (watts), one of the two")
    if device is None:
        drawn = carbon.measured(power, "one device, as given")
    else:
        drawn = carbon.rated(device_of(device))
        remarks.append(
            Remark("rated-power", "the rated power is a ceiling; --power takes what was measured")
        )
    return {
        "device_hours": device_hours,
        "power": {"watts": float(drawn.watts), "kind": drawn.kind, "covers": drawn.covers},
        "device_kwh": float(carbon.energy(device_hours, drawn)),
    }


def _building(device_kwh: float, pue: str | None, remarks: list[Remark]) -> dict:
    """The building's energy."""
    if pue is None:
        remarks.append(
            Remark("no-pue", "the energy is that of the devices alone; --pue adds the building")
        )
        return {"pue": None, "kwh": device_kwh}
    try:
        ratio, about = float(pue), {"source": "given"}
    except ValueError:
        names = {one.operator for one in carbon.pues()}
        found = carbon.pue(known("operator", pue, names, "scaling-utils carbon --list pue"))
        ratio = found.value
        about = {
            "operator": found.operator,
            "scope": found.scope,
            "year": found.year,
            "source": found.source,
        }
    return {
        "pue": {"value": ratio, **about},
        "kwh": float(carbon.facility(device_kwh, ratio)),
    }


def _emitted(kwh: float, grid: str | None, year: int | None, remarks: list[Remark]) -> dict:
    """The emissions of the electricity."""
    if grid is None:
        if year is not None:
            raise ValueError("--year is that of a place's figure; give --grid too")
        remarks.append(Remark("no-grid", "no emissions without a place or grams per kWh: --grid"))
        return {"grid": None, "emissions_kg": None}
    try:
        intensity, about = float(grid), {"source": "given"}
    except ValueError:
        intensity = carbon.grid(grid, year)
        about = {
            "place": intensity.place,
            "code": intensity.code,
            "year": intensity.year,
            "edition": intensity.edition,
            "basis": intensity.basis,
            "covers": intensity.covers,
            "source": intensity.source,
        }
    return {
        "grid": {"g_per_kwh": float(intensity), **about},
        "emissions_kg": float(carbon.emissions(kwh, intensity)),
    }


def _made(device_hours, name: str | None) -> dict:
    """The share of making the machines."""
    if name is None:
        return {"embodied": None, "embodied_kg": None}
    if device_hours is None:
        raise ValueError("--embodied goes by hours; give --device-hours")
    listing = "scaling-utils carbon --list embodied"
    found = carbon.footprint(known("footprint", name, carbon.footprints(), listing))
    about = {
        "name": found.name,
        "kg_per_device": found.per_device,
        "kg_per_device_hour": found.per_hour,
        "life_years": found.life_years,
        "busy": found.busy,
        "covers": found.covers,
        "source": found.source,
    }
    return {"embodied": about, "embodied_kg": float(carbon.embodied(device_hours, found))}


def _text(result: dict) -> Table:
    rows = []
    if result["device_hours"] is not None:
        power = result["power"]
        rows += [
            ("device-hours", shown(result["device_hours"])),
            ("power", f"{shown(power['watts'])} W, {power['kind']}: {power['covers']}"),
        ]
    rows.append(("energy of the devices", f"{shown(result['device_kwh'])} kWh"))
    if result["pue"]:
        rows += [
            ("PUE", f"{result['pue']['value']:g}, {_origin(result['pue'])}"),
            ("energy of the building", f"{shown(result['kwh'])} kWh"),
        ]
    if result["grid"]:
        grid = result["grid"]
        rows += [
            ("grid", f"{grid['g_per_kwh']:g} g CO2e/kWh, {_origin(grid)}"),
            ("emissions", _mass(result["emissions_kg"])),
        ]
    if result["embodied"]:
        made = result["embodied"]
        rows += [
            ("embodied", f"{_mass(result['embodied_kg'])}, {made['covers']}; {made['source']}"),
        ]
        if result["total_kg"] is not None:
            rows.append(("together", _mass(result["total_kg"])))
    return pairs(rows)


def _origin(about: dict) -> str:
    named = [str(about[key]) for key in ("place", "operator", "year", "edition") if key in about]
    return ", ".join([*named, about["source"]])


def _mass(kg: float) -> str:
    return f"{shown(kg)} kg CO2e" if kg < 1000 else f"{shown(kg / 1000)} t CO2e"


def _grids():
    rows = [carbon.grid(code) for code in carbon.places()]
    rows.sort(key=lambda one: one.place)
    cells = [(one.code, one.place, f"{one.value:g}", str(one.year), one.edition) for one in rows]
    table = Table(("code", "place", "g/kWh", "year", "edition"), cells, prose=(4,))
    kept = ("place", "code", "year", "edition", "basis", "covers", "source")
    return {
        "grids": [{"g_per_kwh": one.value} | {k: getattr(one, k) for k in kept} for one in rows]
    }, table


def _pues():
    rows = carbon.pues()
    cells = [(one.operator, one.scope, f"{one.value:g}", str(one.year), one.source) for one in rows]
    table = Table(("operator", "scope", "PUE", "year", "source"), cells, prose=(1, 4))
    return {"pue": [vars(one) for one in rows]}, table


def _footprints():
    rows = [carbon.footprint(name) for name in carbon.footprints()]
    cells = [(one.name, f"{one.per_hour:.4g}", f"{one.life_years:g}", one.covers) for one in rows]
    table = Table(("name", "kg per device-hour", "years", "covers"), cells, prose=(3,))
    kept = [vars(one) | {"kg_per_device_hour": one.per_hour} for one in rows]
    return {"embodied": kept}, table


_LISTED = {"grids": _grids, "pue": _pues, "embodied": _footprints}
