"""A line through the last two runs: by hand, on a power law, and the digits that were printed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scaling_utils import studies
from scaling_utils.studies import Cells, Split, Study

H = 1.0  # nats per token


def made(losses: dict[tuple[float, float], float], entropy: float = H) -> Study:
    """Make a study of cells (N, D): those below 100 parameters and 1,000 tokens are fitted."""
    N, D = np.array(list(losses), dtype=float).T
    loss, ones = np.array(list(losses.values())), np.ones(len(losses))
    cells = Cells(N, D, loss, 0 * ones, ones, ones > 1, ones, entropy * ones)
    return Study("made", [], {}, cells, Split(N=100, D=1000, C=1e12))


def test_two_runs_give_the_line_by_hand():
    """From 0.8 to 0.4 over a factor of two, so 0.2 and 0.1 at the next two."""
    study = made(
        {(10, 50): 9, (10, 100): 1.8, (10, 200): 1.4, (10, 4000): 7, (200, 400): 7, (200, 800): 7}
    )
    ahead = studies.line_ahead(study)
    assert ahead[[1, 2]] == pytest.approx([1.8, 1.4])
    assert ahead[[4, 5]] == pytest.approx([1.2, 1.1])  # of a held-out size: the next smaller
    assert ahead[3] == pytest.approx(1 + 0.4 / 20)  # a fall of 1 / D


def test_a_power_law_in_tokens_is_continued_exactly():
    law = {(N, D): H + 5 * D**-0.3 for N in (5, 50) for D in (10, 30, 90, 8100)}
    study = made(law)
    assert studies.line_ahead(study) == pytest.approx(study.cells.loss)


def test_without_two_runs_of_a_smaller_size_there_is_no_line():
    study = made({(5, 100): 2.0, (50, 100): 1.8, (50, 200): 1.5, (200, 100): 1.7})
    missing = np.isnan(studies.line_ahead(study))
    assert missing.tolist() == [True, False, False, False]
    held_out = study.where(study.cells.N != 50)
    assert np.isnan(studies.line_ahead(held_out)).all()


def test_a_source_of_unknown_entropy_is_refused():
    study = made({(10, 100): 1.8, (10, 200): 1.4})
    unknown = replace(study, cells=replace(study.cells, entropy=np.full(2, np.nan)))
    with pytest.raises(ValueError, match="made must have a source of known entropy, got nan"):
        studies.line_ahead(unknown)


def test_the_study_of_known_entropy_has_the_digits_of_its_page():
    study = studies.read("known_entropy")
    found = study.score(studies.line_ahead(study))
    assert [f"{100 * found[name].mean_excess:.1f}" for name in "NDC"] == ["5.5", "2.6", "6.7"]
