"""The sweep over stand-ins for other machines tells what fails there and how far claims move."""

from __future__ import annotations

import csv

import claims
import machines
import nbformat
import pytest
import standins
from nbformat.v4 import new_code_cell, new_notebook, new_output

ONE = standins.StandIn("this machine")
TWO = standins.StandIn("two threads", threads=2)
SOURCES = [
    "from os import environ\nfrom scaling_utils.notebook import claim\n"
    "threads = int(environ['OMP_NUM_THREADS'])",
    "# NBVAL_CHECK_OUTPUT\nprint(f'{1 + 1e-9 * threads:.3f}')",
    "# NBVAL_CHECK_OUTPUT\nprint(f'{1 + threads:.3f}')",
    "1 / (threads - 2)",
    "claim('It holds.', 10 + threads / 10, at_least=10, source='s')\n"
    "claim('It fails on two.', threads, at_most=1, source='s')",
    "def set_num_threads(n):\n    claim('As told.', n, at_least=1, source='s')\n\n\n"
    "set_num_threads(1)",
]


@pytest.fixture(scope="module")
def chapter(tmp_path_factory):
    """Write a notebook that depends on the number of threads, with the outputs of one thread."""
    root = tmp_path_factory.mktemp("book")
    (root / "notebooks").mkdir()
    (root / "book").mkdir()
    path = root / "notebooks" / "01_tiny.ipynb"
    cells = [new_code_cell(source, id=f"c{n}") for n, source in enumerate(SOURCES)]
    notebook = new_notebook(cells=cells)
    machines.kernel.run(notebook, path.parent, set())
    nbformat.write(notebook, path)
    return root, path


@pytest.fixture(scope="module")
def swept(chapter):
    root, path = chapter
    before = path.read_bytes()
    records = machines.sweep([path], [ONE, TWO], 2, root)
    assert path.read_bytes() == before
    return {record["stand_in"]: record for record in records}


def test_what_passes_here_passes(swept):
    record = swept["this machine"]
    assert record["problems"] == record["not_taken"] == []
    assert [(made["cell"], made["n"], made["measured"]) for made in record["claims"]] == [
        ("c4", 1, 10.1),
        ("c4", 2, 1.0),
        ("c5", 1, 1.0),
    ]


def test_what_fails_elsewhere_is_told_and_the_sweep_goes_on(swept):
    problems = swept["two threads"]["problems"]
    assert len(problems) == 3
    assert problems[0] == "cell c3 failed: ZeroDivisionError: division by zero"
    assert problems[1].startswith("cell c4 failed: ClaimError: It fails on two.")
    assert "cell c2" in problems[2]
    assert "stored 2.000, now 3.000" in problems[2]
    # The claim before the failure, and that of a later cell, which got two threads for one.
    assert [made["measured"] for made in swept["two threads"]["claims"]] == [10.2, 2.0]


def test_what_is_known_is_not_run_again_until_the_chapter_changes(chapter, swept):
    root, path = chapter
    kept = root / "_build" / "machines" / "results.jsonl"
    with kept.open("a") as file:
        file.write('{"half a li')  # an interrupted sweep
    again = machines.sweep([path], [ONE, TWO], 2, root)
    assert {record["stand_in"]: record for record in again} == swept
    notebook = nbformat.read(path, as_version=4)
    old = machines.key(notebook, ONE, root)
    assert old != machines.key(notebook, TWO, root)
    notebook.cells[0].source += "\nx = 1"
    assert machines.key(notebook, ONE, root) != old
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[1].outputs = [new_output("stream", text="2.000\n")]
    assert machines.key(notebook, ONE, root) != old


def test_nothing_is_recorded_where_a_run_failed(chapter, swept, monkeypatch, capsys):
    root, path = chapter
    monkeypatch.setattr(standins, "STAND_INS", (ONE, TWO))
    monkeypatch.setattr(standins.os, "cpu_count", lambda: 2)
    assert machines.main([str(path), "--record"], root) == 1
    said = capsys.readouterr().out
    assert "1 of 2 runs passed; 3 claims" in said
    assert "book/spread.csv was not written" in said
    assert not (root / "book" / "spread.csv").exists()


def made(relation, expected, measured, **more):
    return {"relation": relation, "expected": expected, "measured": measured, **more}


def test_threads_are_set_where_a_chapter_sets_them_and_not_within_its_functions():
    text = "torch.set_num_threads(1)\n\n\ndef rank():\n    torch.set_num_threads(1)  # forked"
    assert machines.THREADS.sub("2", text) == text.replace("(1)", "(2)", 1)
    assert machines.THREADS.sub("2", "setup(threads=1)") == "setup(threads=2)"


@pytest.mark.parametrize(
    ("claim", "room"),
    [
        (made("expected at least 2", 2, 2.5), 0.5),
        (made("expected at most 2", 2, 1.75), 0.25),
        (made("expected at most 2", 2, 2.25), -0.25),
        (made("expected at least 1 and at most 2", [1, 2], 1.75), 0.25),
        (made("expected 8 ± 25 %", 8, 9), 1.0),
        (made("expected 8 ± 25 % or 3", 8, 7), 2.0),
        (made("expected -8 ± 25 %", -8, -9), 1.0),
        (made("expected 0 ± 1e-08", 0, 0), 1e-8),
        (made("expected 1,024 ± 0", 1024, 1024), 0.0),
    ],
)
def test_the_room_of_a_claim_by_hand(claim, room):
    assert claims.room(claim) == pytest.approx(room)


