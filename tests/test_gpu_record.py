"""The recorder of what only a GPU can show, at toy sizes on a CPU; its predictions by hand."""

# ruff: noqa: E402 - the recorder lies beside its results
from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from scaling_utils import hardware
from scaling_utils.corpora.languages import dirichlet_language
from scaling_utils.training import Trainer, wsd

GPU = Path(__file__).resolve().parent.parent / "results" / "gpu"
sys.path.insert(0, str(GPU))

import design
import footprint
import keeping
import known_entropy
import machine
import record
import roofline
import step

TOY = ["--toy", "--device", "cpu"]
PARTS = {"roofline": 16, "step": 2, "footprint": 4, "formats": 5, "known_entropy": 2}


def run(out: Path, *words: str, **more) -> tuple[int, list[str]]:
    """Record at toy sizes; return the exit status and what was said."""
    said: list[str] = []
    args = record.arguments([*TOY, "--out", str(out), *words])
    return record.record(args, say=said.append, **more), said


def rows(out: Path, part: str) -> list[dict]:
    return keeping.read_rows(out / f"{part}.jsonl")


def summaries(out: Path) -> dict[str, dict]:
    return {row["part"]: row for row in keeping.read_rows(out / "parts.jsonl")}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Path:
    """A folder with a complete record."""
    out = tmp_path_factory.mktemp("record")
    assert run(out)[0] == 0
    return out


def here(name: str = "NVIDIA H100 80GB HBM3") -> machine.Machine:
    """A CPU that calls itself by a GPU's name."""
    return machine.Machine("cpu", True, name, *machine.look_up(name))


# Every part, end to end


def test_every_part_is_recorded_with_its_origin(recorded):
    assert {name: len(rows(recorded, name)) for name in PARTS} == PARTS
    for name, about in summaries(recorded).items():
        assert about["status"] == "complete", name
        assert about["cells_failed"] == 0
    for name in PARTS:
        digest = keeping.code_digest(GPU / f"{name}.py")
        for row in rows(recorded, name):
            assert row["status"] in ("done", "skipped"), row
            assert row["code_sha256"] == digest
            assert row["torch"] == torch.__version__
            assert row["python"].count(".") == 2
            assert row["date_utc"].endswith("Z")
            assert row["device"]
            assert row["toy"] is True
            assert {"driver", "cuda", "commit", "dirty", "numpy", "threads"} <= set(row)
    text = "".join(file.read_text() for file in recorded.glob("*.jsonl"))
    assert str(GPU.parents[1]) not in text


def test_what_a_cpu_cannot_do_is_skipped_with_a_reason(recorded):
    skipped = [row for row in rows(recorded, "roofline") if row["status"] == "skipped"]
    assert {row["key"]["dtype"] for row in skipped} == {"tf32", "fp8"}
    assert all("GPU only" in row["reason"] for row in skipped)


def test_all_formats_see_the_same_data_and_a_scaler_leaves_its_trace(recorded):
    found = {
        row["key"]["format"]: row for row in rows(recorded, "formats") if row["status"] == "done"
    }
    assert set(found) == {"fp32", "bf16", "fp16", "fp16 scaled"}
    start = found["fp32"]["losses_nats"][0]
    for row in found.values():
        assert row["losses_nats"][0] == pytest.approx(start, rel=5e-3)
        assert len(row["losses_nats"]) == len(row["step_seconds"]) == 30
        assert row["loss_held_out_nats"] > row["entropy_nats"]
    assert found["fp32"]["loss_scales"] is None
    assert len(found["fp16 scaled"]["loss_scales"]) == 30
    # Below about 6e-8 a number of fp16 is zero: more of them without a scale than in fp32.
    zeros = {
        name: sum(share for _, share in row["gradients_zero_share"]) for name, row in found.items()
    }
    assert zeros["fp16"] > zeros["fp32"]


# Killed, changed, broken, out of time


