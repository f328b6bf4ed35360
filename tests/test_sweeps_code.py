"""The code that ran is the code that is recorded, and a change of it is never silent."""

from __future__ import annotations

import hashlib
import importlib
import os
import py_compile
import sys
import warnings

import pytest

from scaling_utils.sweeps import JobsFailed, LedgerError, LedgerWarning, read_ledger, sweep
from scaling_utils.sweeps.code import function_digest, modules_of, source_digest
from scaling_utils.sweeps.experiment import Experiment
from scaling_utils.sweeps.ledger import Ledger
from scaling_utils.sweeps.lines import source_id
from scaling_utils.sweeps.loaded import Notes

MAIN = '''\
"""An experiment."""
import moving_part

FACTOR = 10


def f(job, folder):
    from moving_extra import EXTRA  # imported late
    mark = folder / "checkpoint"
    begun = mark.exists()
    mark.touch()
    if job.get("edit"):
        for name, text in job["edit"].items():
            open(name, "w").write(text)
    if FACTOR < 0:
        raise RuntimeError("negative")
    return [{"value": FACTOR * moving_part.PART + EXTRA, "begun": begun}]
'''


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Return a folder with an experiment of three modules, which the driver forgets after."""
    (tmp_path / "moving.py").write_text(MAIN)
    (tmp_path / "moving_part.py").write_text("PART = 1\n")
    (tmp_path / "moving_extra.py").write_text("EXTRA = 0\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    for name in ("moving", "moving_part", "moving_extra"):
        sys.modules.pop(name, None)


def run(address, place, ledger, jobs=({"n": 1},), **options):
    """Sweep as a new command would: with nothing of the experiment loaded here."""
    for name in ("moving", "moving_part", "moving_extra"):
        sys.modules.pop(name, None)
    return sweep(
        "moving:f", jobs, place / ledger, scheduler=address, path=[place], progress=False, **options
    )


def sources(place, ledger) -> list[dict]:
    return list(read_ledger(place / ledger)[1].values())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "text", "value"),
    [
        ("moving.py", MAIN.replace("FACTOR = 10", "FACTOR = 20"), 20),
        ("moving_part.py", "PART = 3\n", 30),
        ("moving_extra.py", "EXTRA = 4\n", 14),
    ],
)
def test_a_scheduler_that_stays_up_runs_and_records_the_code_on_the_disk(
    address, place, file, text, value
):
    assert [row["value"] for row in run(address, place, "a.jsonl")] == [10]
    (place / file).write_text(text)
    assert [row["value"] for row in run(address, place, "b.jsonl")] == [value]
    (source,) = sources(place, "b.jsonl")
    main = (place / "moving.py").read_bytes()
    assert source["experiment_sha256"] == hashlib.sha256(main).hexdigest()
    assert source["modules"] == {
        name: source_digest((place / f"{name}.py").read_bytes())
        for name in ("moving", "moving_part", "moving_extra")
    }
    assert source["code_sha256"] != sources(place, "a.jsonl")[0]["code_sha256"]


def test_a_file_that_is_edited_while_its_code_runs_changes_nothing_that_is_recorded(address, place):
    edit = {str(place / "moving.py"): MAIN.replace("FACTOR = 10", "FACTOR = 20")}
    jobs = [{"n": 1, "edit": edit}, {"n": 2}]
    assert [row["value"] for row in run(address, place, "a.jsonl", jobs)] == [10, 10]
    (source,) = sources(place, "a.jsonl")
    assert source["experiment_sha256"] == hashlib.sha256(MAIN.encode()).hexdigest()


def test_a_worker_that_cannot_get_the_code_refuses_its_job(address, place):
    # The first job dies after its edit: the process that takes over finds other code.
    killer = MAIN.replace("    if FACTOR < 0", "        import os; os._exit(1)\n    if FACTOR < 0")
    (place / "moving.py").write_text(killer)
    edit = {str(place / "moving_part.py"): "PART = 2\n"}
    with pytest.raises(JobsFailed, match="moving_part: not the code that the sweep was started"):
        run(address, place, "a.jsonl", [{"n": 1, "edit": edit}])
    assert read_ledger(place / "a.jsonl")[0] == {}


def test_a_ledger_is_not_continued_with_other_code_unless_that_is_accepted(address, place):
    run(address, place, "a.jsonl")
    (place / "moving.py").write_text(MAIN.replace('"""An', '# a comment\n"""Another'))
    run(address, place, "a.jsonl")  # comments and docstrings change nothing
    (place / "moving_part.py").write_text("PART = 2\n")
    both = [{"n": 1}, {"n": 2}]
    for jobs in (both[:1], both):  # even where nothing is left to do
        with pytest.raises(
            LedgerError,
            match=r"changed since 1 of its 1 jobs ran \(moving_part\).*--accept-changed",
        ):
            run(address, place, "a.jsonl", jobs)
    rows = run(address, place, "a.jsonl", both, accept_changed=True)
    assert [row["value"] for row in rows] == [10, 20]
    jobs, origins = read_ledger(place / "a.jsonl")
    codes = [origins[line["provenance"]]["code_sha256"] for line in jobs.values()]
    assert len(set(codes)) == 2


