"""The training loop against steps written out by hand, and against itself when interrupted."""

import math

import pytest
import torch
from torch import nn

from scaling_utils.models import GPT, NeuralNgrams
from scaling_utils.shapes import Transformer
from scaling_utils.training import MemberAdam, Trainer, adamw, constant, wsd

V, C, B = 7, 2, 6
SHAPE = Transformer(n_layer=1, d_model=8, n_head=2, vocab=V, context=5)


def text(index, *shape):
    return torch.randint(0, V, shape, generator=torch.Generator().manual_seed(index))


def sequences(index):
    """Micro-batch ``index`` for a GPT: (B, T) inputs and targets."""
    drawn = text(index, B, 6)
    return drawn[:, :-1], drawn[:, 1:]


def windows(members):
    """Micro-batches for members: windows (M, B, c) and targets (M, B), different in each."""

    def batches(index):
        drawn = text(index, members, B, C + 1)
        return drawn[..., :C], drawn[..., C]

    return batches


def gpt(dropout=0.0):
    torch.manual_seed(1)
    return GPT(SHAPE, dropout).double()


def ngrams(seeds):
    return NeuralNgrams(V, C, 8, seeds=seeds).double()


def weights(model):
    return [parameter.detach().clone() for parameter in model.parameters()]


def close(one, two):
    for a, b in zip(one, two, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)


class Plain(torch.optim.SGD):
    """Gradient descent at rate 1, so that a step shows the gradient."""

    def __init__(self, model, base=1.0):
        super().__init__([{"params": list(model.parameters()), "base": base}], lr=base)


# --- one step --------------------------------------------------------------------------------


def test_steps_are_those_of_a_loop_written_out():
    model, other = gpt(), gpt()
    schedule = wsd(5, warmup=2)
    trainer = Trainer(model, adamw(model, 1e-2), sequences, clip=0.7)
    trainer.train(5, schedule, every=1)
    optimiser = torch.optim.AdamW(other.parameters(), betas=(0.9, 0.98), weight_decay=0.0)
    losses = []
    for step in range(5):
        loss = other.loss(*sequences(step))
        optimiser.zero_grad()
        loss.backward()
        norm = torch.sqrt(sum(p.grad.square().sum() for p in other.parameters()))
        for parameter in other.parameters():
            parameter.grad *= min(1.0, 0.7 / norm.item())
        for group in optimiser.param_groups:
            group["lr"] = 1e-2 * schedule(step)
        optimiser.step()
        losses.append(loss.item())
    for a, b in zip(weights(model), weights(other), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)  # torch adds 1e-6 to the norm
    assert [row["loss"] for row in trainer.history] == pytest.approx(losses, rel=1e-6)


@pytest.mark.parametrize("accumulate", [2, 3, 6])
def test_accumulation_equals_one_big_batch(accumulate):
    model, other = gpt(), gpt()
    parts = B // accumulate

    def micro(index):
        step, part = divmod(index, accumulate)
        rows = slice(part * parts, (part + 1) * parts)
        return tuple(half[rows] for half in sequences(step))

    one = Trainer(model, adamw(model, 1e-2), sequences, clip=0.5)
    two = Trainer(other, adamw(other, 1e-2), micro, clip=0.5, accumulate=accumulate)
    one.train(4, constant(4), every=1)
    two.train(4, constant(4), every=1)
    close(weights(model), weights(other))
    assert [row["loss"] for row in one.history] == pytest.approx(
        [row["loss"] for row in two.history], rel=1e-12
    )
    assert one.tokens == two.tokens == 4 * B * 5


def test_accumulation_of_members_equals_one_big_batch():
    model, other, whole = ngrams([1, 2]), ngrams([1, 2]), windows(2)

    def micro(index):
        step, part = divmod(index, 2)
        return tuple(half[:, 3 * part : 3 * part + 3] for half in whole(step))

    for trained, batches, accumulate in [(model, whole, 1), (other, micro, 2)]:
        trainer = Trainer(
            trained, MemberAdam(trained, [0.01, 0.1]), batches, clip=0.1, accumulate=accumulate
        )
        trainer.train(5, constant(5))
        assert trainer.tokens == 5 * B
    close(weights(model), weights(other))


