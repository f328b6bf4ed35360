"""Learning-rate schedules against hand calculation, at their ends and joints."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_utils.training import Schedule, constant, cosine, wsd


def factors(schedule, steps):
    return [schedule(step) for step in range(steps)]


def test_warmup_stable_decay_by_hand():
    schedule = wsd(10, warmup=2, decay=0.4)
    expected = [0.5, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25]
    assert factors(schedule, 10) == pytest.approx(expected)
    assert schedule(10) == schedule(1000) == 0.0


def test_wsd_decays_to_its_floor():
    schedule = wsd(10, decay=0.4, floor=0.2)
    assert factors(schedule, 12)[6:] == pytest.approx([1, 0.8, 0.6, 0.4, 0.2, 0.2])


def test_cosine_by_hand():
    schedule = cosine(6, warmup=2, floor=0.1)
    wave = [0.1 + 0.9 * (1 + math.cos(math.pi * part / 4)) / 2 for part in range(4)]
    assert factors(schedule, 6) == pytest.approx([0.5, 1.0, *wave])
    assert schedule(4) == pytest.approx(0.55)  # half-way: the mean of 1 and the floor
    assert schedule(6) == schedule(7) == pytest.approx(0.1)


def test_constant_never_ends():
    assert factors(constant(5, warmup=4), 7) == [0.25, 0.5, 0.75, 1, 1, 1, 1]
    assert constant(5)(10**9) == 1.0


@pytest.mark.parametrize("decay", [0.01, 0.25, 1.0])
def test_the_share_of_the_decay_is_rounded_to_whole_steps(decay):
    schedule = wsd(30, decay=decay)
    assert schedule.decay == {0.01: 1, 0.25: 8, 1.0: 30}[decay]  # 7.5 is rounded to even
    assert schedule(30 - schedule.decay) == 1.0
    assert schedule(29) == pytest.approx(1 / schedule.decay)


def test_runs_of_all_lengths_share_the_stable_phase():
    short, long = wsd(100, warmup=10), wsd(1000, warmup=10)
    assert factors(short, 75) == factors(long, 75)


makers = st.one_of(
    st.builds(lambda n, w: constant(n + w, w), st.integers(1, 50), st.integers(0, 20)),
    st.builds(
        lambda n, w, f: cosine(n + w, w, f),
        st.integers(1, 50),
        st.integers(0, 20),
        st.floats(0, 1),
    ),
    st.builds(
        lambda n, d, f: wsd(n, n // 4, d, f),
        st.integers(4, 60),
        st.floats(0.01, 0.7),
        st.floats(0, 1),
    ),
)


@given(makers)
def test_every_schedule_rises_then_falls_and_always_moves(schedule):
    made = factors(schedule, schedule.steps + 2)
    top = max(1, schedule.warmup)
    assert all(0 < factor <= 1 for factor in made[: schedule.steps])
    assert made[:top] == sorted(made[:top])
    assert made[top - 1 :] == sorted(made[top - 1 :], reverse=True)
    assert max(made) == 1.0
    assert min(made[top - 1 :]) >= schedule.floor - 1e-12


def test_a_schedule_is_a_value():
    schedule = cosine(10, 2)
    assert schedule == Schedule(10, 2, 8, 0.0, "cosine")
    with pytest.raises(dataclasses.FrozenInstanceError):
        schedule.steps = 5


NAN, INF = math.nan, math.inf
BAD = [
    (lambda: constant(0), "steps must be at least 1, got 0"),
    (lambda: constant(-3), "steps must be at least 1"),
    (lambda: cosine(NAN), "steps must be finite"),
    (lambda: wsd(INF), "steps must be finite"),
    (lambda: constant(2.5), "steps must be a whole number"),
    (lambda: constant(10, -1), "warmup must be at least 0"),
    (lambda: constant(10, 1.5), "warmup must be a whole number"),
    (lambda: constant(10, NAN), "warmup must be finite"),
    (lambda: constant(10, 11), r"warmup must be at most steps \(10\), got 11"),
    (lambda: wsd(10, 11), r"warmup must be at most steps \(10\), got 11"),
    (lambda: cosine(10, 10), r"warmup must be below steps \(10\), got 10"),
    (lambda: wsd(10, 8, 0.5), "warmup and decay must fit into steps, got 8 and 5 of 10"),
    (lambda: wsd(10, decay=0), "decay must be above 0 and at most 1, got 0"),
    (lambda: wsd(10, decay=-0.1), "decay must be above 0"),
    (lambda: wsd(10, decay=1.1), "decay must be above 0 and at most 1, got 1.1"),
    (lambda: wsd(10, decay=NAN), "decay must be finite"),
    (lambda: wsd(10, floor=-0.1), "floor must be at least 0 and at most 1"),
    (lambda: cosine(10, floor=1.1), "floor must be at least 0 and at most 1"),
    (lambda: cosine(10, floor=NAN), "floor must be finite"),
    (lambda: Schedule(10, decay=-1), "decay must be at least 0"),
    (lambda: Schedule(10, shape="sqrt"), "shape must be one of 'linear', 'cosine'; got 'sqrt'"),
    (lambda: wsd(10)(-1), "step must be at least 0, got -1"),
    (lambda: wsd(10)(0.5), "step must be a whole number"),
    (lambda: wsd(10)(NAN), "step must be finite"),
]


@pytest.mark.parametrize(("make", "words"), BAD)
def test_bad_numbers_are_named(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: constant("10"), "steps must be numeric"),
        (lambda: constant(None), "steps must be a single number"),
        (lambda: cosine([10, 20]), "steps must be a single number"),
        (lambda: wsd(10)(None), "step must be a single number"),
    ],
)
def test_what_is_no_number_is_named(make, words):
    with pytest.raises(TypeError, match=words):
        make()
