"""Checkpoints: damage is refused, and a run killed at any moment goes on as if it had not been."""

import errno
import hashlib
import json
import math
import os
import random
import subprocess
import sys
import warnings
from collections import OrderedDict
from pathlib import Path

import killed_runs
import numpy as np
import pytest
import torch

from scaling_utils.training import (
    CheckpointError,
    CheckpointOwnerError,
    CheckpointWarning,
    checkpoint,
)

SCRIPT = Path(killed_runs.__file__)


def state(value: float = 1.0) -> dict:
    return {"weights": torch.full((50,), value), "step": 3}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def hash_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


# --- what comes back ---------------------------------------------------------------------


def test_a_state_comes_back_bit_for_bit(tmp_path):
    saved = {
        "half": torch.tensor([1.0, -0.0, math.nan, math.inf]).bfloat16(),
        "double": torch.tensor([[1 / 3]], dtype=torch.float64),
        "whole": torch.arange(5),
        "generator": torch.get_rng_state(),
        "ordered": OrderedDict(b=torch.ones(2), a=None),
        "history": [{"step": 1, "loss": 1 / 3, "held_out": math.inf}, {"step": 2, "ok": True}],
        "betas": (0.9, 0.98),
        5: "key",
    }
    path = checkpoint.save(tmp_path / "new" / "folder", 7, saved)
    got = checkpoint.load(path)
    bits = got.pop("half").view(torch.int16), saved.pop("half").view(torch.int16)
    assert torch.equal(*bits)
    assert killed_runs.same(got, saved)
    assert list(got["ordered"]) == ["b", "a"]


def test_random_numbers_go_on_where_they_were(tmp_path):
    torch.manual_seed(5)
    torch.rand(10)
    checkpoint.save(tmp_path, 1, {"generator": torch.get_rng_state()})
    expected = torch.randn(20)
    torch.manual_seed(6)
    torch.set_rng_state(checkpoint.latest(tmp_path)[1]["generator"])
    assert torch.equal(torch.randn(20), expected)


def test_the_hash_file_is_what_sha256sum_reads(tmp_path):
    path = checkpoint.save(tmp_path, 12, state())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert hash_of(path).read_text() == f"{digest}  step-000000012.pt\n"


def test_the_newest_few_stay(tmp_path):
    for step in (5, 10, 999_999_999, 1_000_000_000):
        checkpoint.save(tmp_path, step, state(step), keep=3)
    kept = ["step-000000010.pt", "step-1000000000.pt", "step-999999999.pt"]
    assert names(tmp_path) == sorted([*kept, *(f"{name}.sha256" for name in kept)])
    assert checkpoint.latest(tmp_path)[0] == 1_000_000_000
    checkpoint.save(tmp_path, 1_000_000_001, state(), keep=1)
    assert names(tmp_path) == ["step-1000000001.pt", "step-1000000001.pt.sha256"]


def test_the_same_step_is_replaced(tmp_path):
    for value in (1.0, 2.0):
        checkpoint.save(tmp_path, 4, state(value))
    assert len(names(tmp_path)) == 2
    assert checkpoint.latest(tmp_path)[1]["weights"][0] == 2.0


@pytest.mark.parametrize("make", [lambda folder: None, Path.mkdir])
def test_no_checkpoint_is_no_error(tmp_path, make):
    make(tmp_path / "runs")
    assert checkpoint.latest(tmp_path / "runs") is None


# --- damage ------------------------------------------------------------------------------


def test_every_flipped_bit_is_found(tmp_path):
    path = checkpoint.save(tmp_path, 1, state())
    good = path.read_bytes()
    draws = random.Random(8)
    places = [0, len(good) - 1, *draws.sample(range(len(good)), 60)]
    for place in places:
        damaged = bytearray(good)
        damaged[place] ^= 1 << draws.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"step-000000001\.pt is damaged or cut short"):
            checkpoint.load(path)