def test_the_rate_is_base_times_factor_in_every_group():
    model, start = gpt(), weights(gpt())
    used = []
    optimiser = adamw(model, 1e-2, {"norm.bias": 0.5})
    step = optimiser.step

    def watched():
        used.append(sorted(group["lr"] for group in optimiser.param_groups))
        step()

    optimiser.step = watched
    Trainer(model, optimiser, sequences).train(4, wsd(4, warmup=2, decay=0.5))
    for rates, factor in zip(used, [0.5, 1, 1, 0.5], strict=True):
        assert rates[0] == pytest.approx(5e-3 * factor)
        assert rates[1:] == pytest.approx([1e-2 * factor] * len(rates[1:]))
    assert not torch.equal(start[0], weights(model)[0])


def test_a_factor_of_zero_moves_nothing():
    model = gpt()
    start = weights(model)
    Trainer(model, adamw(model, 1e-2), sequences).train(3, lambda step: 0.0)
    assert all(map(torch.equal, start, weights(model)))


# --- clipping ------------------------------------------------------------------------------


def gradient_norms(model, start, members=None):
    moves = [before - after for before, after in zip(start, weights(model), strict=True)]
    if members is None:
        return math.sqrt(sum(move.square().sum().item() for move in moves))
    return sum(move.flatten(1).square().sum(1) for move in moves).sqrt().tolist()


def test_clipping_shortens_a_long_gradient_and_leaves_a_short_one():
    free = gpt()
    start = weights(free)
    Trainer(free, Plain(free), sequences).train(1, constant(1))
    norm = gradient_norms(free, start)
    for clip, expected in [(norm / 3, norm / 3), (3 * norm, norm)]:
        model = gpt()
        Trainer(model, Plain(model), sequences, clip=clip).train(1, constant(1))
        assert gradient_norms(model, start) == pytest.approx(expected, rel=1e-4)


def test_members_are_clipped_each_on_its_own():
    def one_step(clip):
        model = ngrams([3, 3, 4])
        with torch.no_grad():
            model.w3[1] = 5.0 * torch.randn(
                8, V, generator=torch.Generator().manual_seed(0), dtype=torch.float64
            )
        start = weights(model)
        Trainer(model, Plain(model), windows(3), clip=clip).train(1, constant(1))
        return gradient_norms(model, start, members=3)

    free = one_step(None)
    assert free[1] > 4 * max(free[0], free[2])
    clip = math.sqrt(free[1] * max(free[0], free[2]))  # between the long one and the others
    clipped = one_step(clip)
    assert clipped[1] == pytest.approx(clip, rel=1e-5)
    assert [clipped[0], clipped[2]] == pytest.approx([free[0], free[2]], rel=1e-9)


# --- members side by side --------------------------------------------------------------------


def test_member_k_trains_exactly_as_if_alone():
    rates, seeds = [0.003, 0.03, 0.1], [4, 4, 9]
    together = ngrams(seeds)
    multipliers = {"w2": 0.5, "w3": 0.25}
    trainer = Trainer(together, MemberAdam(together, rates, multipliers), windows(3), clip=0.2)
    trainer.train(25, wsd(25, warmup=5), every=5)
    for member, (rate, seed) in enumerate(zip(rates, seeds, strict=True)):
        alone = ngrams([seed])

        def batches(index, member=member):
            inputs, targets = windows(3)(index)
            return inputs[member, None], targets[member, None]

        single = Trainer(alone, MemberAdam(alone, [rate], multipliers), batches, clip=0.2)
        single.train(25, wsd(25, warmup=5), every=5)
        close([weight[member : member + 1] for weight in weights(together)], weights(alone))
        for row, own in zip(trainer.history, single.history, strict=True):
            assert row["loss"][member] == pytest.approx(own["loss"][0], rel=1e-12)
            assert row["tokens"] == own["tokens"] == B * row["step"]


