"""The run tables: what is read, what is refused, and what the reader is told."""

import hashlib
import shutil
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pooch
import pytest

from scaling_utils import corpora
from scaling_utils.corpora import DataUnavailable, run_table, tables

SIZES = {"kyo_takano": 234, "epoch_chinchilla": 245, "cs336": 72, "gadre": 104}

CSV = "C,N,D,loss\n6e18,1e9,1e9,2.5\n1.2e19,1e9,2e9,2.25\n"


@pytest.fixture
def small_table(monkeypatch, tmp_path):
    """A two-run table in place of kyo_takano's, in a folder of its own."""
    source = replace(corpora.SOURCES["kyo_takano"], sha256=hashlib.sha256(CSV.encode()).hexdigest())
    monkeypatch.setattr(tables, "SOURCES", MappingProxyType({"kyo_takano": source}))
    folder = tmp_path / "data"
    (folder / "kyo_takano").mkdir(parents=True)
    (folder / source.file).write_text(CSV)
    monkeypatch.setenv("SCALING_DATA", str(folder))
    return folder / source.file


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """No folder, an empty cache, and a network that refuses."""
    monkeypatch.delenv("SCALING_DATA", raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "cache")

    def refuse(url, output_file, pooch_object):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(pooch.core, "choose_downloader", lambda *args, **kwargs: refuse)


# --- the published tables, where they are at hand ---------------------------------------


@pytest.mark.parametrize("name", list(SIZES))
def test_published_tables(name, shared_data):
    table = run_table(name)
    assert len(table) == SIZES[name]
    for column in (table.N, table.D, table.C, table.loss):
        assert column.shape == (SIZES[name],)
        assert np.isfinite(column).all()
        assert (column > 0).all()
    np.testing.assert_allclose(table.C, 6 * table.N * table.D, rtol=1e-6)
    # Nats per token of language models, not bits per byte or percent.
    assert 1.5 < np.median(table.loss) < 6
    assert table.source.commit
    assert table.source.licence


def test_first_rows_by_hand(shared_data):
    table = run_table("kyo_takano")
    assert (table.N[0], table.D[0], table.loss[0]) == (73824672, 3154403320, 3.405928)
    gadre = run_table("gadre")
    assert gadre.other["model"][0] == "d=1024_l=24_h=8"
    assert gadre.other["N_noemb"][0] == 359973888
    assert gadre.loss[0] == 3.5279492850157737


def test_cs336_follows_its_formula(shared_data):
    table = run_table("cs336")
    formula = 2.69 + 1606.4 / table.N**0.34 + 3210.7 / table.D**0.36
    np.testing.assert_allclose(table.loss, formula, rtol=1e-6)


# --- folder -----------------------------------------------------------------------------


def test_columns_are_read_and_read_only(small_table):
    table = run_table("kyo_takano")
    assert table.N.tolist() == [1e9, 1e9]
    assert table.D.tolist() == [1e9, 2e9]
    assert table.C.tolist() == [6e18, 1.2e19]
    assert table.loss.tolist() == [2.5, 2.25]
    with pytest.raises(ValueError, match="read-only"):
        table.loss[0] = 0.0


def test_unknown_name_lists_the_tables():
    with pytest.raises(ValueError, match=r"kyo_takano.*got 'pile'"):
        run_table("pile")


def test_missing_file_says_where_it_should_be(small_table):
    small_table.unlink()
    with pytest.raises(DataUnavailable, match=r"no kyo_takano/df\.csv.*unset SCALING_DATA"):
        run_table("kyo_takano")


def test_changed_file_is_refused(small_table):
    small_table.write_text(CSV.replace("2.5", "2.4"))
    with pytest.raises(DataUnavailable, match="not the recorded file: its sha256 is"):
        run_table("kyo_takano")


# --- download ---------------------------------------------------------------------------


def test_address_is_pinned_to_a_commit():
    address = corpora.SOURCES["epoch_chinchilla"].address
    assert address == (
        "https://raw.githubusercontent.com/epoch-research/analyzing-chinchilla/9225883/"
        "data/svg_extracted_data.csv"
    )


def test_no_network_says_what_to_do(offline):
    with pytest.raises(DataUnavailable, match=r"no route to host.*set SCALING_DATA to a folder"):
        run_table("cs336")


def test_table_without_an_address_says_so(offline):
    with pytest.raises(DataUnavailable, match=r"no single address.*Set SCALING_DATA"):
        run_table("gadre")


def test_download_is_checked_and_kept(small_table, offline, monkeypatch):
    calls = []

    def deliver(url, output_file, pooch_object):
        calls.append(url)
        shutil.copy(small_table, output_file)

    monkeypatch.setattr(pooch.core, "choose_downloader", lambda *args, **kwargs: deliver)
    assert len(run_table("kyo_takano")) == 2
    assert len(run_table("kyo_takano")) == 2
    assert calls == [tables.SOURCES["kyo_takano"].address]


def test_wrong_download_is_refused(small_table, offline, monkeypatch):
    def deliver(url, output_file, pooch_object):
        with open(output_file, "w") as out:
            out.write("<html>not found</html>")

    monkeypatch.setattr(pooch.core, "choose_downloader", lambda *args, **kwargs: deliver)
    with pytest.raises(DataUnavailable, match=r"could not be downloaded.*hash"):
        run_table("kyo_takano")