@pytest.mark.parametrize("share", [0.001, 0.3, 0.999])
def test_a_truncated_file_is_refused(tmp_path, share):
    path = checkpoint.save(tmp_path, 1, state())
    size = math.ceil(share * path.stat().st_size)
    os.truncate(path, size)
    with pytest.raises(CheckpointError, match=f"cut short: its {size} bytes"):
        checkpoint.load(path)


def emptied(path):
    path.write_bytes(b"")


def flipped(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def truncated(path):
    os.truncate(path, path.stat().st_size - 1)


def a_folder(path):
    path.unlink()
    path.mkdir()


def without_hash(path):
    hash_of(path).unlink()


def written(text):
    def write(path):
        hash_of(path).write_bytes(text(path) if callable(text) else text)

    return write


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest().encode()


NOT_A_HASH = "does not hold a sha256 of step-000000002.pt"
DAMAGE = {
    "empty": (emptied, "step-000000002.pt is empty"),
    "flipped": (flipped, "is damaged or cut short"),
    "truncated": (truncated, "is damaged or cut short"),
    "a folder": (a_folder, "step-000000002.pt cannot be read"),
    "no hash": (without_hash, "has no hash file step-000000002.pt.sha256"),
    "empty hash": (written(b""), NOT_A_HASH),
    "words": (written(b"not a hash\n"), NOT_A_HASH),
    "short hash": (written(lambda p: digest(p)[:-1] + b"  " + p.name.encode()), NOT_A_HASH),
    "hash alone": (written(digest), NOT_A_HASH),
    "of another file": (written(lambda p: digest(p) + b"  step-000000001.pt\n"), NOT_A_HASH),
    "three hashes": (
        written(lambda p: 3 * (digest(p) + b"  " + p.name.encode() + b"\n")),
        NOT_A_HASH,
    ),
    "not text": (written(b"\xff\xfe\x00"), "sha256 cannot be read"),
    "other hash": (written(lambda p: b"0" * 64 + b"  " + p.name.encode()), "recorded is 00000"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_checkpoint_is_passed_over_with_a_warning(tmp_path, kind):
    damage, words = DAMAGE[kind]
    checkpoint.save(tmp_path, 1, state(1.0))
    path = checkpoint.save(tmp_path, 2, state(2.0))
    damage(path)
    with pytest.raises(CheckpointError, match=words):
        checkpoint.load(path)
    with pytest.warns(CheckpointWarning, match=words) as caught:
        step, got = checkpoint.latest(tmp_path)
    assert (step, got["weights"][0]) == (1, 1.0)
    (warning,) = caught
    assert "step-000000002.pt" in str(warning.message)
    assert "going back to step-000000001.pt" in str(warning.message)
    assert warning.filename == __file__


def test_each_damaged_checkpoint_is_reported(tmp_path):
    paths = [checkpoint.save(tmp_path, step, state(), keep=5) for step in (1, 2, 3, 4)]
    flipped(paths[3])
    without_hash(paths[2])
    with pytest.warns(CheckpointWarning) as caught:
        assert checkpoint.latest(tmp_path)[0] == 2
    assert str(caught[0].message).startswith(f"{paths[3]} is damaged")
    assert str(caught[1].message).startswith(f"{paths[2]} has no hash file")
    assert len(caught) == 2


def test_a_folder_of_damaged_checkpoints_is_an_error_and_no_fresh_start(tmp_path):
    for step in (1, 2):
        emptied(checkpoint.save(tmp_path, step, state()))
    with pytest.raises(CheckpointError, match=r"no checkpoint in .* is good: .*2\.pt.*1\.pt"):
        checkpoint.latest(tmp_path)


def test_a_file_in_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="is a file, not a folder"):
        checkpoint.latest(tmp_path / "file")
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        checkpoint.load(tmp_path / "step-000000001.pt")


def disguise(path: Path, content) -> None:
    """Give a file that ``save`` would never write the right hash."""
    torch.save(content, path)
    hash_of(path).write_text(f"{digest(path).decode()}  {path.name}\n")


class Malicious:
    """An object that runs a command when an unsafe reader opens it."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def test_nothing_in_a_file_is_run(tmp_path):
    path, trace = tmp_path / "step-000000001.pt", tmp_path / "trace"
    disguise(path, {"weights": Malicious(f"touch {trace}")})
    with pytest.raises(CheckpointError, match="is not a checkpoint of this package"):
        checkpoint.load(path)
    assert not trace.exists()


def test_other_content_with_a_right_hash_is_refused(tmp_path):
    path = tmp_path / "step-000000001.pt"
    disguise(path, [1, 2])
    with pytest.raises(CheckpointError, match="holds a list, not the dict"):
        checkpoint.load(path)
    path.write_bytes(b"no torch file")
    hash_of(path).write_text(f"{digest(path).decode()}  {path.name}\n")
    with pytest.raises(CheckpointError, match="is not a checkpoint of this package"):
        checkpoint.load(path)


# --- what save leaves and removes ---------------------------------------------------------


def test_left_overs_of_a_killed_save_are_removed_and_nothing_else(tmp_path):
    left = [".step-000000002.pt.tmp", ".step-000000002.pt.sha256.tmp", "step-000000002.pt.sha256"]
    others = ["notes.txt", ".other.tmp", "step-2.pt.bak"]
    for name in left + others:
        (tmp_path / name).write_text("x")
    assert checkpoint.latest(tmp_path) is None  # a first save was killed: nothing is lost
    path = checkpoint.save(tmp_path, 3, state())
    assert names(tmp_path) == sorted([*others, path.name, hash_of(path).name])


def test_a_good_later_checkpoint_is_never_hidden(tmp_path):
    checkpoint.save(tmp_path, 9, state(9.0))
    before = names(tmp_path)
    with pytest.raises(CheckpointError, match=r"step 5 cannot be saved: .* later step 9"):
        checkpoint.save(tmp_path, 5, state())
    assert names(tmp_path) == before


def test_damaged_later_checkpoints_make_way(tmp_path):
    checkpoint.save(tmp_path, 1, state())
    flipped(checkpoint.save(tmp_path, 9, state()))
    checkpoint.save(tmp_path, 5, state(5.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert checkpoint.latest(tmp_path)[0] == 5
    assert len(names(tmp_path)) == 4


def test_what_cannot_be_read_now_is_not_removed(tmp_path):
    path = checkpoint.save(tmp_path, 9, state())
    a_folder(path)
    for step in (5, 9):
        with pytest.raises(CheckpointError, match=r"000000009\.pt cannot be read"):
            checkpoint.save(tmp_path, step, state())
    assert path.exists()


@pytest.mark.parametrize("step", [1, 2])
def test_a_full_disk_leaves_the_last_checkpoint(tmp_path, monkeypatch, step):
    checkpoint.save(tmp_path, 1, state(1.0))

    def full(_handle):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            checkpoint.save(tmp_path, step, state(2.0))
    assert checkpoint.latest(tmp_path)[1]["weights"][0] == 1.0


class HalfFull:
    """A file on a disk that is full after half of the bytes."""

    def __init__(self, file):
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, data):
        self.file.write(data[: len(data) // 2])
        self.file.flush()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("suffix", [".pt.tmp", ".pt.sha256.tmp"])
def test_a_disk_that_fills_up_while_writing_is_named(tmp_path, monkeypatch, step, suffix):
    checkpoint.save(tmp_path, 1, state(1.0))
    really = Path.open

    def half_full(path, *arguments, **options):
        file = really(path, *arguments, **options)
        return HalfFull(file) if path.name.endswith(suffix) else file

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", half_full)
        with pytest.raises(
            OSError, match=r"could not be written, .* as they were: No space"
        ) as full:
            checkpoint.save(tmp_path, step, state(2.0))
    assert full.value.errno == errno.ENOSPC
    assert full.value.filename.endswith(suffix.removesuffix(".tmp"))
    assert not list(tmp_path.glob(".*.tmp"))  # a full disk needs the room
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert checkpoint.latest(tmp_path)[1]["weights"][0] == 1.0
    checkpoint.save(tmp_path, step, state(3.0))  # with room again
    assert checkpoint.latest(tmp_path)[1]["weights"][0] == 3.0


def test_each_file_is_forced_to_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    checkpoint.save(tmp_path, 1, state())
    seen = []

    def noting(name, really):
        def call(first, *rest):
            if name == "fsync":
                status = os.fstat(first)
                seen.append((name, status.st_ino, status.st_size))
            else:
                seen.append((name, Path(rest[0] if rest else first).name))
            return really(first, *rest)

        return call

    for name in ("fsync", "replace"):
        monkeypatch.setattr(os, name, noting(name, getattr(os, name)))
    unlink = noting("unlink", Path.unlink)
    monkeypatch.setattr(Path, "unlink", lambda path, **_: unlink(path))
    path = checkpoint.save(tmp_path, 2, state(), keep=1)

    def forced(file):  # the same file, entirely written
        return ("fsync", file.stat().st_ino, file.stat().st_size)

    folder = [("fsync", tmp_path.stat().st_ino)] * (os.name != "nt")
    events = [event[:2] if event[:2] in folder else event for event in seen]
    assert events == [
        forced(hash_of(path)),
        ("replace", hash_of(path).name),
        *folder,
        forced(path),
        ("replace", path.name),
        *folder,
        ("unlink", "step-000000001.pt"),
        ("unlink", "step-000000001.pt.sha256"),
    ]


# --- whose it is --------------------------------------------------------------------------


def test_a_checkpoint_of_another_owner_is_refused_wherever_it_lies(tmp_path):
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    path = checkpoint.save(theirs, 3, state(2.0), owner="job B")
    assert killed_runs.same(checkpoint.load(path, owner="job B"), state(2.0))
    assert killed_runs.same(checkpoint.latest(theirs, owner="job B"), (3, state(2.0)))
    checkpoint.save(mine, 1, state(1.0), owner="job A")
    for file in theirs.iterdir():  # copied into the folder of the other job
        (mine / file.name).write_bytes(file.read_bytes())
    words = r"mine.step-000000003\.pt has the owner 'job B', not 'job A'"
    with pytest.raises(CheckpointOwnerError, match=words):
        checkpoint.latest(mine, owner="job A")
    with pytest.raises(CheckpointOwnerError, match=words):
        checkpoint.load(mine / path.name, owner="job A")
    before = names(mine)
    with pytest.raises(CheckpointOwnerError, match=words):
        checkpoint.save(mine, 4, state(), owner="job A")
    assert names(mine) == before


def test_a_checkpoint_without_owner_is_nobodys(tmp_path):
    path = checkpoint.save(tmp_path, 3, state())
    for refused in (
        lambda: checkpoint.load(path, owner="job A"),
        lambda: checkpoint.latest(tmp_path, owner="job A"),
        lambda: checkpoint.save(tmp_path, 4, state(), owner="job A"),
    ):
        with pytest.raises(CheckpointOwnerError, match="has no owner, not 'job A'"):
            refused()


def test_who_does_not_ask_gets_any(tmp_path):
    path = checkpoint.save(tmp_path, 3, state(), owner="job A")
    assert killed_runs.same(checkpoint.load(path), state())
    assert killed_runs.same(checkpoint.latest(tmp_path), (3, state()))


def test_damage_goes_before_the_owner(tmp_path):
    checkpoint.save(tmp_path, 1, state(1.0), owner="job A")
    flipped(checkpoint.save(tmp_path, 2, state(2.0), owner="job A"))
    with pytest.warns(CheckpointWarning, match="going back to step-000000001"):
        assert checkpoint.latest(tmp_path, owner="job A")[0] == 1
    checkpoint.save(tmp_path, 2, state(3.0), owner="job A")
    assert checkpoint.latest(tmp_path, owner="job A")[1]["weights"][0] == 3.0


@pytest.mark.parametrize("owner", ["", 3, b"job A", ["job A"]])
def test_an_owner_is_a_text(tmp_path, owner):
    for call in (
        lambda: checkpoint.save(tmp_path, 1, state(), owner=owner),
        lambda: checkpoint.load(tmp_path / "step-000000001.pt", owner=owner),
        lambda: checkpoint.latest(tmp_path, owner=owner),
    ):
        with pytest.raises(TypeError, match="owner must be None or a text"):
            call()
    assert names(tmp_path) == []


def test_a_state_cannot_pass_for_another_owners(tmp_path):
    with pytest.raises(ValueError, match=r"must not use the key 'checkpoint\.owner'"):
        checkpoint.save(tmp_path, 1, {"checkpoint.owner": "job B"})


# --- refused arguments --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "keep", "words"),
    [
        (-1, 2, "step must be at least 0"),
        (1.5, 2, "step must be a whole number"),
        (math.nan, 2, "step must be finite"),
        (1, 0, "keep must be at least 1"),
        (1, -1, "keep must be at least 1"),
        (1, math.inf, "keep must be finite"),
    ],
)
def test_bad_numbers_are_named_and_nothing_is_written(tmp_path, step, keep, words):
    with pytest.raises(ValueError, match=words):
        checkpoint.save(tmp_path / "new", step, state(), keep)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ([1], "state must be a dict, got list"),
        ({"loss": np.float64(1)}, r"state\['loss'\] must be a tensor, .* got numpy.float64"),
        ({"rows": [{"x": np.ones(2)}]}, r"state\['rows'\]\[0\]\['x'\] must be .* numpy.ndarray"),
        ({"f": len}, r"state\['f'\] must be a tensor"),
        ({"a": {(1, 2): 3}}, r"state\['a'\] must have plain keys, got \(1, 2\)"),
        ({"d": torch.float32}, r"state\['d'\] must be a tensor, .* got torch.dtype"),
    ],
)
def test_what_could_not_be_read_back_is_refused_at_once(tmp_path, bad, words):
    with pytest.raises(TypeError, match=words):
        checkpoint.save(tmp_path, 1, bad)
    assert names(tmp_path) == []


# --- killed processes ---------------------------------------------------------------------


def run(*arguments) -> subprocess.CompletedProcess:
    command = [sys.executable, SCRIPT, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("trials")


@pytest.fixture(scope="module")
def trials(folder) -> dict:
    """What became of runs that were killed; see killed_runs.py."""
    done = run("trials", folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["saving", "saving one"])
def test_a_run_killed_inside_a_save_ends_with_the_same_bits(trials, kind):
    seen = {trial["event"] for trial in trials[kind]}
    assert {"half written", "before fsync", "after fsync", "before replace"} <= seen
    assert {"after replace", "before unlink", "after unlink"} <= seen
    for trial in trials[kind]:
        assert trial["killed"], trial
        assert trial["same"], trial


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["saving", "saving one"])
def test_a_kill_loses_no_finished_save_and_damages_nothing(trials, kind):
    for trial in trials[kind]:
        assert trial["found"] >= trial["saved"], trial
        assert trial["warnings"] == [], trial
        assert trial["left"] == [], trial


@pytest.mark.slow
def test_runs_killed_again_and_again_at_random_end_with_the_same_bits(trials):
    assert all(trial["same"] for trial in trials["random"])
    assert sum(trial["kills"] for trial in trials["random"]) >= 2  # of 20 tries


@pytest.mark.slow
def test_a_kill_while_replacing_leaves_the_old_or_the_new_state(trials):
    versions = [trial["version"] for trial in trials["replacing"]]
    assert set(versions) == {1, 2}
    assert versions == sorted(versions)
    for trial in trials["replacing"]:
        assert trial["found"] == 4, trial
        assert trial["warnings"] == [], trial
        assert trial["whole"], trial


@pytest.mark.slow
def test_a_killed_run_is_continued_by_another_interpreter(folder, trials):
    assert trials["left"] == "half written"
    assert checkpoint.latest(folder / "left")[0] == 4
    resumed = run("run", folder / "left")
    assert resumed.stdout.split("\n")[0] == "step 5", resumed.stderr
    whole, resumed = (killed_runs.result(folder / name) for name in ("whole-2", "left"))
    assert len(whole["history"]) == killed_runs.STEPS
    assert killed_runs.same(resumed, whole)