def test_a_checkpoint_of_other_code_is_gone_on_from_only_where_that_is_accepted(address, place):
    (place / "moving.py").write_text(MAIN.replace("FACTOR = 10", "FACTOR = -1"))
    with pytest.raises(JobsFailed, match="negative"):
        run(address, place, "a.jsonl")
    (place / "moving.py").write_text(MAIN)
    with pytest.raises(JobsFailed, match=r"holds checkpoints of other code.*--accept-changed"):
        run(address, place, "a.jsonl")
    (row,) = run(address, place, "a.jsonl", accept_changed=True)
    assert row["begun"] is True
    (source,) = sources(place, "a.jsonl")
    assert len(source["begun_by_code_sha256"]) == 1
    assert source["begun_by_code_sha256"] != [source["code_sha256"]]


# --- ledgers of earlier versions, which know the hash of one file or of none ---------------


def older(path, name: str, **origin) -> None:
    with Ledger(path) as book:
        book.append(
            "64156349ae56ec12",
            {"b": "x", "a": [1, True, None]},
            [{"y": 1}],
            experiment=name,
            seconds=1.0,
            provenance=origin,
        )


def test_an_older_ledger_is_compared_by_the_hash_of_its_file(place, tmp_path):
    digest = hashlib.sha256(MAIN.encode()).hexdigest()
    older(tmp_path / "a.jsonl", "moving:f", experiment_sha256=digest)
    with Ledger(tmp_path / "a.jsonl") as book:
        Experiment("moving:f").check_ledger(book, False)
        (place / "moving.py").write_text(MAIN + "\n")
        with pytest.raises(LedgerError, match=r"1 of its 1 jobs ran \(moving\)"):
            Experiment("moving:f").check_ledger(book, False)


@pytest.mark.usefixtures("place")
def test_a_ledger_without_any_hash_is_gone_on_with_and_said(tmp_path):
    older(tmp_path / "a.jsonl", "moving:f", device="abacus")
    with (
        Ledger(tmp_path / "a.jsonl") as book,
        pytest.warns(LedgerWarning, match="1 of 1 jobs do not say which code they ran"),
    ):
        Experiment("moving:f").check_ledger(book, False)


# --- what counts as the code ----------------------------------------------------------------


