"""The experiments that sweeps run: their rows against what the pieces say, and bad jobs."""

from __future__ import annotations

import numpy as np
import pytest

from scaling_utils.corpora import dirichlet_language
from scaling_utils.counting import matmul_flops, parameters
from scaling_utils.experiments.ngrams import neural_ngrams
from scaling_utils.experiments.sequences import sequence_models
from scaling_utils.models import GPT, NeuralNgrams
from scaling_utils.shapes import gpt_shape
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


@pytest.mark.parametrize(
    ("experiment", "job", "message"),
    [
        (neural_ngrams, NGRAMS | {"rate": 1}, r"unknown keys \['rate'\]"),
        (neural_ngrams, {"width": 4}, r"lacks \['rates', 'seeds', 'tokens'\]"),
        (neural_ngrams, NGRAMS | {"tokens": [100]}, "multiples of the 64 tokens of a step"),
        (neural_ngrams, NGRAMS | {"text": "python"}, "either 'language' or 'text'"),
        (neural_ngrams, NGRAMS | {"language": None}, "either 'language' or 'text'"),
        (neural_ngrams, NGRAMS | {"context": 2}, "one on a language has its order"),
        (neural_ngrams, NGRAMS | {"language": None, "text": "python"}, "needs a 'context'"),
        (
            neural_ngrams,
            NGRAMS | {"language": None, "text": "python", "context": 2, "unique": 8},
            "drawn from languages only",
        ),
        (sequence_models, GPTS | {"text": "python"}, "either 'language' or 'text'"),
        (sequence_models, GPTS | {"language": None}, "either 'language' or 'text'"),
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
