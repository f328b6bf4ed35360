"""What models learn on: one protocol, data that depend on the seed alone, losses by hand."""

import numpy as np
import pytest
import torch

from scaling_utils.corpora import dirichlet_language, text
from scaling_utils.corpora.related import related_language
from scaling_utils.models import NeuralNgrams
from scaling_utils.models.regressors import Regressors
from scaling_utils.tasks import (
    LanguageSequences,
    LanguageWindows,
    Task,
    TextSequences,
    TextWindows,
    WaveTask,
)

TINY = {"vocab": 8, "order": 2, "strength": 3.0, "seed": 0}


def waves() -> WaveTask:
    return WaveTask(2, 8, 0.0, 2.0, 5, (0, 1), pool=64, held_out=32)


@pytest.mark.parametrize(
    "make",
    [
        lambda: LanguageWindows(TINY),
        lambda: LanguageWindows(dirichlet_language(**TINY), unique=96, held_out=None),
        lambda: LanguageSequences(TINY, 6),
    ],
)
def test_one_seed_alone_has_the_batches_that_it_has_among_others(make):
    task = make()
    assert isinstance(task, Task)
    assert task.entropy == dirichlet_language(**TINY).entropy
    both, alone = task.batches([5, 7], 16, copies=2)(3), task.batches(7, 16)(3)
    for many, one in zip(both, alone, strict=True):
        assert many.shape == (4, *one.shape)
        assert torch.equal(many[2], one)
        assert torch.equal(many[3], one)
        assert not torch.equal(many[0], one)
    with pytest.raises(ValueError, match="copies must be 1 with a single seed, got 2"):
        task.batches(7, 16, copies=2)


def test_a_language_says_which_it_is():
    assert LanguageWindows(TINY).sha256 == LanguageSequences(TINY, 6).sha256
    assert LanguageWindows(TINY | {"seed": 1}).sha256 != LanguageWindows(TINY).sha256


