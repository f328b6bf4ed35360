"""The ledger, its table, and where results come from."""

import csv
import errno
import io
import json
import os
import platform
import stat
import subprocess
import time
from pathlib import Path

import pytest

from scaling_utils.sweeps import (
    Ledger,
    LedgerError,
    LedgerWarning,
    collect_provenance,
    job_key,
    provenance,
    read_ledger,
    table,
    write_csv,
)
from scaling_utils.sweeps.progress import Progress, duration
from scaling_utils.sweeps.provenance import command_line
from scaling_utils.sweeps.tables import with_diverged

SOURCE = {"device": "abacus", "threads": 1}


def add(ledger: Ledger, *, value=1.5, source=SOURCE, **job) -> None:
    rows = [{"value": value}, {"value": 2 * value}]
    ledger.append(job_key(job), job, rows, experiment="m:f", seconds=0.1, provenance=source)


@pytest.fixture
def filled(tmp_path):
    """Return a ledger with three jobs of two rows."""
    path = tmp_path / "folder" / "ledger.jsonl"
    with Ledger(path) as ledger:
        for n in (2, 10, 1):
            add(ledger, n=n)
    return path


def test_what_is_written_is_read_back(filled):
    jobs, sources = read_ledger(filled)
    assert [line["job"] for line in jobs.values()] == [{"n": 2}, {"n": 10}, {"n": 1}]
    assert list(jobs) == [job_key(line["job"]) for line in jobs.values()]
    (source,) = sources.values()
    assert {name: source[name] for name in SOURCE} == SOURCE
    assert {line["provenance"] for line in jobs.values()} == set(sources)
    with Ledger(filled) as ledger:
        assert ledger.jobs == jobs


def test_each_line_is_json_and_each_job_is_one_line(filled):
    kinds = [json.loads(line)["kind"] for line in filled.read_text().splitlines()]
    assert kinds == ["provenance", "job", "job", "job"]


def test_another_origin_gets_a_line_of_its_own(filled):
    with Ledger(filled) as ledger:
        add(ledger, n=3)
        add(ledger, n=4, source={"device": "slide rule", "threads": 1})
    jobs, sources = read_ledger(filled)
    origins = {line["job"]["n"]: sources[line["provenance"]]["device"] for line in jobs.values()}
    assert origins == {2: "abacus", 10: "abacus", 1: "abacus", 3: "abacus", 4: "slide rule"}
    assert len(sources) == 2


def test_numbers_that_are_not_finite_survive(tmp_path):
    with Ledger(tmp_path / "ledger.jsonl") as ledger:
        add(ledger, value=float("inf"), n=1)
    assert [row["value"] for row in table(tmp_path / "ledger.jsonl")] == [float("inf")] * 2


def test_a_ledger_cut_at_any_byte_loses_only_the_job_that_was_cut(filled):
    content = filled.read_bytes()
    ends = [i + 1 for i, byte in enumerate(content) if byte == ord("\n")]
    for cut in range(len(content)):
        filled.write_bytes(content[:cut])
        whole = sum(end <= cut for end in ends)
        expected = max(whole - 1, 0)  # the first line is no job
        if cut in (0, *ends):
            assert len(read_ledger(filled)[0]) == expected
            continue
        with pytest.warns(LedgerWarning, match=f"line {whole + 1}, the last, was cut short"):
            assert len(read_ledger(filled)[0]) == expected


def test_a_torn_line_is_mended_and_the_job_written_again(filled):
    content = filled.read_bytes()
    filled.write_bytes(content[:-20])
    with pytest.warns(LedgerWarning, match="counts as not done"):
        ledger = Ledger(filled)
    with ledger:
        assert [line["job"]["n"] for line in ledger.jobs.values()] == [2, 10]
        add(ledger, n=1)
    assert filled.read_bytes() == content