def test_a_member_that_diverges_leaves_the_others_alone():
    def train(rates):
        model = ngrams([1, 1])
        trainer = Trainer(model, MemberAdam(model, rates), windows(2), clip=1.0)
        trainer.train(30, constant(30))
        return [weight[0] for weight in weights(model)]

    close(train([0.01, 0.01]), train([0.01, 1e12]))


# --- history -----------------------------------------------------------------------------------


def test_history_is_recorded_every_few_steps_and_at_the_end():
    model = gpt()
    trainer = Trainer(model, adamw(model, 1e-2), sequences)
    seen = []

    def evaluate(given):
        seen.append((given is model, given.training, torch.is_grad_enabled()))
        return {"held_out": 1.5, "se": 0.1}

    trainer.train(7, wsd(8, warmup=4), every=3, evaluate=evaluate)
    assert [row["step"] for row in trainer.history] == [3, 6, 7]
    assert [row["tokens"] for row in trainer.history] == [90, 180, 210]
    assert [row["factor"] for row in trainer.history] == [0.75, 1.0, 1.0]
    assert all(row["held_out"] == 1.5 and row["se"] == 0.1 for row in trainer.history)
    assert seen == [(True, False, False)] * 3
    assert model.training
    trainer.train(8, wsd(8, warmup=4))
    assert [row["step"] for row in trainer.history] == [3, 6, 7, 8]
    assert trainer.history[-1]["factor"] == 0.5


def test_without_every_only_the_end_is_recorded():
    model = gpt()
    trainer = Trainer(model, adamw(model, 1e-2), sequences)
    trainer.train(0, constant(1))
    assert trainer.history == []
    trainer.train(4, constant(4))
    (row,) = trainer.history
    assert set(row) == {"step", "tokens", "loss", "factor"}
    assert type(row["loss"]) is float


def test_training_lowers_the_loss():
    model = gpt()
    trainer = Trainer(model, adamw(model, 1e-2), lambda index: sequences(0))
    trainer.train(60, wsd(60, warmup=5), every=59)
    first, last = (row["loss"] for row in trainer.history)
    assert math.log(V) > first > last


# --- stopping and going on ----------------------------------------------------------------------


@pytest.mark.parametrize("stop", [1, 4, 9])
def test_a_restored_run_has_the_same_bits(stop):
    def new():
        model = gpt(dropout=0.3)
        return Trainer(model, adamw(model, 1e-2), sequences, clip=1.0, accumulate=2)

    whole = new()
    torch.manual_seed(2)
    whole.train(10, wsd(10, 2), every=3)
    first = new()
    torch.manual_seed(2)
    first.train(stop, wsd(10, 2), every=3)
    state = first.state()
    first.train(10, wsd(10, 2), every=3)  # what goes on after it leaves the state alone
    second = new()
    torch.manual_seed(99)
    second.restore(state)
    second.train(10, wsd(10, 2), every=3)
    assert all(map(torch.equal, weights(whole.model), weights(second.model)))
    rows = [row for row in second.history if row["step"] != stop or stop % 3 == 0]
    assert rows == whole.history
    assert torch.equal(whole.state()["generator"], second.state()["generator"])


def test_a_restored_state_is_the_state_even_before_another_step():
    def flat(value, place=""):
        if isinstance(value, dict | list | tuple):
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            return {k: v for name, e in pairs for k, v in flat(e, f"{place}/{name}").items()}
        return {place: value.tolist() if isinstance(value, torch.Tensor) else value}

    first = trained(schedule=wsd(4, 2, 0.5), clip=1.0, accumulate=2)  # ends at half its rate
    second = trained(until=0, clip=1.0, accumulate=2)
    second.restore(first.state())
    assert flat(second.state()) == flat(first.state())


def test_members_are_restored_too():
    def new():
        model = ngrams([1, 2])
        return Trainer(model, MemberAdam(model, [0.01, 0.1]), windows(2))

    whole, first, second = new(), new(), new()
    whole.train(8, wsd(8))
    first.train(5, wsd(8))
    second.restore(first.state())
    second.train(8, wsd(8))
    assert all(map(torch.equal, weights(whole.model), weights(second.model)))