@pytest.mark.parametrize(
    ("values", "room", "close"),
    [
        ([1.10, 1.20], 0.25, True),
        ([1.10, 1.20], 0.35, False),
        ([1.10, 1.20], -0.1, True),
        ([1.1000, 1.1001], 0.0, False),  # no more than the last digit
        ([5, 5], 0.0, False),
        ([5, 6], 2, True),
    ],
)
def test_a_claim_is_close_within_three_spreads_of_its_bound(values, room, close):
    assert machines.is_close(values, room) is close


def record(stand_in, *measured, not_taken=()):
    found = [
        made("expected at least 1", 1, value, cell="a", n=n, sentence=f"Claim {n}.")
        for n, value in enumerate(measured, start=1)
    ]
    return {
        "chapter": "01_tiny",
        "stand_in": stand_in,
        "claims": found,
        "problems": [],
        "not_taken": list(not_taken),
        "seconds": 1.0,
    }


def test_spreads_leave_out_what_had_no_effect_and_are_read_back(tmp_path):
    records = [
        record("x", 1.5, 7),
        record("y", 1.2, 7),
        record("z", 99.0, 99.0, not_taken=["openblas was asked for Zen and used Haswell"]),
    ]
    rows = machines.spreads(records)
    assert [(row["lowest"], row["highest"], row["machines"]) for row in rows] == [
        (1.2, 1.5, 2),
        (7, 7, 2),
    ]
    assert [row["close"] for row in rows] == [True, False]
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "spread.csv").write_text(
        "chapter,cell,n,sentence,lowest,highest,machines\n"
        "01_tiny,gone,1,Old.,0,1,7\n02_other,b,1,Kept.,0.5,0.6,7\n"
    )
    machines.record_spreads(rows, {"01_tiny"}, set(), tmp_path)
    assert claims.read_spreads(tmp_path) == {
        ("01_tiny", "a", 1): claims.Spread("Claim 1.", 1.2, 1.5),
        ("01_tiny", "a", 2): claims.Spread("Claim 2.", 7, 7),
        ("02_other", "b", 1): claims.Spread("Kept.", 0.5, 0.6),
    }


def test_a_clock_has_no_spread_to_record(tmp_path):
    (tmp_path / "book").mkdir()
    rows = machines.spreads([record("x", 1.5)])
    machines.record_spreads(rows, {"01_tiny"}, {("01_tiny", "a")}, tmp_path)
    with (tmp_path / "book" / "spread.csv").open() as file:
        assert list(csv.DictReader(file)) == []


@pytest.mark.parametrize(
    ("features", "names"),
    [
        ({}, {"this machine", "two threads"}),
        ({"SSE42": True}, {"this machine", "two threads", "Nehalem"}),
        (
            {"SSE42": True, "AVX2": True},
            {"this machine", "two threads", "Nehalem", "Haswell", "Haswell, two threads", "Zen"},
        ),
    ],
)
def test_stand_ins_that_the_processor_does_not_allow_are_left_out(monkeypatch, features, names):
    monkeypatch.setattr(standins.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(standins.os, "cpu_count", lambda: 2)
    allowed, left_out = standins.available(features)
    assert {one.name for one in allowed} == names
    assert len(left_out) == len(standins.STAND_INS) - len(names)
    assert all("this processor has no" in why for why in left_out)


def test_another_kind_of_processor_and_a_single_core_are_told(monkeypatch):
    monkeypatch.setattr(standins.platform, "machine", lambda: "arm64")
    monkeypatch.setattr(standins.os, "cpu_count", lambda: 1)
    allowed, left_out = standins.available({"AVX2": True})
    assert [one.name for one in allowed] == ["this machine"]
    assert any("for x86, and this is arm64" in why for why in left_out)
    assert any("one processor core" in why for why in left_out)


HASWELL = standins.StandIn("x", openblas="Haswell", torch="avx2", numpy="avx2", threads=2)
TOOK = {"openblas": ["Haswell"], "torch": "AVX2", "torch_threads": 2, "numpy": ["X86_V3"]}


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"openblas": ["SkylakeX"]}, "openblas was asked for Haswell and used SkylakeX"),
        ({"openblas": ["Haswell", "Nehalem"]}, "used Haswell, Nehalem"),
        ({"torch": "AVX512"}, "torch was asked for AVX2 and used AVX512"),
        ({"torch_threads": 1}, "torch_threads was asked for 2 and used 1"),
        ({"numpy": ["X86_V3", "X86_V4"]}, "numpy used X86_V4"),
    ],
)
def test_a_setting_without_effect_is_told(answers, words):
    assert standins.not_taken(HASWELL, TOOK) == []
    assert standins.not_taken(HASWELL, TOOK | {"torch": "", "torch_threads": 0}) == []
    (said,) = standins.not_taken(HASWELL, TOOK | answers)
    assert words in said


@pytest.mark.slow
@pytest.mark.parametrize("exported", ["1", "2"])
def test_the_stand_ins_of_this_machine_take_effect(monkeypatch, exported):
    # A scheduler's workers export these, and they go before OMP_NUM_THREADS.
    monkeypatch.setenv("MKL_NUM_THREADS", exported)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", exported)
    for one in standins.available()[0]:
        assert standins.not_taken(one, standins.ask(one)) == []


@pytest.mark.parametrize(
    ("source", "with_two"),
    [
        ("torch.set_num_threads(1)  # small", "torch.set_num_threads(2)  # small"),
        ("notebook.setup(threads=1)", "notebook.setup(threads=2)"),
        ("x = 1\nfoo(threads=1)", "x = 1\nfoo(threads=1)"),
    ],
)
def test_a_chapters_own_number_of_threads_is_replaced(source, with_two):
    assert machines.THREADS.sub("2", source) == with_two