def test_zeros_at_the_end_of_a_crashed_disk_are_a_torn_line_too(filled):
    content = filled.read_bytes()
    filled.write_bytes(content + bytes(300) + b"\n")
    with pytest.warns(LedgerWarning):
        ledger = Ledger(filled)
    ledger.__exit__()
    assert filled.read_bytes() == content


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"kind": "job"', "line 2: is not JSON"),
        ('{"kind": "job"}', "line 2: a job's line must have 'key'"),
        ("[1, 2]", "line 2: is not a line of a sweep's ledger"),
    ],
)
def test_damage_before_the_end_is_an_error(filled, line, message):
    lines = filled.read_text().splitlines()
    lines.insert(1, line)
    filled.write_text("\n".join(lines) + "\n")
    with pytest.raises(LedgerError, match=message):
        read_ledger(filled)
    with pytest.raises(LedgerError, match=message):
        Ledger(filled)


def changed(line: str, **changes) -> str:
    """Return a line with other values; None takes a field away."""
    content = json.loads(line) | changes
    return json.dumps({name: value for name, value in content.items() if value is not None})


@pytest.mark.parametrize(
    ("number", "changes", "message"),
    [
        (3, {"rows": 5}, "'rows' must be a list of one or more tables, got 5"),
        (3, {"rows": []}, "'rows' must be a list of one or more tables"),
        (3, {"rows": [1]}, "'rows' must be a list of one or more tables"),
        (3, {"job": [1]}, "'job' must be a table of settings"),
        (3, {"job": {"n": 11}}, "the settings were edited: their key is"),
        (3, {"job": {"n": float("nan")}}, "'job' cannot be a job"),
        (3, {"key": "0" * 16}, "the settings were edited"),
        (3, {"seconds": "long"}, "'seconds' must be a number"),
        (3, {"seconds": None}, "a job's line must have 'seconds'"),
        (3, {"experiment": None}, "a job's line must have 'experiment'"),
        (3, {"provenance": None}, "a job's line must have 'provenance'"),
        (3, {"provenance": "12345678"}, "the provenance '12345678' has no line before this one"),
        (3, {"kind": "jobs"}, "is not a line of a sweep's ledger"),
        (1, {"device": "slide rule"}, "the provenance .* was edited"),
        (4, {"rows": 5}, "'rows' must be a list"),  # the last line, too
    ],
)
def test_a_line_that_cannot_be_believed_is_named(filled, number, changes, message):
    lines = filled.read_text().splitlines()
    lines[number - 1] = changed(lines[number - 1], **changes)
    filled.write_text("\n".join(lines) + "\n")
    before = filled.read_bytes()
    for use in (read_ledger, table, Ledger):
        with pytest.raises(LedgerError, match=f"line {number}: {message}") as caught:
            use(filled)
        assert str(caught.value).startswith(str(filled))
    assert filled.read_bytes() == before


def test_a_ledger_without_the_line_about_the_origin_is_refused(filled):
    filled.write_text("".join(filled.read_text().splitlines(keepends=True)[1:]))
    with pytest.raises(LedgerError, match=r"line 1: the provenance .* has no line before"):
        read_ledger(filled)


def test_a_job_may_stand_twice_only_where_both_lines_are_the_same(filled):
    lines = filled.read_text().splitlines()
    filled.write_text("\n".join([*lines, lines[1]]) + "\n")
    assert len(read_ledger(filled)[0]) == 3
    other = changed(lines[1], rows=[{"value": 9.9}])
    filled.write_text("\n".join([*lines, other]) + "\n")
    with pytest.raises(LedgerError, match=r"line 5: the job .* is in line 2 too, and differs"):
        read_ledger(filled)


def test_the_same_line_twice_is_the_same_where_it_holds_nan(tmp_path):
    with Ledger(tmp_path / "ledger.jsonl") as ledger:
        add(ledger, value=float("nan"), n=1)
    text = (tmp_path / "ledger.jsonl").read_text()
    (tmp_path / "ledger.jsonl").write_text(text + text.splitlines()[1] + "\n")
    assert len(read_ledger(tmp_path / "ledger.jsonl")[0]) == 1


def test_a_line_is_on_the_disk_before_its_job_counts_as_done(filled, monkeypatch):
    synced = []

    with Ledger(filled) as ledger:
        real = os.fsync

        def fsync(descriptor: int) -> None:
            synced.append((os.fstat(descriptor).st_size, filled.stat().st_size, len(ledger.jobs)))
            real(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)
        before = filled.stat().st_size
        add(ledger, n=3)
        whole = filled.stat().st_size
        assert whole > before
        assert synced == [(whole, whole, 3)]  # all written, not yet counted
        assert len(ledger.jobs) == 4