def test_a_state_is_a_copy():
    model = gpt()
    trainer = Trainer(model, adamw(model, 1e-2), sequences)
    trainer.train(2, constant(9), every=1)
    state = trainer.state()
    kept = [value.clone() for value in state["model"].values()]
    trainer.train(4, constant(9), every=1)
    assert len(state["history"]) == state["step"] == 2
    assert all(map(torch.equal, state["model"].values(), kept))


# --- refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"clip": 0}, "clip must be above 0, got 0"),
        ({"clip": -1.0}, "clip must be above 0"),
        ({"clip": math.nan}, "clip must be finite"),
        ({"clip": math.inf}, "clip must be finite"),
        ({"accumulate": 0}, "accumulate must be at least 1"),
        ({"accumulate": -2}, "accumulate must be at least 1"),
        ({"accumulate": 1.5}, "accumulate must be a whole number"),
        ({"accumulate": math.nan}, "accumulate must be finite"),
    ],
)
def test_bad_options_are_named(options, words):
    model = gpt()
    with pytest.raises(ValueError, match=words):
        Trainer(model, adamw(model, 1e-2), sequences, **options)


@pytest.mark.parametrize(
    ("until", "every", "words"),
    [
        (2, None, "until must be at least 3, got 2"),
        (math.nan, None, "until must be finite"),
        (4.5, None, "until must be a whole number"),
        (5, 0, "every must be at least 1"),
        (5, -1, "every must be at least 1"),
        (5, 0.5, "every must be"),
    ],
)
def test_bad_ends_are_named(until, every, words):
    model = gpt()
    trainer = Trainer(model, adamw(model, 1e-2), sequences)
    trainer.train(3, constant(3))
    with pytest.raises(ValueError, match=words):
        trainer.train(until, constant(3), every=every)
    assert trainer.step == 3


def test_steps_at_a_rate_of_zero_are_refused():
    model = gpt()
    trainer = Trainer(model, adamw(model, 1e-2), sequences)
    with pytest.raises(ValueError, match=r"until must be at most 3, .* rate of 0 .* got 4"):
        trainer.train(4, wsd(3))
    assert trainer.step == 0
    trainer.train(4, wsd(3, floor=0.5))  # this one goes on learning
    trainer.train(5, constant(3))
    assert [row["factor"] for row in trainer.history] == [0.5, 1.0]


class Broken(nn.Module):
    """A model whose loss is not a number for some of its members."""

    def __init__(self, losses):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(len(losses), 1))
        self.losses = torch.tensor(losses)

    def loss(self, _inputs, _targets):
        return self.scale[:, 0] * self.losses


def test_a_run_stops_when_no_member_has_a_finite_loss_left():
    def trainer(losses):
        model = Broken(losses)
        return Trainer(model, MemberAdam(model, [0.1, 0.1]), windows(2))

    some = trainer([1.0, math.nan])
    some.train(3, constant(3), every=1)
    assert len(some.history) == 3
    assert math.isnan(some.history[-1]["loss"][1])
    with pytest.raises(FloatingPointError, match=r"loss is .*nan.* at step 2: lower"):
        trainer([math.inf, math.nan]).train(3, constant(3), every=2)


# --- unequal numbers of targets -------------------------------------------------------------------


def ragged(index, *shape, share=0.5):
    """Text of ``shape`` whose targets are padding in irregular places, but for the first row."""
    drawn = text(index, *shape)
    inputs, targets = drawn[..., :-1], drawn[..., 1:].clone()
    hidden = torch.rand(targets.shape, generator=torch.Generator().manual_seed(index)) < share
    hidden[..., 0, :] = False
    return inputs, targets.masked_fill(hidden, -100)


def four_of_one():
    """Eight sequences, of which four have one target only."""
    drawn = text(3, 8, 6)
    inputs, targets = drawn[:, :-1], drawn[:, 1:].clone()
    targets[4:, 1:] = -100
    return inputs, targets