def test_the_loss_of_a_function_is_its_mean_squared_error():
    task = waves()
    assert isinstance(task, Task)
    model = Regressors([4], task.inputs.numpy(), 4, seed=0)
    found = task.measure(model)
    guesses = model.predict(task.test_inputs).detach().double()  # (4, n)
    for member in range(4):  # two copies of each function
        squared = (guesses[member] - task.test_targets[member // 2]) ** 2
        assert found["loss"][member] == pytest.approx(squared.mean().item(), rel=1e-5)
        error = squared.std().item() / len(squared) ** 0.5
        assert found["se"][member] == pytest.approx(error, rel=1e-5)
    with pytest.raises(ValueError, match="model must have a multiple of 2 members, got 3"):
        task.measure(Regressors([4], task.inputs.numpy(), 3, seed=0))
    for seeds in ([0, 2], 0):
        with pytest.raises(ValueError, match=r"seeds must be those of the functions, \(0, 1\)"):
            task.batches(seeds, 16)
    with pytest.raises(ValueError, match="size must be at most the pool's 64 points, got 65"):
        task.batches([0, 1], 65)


def test_a_sequence_is_no_longer_than_can_be_measured():
    with pytest.raises(ValueError, match="length must be at most 4096 bytes, got 4097"):
        TextSequences("english", 4097)


def test_the_loss_on_a_language_is_its_entropy_plus_the_divergence():
    task = LanguageWindows(TINY, held_out=64)
    language = task.language

    class Knowing:  # answers with the true rows, one member
        members = 1

        def __call__(self, tokens):
            contexts = tokens[0].numpy() @ np.array([8, 1])
            return torch.from_numpy(np.log(language.rows[contexts]))[None].float()

    class Ignorant(Knowing):  # knows no context
        def __call__(self, tokens):
            return torch.zeros(1, tokens.shape[1], 8)

    found = task.measure(Knowing())
    assert found["loss"] == [pytest.approx(language.entropy, abs=1e-6)]
    assert found["se"] == [pytest.approx(0, abs=1e-6)]
    # A uniform guess costs ln 8 less the row's own entropy more; averaged over contexts.
    windows, _ = language.windows(64, 0, 0, 1)
    rows = language.rows[windows @ np.array([8, 1])]
    extra = np.log(8) + (rows * np.log(rows)).sum(1).mean()
    assert task.measure(Ignorant())["loss"] == [pytest.approx(language.entropy + extra, rel=1e-5)]
    # Over all contexts the two losses are known exactly: the entropy, and ln 8.
    whole = LanguageWindows(TINY, held_out=None)
    for model, exact in ((Knowing(), language.entropy), (Ignorant(), np.log(8))):
        assert whole.measure(model) == {"loss": [pytest.approx(exact, abs=1e-6)], "se": [0.0]}
        assert task.measure_all(model) == whole.measure(model)["loss"]


def test_repeated_windows_come_once_in_each_epoch_in_a_new_order():
    task = LanguageWindows(TINY, unique=96)
    batches = task.batches([3], 64)
    drawn = [batches(index) for index in range(6)]  # 384 windows: four epochs
    rows = torch.cat([torch.cat([x[0], y[0, :, None]], 1) for x, y in drawn]).numpy()
    epochs = [sorted(map(tuple, part)) for part in rows.reshape(4, 96, 3)]
    assert all(epoch == epochs[0] for epoch in epochs)
    assert not (rows[:96] == rows[96:192]).all()
    again, _ = batches(1)  # a pure function of the index, across the end of an epoch
    assert torch.equal(again, drawn[1][0])


def test_copies_see_the_same_data_and_seeds_see_their_own():
    windows, targets = LanguageWindows(TINY).batches([0, 1], 32, 2)(0)
    assert windows.shape == (4, 32, 2)
    assert targets.shape == (4, 32)
    assert torch.equal(windows[0], windows[1])
    assert not torch.equal(windows[0], windows[2])


def test_the_loss_at_each_place_of_a_text_leaves_out_what_is_no_target():
    class OneByte(torch.nn.Module):
        """Always says "e", with a probability of 257 in 512 against 1 in 512."""

        def forward(self, tokens):
            return torch.nn.functional.one_hot(torch.full_like(tokens, ord("e")), 256) * np.log(257)

    task = TextSequences("english", 40)
    places = np.array(task.by_place(OneByte()))
    assert places.shape == (40,)
    found = torch.cat([targets for _, targets, _ in task._held_out])  # (pieces, T)
    share = ((found == ord("e")).sum(0) / (found >= 0).sum(0)).numpy()
    np.testing.assert_allclose(places, np.log(512) - share * np.log(257), rtol=1e-5)


def test_sequences_of_a_language_are_a_pure_function_of_the_index():
    task = LanguageSequences(TINY, 6)
    inputs, targets = task.batches(0, 300)(3)  # crosses from one block of passages to the next
    assert inputs.shape == targets.shape == (300, 6)
    assert torch.equal(inputs[:, 1:], targets[:, :-1])
    task.batches(0, 300)(9)
    assert torch.equal(task.batches(0, 300)(3)[0], inputs)


def test_texts_give_bytes_and_a_loss_on_both_sides():
    task = TextWindows("english", 2)
    windows, targets = task.batches([0], 16, 2)(0)
    assert windows.shape == (2, 16, 2)
    assert targets.max() < 256
    found = task.measure(NeuralNgrams(256, 2, 2, [0]))
    assert found["loss"] == [pytest.approx(np.log(256), rel=1e-4)]  # the output starts at zero
    assert found["loss_training_documents"] == [pytest.approx(np.log(256), rel=1e-4)]
    assert task.sha256 == text("english").sha256
    inputs, _ = TextSequences("english", 5).batches(0, 4)(0)
    assert inputs.shape == (4, 5)


def test_the_loss_over_all_contexts_is_exact():
    language = dirichlet_language(**TINY)
    task = LanguageWindows(language, held_out=None)

    class Knowing:  # answers with rows of another language, one member
        members = 1

        def __call__(self, windows):
            places = windows[0].numpy() @ np.array([8, 1])
            return torch.from_numpy(np.log(other.rows[places]))[None].float()

    other = related_language(1, **TINY)
    by_hand = -(language.mass[:, None] * language.rows * np.log(other.rows)).sum()
    assert task.measure(Knowing())["loss"][0] == pytest.approx(by_hand, rel=1e-5)
    other = language
    assert task.measure(Knowing())["loss"][0] == pytest.approx(language.entropy, rel=1e-5)


def test_a_limited_language_repeats_its_windows():
    task = LanguageWindows(dirichlet_language(**TINY), unique=10)
    batches = task.batches([3], 5)
    drawn = [batches(index) for index in range(6)]  # three passes
    passes = [
        sorted((*w.tolist(), t.item()) for x, y in drawn[k : k + 2]
               for w, t in zip(x[0], y[0], strict=True))
        for k in (0, 2, 4)
    ]  # fmt: skip
    assert passes[0] == passes[1] == passes[2]
    assert not torch.equal(drawn[0][0], drawn[2][0])


def test_a_limited_text_is_the_start_of_its_documents():
    task = TextWindows("english", context=8, unique=5000)
    part = task._part(1)
    assert part.size == 5000
    train = task.split.train
    for name, start, end in zip(part.names, part.offsets, part.offsets[1:], strict=False):
        place = train.offsets[train.names.index(name)]
        np.testing.assert_array_equal(part.data[start:end], train.data[place : place + end - start])
    assert task._part(2).names != part.names
    windows, targets = task.batches([1, 2], 4, 3)(0)
    assert windows.shape == (6, 4, 8)
    assert targets.shape == (6, 4)
    assert TextWindows("english", context=8)._part(0) is train
    with pytest.raises(ValueError, match="unique must be at most the"):
        TextWindows("english", 8, 10**9).batches([0], 4)


def test_all_functions_share_their_points_and_each_epoch_sees_each_point_once():
    task = WaveTask(2, 8, 0.0, 2.0, 5, (0, 1), 64, 32)
    batches = task.batches((0, 1), 16, copies=2)
    seen = [batches(index) for index in range(4)]
    inputs = torch.cat([x for x, _ in seen])
    assert torch.equal(inputs.sort(0).values, task.inputs.sort(0).values)
    targets = seen[0][1]
    assert targets.shape == (4, 16)
    assert torch.equal(targets[0], targets[1])
    assert not torch.equal(targets[0], targets[2])
    assert not torch.equal(batches(4)[0], seen[0][0])
    assert torch.equal(batches(1)[0], seen[1][0])
