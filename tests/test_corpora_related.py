"""Related languages: what a pair shares, what it does not, and bad arguments."""

import numpy as np
import pytest

from scaling_utils.corpora.gains import context_gains
from scaling_utils.corpora.languages import Language, dirichlet_language
from scaling_utils.corpora.related import related_language

SETTINGS = {"vocab": 6, "order": 3, "strength": 20.0, "floor": 1e-9, "seed": 3}


def parents(rows, vocab):
    """Return the mean of the rows that share a context without its oldest symbol."""
    return rows.reshape(vocab, -1, vocab).mean(0)


def test_with_everything_shared_it_is_the_language_itself():
    source = dirichlet_language(**SETTINGS)
    np.testing.assert_array_equal(related_language(3, **SETTINGS).rows, source.rows)


@pytest.mark.parametrize("shared", [1, 2])
def test_what_is_shared_are_the_rows_of_that_order(shared):
    # A language of order `shared` with the same seed holds exactly these rows.
    V = SETTINGS["vocab"]
    lower = dirichlet_language(**SETTINGS | {"order": shared}).rows
    higher = related_language(shared, **SETTINGS | {"order": shared + 1}).rows
    # A Dirichlet draw has its parent as mean; V children, each entry p (1 - p) / (strength + 1).
    spread = np.sqrt(lower * (1 - lower) / (SETTINGS["strength"] + 1) / V)
    scores = (parents(higher, V) - lower) / np.maximum(spread, 1e-3)
    assert np.sqrt((scores**2).mean()) < 1.2
    other = dirichlet_language(**SETTINGS | {"order": shared, "seed": 4}).rows
    wrong = (parents(higher, V) - other) / np.maximum(spread, 1e-3)
    assert np.sqrt((wrong**2).mean()) > 2


def test_a_share_of_the_rows_is_kept():
    source = dirichlet_language(**SETTINGS)
    target = related_language(2, kept=0.7, **SETTINGS)
    same = (target.rows == source.rows).all(1)
    assert same.mean() == pytest.approx(0.7, abs=4 * np.sqrt(0.21 / len(same)))
    assert np.median(np.abs(target.rows - source.rows)[~same].max(1)) > 0.05
    np.testing.assert_array_equal(related_language(2, kept=1, **SETTINGS).rows, source.rows)


def test_more_sharing_means_a_nearer_language():
    source = dirichlet_language(**SETTINGS | {"floor": 0.01})
    gaps = []
    for shared in range(4):
        target = related_language(shared, **SETTINGS | {"floor": 0.01})
        cost = target.rows * np.log(target.rows / source.rows)
        gaps.append((target.mass[:, None] * cost).sum())  # of the source's rows on the target
    assert (np.diff(gaps) < 0).all()
    assert gaps[-1] == 0


def test_refinements_are_new_and_of_the_same_kind():
    settings = SETTINGS | {"strength": 50.0}  # entropies scatter less between draws
    one, two = (related_language(2, relative, **settings) for relative in (1, 2))
    source = dirichlet_language(**settings)
    assert np.abs(one.rows - two.rows).max() > 0.1
    assert np.abs(one.rows - source.rows).max() > 0.1
    for language in (one, two):
        np.testing.assert_allclose(language.rows.sum(1), 1)
        assert language.entropy == pytest.approx(source.entropy, rel=0.1)
        assert not language.rows.flags.writeable


def test_the_numbers_decide_the_relative():
    again = related_language(1, 7, **SETTINGS)
    assert again is related_language(1, 7, **SETTINGS)
    assert np.abs(again.rows - related_language(0, 7, **SETTINGS).rows).max() > 0.1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"shared": 4}, "shared must be at most the order 3, got 4"),
        ({"shared": -1}, "shared must be at least 0"),
        ({"shared": 1.5}, "shared must be a whole number"),
        ({"shared": float("nan")}, "shared must be finite"),
        ({"shared": 1, "relative": -1}, "relative must be at least 0"),
        ({"shared": 1, "kept": 1.1}, "kept must be at least 0 and at most 1"),
        ({"shared": 1, "kept": float("nan")}, "kept must be finite"),
        ({"shared": 1, "strength": 0.0}, "strength must be at least 0.1"),
    ],
)
def test_bad_arguments_are_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        related_language(**SETTINGS | arguments)


def test_gains_sum_to_the_fall_of_the_entropy():
    language = dirichlet_language(**SETTINGS | {"floor": 0.01})
    found = context_gains(language)
    np.testing.assert_allclose([p.sum() for p, _ in found], 1)
    np.testing.assert_allclose([g.sum() for _, g in found], -np.diff(language.entropies), rtol=1e-9)
    assert all((gain >= 0).all() for _, gain in found)
    np.testing.assert_allclose(found[-1][0], language.mass)


def test_the_gain_of_a_context_by_hand():
    # The next symbol repeats the last one with probability 0.9: each row gains the same.
    rows = np.array([[0.9, 0.1], [0.1, 0.9]])
    ((probability, gain),) = context_gains(Language(rows, 1))
    np.testing.assert_allclose(probability, 0.5)
    np.testing.assert_allclose(gain, 0.5 * (0.9 * np.log(1.8) + 0.1 * np.log(0.2)))