def test_a_job_whose_line_cannot_be_forced_to_the_disk_is_not_done(filled, monkeypatch):
    content = filled.read_bytes()

    def refuse(_) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with Ledger(filled) as ledger:
        monkeypatch.setattr(os, "fsync", refuse)
        with pytest.raises(LedgerError, match=r"cannot be written: Input/output error; the 3 jobs"):
            add(ledger, n=3)
        assert job_key({"n": 3}) not in ledger.jobs
    assert filled.read_bytes() == content


def test_a_new_ledgers_name_is_forced_to_the_disk_too(tmp_path, monkeypatch):
    folders = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        folders.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with Ledger(tmp_path / "ledger.jsonl"):
        assert True in folders


def test_another_programs_file_is_left_alone(tmp_path):
    path = tmp_path / "other.jsonl"
    path.write_text('{"loss": 3.2}\n')
    with pytest.raises(LedgerError, match="not a line of a sweep's ledger"):
        Ledger(path)
    assert path.read_text() == '{"loss": 3.2}\n'


def test_a_ledger_is_open_once_at_a_time(filled):
    with Ledger(filled), pytest.raises(LedgerError, match="another sweep is writing to it"):
        Ledger(filled)
    with Ledger(filled) as ledger:
        assert len(ledger.jobs) == 3


