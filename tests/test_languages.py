"""The languages of the recorded studies are known again on a processor that rounds otherwise."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace

import languages
import numpy as np
import pytest
import repeat

SETTINGS = {"order": 3, "seed": 0, "strength": 10.0, "vocab": 16}  # of results/transfer
CORPUS = "1d64322e86a2e396"


def test_the_table_holds_the_languages_of_all_studies():
    assert languages.main([]) == 0


def test_a_study_without_its_language_is_told(monkeypatch, capsys):
    monkeypatch.setattr(languages, "of_studies", lambda: [{**SETTINGS, "seed": 7}])
    assert languages.main([]) == 1
    assert '"seed": 7' in capsys.readouterr().out


@pytest.fixture
def elsewhere(monkeypatch):
    """Compute each language as a processor would that rounds one probability in four otherwise."""
    drawn = languages.dirichlet_language
    rows = {}

    def rounded(**settings):
        if str(settings) not in rows:
            rows[str(settings)] = drawn(**settings).rows.copy()
            part = rows[str(settings)][::4]
            part[:] = np.nextafter(part, 1)
        return SimpleNamespace(rows=rows[str(settings)])

    def digest(**settings):
        return hashlib.sha256(rounded(**settings).rows).hexdigest()

    monkeypatch.setattr(languages, "dirichlet_language", rounded)
    monkeypatch.setattr(languages, "table_hash", digest)
    languages._is_recorded.cache_clear()
    yield digest
    languages._is_recorded.cache_clear()


def test_rounding_leaves_a_language_the_same(elsewhere):
    assert elsewhere(**SETTINGS)[:16] != CORPUS
    assert languages.is_recorded(CORPUS, SETTINGS)


@pytest.mark.parametrize("change", [{"seed": 1}, {"strength": 10.01}, {"vocab": 15}])
def test_another_language_is_another_one(elsewhere, change):
    assert not languages.is_recorded(CORPUS, SETTINGS | change)
    assert not languages.is_recorded("0" * 16, SETTINGS)


def test_a_run_on_the_rounded_language_is_compared(elsewhere):
    job = {"language": SETTINGS}
    here = elsewhere(**SETTINGS)[:16]
    assert repeat._rounded(job, "corpus", CORPUS, here)
    assert not repeat._rounded(job, "corpus", "0" * 16, here)
    assert not repeat._rounded(job, "corpus", CORPUS, "1" * 16)
    assert not repeat._rounded(job, "source_corpus", CORPUS, here)
    assert not repeat._rounded({"text": "english"}, "corpus", CORPUS, here)