def gradient(model, batches, accumulate):
    """The gradient of the first step, as a plain step at rate 1 shows it; and the trainer."""
    start = weights(model)
    trainer = Trainer(model, Plain(model), batches, accumulate=accumulate)
    trainer.train(1, constant(1))
    return [a - b for a, b in zip(start, weights(model), strict=True)], trainer


@pytest.mark.parametrize("accumulate", [2, 4, 8])
def test_a_step_minimises_the_mean_over_all_of_its_targets(accumulate):
    inputs, targets = four_of_one()
    other = gpt()
    other.loss(inputs, targets).backward()  # torch's own mean over all 24 targets
    expected = [p.grad for p in other.parameters()]
    rows = 8 // accumulate

    def micro(index):
        return tuple(part[index * rows : (index + 1) * rows] for part in (inputs, targets))

    found, trainer = gradient(gpt(), micro, accumulate)
    close(found, expected)
    assert trainer.tokens == 4 * 5 + 4
    assert trainer.positions == 8 * 5
    assert trainer.history[0]["loss"] == pytest.approx(
        other.loss(inputs, targets).item(), rel=1e-12
    )


@pytest.mark.parametrize("share", [0.2, 0.9])
def test_ragged_micro_batches_train_like_one_batch(share):
    def whole(index):
        return ragged(index, B, 6, share=share)

    def micro(index):
        step, part = divmod(index, 3)
        return tuple(half[2 * part : 2 * part + 2] for half in whole(step))

    one, two = gpt(), gpt()
    for model, batches, accumulate in [(one, whole, 1), (two, micro, 3)]:
        Trainer(model, adamw(model, 1e-2), batches, clip=0.5, accumulate=accumulate).train(
            4, constant(4)
        )
    close(weights(one), weights(two))


def test_ragged_members_train_like_one_batch_each():
    def whole(index):
        drawn = text(index, 2, B, C + 1)
        targets = drawn[..., C].clone()
        # Equally many for both members in the step, and unequally many in its halves.
        targets[0, [0, 1, 5]] = -100
        targets[1, [2, 4, 5]] = -100
        return drawn[..., :C], targets

    def micro(index):
        step, part = divmod(index, 2)
        return tuple(half[:, 3 * part : 3 * part + 3] for half in whole(step))

    def alone(member):
        def batches(index):
            return tuple(half[member : member + 1] for half in whole(index))

        return batches

    together, split = ngrams([1, 2]), ngrams([1, 2])
    for model, batches, accumulate in [(together, whole, 1), (split, micro, 2)]:
        trainer = Trainer(
            model, MemberAdam(model, [0.01, 0.1]), batches, clip=0.1, accumulate=accumulate
        )
        trainer.train(5, constant(5))
        assert (trainer.tokens, trainer.positions) == (5 * 3, 5 * B)
    close(weights(together), weights(split))
    for member, (seed, rate) in enumerate([(1, 0.01), (2, 0.1)]):
        single = ngrams([seed])
        Trainer(single, MemberAdam(single, [rate]), alone(member), clip=0.1).train(5, constant(5))
        close([p[member : member + 1] for p in weights(split)], weights(single))


def test_members_loss_is_the_mean_over_what_counts():
    model = ngrams([1, 1])
    inputs, targets = windows(2)(4)
    targets[0, 2:] = -100
    targets[1] = -100
    logits = model(inputs)
    expected = nn.functional.cross_entropy(logits[0], targets[0])  # ignores -100
    found = model.loss(inputs, targets)
    torch.testing.assert_close(found[0], expected, rtol=1e-12, atol=0.0)
    assert found[1] == 0


def test_a_micro_batch_of_padding_alone_changes_nothing():
    inputs, targets = sequences(0)
    padded = torch.full_like(targets, -100)

    def micro(index):
        return (inputs, targets) if index == 1 else (inputs, padded)

    found, trainer = gradient(gpt(), micro, accumulate=3)
    expected, _ = gradient(gpt(), lambda index: (inputs, targets), accumulate=1)
    close(found, expected)
    assert math.isfinite(trainer.history[0]["loss"])
    assert (trainer.tokens, trainer.positions) == (B * 5, 3 * B * 5)


