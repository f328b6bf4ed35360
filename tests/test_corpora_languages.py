"""The languages of known entropy: exact where it is exact, and drawn as it says."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from scaling_utils.corpora import languages
from scaling_utils.corpora.languages import Language, dirichlet_language

# Three symbols, order 2; even enough that each of the 27 triples is often seen.
TINY = dirichlet_language(vocab=3, order=2, strength=6.0, zipf=0.5, floor=0.3, seed=1)
SETTINGS = {
    "vocab": st.integers(2, 6),
    "order": st.integers(1, 3),
    "strength": st.floats(0.1, 100),
    "zipf": st.floats(0, 2),
    "floor": st.floats(0.01, 1),
    "seed": st.integers(0, 1000),
}
some_language = st.builds(dirichlet_language, **SETTINGS)


def transitions(language: Language) -> np.ndarray:
    """Return the probabilities from context to context, (contexts, contexts), by enumeration."""
    V, order = language.vocab, language.order
    contexts = list(product(range(V), repeat=order))  # in the order of the rows
    P = np.zeros((len(contexts),) * 2)
    for number, context in enumerate(contexts):
        for symbol in range(V):
            P[number, contexts.index((*context[1:], symbol))] += language.rows[number, symbol]
    return P


def plugged_in(cells: dict) -> float:
    return -sum(p * math.log(p) for p in cells.values())


# --- exact quantities ---------------------------------------------------------------------


@given(some_language)
def test_rows_are_probabilities_with_a_floor(language):
    np.testing.assert_allclose(language.rows.sum(1), 1, rtol=1e-12)
    assert (language.rows > 0).all()
    assert language.rows.shape == (language.vocab**language.order, language.vocab)


@given(some_language)
def test_the_stationary_distribution_stays(language):
    mass = language.mass
    assert mass.sum() == pytest.approx(1, abs=1e-12)
    assert (mass > 0).all()
    np.testing.assert_allclose(mass @ transitions(language), mass, rtol=0, atol=1e-13)


def test_two_symbols_by_hand():
    # After 0 comes 1 with probability 0.3, after 1 comes 0 with 0.1: a quarter of 0s.
    language = Language(np.array([[0.7, 0.3], [0.1, 0.9]]), order=1)
    np.testing.assert_allclose(language.mass, [0.25, 0.75], atol=1e-12)
    H = lambda p: -p * math.log(p) - (1 - p) * math.log(1 - p)  # noqa: E731
    np.testing.assert_allclose(language.entropies, [H(0.25), 0.25 * H(0.3) + 0.75 * H(0.1)])
    np.testing.assert_allclose(language.backed_off(), [[0.25, 0.75], [0.25, 0.75]])


def test_entropies_equal_an_enumeration_of_all_triples():
    values, vectors = np.linalg.eig(transitions(TINY).T)
    mass = np.real(vectors[:, np.argmax(np.real(values))])
    mass /= mass.sum()
    triples = {
        (a, b, x): mass[3 * a + b] * TINY.rows[3 * a + b, x]
        for a, b, x in product(range(3), repeat=3)
    }
    joint = []  # entropy of the last 0, 1, 2, 3 symbols together
    for k in range(4):
        cells: dict = {}
        for triple, p in triples.items():
            cells[triple[3 - k :]] = cells.get(triple[3 - k :], 0) + p
        joint.append(plugged_in(cells))
    np.testing.assert_allclose(TINY.entropies, np.diff(joint), rtol=1e-10)
    assert TINY.entropy == TINY.entropies[2]


@given(some_language)
def test_entropies_fall_with_every_symbol_of_context(language):
    assert len(language.entropies) == language.order + 1
    assert (np.diff(language.entropies) <= 1e-12).all()
    assert language.entropy > 0
    assert language.entropies[0] <= math.log(language.vocab) + 1e-12


@given(some_language)
def test_the_best_shorter_model_has_the_entropy_of_one_order_less(language):
    short = language.backed_off()
    joint = language.mass[:, None] * language.rows
    assert -(joint * np.log(short)).sum() == pytest.approx(language.entropies[-2], rel=1e-9)


def test_backed_off_rows_by_hand():
    rows = np.array([[0.5, 0.5], [0.2, 0.8], [0.9, 0.1], [0.4, 0.6]])  # after 00, 01, 10, 11
    language = Language(rows, order=2)
    m = language.mass
    # Balance of each pair: what flows in from the pairs that can come before it.
    assert m[0] == pytest.approx(0.5 * m[0] + 0.9 * m[2])
    assert m[3] == pytest.approx(0.8 * m[1] + 0.6 * m[3])
    after_0 = (m[0] * rows[0] + m[2] * rows[2]) / (m[0] + m[2])
    after_1 = (m[1] * rows[1] + m[3] * rows[3]) / (m[1] + m[3])
    np.testing.assert_allclose(language.backed_off(), [after_0, after_1, after_0, after_1])


# --- how a language is drawn --------------------------------------------------------------


@pytest.mark.parametrize(("strength", "floor"), [(1e14, 0.01), (1.0, 1.0)])
def test_without_influence_of_the_context_all_rows_are_zipfs(strength, floor):
    language = dirichlet_language(5, 3, strength=strength, floor=floor, zipf=1.5)
    first = np.arange(1, 6) ** -1.5 / (np.arange(1, 6) ** -1.5).sum()
    np.testing.assert_allclose(language.rows, np.tile(first, (125, 1)), rtol=1e-5)
    np.testing.assert_allclose(language.entropies, plugged_in(dict(enumerate(first))), rtol=1e-6)


def test_a_smaller_strength_tells_more():
    left = []  # share of the context-free entropy that the whole context leaves
    for strength in (0.1, 1.0, 10.0, 100.0, 1000.0):
        several = [dirichlet_language(8, 2, strength, seed=seed).entropies for seed in range(3)]
        left.append(np.mean([entropies[-1] / entropies[0] for entropies in several]))
    assert (np.diff(left) > 0).all()
    assert left[0] < 0.1
    assert left[-1] > 0.99


def test_rows_have_the_moments_of_their_dirichlet_distribution():
    V, strength = 400, 5.0
    rows = dirichlet_language(V, 1, strength, zipf=0.0, floor=1e-9).rows
    # Each entry: mean 1/V, variance p (1 - p) / (strength + 1); 160,000 of them.
    assert rows.mean(0).std() < 2 * math.sqrt(1 / V / (strength + 1) / V)
    assert rows.var() == pytest.approx(1 / V * (1 - 1 / V) / (strength + 1), rel=0.05)


def test_a_longer_context_refines_the_shorter_one():
    # Rows of order 1 are drawn first, so equal seeds have the same parents.
    V, strength = 30, 20.0
    parent = dirichlet_language(V, 1, strength, floor=1e-9, seed=3).rows  # (V, V)
    child = dirichlet_language(V, 2, strength, floor=1e-9, seed=3).rows.reshape(V, V, V)
    spread = np.sqrt(parent * (1 - parent) / (strength + 1) / V)  # of a mean over V children
    scores = (child.mean(0) - parent) / np.maximum(spread, 1e-4)
    assert np.sqrt((scores**2).mean()) == pytest.approx(1, abs=0.15)
    wrong = (child.mean(1) - parent) / np.maximum(spread, 1e-4)  # newest and oldest exchanged
    assert np.sqrt((wrong**2).mean()) > 2


def test_the_floor_is_a_share_of_the_context_free_row():
    first = np.arange(1, 9) ** -0.5 / (np.arange(1, 9) ** -0.5).sum()
    rows = dirichlet_language(8, 2, strength=0.1, zipf=0.5, floor=0.2).rows
    assert (rows >= 0.2 * first).all()
    np.testing.assert_allclose(rows.min(0), 0.2 * first, rtol=1e-3)


def test_the_seed_decides_the_table():
    one = dirichlet_language(4, 2, seed=5)
    languages._drawn.cache_clear()
    again, other = dirichlet_language(4, 2, seed=5), dirichlet_language(4, 2, seed=6)
    assert one is not again
    np.testing.assert_array_equal(one.rows, again.rows)
    assert np.abs(one.rows - other.rows).max() > 0.01
    assert dirichlet_language(4, 2, strength=10, seed=6) is other  # 10 is 10.0


def test_a_table_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        TINY.rows[0, 0] = 1


# --- what is drawn from it ----------------------------------------------------------------


def fits(counts, expected, cells_lost: int) -> float:
    """Return the p-value of Pearson's chi-square test."""
    counts, expected = np.ravel(counts), np.ravel(expected)
    assert expected.min() > 5, "too few expected for the test to hold"
    return stats.chi2.sf(((counts - expected) ** 2 / expected).sum(), counts.size - cells_lost)


