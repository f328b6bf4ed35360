"""The curves of the study of transfer, by hand on a few rows, and the digits printed of it."""

import math

import numpy as np
import pytest

from scaling_utils.fitting.transfer import fit_transfer
from scaling_utils.studies import Transfers, read_transfers

JOB = {"kept": 0.8, "source": "", "width": 16}
JOBS = {"a": JOB | {"before": ""}, "b": JOB | {"before": 256}}  # "": from scratch


def run(key, D, rate, loss, seed=0, flops=0, **more):
    same = {"key": key, "N": 10, "D": D, "rate": rate, "loss": loss, "seed": seed, "flops": flops}
    return same | more


ROWS = [
    run("a", 100, 0.01, 3.0, flops=60),
    run("a", 100, 0.001, 3.5, flops=30),
    run("a", 10_000, 0.01, 2.2, flops=600),
    run("a", 10_000, 0.001, 2.0, flops=1200),
    run("b", 0, 0.01, 2.9, source_loss=1.5),
    run("b", 100, 0.001, 2.5, flops=6 * 10 * 256 + 45),
    run("b", 1000, 0.001, 1.9, flops=6 * 10 * 256 + 90),
]


@pytest.fixture
def few():
    return Transfers(JOBS, ROWS)


@pytest.fixture(scope="module")
def runs():
    return read_transfers()


def test_by_hand(few):
    # From scratch, tuned: 3.0 at 100 and 2.0 at 10,000; so 2.5 is reached at the geometric middle.
    found = few.transferred("near", 16, 256)
    np.testing.assert_array_equal(found.D_F, [100, 1000])
    assert found.D_E[0] == pytest.approx(1000)
    assert found.D_T[0] == pytest.approx(900)
    assert found.D_E[1] == math.inf  # 1.9 is below the whole curve
    assert found.counted().D_F.tolist() == [100]
    assert found.counted(99).D_F.tolist() == []


def test_without_tuning_the_curve_lies_higher(few):
    assert few.curve("near", 16).loss.tolist() == [3.0, 2.0]
    assert few.curve("near", 16, lowest=True).loss.tolist() == [3.5, 2.0]


def test_losses_before_any_target_data(few):
    assert few.untuned("near", 16, 256) == (2.9, 1.5)
    with pytest.raises(ValueError, match="dose must be above zero, got 0"):
        few.untuned("near", 16, 0)


def test_work_is_that_of_the_best_rate_and_leaves_the_source_out(few):
    assert [one.tolist() for one in few.work("near", 16)] == [[100, 10_000], [60, 1200]]
    assert [one.tolist() for one in few.work("near", 16, 256)] == [[100, 1000], [45, 90]]


def test_a_seed_may_be_drawn_twice():
    rows = [run("a", 100, 0.01, loss, seed) for seed, loss in enumerate((3.0, 2.0))]
    both = Transfers(JOBS, rows)
    assert both.curve("near", 16).loss[0] == 2.5
    assert both.curve("near", 16, seeds=(1, 1)).loss[0] == 2.0
    assert both.curve("near", 16, seeds=(0, 1, 1)).seeds[0] == 3


@pytest.mark.parametrize(
    ("asked", "words"),
    [(("close", 16), "pair must be"), (("near", 17), "no run of the near pair, width 17")],
)
def test_what_was_not_recorded_is_refused(few, asked, words):
    with pytest.raises(ValueError, match=words):
        few.curve(*asked)


def test_the_numbers_that_the_score_printed(runs):
    """results/PREREGISTRATION.md, "Afterwards (23 November 2026)"."""
    parts = [runs.transferred("near", width).counted(16_384) for width in (16, 26, 42)]
    law = fit_transfer(
        *(np.concatenate([getattr(p, k) for p in parts]) for k in ("D_F", "N", "D_T"))
    )
    assert (round(law.alpha, 2), round(law.beta, 2)) == (-0.07, 0.15)
    held = runs.transferred("near", 64).counted(16_384)
    assert abs(np.log10(law.predict(held.D_F, held.N) / held.D_T)).mean() == pytest.approx(
        0.069, abs=5e-4
    )
    near, far = runs.transferred("near", 26), runs.transferred("far", 26)
    shared = np.isin(near.D_F, [512, 2048, 8192]), np.isin(far.D_F, [512, 2048, 8192])
    ratio = near.D_T[shared[0]] / far.D_T[shared[1]]
    assert (ratio.min().round(1), ratio.max().round(1)) == (4.5, 5.4)
    text = runs.transferred("text", 32)
    np.testing.assert_allclose(text.D_T / text.D_F, [30, 9.8, 3.3], atol=0.1)