def test_a_step_without_targets_is_named():
    inputs, targets = sequences(0)

    def batches(index):
        return inputs, targets if index < 2 else torch.full_like(targets, -100)

    model = gpt()
    trainer = Trainer(model, adamw(model, 1e-2), batches, accumulate=2)
    with pytest.raises(ValueError, match="all of step 1 are -100, which means padding"):
        trainer.train(3, constant(3))
    assert trainer.step == 1


def test_members_with_unequal_numbers_of_targets_are_named():
    def batches(index):
        inputs, targets = windows(2)(index)
        targets[0, 0] = -100
        return inputs, targets

    model = ngrams([1, 2])
    with pytest.raises(ValueError, match=r"every member equally many .* step 0 has \[5, 6\]"):
        Trainer(model, MemberAdam(model, [0.1, 0.1]), batches).train(1, constant(1))


# --- going on with other settings -----------------------------------------------------------------


def trained(until=4, batches=sequences, schedule=None, dropout=0.0, shape=SHAPE, **options):
    """A trainer after ``until`` steps, with the options of AdamW and of the trainer."""
    torch.manual_seed(1)
    model = GPT(shape, dropout).double()
    names = ("multipliers", "betas", "weight_decay")
    own = {name: options.pop(name) for name in names if name in options}
    trainer = Trainer(model, adamw(model, options.pop("rate", 1e-2), **own), batches, **options)
    if until:
        trainer.train(until, schedule or constant(9))
    return trainer


WIDER = Transformer(n_layer=1, d_model=16, n_head=2, vocab=V, context=5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rate": 1e-3}, r"rate was \[0.01\] and is \[0.001\]\. .* change=\['rate'\]"),
        ({"betas": (0.9, 0.95)}, r"betas was \[\[0.9, 0.98\]\] and is \[\[0.9, 0.95\]\]"),
        ({"clip": 0.5}, r"clip was None and is 0.5\. .* change=\['clip'\]"),
        ({"accumulate": 2}, r"accumulate was 1 and is 2\. .* change=\['accumulate'\]"),
        ({"dropout": 0.5}, r"dropout drop was 0.0 and is 0.5 and .* more"),
        ({"about": {"seed": 1}}, r"about seed was None and is 1"),
        ({"accumulate": 2, "rate": 1.0}, r"change=\['accumulate', 'rate'\]"),
        ({"weight_decay": 0.1}, "groups cannot change within a run"),
        ({"shape": WIDER}, r"model embedding.weight was '\(7, 8\) .* and is '\(7, 16\)"),
    ],
)
def test_a_changed_setting_is_named_and_nothing_is_restored(options, words):
    state = trained().state()
    fresh = trained(until=0, **options)
    before = weights(fresh.model)
    with pytest.raises(ValueError, match=words):
        fresh.restore(state)
    assert fresh.step == 0
    assert all(map(torch.equal, before, weights(fresh.model)))


def test_another_kind_of_optimiser_is_named():
    state = trained().state()
    model = gpt()
    with pytest.raises(ValueError, match="optimiser was 'AdamW' and is 'Plain'"):
        Trainer(model, Plain(model), sequences).restore(state)


def test_members_of_other_rates_are_named():
    def new(rates):
        model = ngrams([1, 2])
        return Trainer(model, MemberAdam(model, rates), windows(2))

    one = new([0.01, 0.1])
    one.train(2, constant(5))
    with pytest.raises(ValueError, match=r"rate was \[0.01, 0.1\] and is \[0.1, 0.01\]"):
        new([0.1, 0.01]).restore(one.state())


def test_a_new_rate_that_is_asked_for_takes_effect():
    state = trained().state()
    changed, other = trained(until=0, rate=1e-3), trained()
    changed.restore(state, change=["rate"])
    changed.train(6, constant(9))
    for group in other.optimiser.param_groups:
        group["base"] = 1e-3  # the same change, made by hand in the run that was not stopped
    other.train(6, constant(9))
    assert all(map(torch.equal, weights(changed.model), weights(other.model)))
    assert changed.optimiser.param_groups[0]["lr"] == 1e-3


