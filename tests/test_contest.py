"""The contest: what a lab is billed, what the rules refuse, and what a ledger shows."""

from __future__ import annotations

import math

import numpy as np
import pytest

from scaling_utils.contest import RULES, TRIAL, Lab, LedgerError, Rules, Run, Sweep
from scaling_utils.contest import lab as lab_module
from scaling_utils.contest.languages import entries, entry_of, unit_of

TINY = Rules(budget=20_000_000, order=2, contexts=256, batch=16, least_steps=10)
# N = 2 * 2 * 4 + 4 * 4 + 16 * 4 = 96; 5e5 FLOPs are 54 steps of 16 symbols, which 6 * 96 * 16
# FLOPs each leave 2,336 unspent; 256 contexts are scored at 2 * 96 FLOPs.
WIDTH_4 = 54 * 16 * 6 * 96 + 256 * 2 * 96
WIDTH_8 = 20 * 16 * 6 * 256 + 256 * 2 * 256  # N = 2 * 4 * 8 + 8 * 8 + 16 * 8
CHEAP = Sweep(5e5, 4, 1.0)


@pytest.fixture
def lab(tmp_path):
    return Lab("pia", tmp_path, rules=TINY)


@pytest.fixture
def untrained(monkeypatch):
    """Let runs cost nothing; what was trained is noted."""
    done = []

    def trained(name, rules, run):
        done.append(run)
        return math.inf if run.rate > 100 else 0.25

    monkeypatch.setattr(lab_module, "trained", trained)
    return done


# --- sizes and bills ----------------------------------------------------------------------


def test_the_sizes_of_the_contest_by_hand():
    """Five embeddings of h / 2 into h units, h into h, h into 16: 3.5 h^2 + 16 h."""
    assert RULES.size(132) == 3.5 * 132**2 + 16 * 132 == 63_096
    assert RULES.size(16) == 3.5 * 256 + 256 == 1_152
    assert RULES.steps(1e8, 16) == 113  # of 6 * 1,152 * 128 = 884,736 FLOPs
    assert RULES.price(Run(1e8, 16, 1.0)) == 113 * 884_736 + 16_384 * 2 * 1_152


def test_a_price_is_what_the_run_bills_to_the_flop(lab, untrained):
    assert (WIDTH_4, WIDTH_8) == (546_816, 622_592)
    sweep = Sweep(5e5, [4, 8], [0.3, 1.0, 3.0])
    assert lab.price(sweep) == 3 * (WIDTH_4 + WIDTH_8)
    before = lab.left
    runs = lab.run(sweep)
    assert before - lab.left == 3 * (WIDTH_4 + WIDTH_8) == runs.flops.sum()
    more = sweep + Sweep(5e5, 4, 9.0)
    assert lab.price(more) == WIDTH_4  # the rest was run before
    lab.run(more)
    assert TINY.budget - lab.left == 4 * WIDTH_4 + 3 * WIDTH_8


def test_a_table_has_the_columns_that_laws_are_fitted_to(lab, untrained):
    runs = lab.run(Sweep(5e5, [4, 8], 1.0))
    assert runs.N.tolist() == [96, 256]
    assert runs.D.tolist() == [54 * 16, 20 * 16]
    assert runs.round.tolist() == [1, 1]
    assert runs.loss == pytest.approx(lab.entropy + 0.25)
    assert runs[runs.N == 256].width.tolist() == [8]
    assert len(lab.table()) == 2
    assert str(runs).splitlines()[2].split()[2:5] == ["8", "256", "320"]


def test_a_sweep_is_every_combination_once():
    sweep = Sweep([1e9, 4e9], 20, [1, 2]) + Sweep(1e9, 20, 2.0) + Sweep(1e9, 30, 1)
    assert [tuple(run) for run in sweep] == [
        (1e9, 20, 1.0),
        (1e9, 20, 2.0),
        (4e9, 20, 1.0),
        (4e9, 20, 2.0),
        (1e9, 30, 1.0),
    ]


# --- what the rules say -------------------------------------------------------------------


def test_overspending_is_refused_and_nothing_is_run_or_billed(lab, untrained):
    before = lab.ledger.read_bytes()
    sweep = Sweep(5e6, 8, [1.0, 2.0, 3.0, 4.0])
    assert lab.price(sweep) > TINY.budget  # asking is free
    with pytest.raises(ValueError, match=r"sweep must cost at most the 2e\+07 FLOPs .* got 2\.0"):
        lab.run(sweep)
    assert lab.ledger.read_bytes() == before
    assert not untrained


def test_three_rounds_and_no_fourth(lab, untrained):
    for rate in (1.0, 2.0, 3.0):
        lab.run(Sweep(5e5, 4, rate))
    assert lab.rounds_left == 0
    left = lab.left
    with pytest.raises(ValueError, match="at most 3 rounds, got round 4"):
        lab.run(Sweep(5e5, 4, 4.0))
    assert lab.left == left
    assert lab.table().round.tolist() == [1, 2, 3]