def test_what_a_killed_process_has_recorded_is_skipped(tmp_path):
    code = f"""
import sys, time
sys.path.insert(0, {str(GPU)!r})
import record, roofline
roofline.stream = lambda *words: time.sleep(600)
record.record(record.arguments({[*TOY, "--parts", "roofline", "--out", str(tmp_path)]!r}))
"""
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        while len(rows(tmp_path, "roofline")) < 10:
            assert child.poll() is None
            time.sleep(0.05)
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    before = rows(tmp_path, "roofline")
    status, said = run(tmp_path, "--parts", "roofline")
    assert status == 0
    assert said[1] == "roofline: 10 of 16 cells are recorded and skipped"
    after = rows(tmp_path, "roofline")
    assert after[:10] == before
    assert len(after) == 16
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_changed_code_is_told_and_the_old_rows_are_kept_aside(tmp_path, monkeypatch):
    run(tmp_path, "--parts", "roofline")
    before = (tmp_path / "roofline.jsonl").read_bytes()
    old = rows(tmp_path, "roofline")[0]["code_sha256"]
    monkeypatch.setattr(keeping, "code_digest", lambda script: "f" * 64)
    said = run(tmp_path, "--parts", "roofline")[1]
    assert any("16 rows were recorded by code " + old[:8] in words for words in said)
    assert not any("skipped" in words and "cells are recorded" in words for words in said)
    (aside,) = tmp_path.glob(f"roofline.{old[:8]}.*.jsonl")
    assert aside.read_bytes() == before
    assert {row["code_sha256"] for row in rows(tmp_path, "roofline")} == {"f" * 64}


def test_rows_of_another_device_are_kept_aside_too(tmp_path):
    origin = {"code_sha256": "a" * 64, "device": "one"}
    keeping.Part(tmp_path, "p", origin).keep({"n": 1}, {})
    said: list[str] = []
    part = keeping.Part(tmp_path, "p", origin | {"device": "two"}, said.append)
    assert part.rows == []
    assert "on one" in said[0]
    assert keeping.Part(tmp_path, "p", origin).rows == []


def test_the_digest_follows_imports_and_notices_a_change(tmp_path, monkeypatch):
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "__init__.py").write_text("")
    (tmp_path / "room" / "used.py").write_text("A = 1\n")
    (tmp_path / "room" / "unused.py").write_text("B = 1\n")
    script = tmp_path / "part.py"
    script.write_text("def work():\n    from room.used import A\n    return A\n")
    monkeypatch.setattr(keeping, "HERE", tmp_path)
    monkeypatch.setattr(keeping, "ROOT", tmp_path)
    monkeypatch.setattr(keeping, "TABLES", ())
    first = keeping.code_digest(script)
    (tmp_path / "room" / "unused.py").write_text("B = 2\n")
    assert keeping.code_digest(script) == first
    (tmp_path / "room" / "used.py").write_text("A = 2\n")
    assert keeping.code_digest(script) != first


def test_each_part_depends_on_the_package_files_that_it_uses():
    finder = keeping.ModuleFinder(path=[str(GPU), str(GPU.parents[1])])
    finder.run_script(str(GPU / "known_entropy.py"))
    files = {Path(one.__file__).name for one in finder.modules.values() if one.__file__}
    needed = {"ngrams.py", "languages.py", "optimisers.py", "schedules.py", "design.py"}
    assert needed <= files
    assert "roofline.py" not in files


def test_a_broken_part_and_a_broken_cell_do_not_stop_what_follows(tmp_path, monkeypatch):
    def broken(*words):
        raise RuntimeError("no such unit")

    with monkeypatch.context() as patch:
        patch.setattr(roofline, "cells", broken)
        patch.setattr(footprint, "measure_memory", broken)
        parts = ("--parts", "roofline", "footprint", "step")
        assert run(tmp_path, *parts)[0] == 1
    found = summaries(tmp_path)
    assert found["roofline"]["status"] == "failed"
    assert found["roofline"]["error"] == "RuntimeError: no such unit"
    assert found["footprint"]["cells_failed"] == 4
    assert all(row["error"] == "RuntimeError: no such unit" for row in rows(tmp_path, "footprint"))
    assert found["step"]["status"] == "complete"
    status, said = run(tmp_path, "--parts", "footprint", "step")
    assert status == 0
    assert "step: 2 of 2 cells are recorded and skipped" in said
    assert {row["status"] for row in rows(tmp_path, "footprint")} == {"done"}


