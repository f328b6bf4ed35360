"""Where the recorded studies of the book are found."""

import pytest

from scaling_utils.studies import recorded


def test_a_study_of_the_book_is_found_from_below_its_folder(tmp_path, monkeypatch):
    (tmp_path / "results" / "mine").mkdir(parents=True)
    (tmp_path / "results" / "mine" / "runs.csv").write_text("N\n1\n")
    below = tmp_path / "notebooks"
    below.mkdir()
    monkeypatch.chdir(below)
    assert recorded("mine") == tmp_path / "results" / "mine"


def test_a_missing_study_lists_those_that_there_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"known_entropy.*got .no such study"):
        recorded("no such study")