def test_a_run_made_before_is_free_takes_no_round_and_is_not_trained_again(lab, untrained):
    first = lab.run(CHEAP)
    left = lab.left
    again = lab.run(CHEAP)
    assert (lab.left, lab.rounds_left, untrained) == (left, 2, list(CHEAP))
    assert again.excess == first.excess


def test_trying_out_is_billed_and_takes_no_round(tmp_path, untrained):
    lab = Lab("pia", tmp_path)
    lab.run(TRIAL)
    assert lab.left == 10**12 - (113 * 884_736 + 16_384 * 2 * 1_152)
    assert lab.rounds_left == 3
    assert lab.table().round.tolist() == [0]


def test_a_run_that_diverges_is_billed_and_has_its_row(lab):
    runs = lab.run(Sweep(5e5, 4, [1.0, 1e9]))
    assert runs.diverged.tolist() == [False, True]
    assert runs.excess[1] == runs.loss[1] == math.inf
    assert 0 < runs.excess[0] < math.log(16)
    assert TINY.budget - lab.left == 2 * WIDTH_4
    assert str(runs).splitlines()[2].endswith("diverged")


def test_no_run_has_fewer_steps_than_the_least():
    least = 100 * 6 * 1_152 * 128
    assert RULES.checked(least, 16, 1.0) == Run(least, 16, 1.0)
    with pytest.raises(ValueError, match=r"C must pay for at least 100 steps, .* at width 16, got"):
        RULES.checked(least - 1, 16, 1.0)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ((2e12, 16, 1.0), r"C must be above 0 and at most 1e\+12, got 2e\+12"),
        ((1e9, 15, 1.0), "width must be an even number from 4 to 1024, got 15"),
        ((1e12, 1026, 1.0), "width must be an even number from 4 to 1024, got 1026"),
        ((1e9, 16, 0.0), "rate must be above 0"),
    ],
)
def test_what_a_configuration_must_be(run, message):
    with pytest.raises(ValueError, match=message):
        RULES.checked(*run)


def test_what_a_sweep_must_be(lab):
    with pytest.raises(ValueError, match=r"width must be a whole number, got 4\.5"):
        Sweep(5e5, 4.5, 1.0)
    with pytest.raises(ValueError, match="rate must be positive, got -1"):
        Sweep(5e5, 4, [1.0, -1.0])
    with pytest.raises(TypeError, match=r"sweep must be a Sweep\(C, width, rate\), got 3"):
        lab.price(3)


@pytest.mark.parametrize("name", ["", "../ann", "Änne", "a" * 41, "a b", "-a"])
def test_what_a_name_must_be(tmp_path, name):
    with pytest.raises(ValueError, match="name must be 1 to 40 letters"):
        Lab(name, tmp_path)


# --- commitment and final run -------------------------------------------------------------


def committed(lab, **changed):
    lab.commit(
        **{"width": 8, "rate": 1.0, "C": 8e6, "predicted": 0.3, "low": 0.2, "high": 0.4} | changed
    )


def test_a_second_commitment_is_refused_and_the_first_stands(lab, untrained):
    committed(lab)
    with pytest.raises(ValueError, match=r"commit must be called once; it stands: C = 8e\+06"):
        committed(lab, predicted=0.25)
    lab.final()
    assert lab.report().predicted == 0.3


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"predicted": 0.5}, r"predicted must be at least 0\.2 and at most 0\.4, got 0\.5"),
        ({"low": 0.0}, "low must be above 0"),
        ({"high": 0.1}, r"high must be at least 0\.2, got 0\.1"),
        ({"C": 2e7}, "C must leave the final run, with its scoring, within"),
        ({"C": 5e5, "width": 4}, "must not be one that was run before, got C = 500000, width = 4"),
    ],
)
def test_what_a_commitment_must_be(lab, untrained, changed, message):
    lab.run(CHEAP)
    with pytest.raises(ValueError, match=message):
        committed(lab, **changed)
    assert not lab.committed


def test_after_the_commitment_nothing_new_is_screened(lab, untrained):
    lab.run(CHEAP)
    committed(lab)
    with pytest.raises(ValueError, match="sweep must come before commit"):
        lab.run(Sweep(5e5, 4, 2.0))
    assert len(lab.run(CHEAP)) == 1  # free, as it was run before