def test_a_lost_device_ends_the_process_and_the_next_one_leaves_the_cell_out(tmp_path, monkeypatch):
    def broken(*words):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(footprint, "measure_memory", broken)
    monkeypatch.setattr(record, "alive", lambda here: False)
    words = ("--parts", "footprint")
    assert run(tmp_path, *words)[0] == record.DEVICE_LOST
    assert [row["status"] for row in rows(tmp_path, "footprint")] == ["failed"]
    calls = []
    monkeypatch.setattr(os, "execv", lambda program, argv: calls.append(argv))
    monkeypatch.setattr(sys, "argv", ["record.py", *TOY, *words, "--out", str(tmp_path)])
    assert record.main() == record.DEVICE_LOST
    (argv,) = calls
    assert argv[2:-2] == [*TOY, *words, "--out", str(tmp_path)]
    assert argv[-2] == "--keep-failed"
    again = record.arguments(argv[2:])
    assert again.begun <= time.monotonic()
    assert record.record(again, say=lambda words: None) == record.DEVICE_LOST
    # The first cell was left out, and the second one was tried.
    assert len(rows(tmp_path, "footprint")) == 2


class Clock:
    """A clock that only the cells move."""

    def __init__(self):
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def cell(self, name: int, expected: float, real: float) -> keeping.Cell:
        def work():
            self.now += real
            return {"value": name}

        return keeping.Cell({"n": name}, expected, work)


def part_in(folder: Path, name: str) -> keeping.Part:
    origin = {"code_sha256": "a" * 64, "device": "d"}
    return keeping.Part(folder, name, origin, say=lambda words: None)


def test_no_cell_begins_that_would_pass_the_limit(tmp_path):
    clock = Clock()
    budget = keeping.Budget(100, {"first": 3, "second": 1}, clock)
    # Each takes twice what is expected: after the first, 20 s are expected for each of 10.
    cells = [clock.cell(i, 10, 20) for i in range(6)]
    about = keeping.measure(part_in(tmp_path, "first"), cells, budget)
    assert clock.now == 160  # three of them; a fourth would have ended at 180, and 175 is the limit
    assert about["status"] == "cut"
    assert about["cells_measured"] == 3
    assert about["cells_left"] == [{"n": 3}, {"n": 4}, {"n": 5}]
    # What the first part left over, the second one has: 40 s and not 25.
    assert budget.left("second") == 40
    about = keeping.measure(part_in(tmp_path, "second"), [clock.cell(0, 39, 39)], budget)
    assert about["status"] == "complete"
    about = keeping.measure(part_in(tmp_path, "second"), [clock.cell(1, 2, 2)], budget)
    assert about["status"] == "not begun"
    # The next session measures what was left.
    budget = keeping.Budget(100, {"first": 1}, clock)
    about = keeping.measure(part_in(tmp_path, "first"), cells, budget)
    assert (about["cells_recorded_before"], about["cells_measured"]) == (3, 3)


def test_a_run_out_of_time_is_recorded_as_cut(tmp_path):
    ticks = iter(range(0, 10**9, 7))  # each look at the clock takes seven seconds
    status, said = run(
        tmp_path, "--parts", "roofline", "step", "--minutes", "1", clock=lambda: float(next(ticks))
    )
    assert status == 0
    found = summaries(tmp_path)
    assert found["roofline"]["status"] in ("cut", "not begun")
    assert found["step"]["status"] == "not begun"
    assert len(found["step"]["cells_left"]) == 2
    assert any("did not fit" in words for words in said)


def test_shares_come_from_the_command_line():
    args = record.arguments(["--share", "known_entropy=10", "--share", "step=0"])
    assert args.shares["known_entropy"] == 10
    assert "step" not in args.shares
    assert sum(record.PARTS.values()) == record.MINUTES == 8
    for wrong in (["--share", "nothing=1"], ["--share", "step=x"], ["--minutes", "0"]):
        with pytest.raises(SystemExit):
            record.arguments(wrong)