def test_the_modules_of_an_experiment_are_all_that_it_imports_but_what_is_installed(
    tmp_path, monkeypatch
):
    package = tmp_path / "ours"
    (package / "deep").mkdir(parents=True)
    (package / "__init__.py").write_text("TOP = 1\n")
    (package / "a.py").write_text("import json, numpy\nfrom . import b\nfrom .deep.c import x\n")
    (package / "b.py").write_text("def g():\n    import lonely\n    import absent_module\n")
    (package / "deep" / "__init__.py").write_text("from ..unused import y\n")
    (package / "deep" / "c.py").write_text("from scaling_utils.laws.power import PowerLaw\nx = 1\n")
    (package / "unused.py").write_text("y = 1\n")
    (package / "other.py").write_text("")
    (tmp_path / "lonely.py").write_text("")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    found = modules_of("ours.a")
    mine = {name for name in found if not name.startswith("scaling_utils")}
    assert mine == {"ours.a", "ours", "ours.b", "ours.deep", "ours.deep.c", "ours.unused", "lonely"}
    assert "scaling_utils.laws.power" in found
    assert "scaling_utils" not in found


def test_the_books_experiments_include_the_rooms_that_they_import_late():
    found = modules_of("scaling_utils.experiments.ngrams")
    assert {
        "scaling_utils.training.checkpoint",
        "scaling_utils.training.loop",
        "scaling_utils.corpora.languages",
        "scaling_utils.models.ngrams",
    } <= set(found)
    assert "scaling_utils.sweeps.run" not in found  # how jobs are run is not what they are


def test_the_digest_is_that_of_the_meaning():
    digest = source_digest(b"def f(x):\n    return x + 1\n")
    assert source_digest(b'def f(x):\n    """Add."""\n    return (x + 1)  # one\n') == digest
    assert source_digest(b"def f(x):\n    return x + 2\n") != digest
    assert source_digest(b"no Python") != source_digest(b"no  Python")


def test_functions_without_a_file_are_told_apart_by_what_they_do():
    def typed(text: str):
        names = {"__name__": "nowhere"}
        exec(text, names)
        return names["f"]

    one = function_digest(typed("def f(j, p):\n    return [{'y': j['n'] in {'a', 'b'}}]"))
    assert one == function_digest(typed("def f(j, p):\n\n    return [{'y': j['n'] in {'b', 'a'}}]"))
    assert one != function_digest(typed("def f(j, p):\n    return [{'y': j['n'] in {'a', 'c'}}]"))


def test_a_function_of_the_main_module_is_sent_as_it_is(address, tmp_path):
    names = {"__name__": "__main__"}
    exec("def f(job, folder):\n    return [{'y': 2 * job['n']}]", names)
    rows = sweep(names["f"], [{"n": 4}], tmp_path / "a.jsonl", scheduler=address, progress=False)
    assert rows[0]["y"] == 8
    (source,) = sources(tmp_path, "a.jsonl")
    assert "__main__" in source["modules"]


def test_the_id_of_an_origin_does_not_depend_on_this_version(tmp_path):
    # printf '{"device": "abacus", "threads": 1}\n' | sha256sum
    assert (
        source_id({"device": "abacus", "threads": 1})
        == hashlib.sha256(b'{"device": "abacus", "threads": 1}\n').hexdigest()[:8]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        older(tmp_path / "a.jsonl", "m:f", device="abacus", threads=1)
        read_ledger(tmp_path / "a.jsonl")


def test_an_edit_within_a_second_is_not_hidden_by_a_compiled_file(tmp_path, monkeypatch):
    file = tmp_path / "edited_at_once.py"
    file.write_text("PART = 1\n")
    then = file.stat().st_mtime
    py_compile.compile(str(file))
    file.write_text("PART = 3\n")  # of the same size
    os.utime(file, (then, then))  # and of the same second
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    assert importlib.import_module(file.stem).PART == 1  # Python takes the compiled file
    monkeypatch.delitem(sys.modules, file.stem)
    notes = Notes([file.stem])
    assert importlib.import_module(file.stem).PART == 3
    assert notes.source(file.stem) == b"PART = 3\n"
    monkeypatch.delitem(sys.modules, file.stem)
