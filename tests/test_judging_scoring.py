"""Calibration, scoring, bits, overlap: against hand calculations and exact theory."""

from __future__ import annotations

import math

import numpy as np
import pytest

from scaling_utils import judging
from scaling_utils.judging.scoring import plain_words


def test_the_calibration_error_by_hand():
    # Bins (0.6, 0.7], (0.7, 0.8], (0.9, 1]: an edge belongs to the bin below it, 1 to the last.
    confidence, right = [0.7, 0.65, 0.75, 0.8, 1.0, 0.95], [1, 0, 1, 1, 1, 0]
    # Off by 1 - 1.35, 2 - 1.55 and 1 - 1.95.
    assert judging.ece(confidence, right) == pytest.approx((0.35 + 0.45 + 0.95) / 6)
    found = judging.measure_calibration(confidence, right)
    assert found.items.tolist() == [0, 0, 0, 0, 0, 0, 2, 2, 0, 2]
    assert found.confidence[6] == pytest.approx(0.675)
    assert found.accuracy[9] == 0.5
    assert math.isnan(found.accuracy[0])
    assert judging.ece([0.0, 1.0], [0, 1]) == 0


def test_bins_of_equal_mass():
    found = judging.measure_calibration([0.9, 0.1, 0.2, 0.3], [1, 0, 0, 1], bins=2, by="mass")
    assert found.items.tolist() == [2, 2]
    assert found.ece == pytest.approx((0.3 + 0.8) / 4)


def test_a_calibrated_model_shows_the_error_that_chance_makes():
    # One bin, n items at confidence 1/2: the mean of |binomial - n/2| / n is exact.
    n = 20
    exact = sum(math.comb(n, k) * abs(k - n / 2) for k in range(n + 1)) / 2**n / n
    drawn = judging.calibrated_ece(np.full(n, 0.5), bins=1, draws=20000)
    assert drawn.mean() == pytest.approx(exact, rel=0.02)
    # Four times the items halve it.
    more = judging.calibrated_ece(np.full(4 * n, 0.5), bins=1, draws=20000)
    assert more.mean() == pytest.approx(drawn.mean() / 2, rel=0.03)


def test_the_p_value_knows_the_calibrated_from_the_others():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 500)
    p_values = [
        judging.measure_calibration(confidence, rng.random(500) < confidence, draws=200).p_value
        for _ in range(100)
    ]
    assert np.mean(np.array(p_values) <= 0.1) == pytest.approx(0.1, abs=0.09)
    over = judging.measure_calibration(confidence, rng.random(500) < confidence - 0.15, draws=200)
    assert over.p_value == pytest.approx(1 / 201)
    assert over.ece > 3 * over.chance


def test_confidences_are_shares():
    with pytest.raises(ValueError, match=r"confidence must be from 0 to 1, got 1.2"):
        judging.ece([1.2], [1])
    with pytest.raises(ValueError, match="right must be 0 or 1"):
        judging.ece([0.2], [2])
    with pytest.raises(ValueError, match="by must be one of 'width', 'mass'"):
        judging.ece([0.2], [1], by="size")


def test_ties_share_the_credit():
    scores = [[-1, -1, -2, -3], [-1, -1, -1, -1], [-2, -1, -3, -3], [-1, -1, -2, -2]]
    assert judging.chosen_right(scores, [0, 0, 0, 3]).tolist() == [0.5, 0.25, 0, 0]
    silent = judging.chosen_right(np.zeros((50, 4)), np.zeros(50))  # argmax would say 1
    assert silent.mean() == 0.25


def test_lengths_change_the_choice():
    scores, sizes = [[-4.0, -6.0]], [[2, 6]]
    assert judging.chosen_right(scores, [0]).tolist() == [1]
    assert judging.chosen_right(scores, [0], sizes).tolist() == [0]  # -2 against -1 a byte
    assert judging.chosen_right(scores, [0], [[4, 5]]).tolist() == [1]  # -1 against -1.2 a token
    assert judging.chosen_right([[-np.inf, -6.0]], [1], sizes).tolist() == [1]


def test_bad_choices_are_refused():
    with pytest.raises(ValueError, match="at most 0 and not NaN"):
        judging.chosen_right([[-1, np.nan]], [0])
    with pytest.raises(ValueError, match="right must be whole, from 0 to 1"):
        judging.chosen_right([[-1, -2]], [2])
    with pytest.raises(ValueError, match="lengths must be above 0"):
        judging.chosen_right([[-1, -2]], [0], [[1, 0]])