def test_what_is_not_finite_becomes_null(tmp_path):
    keeping.write_rows(tmp_path / "a.jsonl", [{"losses": [1.0, math.nan], "scale": math.inf}])
    assert json.loads((tmp_path / "a.jsonl").read_text()) == {"losses": [1.0, None], "scale": None}


# Peaks


def test_a_known_device_gives_mfu_and_an_unknown_one_a_reason():
    known = step.train_some(here(), step.TOY, 2, "eager")
    # By hand, per token: 6 for each weight of 2 layers of 12 d^2 and a head of 61 d, and 12 L T d.
    work = 2 * 16 * (6 * (2 * 12 * 32**2 + 61 * 32) + 12 * 2 * 16 * 32)
    assert known["flop_exact"] == work
    assert known["mfu_exact"] == pytest.approx(work / known["seconds_median"] / 989.4e12)
    assert known["mfu_missing"] == ""
    unknown = step.train_some(here("NVIDIA H100"), step.TOY, 2, "eager")
    assert unknown["mfu_exact"] is None
    assert "none is guessed" in unknown["mfu_missing"]
    assert unknown["tokens_per_s"] == pytest.approx(32 / unknown["seconds_median"])


def test_a_format_without_a_printed_peak_has_no_share():
    chip = hardware.get("H200-SXM")
    share = machine.share_of_peak(here("NVIDIA H200"), 1e12, "fp16")
    assert "fp16" not in chip.peaks
    assert share["share_of_peak"] is None
    assert "no dense fp16 peak of H200-SXM" in share["share_missing"]


def test_work_and_bytes_of_a_product_by_hand():
    # (2, 3) by (3, 5): 30 multiplications with additions; 6 + 15 numbers read and 10 written.
    assert roofline.product_flops(2, 5, 3) == 60
    assert roofline.product_bytes("bf16", 2, 5, 3) == 2 * 31
    assert roofline.product_bytes("fp8", 2, 5, 3) == 21 + 20


# Predictions, by hand


def test_gpt2_has_124_439_808_parameters_and_its_step_this_work():
    # Embedding and positions; per layer 12 d^2 weights, 9 d biases and 4 d of norms; one norm.
    d = 768
    by_hand = 50257 * d + 1024 * d + 12 * (12 * d * d + 13 * d) + 2 * d
    assert by_hand == 124_439_808
    work = step.work_columns(step.GPT2, batch=2)
    assert work["parameters"] == by_hand
    assert work["tokens_per_step"] == 2048
    assert work["flop_rule_all"] == 6 * 124_439_808 * 2048
    # 6 per weight of a product, and 12 L T d for the scores.
    per_token = 6 * (12 * 12 * d * d + 50257 * d) + 12 * 12 * 1024 * d
    assert per_token == 854_438_400
    assert work["flop_exact"] == per_token * 2048


def test_the_bytes_of_gpt2_by_hand():
    found = footprint.predict(step.GPT2, batch=1, context=1024, again=False)
    assert found["bytes_weights_predicted"] == 497_759_232
    assert found["bytes_adam_predicted"] == 995_518_464
    # A layer: 36 d, 12 heads at 4 bytes and 16; at the end 6 d, 8 and 4 V.
    per_token = 12 * (36 * 768 + 4 * 12 + 16) + 6 * 768 + 8 + 4 * 50257
    assert per_token == 538_188
    assert found["bytes_kept_per_token_predicted"] == per_token
    copies = 2 * (12 * 12 * 768**2 + 50257 * 768)
    kept = 1024 * per_token + copies + 4
    assert found["bytes_kept_predicted"] == kept
    assert found["bytes_peak_predicted"] == 12 * 124_439_808 + kept + 8 * 1024 * 50257
    again = footprint.predict(step.GPT2, batch=1, context=1024, again=True)
    per_token = 12 * 4 * 768 + 6 * 768 + 8 + 4 * 50257
    assert again["bytes_kept_predicted"] == 1024 * per_token + 2 * 50257 * 768 + 4


def test_few_tokens_peak_in_the_optimisers_step():
    found = footprint.predict(step.GPT2, batch=1, context=16, again=True)
    assert found["bytes_peak_predicted"] == 16 * 124_439_808