def spelled(symbols: np.ndarray) -> np.ndarray:
    """Return the number of each context (..., order) in base 3."""
    return symbols @ 3 ** np.arange(symbols.shape[-1] - 1, -1, -1)


def test_contexts_are_spelled_with_the_newest_last():
    np.testing.assert_array_equal(
        TINY.symbols(np.array([0, 1, 3, 5])), [[0, 0], [0, 1], [1, 0], [1, 2]]
    )
    everything = np.arange(9)
    np.testing.assert_array_equal(spelled(TINY.symbols(everything)), everything)


@pytest.mark.parametrize("stream", [languages.TRAINING, languages.HELD_OUT, languages.FINITE])
def test_windows_have_the_exact_probabilities(stream):
    n = 40_000
    windows, after = TINY.windows(n, seed=7, index=0, stream=stream)
    assert windows.shape == (n, 2)
    assert after.shape == (n,)
    counts = np.bincount(3 * spelled(windows) + after, minlength=27)
    assert fits(counts, n * TINY.mass[:, None] * TINY.rows, 1) > 0.01
    # The same test sees a change of the probabilities by a few percent.
    assert fits(counts, n * TINY.mass[:, None] * TINY.backed_off(), 1) < 1e-6
    assert fits(counts, n * (0.9 * TINY.mass[:, None] * TINY.rows + 0.1 / 27), 1) < 1e-6


