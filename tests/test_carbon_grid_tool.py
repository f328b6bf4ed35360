"""The tool that makes the table of grids: countries in grams, states out of pounds."""

import json
import subprocess
import sys

import grid
import pytest

MIXES = {
    "AAA": {"carbon_intensity": 100.5, "country_name": "Aland", "year": 2022},
    "BBB": {"carbon_intensity": 0, "country_name": "Nothing known", "year": 2022},
}
STATES = {
    "_unit": {"emissions": "lbs/MWh", "regionCode": "2 digit state/region code"},
    "district of columbia": {"emissions": 1000.0, "regionCode": "DC"},
    "usa": {"emissions": 770.884, "regionCode": "usa"},
}


@pytest.fixture
def folder(tmp_path):
    private = tmp_path / "private_infra"
    (private / "2023").mkdir(parents=True)
    (private / "global_energy_mix.json").write_text(json.dumps(MIXES))
    (private / "2023" / "usa_emissions.json").write_text(json.dumps(STATES))
    return tmp_path


def test_a_country_without_a_figure_is_left_out(folder):
    (row,) = grid.countries(folder)
    assert row[:4] == ["AAA", "Aland", 100.5, 2022]


def test_a_pound_a_megawatt_hour_is_453_milligrams_a_watt_hour(folder):
    (row,) = grid.states(folder)
    assert row[:4] == ["US-DC", "District of Columbia (US)", 453.592, 2023]


def test_the_folder_must_be_given():
    ran = subprocess.run([sys.executable, grid.__file__], capture_output=True, text=True)
    assert ran.returncode == 2
    assert "--from" in ran.stderr


def test_the_table_that_is_shipped_has_the_tools_columns():
    header, *rows = grid.OUT.read_text(encoding="utf-8").splitlines()
    assert header == ",".join(grid.COLUMNS)
    assert rows == sorted(rows, key=lambda row: row.split(",")[0])