def test_predicted_bytes_are_those_that_the_tensors_have(recorded):
    for row in rows(recorded, "footprint"):
        for what in ("weights", "gradients", "adam", "kept"):
            assert row[f"bytes_{what}_tensors"] == row[f"bytes_{what}_predicted"], row["key"]
        assert row["bytes_peak_allocated"] is None
        assert row["allocated_missing"]


# The study of known entropy


def test_the_design_is_that_of_the_registration():
    runs = design.runs()
    assert design.size(64) == 3 * 32 * 64 + 64 * 64 + 64 * 64 == 14_336
    assert {one.width for one in runs} == set(design.WIDTHS)
    assert min(design.WIDTHS) >= design.VOCAB
    for one in runs:
        assert 2**18 <= one.tokens <= 2**27
        assert 6 * design.size(one.width) * one.tokens == pytest.approx(one.line, rel=1e-3)
        assert one.rates[1] / one.rates[0] == pytest.approx(1.5)
    assert [one.line for one in runs] == sorted(one.line for one in runs)
    for line in design.LINES:
        seconds = [one.seconds for one in runs if one.line == line]
        assert len(seconds) >= 4
        assert seconds == sorted(seconds)
    seeds = [seed for one in runs for seed in one.seeds]
    assert len(set(seeds)) == 2 * len(runs)


@pytest.fixture(scope="module")
def source():
    return known_entropy.Source(dirichlet_language(vocab=8, order=2), "cpu")


def test_windows_come_from_the_language(source):
    windows, targets = source.chunk(seed=3, index=0, steps=200, batch=256)
    assert windows.shape == (200, 256, 2)
    contexts = (windows * torch.tensor([8, 1])).sum(-1)
    seen = torch.zeros(64, 8, dtype=torch.float64)
    seen.index_put_(
        (contexts.flatten(), targets.flatten()),
        torch.ones((), dtype=torch.float64),
        accumulate=True,
    )
    joint = torch.from_numpy(source.language.mass[:, None] * source.language.rows)
    expected = 51_200 * joint
    # Pearson's sum over 512 cells has mean 511 and standard deviation 32.
    statistic = float(((seen - expected) ** 2 / expected).sum())
    assert 511 - 5 * 32 < statistic < 511 + 5 * 32
    again, _ = source.chunk(seed=3, index=0, steps=200, batch=256)
    assert torch.equal(again, windows)
    for other in ((4, 0), (3, 1)):
        assert not torch.equal(source.chunk(*other, steps=200, batch=256)[0], windows)


def test_the_excess_of_a_model_that_knows_nothing_is_exact(source):
    model, _ = known_entropy.members_of(source, known_entropy.TOY[0])
    # W3 is zero at the start, so each member guesses evenly: a loss of ln 8.
    expected = math.log(8) - source.language.entropy
    assert source.excess(model) == pytest.approx([expected] * 4, abs=1e-9)


def test_the_loop_is_the_trainer_of_the_book(source, monkeypatch):
    monkeypatch.setattr(known_entropy, "CHUNK", 32)
    steps = 80
    one = design.Run(0.0, 8, steps * design.BATCH, (0.004, 0.006), (0, 1))
    schedule = wsd(steps, 20, 0.25)
    model, optimiser = known_entropy.members_of(source, one)
    known_entropy.Loop(source, model, optimiser, one).train(schedule)

    parts = [[source.chunk(seed, i, 32, design.BATCH) for i in range(3)] for seed in one.seeds]
    windows, targets = (
        torch.stack([torch.cat([chunk[which] for chunk in seed]) for seed in parts], 1)
        for which in (0, 1)
    )  # (96, S, B, c) and (96, S, B)
    other, optimiser = known_entropy.members_of(source, one)
    trainer = Trainer(
        other,
        optimiser,
        lambda i: (windows[i].repeat_interleave(2, 0), targets[i].repeat_interleave(2, 0)),
    )
    trainer.train(steps, schedule)
    start = math.log(8) - source.language.entropy
    assert max(source.excess(model)) < 0.8 * start
    assert source.excess(model) == source.excess(other)
