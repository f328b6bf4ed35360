"""Branches from one trunk: each is the run of its length, however often it is interrupted."""

import copy
import hashlib
import math

import pytest
import torch
from torch import Tensor, nn

from scaling_utils.models import NeuralNgrams
from scaling_utils.training import MemberAdam, Trainer, adamw, branches, checkpoint
from scaling_utils.training.branches import train_branches
from scaling_utils.training.schedules import wsd

V, C = 5, 2
ENDS = [6, 9, 16, 17]
WARMUP, DECAY = 2, 0.3


class Dropped(nn.Module):
    """One network with dropout, so that torch's generator matters."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Embedding(V, 6), nn.Flatten(1), nn.Dropout(0.3), nn.Linear(6 * C, V)
        )

    def loss(self, windows: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.cross_entropy(self.layers(windows), targets)


def one_network() -> Trainer:
    torch.manual_seed(11)
    model = Dropped()

    def batches(index: int):
        drawn = torch.randint(V, (8, C + 1), generator=torch.Generator().manual_seed(index))
        return drawn[:, :C], drawn[:, C]

    return Trainer(model, adamw(model, 0.05, weight_decay=0.1), batches, clip=0.5, accumulate=2)


def side_by_side() -> Trainer:
    torch.manual_seed(11)
    model = NeuralNgrams(V, C, 4, seeds=[0, 0, 1])

    def batches(index: int):
        drawn = torch.randint(V, (3, 8, C + 1), generator=torch.Generator().manual_seed(index))
        return drawn[..., :C], drawn[..., C]

    return Trainer(model, MemberAdam(model, [0.01, 0.03, 0.1], {"w2": 0.5}), batches, clip=0.5)


MAKERS = {"one network": one_network, "side by side": side_by_side}


@pytest.fixture(params=MAKERS.values(), ids=MAKERS)
def make(request):
    return request.param


@pytest.fixture(autouse=True)
def _short_chunks(monkeypatch):
    """Look at the clock every two steps, so that short runs are saved at many places."""
    monkeypatch.setattr(branches, "CHUNK", 2)


def everything(trainer: Trainer) -> dict:
    """Return all that a run has come to, but for what it wrote down on the way."""
    state = trainer.state()
    del state["history"]
    return state


def rows(trainer: Trainer, end: int) -> list[dict]:
    """Return two rows: what a measurement finds, to the bit."""
    weights = b"".join(p.detach().numpy().tobytes() for p in trainer.model.parameters())
    found = {"end": end, "step": trainer.step, "tokens": trainer.tokens}
    digest = hashlib.sha256(weights).hexdigest()
    return [found | {"weights": digest}, found | {"loss": trainer.history[-1]["loss"]}]


def same(one, other) -> bool:
    """Compare nested states bit for bit."""
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


# --- equal to separate runs ---------------------------------------------------------------


@pytest.mark.parametrize("decay", [0.3, 0.01, 1.0])
def test_each_branch_is_the_separate_run_bit_for_bit(make, decay):
    warmup = 0 if decay == 1 else WARMUP
    found = {}

    def measure(trainer, end):
        found[end] = everything(trainer)
        torch.rand(5)  # a measurement may draw numbers; the next branch must not notice
        return []

    train_branches(make(), ENDS, measure, warmup=warmup, decay=decay)
    assert list(found) == ENDS
    for end in ENDS:
        alone = make()
        alone.train(end, wsd(end, warmup, decay))
        assert alone.step == end
        assert same(found[end], everything(alone)), end
    assert not same(found[6]["model"], found[9]["model"])


def test_the_schedule_is_used_and_not_the_peak_rate_alone(make):
    reached = []
    train_branches(make(), [9], lambda trainer, end: reached.append(everything(trainer)) or [])
    alone = make()
    alone.train(9, lambda step: 1.0)
    assert not same(reached[0]["model"], alone.model.state_dict())


def test_all_lengths_cost_the_longest_and_the_decays_of_the_others():
    trainer = side_by_side()
    drawn, inner = [], trainer.batches
    trainer.batches = lambda index: drawn.append(index) or inner(index)
    train_branches(trainer, ENDS, rows, warmup=WARMUP, decay=DECAY)
    starts = [end - wsd(end, WARMUP, DECAY).decay for end in ENDS]
    assert starts == [4, 6, 11, 12]
    expected = list(range(6)) + list(range(4, 9)) + list(range(6, 16)) + list(range(11, 17))
    assert drawn == expected
    assert len(drawn) == 17 + (6 - 4) + (9 - 6) + (16 - 11)


def test_rows_come_in_order_and_the_trainer_stands_at_the_last_branching():
    trainer = side_by_side()
    found = train_branches(trainer, ENDS, rows, warmup=WARMUP, decay=DECAY)
    assert [row["end"] for row in found] == [6, 6, 9, 9, 16, 16, 17, 17]
    assert [row["step"] for row in found] == [row["end"] for row in found]
    assert [row["tokens"] for row in found] == [8 * row["end"] for row in found]
    assert trainer.step == 12


# --- interrupted and resumed --------------------------------------------------------------


def saves_of(make, **options) -> tuple[list[dict], list[dict]]:
    """Return the rows of a run and all states that it saved, at each look at the clock."""
    states = []
    found = train_branches(
        make(),
        ENDS,
        rows,
        warmup=WARMUP,
        decay=DECAY,
        seconds=1e-9,
        save=lambda state: states.append(copy.deepcopy(state)),
        **options,
    )
    return found, states


def test_a_run_that_is_interrupted_at_any_save_gives_the_same_rows(make):
    expected = train_branches(make(), ENDS, rows, warmup=WARMUP, decay=DECAY)
    found, states = saves_of(make)
    assert found == expected
    # On the trunk, in a decay, after each branch: all kinds of places are there.
    assert {(state["branch"], state["trunk"] is None) for state in states} == {
        *((branch, False) for branch in range(4)),
        *((branch, True) for branch in range(5)),
    }
    for state in states:
        trainer = make()
        torch.manual_seed(99)  # a new process starts elsewhere
        again = train_branches(trainer, ENDS, rows, warmup=WARMUP, decay=DECAY, saved=state)
        assert again == expected


def test_a_resumed_run_may_be_interrupted_again(make):
    expected, states = saves_of(make)
    state, stops = None, 0
    while True:
        left = []
        trainer = make()

        def stop(new, left=left):
            left.append(copy.deepcopy(new))
            raise KeyboardInterrupt

        try:
            found = train_branches(
                trainer,
                ENDS,
                rows,
                warmup=WARMUP,
                decay=DECAY,
                seconds=1e-9,
                save=stop,
                saved=state,
            )
            break
        except KeyboardInterrupt:
            state, stops = left[0], stops + 1
    assert found == expected
    assert stops == len(states)


def test_a_state_survives_a_file(make, tmp_path):
    expected, states = saves_of(make)
    for number in (1, len(states) // 2, len(states) - 2):
        path = checkpoint.save(tmp_path, number, states[number])
        again = train_branches(
            make(), ENDS, rows, warmup=WARMUP, decay=DECAY, saved=checkpoint.load(path)
        )
        assert again == expected


def test_resuming_leaves_the_saved_state_as_it_was(make):
    _, states = saves_of(make)
    for state in states:
        before = copy.deepcopy(state)
        train_branches(make(), ENDS, rows, warmup=WARMUP, decay=DECAY, saved=state)
        assert same(state, before)


def test_a_finished_run_is_not_run_again(make):
    expected, states = saves_of(make)
    trainer = make()
    trainer.batches = None  # would fail if it were asked for data
    again = train_branches(trainer, ENDS, rows, warmup=WARMUP, decay=DECAY, saved=states[-1])
    assert again == expected


def test_without_time_passing_only_finished_branches_are_saved(make):
    states = []
    train_branches(make(), ENDS, rows, save=states.append, seconds=1e6)
    assert [state["branch"] for state in states] == [1, 2, 3, 4]
    assert [len(state["rows"]) for state in states] == [2, 4, 6, 8]
    assert all(state["trunk"] is None for state in states)


# --- another plan -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ends", "plan", "words"),
    [
        ([3, *ENDS], {}, r"ends was \[6, 9, 16, 17\] and is \[3, 6, 9, 16, 17\]"),
        (ENDS[1:], {}, r"ends was .* and is \[9, 16, 17\]"),
        (ENDS, {"warmup": 1}, "warmup was 2 and is 1"),
        (ENDS, {"decay": 0.5}, "decay was 0.3 and is 0.5"),
    ],
)
def test_a_state_of_another_plan_is_refused(make, ends, plan, words):
    _, states = saves_of(make)
    trainer = make()
    with pytest.raises(ValueError, match=f"another plan: {words}"):
        train_branches(
            trainer, ends, rows, **{"warmup": WARMUP, "decay": DECAY} | plan, saved=states[3]
        )
    assert trainer.step == 0


def test_a_state_of_another_trainer_is_refused():
    _, states = saves_of(one_network)
    trainer = one_network()
    trainer.optimiser.param_groups[0]["base"] = 0.1
    with pytest.raises(ValueError, match=r"rate was \[0.05, 0.05\] and is \[0.1, 0.05\]"):
        train_branches(trainer, ENDS, rows, warmup=WARMUP, decay=DECAY, saved=states[3])


def test_a_state_that_names_no_plan_is_refused(make):
    _, states = saves_of(make)
    old = {name: value for name, value in states[3].items() if name != "plan"}
    with pytest.raises(ValueError, match="an earlier version that did not wrote this one"):
        train_branches(make(), ENDS, rows, warmup=WARMUP, decay=DECAY, saved=old)


# --- bad input ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ([], "ends must be rising lengths, at least one"),
        ([6, 6], "ends must be rising lengths"),
        ([9, 6], "ends must be rising lengths"),
        ([0, 6], "ends must be at least 1"),
        ([-6], "ends must be at least 1"),
        ([6.5], "ends must be a whole number"),
        ([6, math.nan], "ends must be finite"),
        ([math.inf], "ends must be finite"),
    ],
)
def test_bad_ends_are_named_before_anything_is_trained(ends, words):
    trainer = side_by_side()
    with pytest.raises(ValueError, match=words):
        train_branches(trainer, ends, rows)
    assert trainer.step == 0


@pytest.mark.parametrize("ends", [["6"], [None], [[6, 9]]])
def test_ends_that_are_no_numbers_are_refused(ends):
    with pytest.raises(TypeError, match="ends must be"):
        train_branches(side_by_side(), ends, rows)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"warmup": 5}, "warmup and decay must fit into steps"),
        ({"warmup": -1}, "warmup must be at least 0"),
        ({"decay": 0}, "decay must be above 0"),
        ({"decay": 1.5}, "decay must be above 0 and at most 1"),
        ({"decay": math.nan}, "decay must be finite"),
        ({"seconds": 0}, "seconds must be above 0"),
        ({"seconds": math.nan}, "seconds must be finite"),
    ],
)
def test_bad_options_are_named_before_anything_is_trained(options, words):
    trainer = side_by_side()
    with pytest.raises(ValueError, match=words):
        train_branches(trainer, ENDS, rows, **options)
    assert trainer.step == 0


def test_a_trainer_that_has_made_steps_is_refused():
    trainer = side_by_side()
    trainer.train(3, lambda step: 1.0)
    with pytest.raises(ValueError, match="trainer must be at step 0 unless saved is given, got 3"):
        train_branches(trainer, ENDS, rows)