def test_exact_match_says_what_it_normalises():
    said, wanted = ["The answer.", "an  Answer", "answers"], ["answer", "answer", "answer"]
    assert judging.exact_match(said, wanted).tolist() == [0, 0, 0]
    assert judging.exact_match(said, wanted, plain_words).tolist() == [1, 1, 0]
    with pytest.raises(ValueError, match="one text per item, got 1 and 2"):
        judging.exact_match(["a"], ["a", "b"])


def test_bits_per_byte_do_not_depend_on_the_tokens():
    by_byte = np.log(2) * np.array([1, 2, 3, 2])  # 8 bits for four bytes
    by_pair = [by_byte[:2].sum(), by_byte[2:].sum()]
    assert judging.bits_per_byte(by_byte, 4) == pytest.approx(2)
    assert judging.bits_per_byte(by_pair, 4) == pytest.approx(2)
    with pytest.raises(ValueError, match="nats must be -log p, 0 or more, got -1"):
        judging.bits_per_byte([-1.0], 4)


def test_a_token_that_spans_the_join_is_named_and_bounds_the_cost():
    # "the| cat" as "th", "e c", "at": the middle token has one byte before, two behind.
    found = judging.join([1.0, 2.0, 4.0], [2, 5, 7], 3)
    assert (found.inside, found.spanning, found.before, found.after) == (4, 2, 1, 2)
    assert found.bounds == (4, 6)
    clean = judging.join([1.0, 2.0, 4.0], [2, 5, 7], 5)
    assert (clean.bounds, clean.before) == ((4, 4), 0)
    assert judging.join([1.0, 2.0], [2, 4], 0).bounds == (3, 3)
    with pytest.raises(ValueError, match="start must be below the last end 7, got 7"):
        judging.join([1.0, 2.0, 4.0], [2, 5, 7], 7)
    with pytest.raises(ValueError, match="ends must rise strictly"):
        judging.join([1.0, 2.0], [2, 2], 1)


def test_overlap_counts_windows_that_the_training_text_holds():
    training = b"0123456789abcdefghij"
    items = [b"456789ab", b"456789aX", b"zzzzzzzz", b"9a", b"9b"]
    # Windows of 4: all 5; the last of 5 is spoiled; none; short texts as a whole.
    assert judging.seen_shares(items, training, 4).tolist() == [1, 0.8, 0, 1, 0]
    assert judging.seen_shares([b"01234"], b"0123", 5).tolist() == [0]
    with pytest.raises(TypeError, match="items must be bytes, got str"):
        judging.seen_shares(["456"], training)


def test_one_edit_every_window_hides_an_item():
    rng = np.random.default_rng(0)
    training = rng.integers(97, 123, 2000, dtype=np.uint8).tobytes()
    item = bytearray(training[500:700])
    assert judging.seen_shares([bytes(item)], training, 32).tolist() == [1]
    item[31::32] = b"." * len(item[31::32])
    assert judging.seen_shares([bytes(item)], training, 32).tolist() == [0]
    assert judging.seen_shares([bytes(item)], training, 16)[0] > 0.4


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("ab", "said must hold one text per item, got a single 'ab'"),
        (["a", None], "said must hold text, got None at index 1"),
        ([b"a", "b"], "said must hold text, got b'a' at index 0"),
    ],
)
def test_an_answer_that_is_no_text_is_refused(said, message):
    with pytest.raises(TypeError, match=message):
        judging.exact_match(said, ["a", "b"])
    assert judging.exact_match(iter(["a", "c"]), ["a", "b"]).tolist() == [1, 0]


@pytest.mark.parametrize("bad", [[[-1, -2], [-1]], [["x", "y"]], iter([[-1, -2]])])
def test_what_is_no_table_of_choices_is_named(bad):
    with pytest.raises(TypeError, match="log_probabilities must be numbers of shape"):
        judging.chosen_right(bad, [0])


def test_tokens_end_at_whole_bytes():
    with pytest.raises(ValueError, match="ends must be whole numbers of bytes"):
        judging.join([1, 1], [0.5, 1.5], 1)


def test_texts_that_come_one_by_one_are_all_searched():
    found = judging.seen_shares(iter([b"abcd", b"wxyz"]), b"abcdef", 4)
    assert found.tolist() == [1, 0]