def test_the_final_run_comes_after_the_commitment_and_is_billed_once(lab, untrained):
    with pytest.raises(ValueError, match="final must come after commit"):
        lab.final()
    committed(lab)
    with pytest.raises(ValueError, match="report must come after the final run; call final first"):
        lab.report()
    assert lab.final() == 0.25
    steps = int(8e6 // (6 * 256 * 16))
    assert TINY.budget - lab.left == 256 * (steps * 16 * 6 + 2 * 256)
    assert lab.final() == 0.25
    assert len(untrained) == 1


def test_a_final_run_that_diverges_has_no_points(lab, untrained):
    committed(lab, rate=1000.0)
    assert lab.final() == math.inf
    report = lab.report()
    assert (report.loss_points, report.prediction_points, report.points) == (0, 0, 0)
    assert "diverged" in str(report)


# --- resuming -----------------------------------------------------------------------------


def test_a_lab_goes_on_where_its_ledger_ends(lab, tmp_path, untrained):
    lab.run(CHEAP)
    committed(lab)
    again = Lab("pia", tmp_path, rules=TINY)
    assert (again.left, again.rounds_left, again.committed) == (lab.left, 2, True)
    assert again.final() == 0.25


def test_a_ledger_is_only_read_where_nothing_is_run(lab, tmp_path, untrained):
    lab.run(CHEAP)
    lab.ledger.write_bytes(lab.ledger.read_bytes() + b'{"kind": "run", "C": 5')  # cut short
    before = (lab.ledger.read_bytes(), lab.ledger.stat().st_mtime_ns)
    again = Lab("pia", tmp_path, rules=TINY)
    assert (len(again.table()), again.price(CHEAP), repr(again)) == (1, 0, repr(lab))
    assert (lab.ledger.read_bytes(), lab.ledger.stat().st_mtime_ns) == before


def test_a_sweep_that_was_interrupted_is_billed_once_and_goes_on(lab, monkeypatch, untrained):
    sweep = Sweep(5e5, 4, [1.0, 2.0, 3.0])
    whole = lab_module.trained

    def stops(name, rules, run):
        if run.rate == 2.0:
            raise KeyboardInterrupt
        return whole(name, rules, run)

    monkeypatch.setattr(lab_module, "trained", stops)
    with pytest.raises(KeyboardInterrupt):
        lab.run(sweep)
    assert lab.table().rate.tolist() == [1.0]
    monkeypatch.setattr(lab_module, "trained", whole)
    assert lab.price(sweep) == 0
    assert lab.run(sweep).rate.tolist() == [1.0, 2.0, 3.0]
    assert (TINY.budget - lab.left, lab.rounds_left) == (3 * WIDTH_4, 2)


def test_a_line_that_was_cut_short_is_written_anew(lab, tmp_path, untrained):
    lab.run(CHEAP)
    whole = lab.ledger.read_bytes()
    lab.ledger.write_bytes(whole[:-30])
    again = Lab("pia", tmp_path, rules=TINY)
    assert len(again.table()) == 0
    again.run(CHEAP)
    assert (again.left, len(again.table())) == (lab.left, 1)


def test_two_processes_do_not_run_one_lab(lab):
    from scaling_utils.contest.ledger import writing

    with writing(lab.ledger), pytest.raises(LedgerError, match="another process runs this lab"):
        lab.run(CHEAP)


def test_a_disk_that_is_full_leaves_the_ledger_as_it_was(lab, monkeypatch, untrained):
    from scaling_utils.contest import ledger

    before = lab.ledger.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ledger.os, "fsync", full)
    with pytest.raises(LedgerError, match="cannot be written: No space left on device"):
        lab.run(CHEAP)
    assert lab.ledger.read_bytes() == before


# --- names, languages, units --------------------------------------------------------------


def test_the_unit_is_within_three_of_the_middle_and_does_not_show(lab):
    names = [f"student-{place}" for place in range(400)]
    units = np.array([unit_of(name) for name in names])
    assert units.min() > 0.01 / 3
    assert units.max() < 0.03
    # Even in logarithms: four quarters of about 100 each, five standard deviations of it.
    quarters = np.histogram(np.log(units), np.linspace(math.log(0.01 / 3), math.log(0.03), 5))[0]
    assert np.abs(quarters - 100).max() < 5 * math.sqrt(400 * 0.25 * 0.75)
    assert {entry_of(name).number for name in names} == set(range(8))
    assert len(entries()) == 8
    shown = f"{vars(lab)} {lab!r} {lab.ledger.read_text()}"
    assert f"{unit_of('pia'):.4f}" not in shown
    assert not any(isinstance(value, float) for value in vars(lab).values())


def test_another_name_is_another_unit(tmp_path):
    """The same configuration in two labs of one language: the losses differ."""
    names = ["reference-21", next(n for n in map(str, range(99)) if entry_of(n).number == 0)]
    excess = [Lab(name, tmp_path, rules=TINY).run(CHEAP).excess[0] for name in names]
    assert entry_of(names[1]) == entry_of("reference-21")
    assert abs(excess[0] / excess[1] - 1) > 0.01
