"""The language with a coded sum: its rows and entropies by hand."""

import math
from itertools import product

import numpy as np
import pytest

from scaling_utils.corpora import coded_sum_language


def test_three_symbols_by_hand():
    """After (a, b) one symbol has half of the probability more, and Zipf's 6 : 3 : 2 the rest."""
    language = coded_sum_language(vocab=3, share=0.5)
    code = np.random.default_rng(0).permutation(3)
    for context, (a, b) in enumerate(product(range(3), repeat=2)):
        wanted = np.array([6, 3, 2]) / 22  # (1 - 0.5) times 6/11, 3/11 and 2/11
        wanted[code[(a + b) % 3]] += 0.5
        assert language.rows[context] == pytest.approx(wanted)


def test_without_the_sum_it_is_zipfs_law():
    language = coded_sum_language(vocab=5, share=0)
    zipf = 1 / np.arange(1, 6)
    assert language.rows == pytest.approx(np.tile(zipf / zipf.sum(), (25, 1)))
    assert language.entropies == pytest.approx([language.entropy] * 3)


def test_one_symbol_of_context_hides_the_sum():
    """Most of what the last two symbols tell is told by neither alone."""
    none, one, both = coded_sum_language(vocab=24, share=0.8).entropies
    assert none - one < 0.2 * (none - both)
    rest = 0.8 * math.log(1 / 0.8) + 0.2 * math.log(1 / 0.2)  # was it the sum, or Zipf's law?
    zipf = 1 / np.arange(1, 25) / sum(1 / np.arange(1, 25))
    assert both < rest + 0.2 * -(zipf * np.log(zipf)).sum()


def test_the_seed_decides_the_code_alone():
    first, same, other = (coded_sum_language(seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.rows, same.rows)
    assert not np.array_equal(first.rows, other.rows)
    assert first.entropy == pytest.approx(other.entropy, abs=0.1)


@pytest.mark.parametrize("bad", [{"vocab": 1}, {"share": 1}, {"share": -0.1}, {"seed": -1}])
def test_bad_arguments_are_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        coded_sum_language(**bad)