def test_a_ledger_that_cannot_be_opened_or_read(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(LedgerError, match="cannot be opened"):
        Ledger(tmp_path / "file" / "ledger.jsonl")
    with pytest.raises(LedgerError, match="cannot be opened"):
        Ledger(tmp_path)
    with pytest.raises(LedgerError, match="cannot be read: No such file"):
        read_ledger(tmp_path / "none.jsonl")


def test_the_table_is_sorted_by_settings_and_row(filled):
    rows = table(filled)
    assert [(row["n"], row["row"], row["value"]) for row in rows] == [
        (1, 0, 1.5), (1, 1, 3.0), (2, 0, 1.5), (2, 1, 3.0), (10, 0, 1.5), (10, 1, 3.0),
    ]  # fmt: skip


def test_the_table_sorts_settings_of_every_kind(tmp_path):
    path = tmp_path / "ledger.jsonl"
    values = ["b", 10, 2.5, None, True, [2, 1], "a", {"x": 1}]
    with Ledger(path) as ledger:
        for value in values:
            add(ledger, n=value)
        add(ledger, m=1)
    found = [row["n"] for row in table(path) if row["row"] == 0 and "n" in row]
    assert found[:2] == [2.5, 10]
    assert found.index("a") < found.index("b")
    assert sorted(map(repr, found)) == sorted(map(repr, values))


def test_runs_without_a_finite_loss_are_marked_and_only_where_there_are_some(tmp_path):
    nan, inf = float("nan"), float("inf")
    rows = [{"n": 1, "loss": 2.5}, {"n": 2, "loss": nan}, {"n": 3, "loss": inf}, {"n": 4}]
    write_csv(with_diverged(rows), tmp_path / "t.csv")
    found = list(csv.DictReader((tmp_path / "t.csv").open()))
    assert [(row["loss"], row["diverged"]) for row in found] == [
        ("2.5", "False"), ("nan", "True"), ("inf", "True"), ("", "False"),
    ]  # fmt: skip
    assert with_diverged(rows[:1]) == rows[:1]
    said = [{"loss": nan, "diverged": "at step 7"}]
    assert with_diverged(said)[0]["diverged"] == "at step 7"


def test_csv_has_a_column_for_each_name(tmp_path):
    rows = [{"key": "k", "row": 0, "D": [1, 2], "loss": 0.1}, {"key": "k", "row": 1, "note": "a,b"}]
    path = tmp_path / "new" / "table.csv"
    write_csv(rows, path)
    assert list(csv.DictReader(io.StringIO(path.read_text()))) == [
        {"key": "k", "row": "0", "D": "[1, 2]", "loss": "0.1", "note": ""},
        {"key": "k", "row": "1", "D": "", "loss": "", "note": "a,b"},
    ]
    assert list(path.parent.iterdir()) == [path]


# --- provenance -------------------------------------------------------------------------


def test_provenance_names_versions_and_no_one():
    found = collect_provenance()
    assert found["python"] == platform.python_version()
    assert {"device", "threads", "torch", "numpy", "commit", "dirty"} <= set(found)
    text = json.dumps(found)
    assert str(Path.home()) not in text
    assert platform.node() not in text


def git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.example")
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return a folder that provenance takes for the package."""
    folder = tmp_path / "checkout" / "package"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder.parent / "README").touch()
    monkeypatch.setattr(provenance, "_PACKAGE", folder)
    yield folder
    provenance._checkout.cache_clear()


def checkout_state() -> tuple:
    provenance._checkout.cache_clear()
    found = collect_provenance()
    return found["commit"], found["dirty"]


def test_commit_and_changes_of_the_packages_files(package):
    assert checkout_state() == (None, None)
    git(package.parent, "init")
    assert checkout_state() == (None, None)
    git(package.parent, "add", ".")
    git(package.parent, "commit", "-m", "first")
    commit, dirty = checkout_state()
    assert len(commit) == 40
    assert dirty is False
    (package.parent / "README").write_text("not the package")
    assert checkout_state() == (commit, False)
    (package / "new.py").touch()
    assert checkout_state() == (commit, True)
    (package / "new.py").unlink()
    (package / "__init__.py").write_text("x = 1")
    assert checkout_state() == (commit, True)


def test_an_installed_package_inside_someones_checkout_has_no_commit(package):
    git(package.parent, "init")
    git(package.parent, "add", "README")
    git(package.parent, "commit", "-m", "not the package")
    assert checkout_state() == (None, None)


def test_the_command_names_no_folder_and_no_host():
    words = ["/home/me/bin/scaling-utils", "sweep", "/home/me/study.toml", "--out=/data/me/out/"]
    words += ["--scheduler", "tcp://node17:8786", "--workers", "2"]
    assert command_line(words) == (
        "scaling-utils sweep study.toml --out=out --scheduler ADDRESS --workers 2"
    )


# --- progress ---------------------------------------------------------------------------


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """Return a clock that only moves when it is told to."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_the_time_left_is_not_known_before_a_job_has_ended(clock):
    progress = Progress({"a": 1.0, "b": 1.0}, done=3, stream=io.StringIO())
    assert progress.line(2) == "3 of 5 jobs done, 0 s so far, time left not known yet"
    assert progress.line(0) == "3 of 5 jobs done, 0 s so far, no worker is connected"


def test_the_time_left_follows_from_cost_and_pace(clock):
    costs = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}
    progress = Progress(costs, done=0, stream=io.StringIO())
    clock[0] += 30
    progress.ended("c", 30.0, 2)  # 10 s per unit; 7 units are left for 2 workers
    assert progress.line(2) == "1 of 4 jobs done, 30 s so far, about 35 s left"
    progress.ended("b", None, 2)
    assert progress.line(2) == "1 of 4 jobs done, 1 failed, 30 s so far, about 25 s left"
    progress.ended("a", 10.0, 2)  # one job is left, and one worker can help
    assert progress.line(2) == "2 of 4 jobs done, 1 failed, 30 s so far, about 40 s left"
    progress.ended("d", 40.0, 2)
    assert progress.line(2) == "3 of 4 jobs done, 1 failed, 30 s so far"


def test_lines_come_seldom_in_a_file_but_the_last_always(clock):
    stream = io.StringIO()
    progress = Progress(dict.fromkeys(range(30), 1.0), done=0, stream=stream)
    for key in range(30):
        clock[0] += 1
        progress.ended(key, 1.0, 1)
    lines = stream.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == ["1", "11", "21", "30"]


def test_on_a_terminal_the_line_is_written_over(clock):
    screen = Screen()
    progress = Progress({"a": 1.0, "b": 1.0}, done=0, stream=screen)
    progress.show(1)
    clock[0] += 5
    progress.ended("a", 5.0, 1)
    clock[0] += 5
    progress.ended("b", 5.0, 1)
    first, second, third = screen.getvalue().split("\r")[1:]
    assert "\n" not in first + second
    assert len(first) == len(second) == 78
    assert third.rstrip() == "2 of 2 jobs done, 10 s so far"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (7500, "2 h 5 min")],
)
def test_durations(seconds, words):
    assert duration(seconds) == words
