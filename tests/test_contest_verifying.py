"""Verifying a ledger: each way to cheat, and what is found; the points; the command."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from scaling_utils.cli import main
from scaling_utils.contest import (
    RULES,
    Lab,
    LedgerError,
    Rules,
    Sweep,
    checking,
    interval_score,
    loss_points,
    prediction_points,
    verify,
)
from scaling_utils.contest.languages import entry_of
from scaling_utils.contest.ledger import link, read
from scaling_utils.contest.network import ACTIVE_GRID, SLOPE_GRID, Adam, Network, rounded

TINY = Rules(budget=20_000_000, order=2, contexts=256, batch=16, least_steps=10)


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """A whole game, played once: two rounds, with a run that diverges, and a final run."""
    lab = Lab("pia", tmp_path_factory.mktemp("lab"), rules=TINY)
    lab.run(Sweep(5e5, [4, 8], [0.5, 2.0]))
    lab.run(Sweep(5e5, 4, 1e9))
    lab.commit(8, 2.0, 4e6, 0.4, 0.3, 0.5)
    lab.final()
    return lab


@pytest.fixture
def ledger(played, tmp_path):
    """A copy of its ledger, to be tampered with."""
    path = tmp_path / played.ledger.name
    path.write_bytes(played.ledger.read_bytes())
    return path


def forge(path, change) -> None:
    """Change the lines of a ledger and write every hash anew, as a cheat who can program does."""
    lines, last = read(path)[0], ""
    change(lines)
    with path.open("w") as file:
        for line in lines:
            last = link(last, line)
            file.write(json.dumps({**line, "hash": last}) + "\n")


def failing(path, **options) -> list[str]:
    """Return what of a ledger does not hold."""
    verdict = verify(path, rules=TINY, seed=1, **options)
    assert verdict.holds == (not any(not check.holds for check in verdict.checks))
    return [f"{check.what}: {check.found}" for check in verdict.checks if not check.holds]


# --- an honest ledger ---------------------------------------------------------------------


def test_an_honest_ledger_holds_and_is_only_read(played, ledger):
    before = (ledger.read_bytes(), ledger.stat().st_mtime_ns)
    verdict = verify(ledger, rules=TINY, seed=3)
    assert verdict.holds
    assert [check.what for check in verdict.checks] == [
        "chain of hashes",
        "name, rules and bills",
        *3 * ["screening run"],
        "final run",
    ]
    assert verdict.report == played.report()
    assert verdict.same_code
    assert (ledger.read_bytes(), ledger.stat().st_mtime_ns) == before
    assert {path.name for path in ledger.parent.iterdir()} == {ledger.name}


def test_a_seed_draws_the_same_runs_and_others_draw_others(ledger, monkeypatch):
    drawn = []
    monkeypatch.setattr(checking, "trained", lambda name, rules, run: drawn.append(run) or math.inf)

    def of(seed):
        drawn.clear()
        verify(ledger, rules=TINY, seed=seed)
        return tuple(drawn[:3])

    assert of(5) == of(5)
    assert len({of(seed) for seed in range(40)}) == math.comb(5, 3)  # each three of the five runs
    assert len({verify(ledger, rules=TINY, train=False).seed for _ in range(3)}) == 3


def test_a_ledger_without_a_final_run_has_no_points(played, tmp_path):
    lab = Lab("bob", tmp_path, rules=TINY)
    lab.run(Sweep(5e5, 4, 1.0))
    assert failing(lab.ledger) == ["final run: there is none yet"]
    assert verify(lab.ledger, rules=TINY, train=False).report is None


# --- each way to cheat --------------------------------------------------------------------


@pytest.mark.parametrize("place", range(9))
def test_an_edited_line_breaks_the_chain_and_the_lab_refuses_it(ledger, place):
    lines = ledger.read_text().splitlines(keepends=True)
    assert len(lines) == 10
    content = json.loads(lines[place])
    content["seconds"] = 1234.5
    ledger.write_text("".join([*lines[:place], json.dumps(content) + "\n", *lines[place + 1 :]]))
    assert f"line {place + 1}: the chain of hashes is broken" in failing(ledger)[0]
    with pytest.raises(LedgerError, match=f"line {place + 1}: the chain of hashes is broken"):
        Lab("pia", ledger.parent, rules=TINY)


@pytest.mark.parametrize(
    "order",
    [[0, 1, 3, 4, 5, 6, 7, 8, 9], [0, 1, 2, 2, 3], [0, 1, 3, 2, 4], [1, 2, 3]],
    ids=["removed", "doubled", "swapped", "beheaded"],
)
def test_lines_that_were_moved_break_the_chain(ledger, order):
    lines = ledger.read_text().splitlines(keepends=True)
    ledger.write_text("".join(lines[place] for place in order))
    assert "the chain of hashes is broken" in failing(ledger)[0]


def test_a_ledger_under_another_name_is_refused(ledger):
    other = ledger.rename(ledger.with_name("eve.contest.jsonl"))
    assert "name must be that of the lab, 'eve', got 'pia'" in failing(other)[0]
    with pytest.raises(LedgerError, match="begun with"):
        Lab("eve", other.parent, rules=TINY)
    assert failing(other, name="pia") == []  # a file that was only called otherwise


def test_a_name_that_was_forged_too_is_found_by_training(ledger):
    names = (f"eve-{place}" for place in range(99))
    name = next(name for name in names if entry_of(name) != entry_of("pia"))
    forge(ledger, lambda lines: lines[0].update(name=name))
    other = ledger.rename(ledger.with_name(f"{name}.contest.jsonl"))
    assert failing(other, train=False) == []
    assert any(text.startswith("final run") for text in failing(other))


def test_a_final_excess_that_was_invented_is_found_by_training(ledger):
    forge(ledger, lambda lines: lines[-1].update(excess=lines[-1]["excess"] * 0.985))
    (found,) = failing(ledger)
    assert found.startswith("final run: C = 4e+06, width = 8, rate = 2: recorded")


def test_one_per_cent_is_allowed_and_no_more(ledger):
    forge(ledger, lambda lines: lines[-1].update(excess=lines[-1]["excess"] / 1.0095))
    assert failing(ledger) == []


def test_a_run_that_did_not_diverge_is_found(ledger):
    forge(
        ledger, lambda lines: [line.update(excess=0.3) for line in lines if line.get("rate") == 1e9]
    )
    assert [text for text in failing(ledger, reruns=9) if "now diverged" in text]


def _cheaper(lines):
    lines[1]["flops"] -= 1


def _free_run(lines):
    lines[1]["runs"] = lines[1]["runs"][:-1]
    lines[1]["flops"] -= 622_592


def _same_round(lines):
    lines[6]["round"] = 1


def _late_prediction(lines):
    lines[-2], lines[-1] = lines[-1], lines[-2]


def _two_commitments(lines):
    lines.insert(-1, dict(lines[-2], predicted=0.45))


def _other_final(lines):
    lines[-1]["rate"] = 1.0


def _richer(lines):
    lines[0]["rules"] = {**lines[0]["rules"], "budget": 40_000_000}


def _replayed(lines):
    lines.insert(3, dict(lines[2], excess=0.1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_cheaper, "line 2: a sweep's line must be"),
        (_free_run, "line 6: a run must be billed before, and done once"),
        (_same_round, "line 7: round must be 2, got 1"),
        (_late_prediction, "line 9: final must come after commit"),
        (_two_commitments, "line 10: commit must be called once"),
        (_other_final, "line 10: the final run must be the one committed"),
        (_richer, "line 1: rules must be"),
        (_replayed, "line 4: a run must be billed before, and done once"),
    ],
)
def test_a_forged_chain_must_still_keep_the_rules(ledger, change, message):
    forge(ledger, change)
    (found,) = failing(ledger)
    assert found.startswith("name, rules and bills")
    assert message in found


def test_what_is_no_ledger_is_refused(tmp_path):
    empty, other = tmp_path / "a.contest.jsonl", tmp_path / "b.contest.jsonl"
    empty.write_text("")
    other.write_text("N,D\n1,2\n")
    with pytest.raises(LedgerError, match="holds no line of a ledger"):
        verify(empty)
    with pytest.raises(LedgerError, match="line 1: is not a line of a contest's ledger"):
        verify(other)
    with pytest.raises(LedgerError, match="cannot be read: No such file"):
        verify(tmp_path / "c.contest.jsonl")
    with pytest.raises(LedgerError, match="cannot be read: No such file"):
        verify(tmp_path / "nothing.txt")
    (renamed := tmp_path / "ann.contest (1).jsonl").write_text("{}")
    with pytest.raises(ValueError, match="name must be given where the file is not called NAME"):
        verify(renamed)


# --- points -------------------------------------------------------------------------------


def test_points_for_the_loss_by_hand():
    """The best on record: all; a third above it: none; even steps of the logarithm between."""
    assert loss_points(0.3, 0.3) == 60
    assert loss_points(0.4, 0.3) == pytest.approx(0, abs=1e-12)
    assert loss_points(0.3 * math.sqrt(4 / 3), 0.3) == pytest.approx(30)
    assert (loss_points(0.5, 0.3), loss_points(0.2, 0.3), loss_points(math.inf, 0.3)) == (0, 60, 0)
    # ln(.1074 / .1043) = .0293 of ln(4 / 3) = .2877: 60 * .8982
    assert loss_points(0.1074, 0.1043) == pytest.approx(53.9, abs=0.05)


def test_points_for_the_prediction_by_hand():
    """Ends at e^-.1 and e^.1 of .1: a width of .2 earns 40 (1 - .2 / .5) = 24 where it holds."""
    low, high = 0.1 * math.exp(-0.1), 0.1 * math.exp(0.1)
    assert interval_score(0.1, low, high) == pytest.approx(0.2)
    assert prediction_points(0.1, low, high) == pytest.approx(24)
    # A miss by .01 in the logarithm costs ten times that.
    assert interval_score(0.1 * math.exp(0.11), low, high) == pytest.approx(0.3)
    assert interval_score(0.1 * math.exp(-0.11), low, high) == pytest.approx(0.3)
    assert prediction_points(0.1 * math.exp(0.14), low, high) == 0
    assert prediction_points(0.1, 0.1, 0.1) == 40


def test_what_points_are_refused_for():
    with pytest.raises(ValueError, match=r"reference must be above 0, got 0"):
        loss_points(0.1, 0)
    with pytest.raises(ValueError, match=r"high must be at least 0\.2, got 0\.1"):
        interval_score(0.1, 0.2, 0.1)


# --- the network --------------------------------------------------------------------------


def test_the_gradient_is_that_of_pytorch(rng):
    network = Network(16, 3, 8, seed=4)
    windows, targets = rng.integers(0, 16, (32, 3)), rng.integers(0, 16, 32)
    found = network.gradient(windows, targets).copy()
    parts = [torch.tensor(part, requires_grad=True) for part in network._layers]
    embedding, first, second, last, *biases = parts
    units = embedding[torch.tensor(windows)].flatten(1)
    for layer, bias in zip((first, second), biases, strict=False):
        units = torch.relu(units @ layer + bias)
    loss = torch.nn.functional.cross_entropy(units @ last + biases[-1], torch.tensor(targets))
    loss.backward()
    expected = np.concatenate([part.grad.numpy().ravel() for part in parts])
    # Units are rounded to 2^-12, which moves a slope by some ten-thousandths of its size.
    assert np.abs(found - expected).max() < 3 * ACTIVE_GRID * np.abs(expected).max()
    told = network.log_probabilities(windows)[np.arange(32), targets].mean()
    assert told == pytest.approx(-loss.item(), abs=ACTIVE_GRID)


def test_the_optimiser_is_the_published_algorithm(rng):
    """Kingma and Ba (2015), Algorithm 1, number by number."""
    start = rng.standard_normal(6)
    slopes = rng.standard_normal((20, 6))
    weights = start.astype(np.float32)
    ours = Adam(weights)
    expected = []
    for place in range(6):
        theta, m, v = start[place], 0.0, 0.0
        for t, slope in enumerate(slopes[:, place], start=1):
            m, v = 0.9 * m + 0.1 * slope, 0.98 * v + 0.02 * slope**2
            theta -= 0.01 / t * (m / (1 - 0.9**t)) / (math.sqrt(v / (1 - 0.98**t)) + 1e-8)
        expected.append(theta)
    for t, slope in enumerate(slopes, start=1):
        ours.step(slope.astype(np.float32), 0.01 / t)
    assert weights == pytest.approx(np.array(expected), abs=1e-6)


def test_rounding_is_to_the_nearest_multiple():
    values = np.array([0.3, 0.38, -0.13, 5.0])
    assert rounded(values, 0.25).tolist() == [0.25, 0.5, -0.25, 5.0]


def test_the_order_of_a_sum_does_not_matter(rng):
    """The widest products of the contest, their terms in another order: equal to the last bit."""
    units = rounded(rng.standard_normal((128, 512)) * 20, ACTIVE_GRID)
    slopes = rounded(rng.standard_normal((512, 64)), SLOPE_GRID)
    order = rng.permutation(512)
    assert np.array_equal(units @ slopes, units[:, order] @ slopes[order])
    plain = rng.standard_normal((128, 512))
    assert not np.array_equal(plain @ slopes, plain[:, order] @ slopes[order])  # it does elsewhere


def test_a_run_ends_alike_with_the_arithmetic_of_other_processors():
    code = (
        "from scaling_utils.contest import Rules, Run, playing;"
        "r = Rules(order=2, contexts=256);"
        "print([playing.trained('pia', r, Run(1e8, 14, x)).hex() for x in (1.0, 30.0)])"
    )

    def told(**settings):
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"} | settings
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    other = {"OPENBLAS_CORETYPE": "Nehalem", "OPENBLAS_NUM_THREADS": "2"}
    assert told() == told(**other)


# --- the command --------------------------------------------------------------------------


@pytest.fixture
def handed_in(tmp_path, monkeypatch):
    """A ledger by the contest's own rules whose runs were not trained, but have a known excess."""
    from scaling_utils.contest import lab as lab_module

    known = {1.0: 0.5, 2.0: 0.4, 3.0: 0.12}
    for module in (lab_module, checking):
        monkeypatch.setattr(module, "trained", lambda name, rules, run: known[run.rate])
    lab = Lab("pia", tmp_path)
    lab.run(Sweep(5e8, 16, [1.0, 2.0]))
    lab.commit(100, 3.0, 9e11, 0.12, 0.11, 0.13)
    lab.final()
    return lab, known


