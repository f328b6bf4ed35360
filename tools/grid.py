"""Make ``scaling_utils/data/grid_intensity.csv`` from the tables that codecarbon ships.

    python tools/grid.py --from FOLDER/codecarbon/data

The figures are those of Our World in Data and the EPA, each with its year; the world's are typed.
"""

import argparse
import csv
import json
from pathlib import Path

OUT = Path(__file__).parent.parent / "scaling_utils" / "data" / "grid_intensity.csv"
COLUMNS = ["code", "place", "g_per_kwh", "year", "edition", "covers", "source"]
POUNDS = 453.59237 / 1000  # grams a kWh in one pound a MWh
LIFE = "life cycle of generation, no losses of the lines"
OWID = "Our World in Data, Carbon intensity of electricity generation (Ember; Energy Institute), "
EGRID = "EPA eGRID2023, annual CO2e total output emission rate, https://www.epa.gov/egrid"
WORLD = [
    (475, 2018, "IEA 2019", "combustion", "IEA, Global Energy and CO2 Status Report 2019"),
    (436, 2022, "Ember 2023", LIFE, "Ember, Global Electricity Review 2023"),
    (481, 2023, "Ember 2024", LIFE, "Ember 2024, as quoted by Our World in Data"),
]


def countries(folder: Path):
    """Yield a row for each country with a figure."""
    mixes = json.loads((folder / "private_infra" / "global_energy_mix.json").read_text())
    for code, mix in mixes.items():
        if mix["carbon_intensity"] > 0:
            source = OWID + "as kept by codecarbon 3.3.2"
            value, year = mix["carbon_intensity"], mix["year"]
            yield [code, mix["country_name"], value, year, "OWID 2024", LIFE, source]


def states(folder: Path):
    """Yield a row for each state of the USA: pounds a MWh become grams a kWh."""
    table = json.loads((folder / "private_infra" / "2023" / "usa_emissions.json").read_text())
    for name, one in table.items():
        if len(one.get("regionCode", "")) == 2:
            place = f"{name.title().replace(' Of ', ' of ')} (US)"
            value = round(one["emissions"] * POUNDS, 3)
            yield [f"US-{one['regionCode']}", place, value, 2023, "eGRID2023", "stacks", EGRID]


def main() -> None:
    """Write the table, by code and year."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="folder", type=Path, required=True)
    folder = parser.parse_args().folder
    world = [["WLD", "World", *row] for row in WORLD]
    with OUT.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        rows = [*countries(folder), *states(folder), *world]
        writer.writerows(sorted(rows, key=lambda row: (row[0], row[3])))


if __name__ == "__main__":
    main()