def test_batches_together_have_them_too():
    drawn = [TINY.windows(10, seed=7, index=index) for index in range(4000)]
    windows, after = (np.concatenate(part) for part in zip(*drawn, strict=True))
    counts = np.bincount(3 * spelled(windows) + after, minlength=27)
    assert fits(counts, 40_000 * TINY.mass[:, None] * TINY.rows, 1) > 0.01


def test_chains_follow_the_rows_and_forget_what_is_older():
    chains = TINY.chains(400, 203, seed=2, index=0)
    assert chains.shape == (400, 203)
    # older symbol, context, next symbol: the next one must not depend on the older one.
    places = np.stack([chains[:, k : 200 + k] for k in range(4)], -1).reshape(-1, 4)
    counts = np.bincount(spelled(places), minlength=81).reshape(3, 9, 3)
    seen = counts.sum(-1, keepdims=True)  # how often each history was continued
    # Given the histories, continuations are independent draws from the rows: one cell of
    # each of the 27 histories is fixed by its sum.
    assert fits(counts, seen * TINY.rows, 27) > 0.01
    assert fits(counts, seen * TINY.backed_off(), 27) < 1e-6


@pytest.mark.parametrize("place", [0, 1, 2, 40])
def test_chains_are_stationary_at_every_place(place):
    chains = TINY.chains(20_000, 42, seed=3, index=1)
    counts = np.bincount(spelled(chains[:, place : place + 2]), minlength=9)
    assert fits(counts, 20_000 * TINY.mass, 1) > 0.01
    assert fits(np.roll(counts, 1), 20_000 * TINY.mass, 1) < 1e-6


def test_passages_of_one_batch_are_independent():
    chains = TINY.chains(20_000, 3, seed=4, index=0)
    pairs = np.bincount(9 * spelled(chains[:-1:2, :2]) + spelled(chains[1::2, :2]), minlength=81)
    assert fits(pairs, 10_000 * np.outer(TINY.mass, TINY.mass), 1) > 0.01


@pytest.mark.parametrize("length", [1, 2, 3, 9])
def test_passages_have_the_length_that_was_asked_for(length):
    chains = TINY.chains(5, length, seed=0, index=0)
    np.testing.assert_array_equal(chains, TINY.chains(5, 9, seed=0, index=0)[:, :length])


DRAWS = {
    "windows": lambda language, *where: np.column_stack(language.windows(500, *where)),
    "chains": lambda language, *where: language.chains(500, 6, *where),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_what_is_drawn_is_a_pure_function_of_seed_index_and_stream(draw):
    first = draw(TINY, 3, 5, 1)
    np.random.seed(0)  # noqa: NPY002
    for where in ((3, 5, 0), (4, 5, 1), (3, 6, 1), (5, 3, 1)):
        assert not np.array_equal(draw(TINY, *where), first)
    again = Language(TINY.rows.copy(), TINY.order)
    np.testing.assert_array_equal(draw(again, 3, 5, 1), first)
    np.testing.assert_array_equal(draw(TINY, np.int64(3), 5.0, 1), first)


def test_streams_batches_and_seeds_are_independent():
    base = spelled(TINY.windows(10_000, 0, 0, 0)[0])
    for where in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 2**40, 0)):
        other = spelled(TINY.windows(10_000, *where)[0])
        pairs = np.bincount(9 * base + other, minlength=81)
        assert fits(pairs, 10_000 * np.outer(TINY.mass, TINY.mass), 1) > 0.01