def run(capsys, *words):
    status = main(["contest", "verify", *map(str, words)])
    told = capsys.readouterr()
    return status, told.out, told.err


def test_the_command_says_the_points_and_returns_0(capsys, handed_in):
    lab, _ = handed_in
    status, out, err = run(capsys, lab.ledger, "--seed", "7")
    assert (status, err) == (0, "")
    assert "All of it holds." in out
    assert str(lab.report()) in out
    status, out, _ = run(capsys, lab.ledger, "--seed", "7", "--json")
    result = json.loads(out)
    assert result["schema"] == "scaling-utils/contest/1"
    assert (result["holds"], result["seed"], len(result["checks"])) == (True, 7, 5)
    assert result["points"]["all"] == pytest.approx(lab.report().points)


def test_the_command_returns_1_where_a_run_comes_out_otherwise(capsys, handed_in):
    lab, known = handed_in
    known[3.0] = 0.1215
    status, out, _ = run(capsys, lab.ledger, "--seed", "7")
    assert status == 1
    assert "Not all of it holds." in out
    assert "recorded 0.12000, now 0.12150" in out


def test_the_quick_command_says_that_it_trained_nothing(capsys, handed_in):
    lab, known = handed_in
    known.clear()
    status, _, err = run(capsys, lab.ledger, "--quick")
    assert status == 0
    assert "[nothing-trained]" in err
    assert run(capsys, lab.ledger, "--quick", "--strict")[0] == 1


def test_the_command_returns_2_for_what_is_no_ledger(capsys, tmp_path):
    path = tmp_path / "pia.contest.jsonl"
    path.write_text("no\n")
    status, out, err = run(capsys, path)
    assert (status, out) == (2, "")
    assert "line 1: is not a line of a contest's ledger" in err
    assert run(capsys, tmp_path / "none.contest.jsonl")[0] == 2
    status, _, err = run(capsys, path, "--reruns", "1.5")
    assert (status, "--reruns: must be a whole number, got '1.5'" in err) == (2, True)


def test_other_code_is_told_and_not_held_against_a_ledger(capsys, handed_in, monkeypatch):
    lab, _ = handed_in
    monkeypatch.setattr(checking, "code_digest", lambda: "another")
    status, _, err = run(capsys, lab.ledger)
    assert status == 0
    assert "[other-code]" in err


def test_the_rules_are_those_of_the_design():
    assert (RULES.budget, RULES.rounds, RULES.least_steps) == (10**12, 3, 100)
    assert (RULES.batch, RULES.contexts, RULES.vocab, RULES.order) == (128, 16_384, 16, 5)
