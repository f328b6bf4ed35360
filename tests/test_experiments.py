"""The experiments that sweeps run: their rows against what the pieces say, and bad jobs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from scaling_utils.corpora import dirichlet_language, text
from scaling_utils.counting import matmul_flops, parameters
from scaling_utils.experiments.ngrams import neural_ngrams
from scaling_utils.experiments.sequences import sequence_models
from scaling_utils.models import GPT, NeuralNgrams
from scaling_utils.shapes import gpt_shape
from scaling_utils.tasks.sequences import LanguageSequences, TextSequences, sequence_task
from scaling_utils.tasks.windows import LanguageWindows, TextWindows, window_task
from scaling_utils.training import checkpoint

TINY = {"vocab": 8, "order": 2, "strength": 3.0}
NGRAMS = {
    "language": TINY,
    "width": 4,
    "seeds": [0, 1],
    "rates": [0.02, 0.01],
    "tokens": [512, 1024],
    "batch": 64,
    "warmup": 2,
}
GPTS = {
    "language": TINY,
    "model": {"kind": "gpt", "d_model": 16, "n_layer": 1},
    "length": 8,
    "batch": 8,
    "rate": 0.01,
    "seed": 0,
    "tokens": [512, 1024],
    "warmup": 2,
}


def test_one_row_for_each_length_seed_and_rate(tmp_path):
    rows = neural_ngrams(NGRAMS, tmp_path)
    assert [(r["D"], r["seed"], r["rate"]) for r in rows] == [
        (D, seed, rate) for D in (512, 1024) for seed in (0, 1) for rate in (0.02, 0.01)
    ]
    e, h = 2, 4
    assert {r["N"] for r in rows} == {2 * e * h + h * h + 8 * h}
    assert {r["N_total"] - r["N"] for r in rows} == {8 * e + 2 * h + 8}
    assert all(r["flops"] == 6 * r["N"] * r["D"] for r in rows)
    language = dirichlet_language(**TINY)
    assert all(language.entropy < r["loss"] < np.log(8) for r in rows)


def test_a_run_is_the_same_alone_and_beside_others(tmp_path):
    together = neural_ngrams(NGRAMS, tmp_path / "a")
    alone = neural_ngrams(NGRAMS | {"seeds": [1], "rates": [0.01]}, tmp_path / "b")
    same = [r["loss"] for r in together if (r["seed"], r["rate"]) == (1, 0.01)]
    assert [r["loss"] for r in alone] == pytest.approx(same, rel=1e-5)


def test_a_finished_job_returns_its_rows_again_without_training(tmp_path, monkeypatch):
    rows = neural_ngrams(NGRAMS, tmp_path)
    monkeypatch.setattr(NeuralNgrams, "loss", None)  # training again would fail
    assert [r["loss"] for r in neural_ngrams(NGRAMS, tmp_path)] == [r["loss"] for r in rows]


def test_the_checkpoints_of_another_job_are_refused(tmp_path):
    neural_ngrams(NGRAMS, tmp_path)
    with pytest.raises(checkpoint.CheckpointOwnerError, match="belongs to another run"):
        neural_ngrams(NGRAMS | {"rates": [0.02, 0.005]}, tmp_path)
    for file in tmp_path.iterdir():
        file.rename(tmp_path / file.name.replace("step-", "other-"))
    assert neural_ngrams(NGRAMS | {"rates": [0.02, 0.005]}, tmp_path)


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
    assert task.measure_all(Knowing()) == [pytest.approx(language.entropy, abs=1e-6)]
    assert task.measure_all(Ignorant()) == [pytest.approx(np.log(8), rel=1e-6)]


def test_a_task_takes_a_language_that_was_made_elsewhere():
    by_settings = LanguageWindows(TINY)
    by_itself = LanguageWindows(by_settings.language)
    assert by_itself.sha256 == by_settings.sha256
    for ours, theirs in zip(
        by_itself.batches([3], 2, 16)(5), by_settings.batches([3], 2, 16)(5), strict=True
    ):
        assert torch.equal(ours, theirs)


def test_repeated_windows_come_once_in_each_epoch_in_a_new_order():
    task = LanguageWindows(TINY, unique=96)
    batches = task.batches([3], 1, 64)
    drawn = [batches(index) for index in range(6)]  # 384 windows: four epochs
    rows = torch.cat([torch.cat([x[0], y[0, :, None]], 1) for x, y in drawn]).numpy()
    epochs = [sorted(map(tuple, part)) for part in rows.reshape(4, 96, 3)]
    assert all(epoch == epochs[0] for epoch in epochs)
    assert not (rows[:96] == rows[96:192]).all()
    again, _ = batches(1)  # a pure function of the index, across the end of an epoch
    assert torch.equal(again, drawn[1][0])


def test_copies_see_the_same_data_and_seeds_see_their_own():
    windows, targets = LanguageWindows(TINY).batches([0, 1], 2, 32)(0)
    assert windows.shape == (4, 32, 2)
    assert targets.shape == (4, 32)
    assert torch.equal(windows[0], windows[1])
    assert not torch.equal(windows[0], windows[2])


def test_a_gpts_rows_carry_the_exact_counts(tmp_path):
    rows = sequence_models(GPTS, tmp_path)
    shape = gpt_shape(8, 8, 16, 1)
    count = parameters(shape)
    assert [r["D"] for r in rows] == [512, 1024]
    assert {r["N"] for r in rows} == {count.total - count.embedding - count.norm}
    assert {r["N_total"] for r in rows} == {sum(p.numel() for p in GPT(shape).parameters())}
    assert rows[0]["flops"] == pytest.approx(matmul_flops(shape).per_token * 512)
    assert all(r["loss"] > r["entropy"] for r in rows)


def test_an_lstm_trains_and_resumes_to_the_same_rows(tmp_path):
    job = GPTS | {"model": {"kind": "lstm", "width": 8}}
    first = sequence_models(job, tmp_path)
    assert sequence_models(job, tmp_path) == first
    assert first[0]["N"] == 8 * 8 * 8 + 8 * 8  # four gates from x and h, and the output


def test_mup_at_the_base_width_is_the_usual_parametrisation(tmp_path):
    usual = sequence_models(GPTS, tmp_path / "a")
    mup = sequence_models(GPTS | {"mup_width": 16}, tmp_path / "b")
    assert mup[0]["N"] == usual[0]["N"]
    assert abs(mup[0]["loss"] - usual[0]["loss"]) < 0.1  # other draws of the same distribution


def test_the_last_row_has_the_loss_at_each_place_where_it_is_asked_for(tmp_path):
    first, last = sequence_models(GPTS | {"places": True}, tmp_path)
    assert "by_place" not in first
    assert len(last["by_place"]) == 7  # of 8 places the first one sees less than two symbols
    assert np.mean(last["by_place"]) == pytest.approx(last["loss"], abs=1e-4)


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
    inputs, targets = task.batch(300, 0, 3)  # crosses from one block of passages to the next
    assert inputs.shape == targets.shape == (300, 6)
    assert torch.equal(inputs[:, 1:], targets[:, :-1])
    task.batch(300, 0, 9)
    assert torch.equal(task.batch(300, 0, 3)[0], inputs)


def test_texts_give_bytes_and_a_loss_on_both_sides():
    task = TextWindows("english", 2)
    windows, targets = task.batches([0], 2, 16)(0)
    assert windows.shape == (2, 16, 2)
    assert targets.max() < 256
    found = task.measure(NeuralNgrams(256, 2, 2, [0]))
    assert found["loss"] == [pytest.approx(np.log(256), rel=1e-4)]  # the output starts at zero
    assert found["loss_training_documents"] == [pytest.approx(np.log(256), rel=1e-4)]
    assert task.sha256 == text("english").sha256
    inputs, _ = TextSequences("english", 5).batch(4, 0, 0)
    assert inputs.shape == (4, 5)


@pytest.mark.parametrize(
    ("experiment", "job", "message"),
    [
        (neural_ngrams, NGRAMS | {"rate": 1}, r"unknown keys \['rate'\]"),
        (neural_ngrams, {"width": 4}, r"lacks \['rates', 'seeds', 'tokens'\]"),
        (neural_ngrams, NGRAMS | {"tokens": [100]}, "multiples of the 64 tokens of a step"),
        (neural_ngrams, NGRAMS | {"text": "python"}, "either 'language' or 'text'"),
        (neural_ngrams, NGRAMS | {"language": None}, "either 'language' or 'text'"),
        (neural_ngrams, NGRAMS | {"context": 2}, "one on a language has its order"),
        (neural_ngrams, NGRAMS | {"tokens": [512, 256]}, "rising"),
        (neural_ngrams, NGRAMS | {"rates": [float("nan")]}, "rates must be finite"),
        (sequence_models, GPTS | {"length": 2}, "length must be at least 3"),
        (sequence_models, GPTS | {"model": {"kind": "rnn"}}, "one of 'gpt', 'lstm'"),
        (sequence_models, GPTS | {"rate": -1.0}, "rate must be above 0"),
    ],
)
def test_bad_jobs_are_refused(experiment, job, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        experiment(job, tmp_path)


def test_tasks_need_one_source():
    with pytest.raises(ValueError, match="either 'language' or 'text'"):
        sequence_task(None, None, 8)
    with pytest.raises(ValueError, match="needs a 'context'"):
        window_task(None, "python", None, None)
    with pytest.raises(ValueError, match="drawn from languages only"):
        window_task(None, "python", 8, 64)