@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 1), (2, 3)])
def test_another_accumulate_goes_on_where_the_data_were(before, after):
    seen = []

    def watched(index):
        seen.append(index)
        return sequences(index)

    state = trained(until=4, batches=watched, accumulate=before).state()
    assert seen == list(range(4 * before))
    changed = trained(until=0, batches=watched, accumulate=after)
    changed.restore(state, change={"accumulate"})
    seen.clear()
    changed.train(6, constant(9))
    first = 4 * before
    # Micro-batch 0 once more, to see that the data are the same; then on, without a jump.
    assert sorted(seen) == [0, *range(first, first + 2 * after)]
    assert changed.tokens == (4 * before + 2 * after) * B * 5


def test_other_data_are_named_when_training_goes_on():
    state = trained().state()
    other = trained(until=0, batches=lambda index: sequences(index + 50))
    other.restore(state)
    with pytest.raises(ValueError, match=r"state was made with other data: inputs .* \(6, 5\)"):
        other.train(5, constant(9))
    other.restore(state, change=["data"])
    other.train(5, constant(9))
    assert other.step == 5
    smaller = trained(until=0, batches=lambda index: tuple(x[:2] for x in sequences(index)))
    smaller.restore(other.state())
    with pytest.raises(ValueError, match=r"shape \(6, 5\) .* \(2, 5\)"):
        smaller.train(6, constant(9))


def test_real_data_may_differ_in_their_last_digits():
    from scaling_utils.training._settings import check_data, fingerprint

    x, y = torch.randn(5, 3), torch.randn(5)
    kept = fingerprint(x, y)
    check_data(kept, fingerprint(x * (1 + 1e-6), y))
    with pytest.raises(ValueError, match="targets of micro-batch 0"):
        check_data(kept, fingerprint(x, y.flip(0)))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (wsd(20, 4), wsd(20, 2), "step 0 was made with 0.25 and it gives 0.5"),
        (wsd(4, 0, 0.5), constant(9), "step 3 was made with 0.5 and it gives 1"),
        (lambda step: 0.5, constant(9), "step 0 was made with 0.5 and it gives 1"),
    ],
)
def test_another_schedule_is_named_when_training_goes_on(old, new, words):
    state = trained(schedule=old).state()
    other = trained(until=0)
    other.restore(state)
    with pytest.raises(ValueError, match=words):
        other.train(6, new)
    assert other.step == 4
    other.restore(state, change="schedule")
    other.train(6, new)
    other.train(8, new)
    assert other.history[-1]["factor"] == 1.0


def test_a_schedule_may_differ_in_what_is_still_to_come():
    state = trained(schedule=wsd(40, 2)).state()
    other = trained(until=0)
    other.restore(state)
    other.train(8, wsd(8, 2, 0.25))
    assert other.history[-1]["factor"] == 0.5


def test_what_a_run_is_about_goes_with_it(tmp_path):
    from scaling_utils.training import checkpoint

    about = {"seed": 3, "corpus": "sha256:ab", "widths": (4, 8)}
    path = checkpoint.save(tmp_path, 4, trained(about=about).state())
    same = trained(until=0, about=about)
    same.restore(checkpoint.load(path))
    assert same.step == 4
    with pytest.raises(ValueError, match=r"about corpus was 'sha256:ab' and is 'sha256:cd'"):
        trained(until=0, about=about | {"corpus": "sha256:cd"}).restore(checkpoint.load(path))


def test_change_must_name_settings():
    state = trained().state()
    with pytest.raises(ValueError, match=r"change must name settings, of about, accumulate, .*lr"):
        trained(until=0).restore(state, change=["lr"])
    with pytest.raises(ValueError, match="change must name settings"):
        trained(until=0).restore(state, change=["model"])


def test_a_state_that_does_not_say_its_settings_is_refused():
    state = trained().state()
    del state["settings"]
    with pytest.raises(ValueError, match="an earlier version that kept none wrote this one"):
        trained(until=0).restore(state)