# --- bad input ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"vocab": 1}, "vocab must be at least 2"),
        ({"vocab": math.nan}, "vocab must be finite"),
        ({"order": 0}, "order must be at least 1"),
        ({"order": 1.5}, "order must be a whole number"),
        ({"strength": 0}, r"strength must be at least 0.1"),
        ({"strength": -1}, r"strength must be at least 0.1"),
        ({"strength": 0.01}, r"strength must be at least 0.1"),  # would draw rows of zeros
        ({"strength": math.inf}, "strength must be finite"),
        ({"strength": math.nan}, "strength must be finite"),
        ({"zipf": -0.1}, "zipf must be at least 0 and at most 10"),
        ({"zipf": 11}, "zipf must be at least 0 and at most 10"),
        ({"zipf": math.nan}, "zipf must be finite"),
        ({"floor": 0}, "floor must be above 0 and at most 1"),
        ({"floor": 1.01}, "floor must be above 0 and at most 1"),
        ({"floor": math.nan}, "floor must be finite"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"seed": 0.5}, "seed must be a whole number"),
        ({"vocab": 64, "order": 4}, r"must be at most 67108864, got 64 \*\* 5"),
        ({"vocab": 8193, "order": 1}, r"must be at most 67108864, got 8193 \*\* 2"),
        ({"order": 10**9}, r"must be at most 67108864, got 4 \*\* 1000000001"),
    ],
)
def test_bad_languages_are_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        dirichlet_language(**({"vocab": 4, "order": 2} | arguments))


def test_the_largest_table_is_allowed(monkeypatch):
    monkeypatch.setattr(languages, "LARGEST_TABLE", 2**6)
    assert dirichlet_language(8, 1).rows.size == 2**6
    assert dirichlet_language(2, 5).rows.size == 2**6
    with pytest.raises(ValueError, match="must be at most 64"):
        dirichlet_language(9, 1)


@pytest.mark.parametrize("bad", ["4", None, [2, 3]])
@pytest.mark.parametrize("name", SETTINGS)
def test_what_is_no_number_is_refused(name, bad):
    with pytest.raises(TypeError, match=name):
        dirichlet_language(**({"vocab": 4, "order": 2} | {name: bad}))


def test_an_unknown_setting_is_refused():
    with pytest.raises(TypeError, match="temperature"):
        dirichlet_language(4, 2, temperature=1.0)


BAD_DRAWS = [
    ({"n": 0}, "n must be at least 1"),
    ({"n": -3}, "n must be at least 1"),
    ({"n": 2.5}, "n must be a whole number"),
    ({"seed": -1}, "seed must be at least 0"),
    ({"seed": 1.5}, "seed must be a whole number"),
    ({"seed": math.nan}, "seed must be finite"),
    ({"index": -1}, "index must be at least 0"),
    ({"index": 0.5}, "index must be a whole number"),
    ({"stream": -1}, "stream must be at least 0"),
]


@pytest.mark.parametrize(("arguments", "words"), BAD_DRAWS)
def test_bad_draws_are_named(arguments, words):
    arguments = {"n": 4, "seed": 0, "index": 0} | arguments
    with pytest.raises(ValueError, match=words):
        TINY.windows(**arguments)
    with pytest.raises(ValueError, match=words):
        TINY.chains(length=5, **arguments)


@pytest.mark.parametrize("length", [0, -1, 2.5, math.nan])
def test_a_passage_without_length_is_refused(length):
    with pytest.raises(ValueError, match="length must be"):
        TINY.chains(4, length, seed=0, index=0)


def test_a_source_that_never_settles_is_reported():
    # Two states that almost never change places: 10,000 steps do not reach the balance.
    rows = np.array([[1 - 1e-9, 1e-9], [3e-9, 1 - 3e-9]])
    with pytest.raises(ArithmeticError, match="did not settle"):
        Language(rows, order=1).mass  # noqa: B018
