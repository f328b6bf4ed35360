"""What all commands share: help, JSON, streams, statuses, widths, numbers, completion."""

import io
import json
import math
import os
import re
import shlex
import subprocess
import sys
import warnings

import click
import numpy as np
import pytest

from scaling_utils import __version__
from scaling_utils._remarks import Remark
from scaling_utils.cli import _numbers, _out, main
from scaling_utils.cli._group import COMMANDS, COMPLETE, group
from scaling_utils.cli._tables import Table, pairs, render

NEEDS_FILES = {"contest", "fit", "predict", "sweep"}  # examples name files of the reader


def examples(name: str) -> list[list[str]]:
    """Return the words of each example in the help of a command."""
    command = group.get_command(click.Context(group), name)
    with click.Context(command, info_name=name) as context:
        shown = command.get_help(context)
    lines = re.findall(r"^ +scaling-utils (.*)$", shown, flags=re.MULTILINE)
    return [shlex.split(line) for line in lines if line.split()[0] == name]


EXAMPLES = {name: examples(name) for name in COMMANDS}
RUN = [words for name in EXAMPLES if name not in NEEDS_FILES for words in EXAMPLES[name]]


def run(capsys, *words: str) -> tuple[int, str, str]:
    status = main(list(words))
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def parsed(text: str) -> dict:
    def never(constant):
        raise AssertionError(f"{constant} in the JSON")

    return json.loads(text, parse_constant=never)


# --- help --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXAMPLES)
def test_help_has_an_example_that_click_understands(name):
    assert EXAMPLES[name]
    command = group.get_command(click.Context(group), name)
    for words in EXAMPLES[name]:
        with command.make_context(name, words[1:]) as context:
            assert context.params


@pytest.mark.parametrize("words", RUN, ids=" ".join)
def test_an_example_of_the_help_runs_and_its_json_has_a_schema(capsys, words):
    status, out, err = run(capsys, *words)
    assert status == 0, err
    assert out.strip()
    status, out, err = run(capsys, *words, "--json")
    result = parsed(out)
    assert result["schema"] == f"scaling-utils/{words[0]}/1"
    assert result["version"] == __version__
    told = [f"scaling-utils {words[0]}: [{r['code']}] {r['sentence']}" for r in result["remarks"]]
    assert err.splitlines() == told
    assert run(capsys, *words, "--json", "--strict")[0] == (1 if told else 0)


def test_the_list_of_commands_loads_nothing_heavy():
    code = (
        "import sys; from scaling_utils.cli import main; status = main(sys.argv[1:]);"
        "print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr);"
        "sys.exit(status)"
    )
    for words in (["--help"], ["--version"], ["nothing"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == (2 if words == ["nothing"] else 0)
        loaded = set(done.stderr.split())
        assert "click" in loaded
        assert not loaded & {"numpy", "scipy", "torch", "rich", "matplotlib", "pandas"}


@pytest.mark.parametrize("words", [("--help",), *((name, "--help") for name in EXAMPLES)])
def test_help_is_on_standard_output(capsys, words):
    status, out, err = run(capsys, *words)
    assert (status, err) == (0, "")
    assert out.startswith(f"Usage: {' '.join(('scaling-utils', *words[:-1]))} ")


def test_the_version_is_that_of_the_package(capsys):
    assert run(capsys, "--version")[:2] == (0, f"scaling-utils, version {__version__}\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_of_a_shell(shell):
    environment = os.environ | {COMPLETE: f"{shell}_source"}
    command = [sys.executable, "-m", "scaling_utils.cli"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert f"{COMPLETE}={shell}_complete" in done.stdout


def test_completion_offers_commands_and_options(capsys, monkeypatch):
    def offered(words: str, place: int) -> set[str]:
        monkeypatch.setenv(COMPLETE, "bash_complete")
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(place))
        status, out, err = run(capsys)
        assert (status, err) == (0, "")
        return {line.partition(",")[2] for line in out.splitlines()}

    assert offered("scaling-utils ha", 1) == {"hardware"}
    assert offered("scaling-utils hardware --so", 2) == {"--sort"}
    assert "peak" in offered("scaling-utils hardware --sort p", 3)
    assert offered("scaling-utils hardware h100-s", 2) == {"H100-SXM"}
    assert "chinchilla" in offered("scaling-utils plan --law ch", 3)
    assert offered("scaling-utils memory llama-3-7", 2) == {"llama-3-70b"}


# --- bad words -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "scaling-utils: name a command: "),
        ("cuont", "scaling-utils: the command must be one of "),
        ("cuont", "did you mean 'count'?"),
        ("hardware --sotr peak", "hardware: no such option --sotr; did you mean --sort?"),
        ("hardware --sor peak", "no such option --sor; did you mean --sort?"),  # no abbreviations
        ("hardware --sort paek", "--sort: must be one of name, peak"),
        ("hardware --sort paek", "did you mean 'peak'?"),
        ("hardware H100", "did you mean 'H100-PCIe' or 'H100-SXM'"),
        ("hardware --memory 80XB", "--memory: must be a positive number such as 80GB"),
        ("hardware T4 --sort peak", "name a device or filter the list, not both"),
        ("hardware a b", "scaling-utils hardware: "),
        ("laws chinchila", "law 'chinchila' is not known; did you mean 'chinchilla'"),
        ("laws chinchilla --budget -1", "--budget: must be a positive number"),
        ("laws chinchilla --budget nan", "--budget: must be a positive number"),
        ("laws chinchilla --N 1e9", "both --N and --D"),
        ("laws --N 1e9", "--N asks a law; name one"),
        ("laws --find nobody", "no law has 'nobody'"),
        ("laws gpt3 --budget 1e21", "gpt3 has no optimum of a budget"),
        ("laws chinchilla --x 3", "no law in one variable"),
        ("laws chinchilla --budget 1e21 --unique 1e9", "--unique is not known to chinchilla"),
        ("laws muennighoff --budget 1e21", "say how many are unique: --unique"),
        ("carbon", "give --device-hours (with --device or --power) or --kwh"),
        ("carbon --kwh 5 --device-hours 5", "one of the two"),
        ("carbon --device-hours 5", "give --device (rated power) or --power (watts)"),
        ("carbon --device-hours 5 --power 0.7", "0.7 kW are 700 W"),
        ("carbon --kwh 5 --grid Frence", "did you mean 'france'"),
        ("carbon --kwh 5 --grid 0.4", "0.4 kg are 400 g"),
        ("carbon --kwh 5 --pue 0.9", "--pue must be from 1"),
        ("carbon --kwh 5 --pue Gogle", "did you mean 'Google'"),
        ("carbon --kwh 5 --year 2020", "--year is that of a place's figure"),
        ("carbon --kwh 5 --grid France --year 1900", "--year must be one that the table has"),
        ("carbon --kwh 5 --embodied bloom", "--embodied goes by hours"),
        ("carbon --kwh inf", "--kwh: must be a positive number"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_told_in_one_line(capsys, line, said):
    status, out, err = run(capsys, *line.split())
    assert (status, out) == (2, "")
    assert err.startswith("scaling-utils")
    assert said in err
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_an_interrupt_ends_with_130(capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("scaling_utils.hardware.devices", interrupted)
    status, out, err = run(capsys, "hardware")
    assert (status, out) == (130, "")
    assert err == "scaling-utils hardware: interrupted\n"


def test_a_closed_pipe_is_no_error():
    line = f"{sys.executable} -m scaling_utils.cli laws | head -c 3"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("law", "")


# --- the answer ----------------------------------------------------------------------------


def test_json_holds_what_is_finite_and_nothing_else(capsys):
    result = {
        "nan": math.nan,
        "infinite": [math.inf, -math.inf, 1.5],
        "array": np.array([[1.0, np.nan]]),
        "scalar": np.float32("nan"),
        "whole": np.int64(7),
        "truth": np.bool_(True),
        "inside": {"a": (math.nan,), 3: None},
        "remark": Remark("a", "b"),
        "large": 174_604_259_328,
        "small": 0.1 + 0.2,
    }
    assert _out.emit("count", result, list, as_json=True) == 0
    assert parsed(capsys.readouterr().out) == {
        "schema": "scaling-utils/count/1",
        "version": __version__,
        "nan": None,
        "infinite": [None, None, 1.5],
        "array": [[1.0, None]],
        "scalar": None,
        "whole": 7,
        "truth": True,
        "inside": {"a": [None], "3": None},
        "remark": {"code": "a", "sentence": "b"},
        "large": 174_604_259_328,
        "small": 0.30000000000000004,
        "remarks": [],
    }


@pytest.mark.parametrize(("strict", "status"), [(False, 0), (True, 1)])
@pytest.mark.parametrize("as_json", [False, True])
def test_remarks_go_to_standard_error_and_count_under_strict(capsys, strict, status, as_json):
    remarks = [Remark("far-off", "two\nlines"), Remark("far-off", "two\nlines")]
    told = _out.emit("laws", {"a": 1}, lambda: ["answer"], remarks, as_json=as_json, strict=strict)
    assert told == status
    captured = capsys.readouterr()
    assert captured.err == "scaling-utils laws: [far-off] two lines\n"
    assert "far-off" not in captured.out or as_json
    assert _out.emit("laws", {"a": 1}, lambda: ["answer"], strict=True) == 0


def test_a_stream_in_ascii_gets_every_line():
    command = [sys.executable, "-m", "scaling_utils.cli", "count", "--list", "--find", "llama"]
    done = subprocess.run(
        command, env=os.environ | {"PYTHONIOENCODING": "ascii"}, capture_output=True, check=True
    )
    plain = subprocess.run(
        command, env=os.environ | {"PYTHONIOENCODING": "utf-8"}, capture_output=True, check=True
    )
    assert done.stdout.count(b"\n") == plain.stdout.count(b"\n") > 3
    assert done.stdout.isascii()
    assert not plain.stdout.isascii()  # an author has an accent


# --- tables in any width ----------------------------------------------------------------------

NUMBERS = Table(
    ("device", "bf16", "memory in bytes", "note"),
    [
        ("H100-SXM", "989,400,000,000,000", "85,520,809,984", "as its driver reports it, in MiB"),
        ("T4", "65,000,000,000,000", "16,106,127,360", "no bf16"),
    ],
    prose=(3,),
)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
def test_no_number_is_cut_in_any_width(width):
    shown = render([NUMBERS], io.StringIO(), width)
    for row in NUMBERS.rows:
        for cell in row[:3]:
            assert cell in shown
    if width != 80:  # there the sentence stands in two lines beside the numbers
        assert "as its driver reports it, in MiB" in " ".join(shown.split())
    assert max(map(len, shown.splitlines())) <= width or width == 20


@pytest.mark.parametrize("words", RUN, ids=" ".join)
@pytest.mark.parametrize("width", [40, 80, 200])
def test_an_answer_fits_its_width_and_keeps_its_numbers(capsys, monkeypatch, words, width):
    monkeypatch.delenv("COLUMNS", raising=False)
    _, endless, _ = run(capsys, *words)
    monkeypatch.setenv("COLUMNS", str(width))
    _, folded, _ = run(capsys, *words)
    assert "…" not in folded
    cells = set(endless.split()) - {"-"}
    assert cells <= set(folded.split()) | set(folded.replace(":", "").split())
    longest = max(map(len, endless.split()))
    assert max(map(len, folded.splitlines())) <= max(width, longest + 24)


def test_elsewhere_than_on_a_terminal_a_table_is_plain_and_as_wide_as_it_needs(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    wide = Table(("a", "b"), [("x" * 300, "1")])
    shown = render([wide], io.StringIO())
    assert shown == f"{'a':300}  b\n{'x' * 300}  1"


def test_a_terminal_has_headings_and_no_colour_where_none_is_wanted(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    assert "\x1b[1m" in render([NUMBERS], Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", render([NUMBERS], Terminal()))


@pytest.mark.parametrize("width", [56, 60, 80])
def test_a_terminal_shows_the_same_table_as_a_file(monkeypatch, width):
    monkeypatch.setenv("TERM", "xterm-256color")
    shown = render([NUMBERS], Terminal(), width)
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown).replace(" ", "") == render(
        [NUMBERS], io.StringIO(), width
    ).replace(" ", "")
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines()
    assert max(map(len, lines)) <= width


def test_a_sentence_is_folded_between_words():
    shown = render(["  of 85,520,809,984 bytes in all"], io.StringIO(), 20)
    assert shown == "  of 85,520,809,984\n    bytes in all"
    assert render(pairs([("a", "1"), ("bb", "22")]), io.StringIO(), 20) == "a   1\nbb  22"


# --- numbers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("1e24", "count", 1e24),
        ("1E24", "count", 1e24),
        ("70B", "count", 70e9),
        ("70b", "count", 70e9),
        ("15T", "count", 15e12),
        ("3.5M", "money", 3.5e6),
        ("2.5k", "money", 2500.0),
        ("$2.5k", "money", 2500.0),
        ("73,824,672", "count", 73_824_672.0),
        ("73_824_672", "count", 73_824_672.0),
        ("1,000.5", "count", 1000.5),
        (".5", "count", 0.5),
        (" 8 B ", "count", 8e9),
        ("3.8*10^25", "work", 3.8e25),
        ("3.8x10^25", "work", 3.8e25),
        ("3.8×10^25", "work", 3.8e25),
        ("10^24", "work", 1e24),
        ("1e24 FLOPs", "work", 1e24),
        ("5 ZFLOP", "work", 5e21),
        ("3640 PF-days", "work", 3640 * 1e15 * 86_400),
        ("80GB", "bytes", 80e9),
        ("80GiB", "bytes", 80 * 2.0**30),
        ("1.3M", "hours", 1.3e6),
        ("100 h", "hours", 100.0),
        ("25 tonnes", "mass", 25_000.0),
        ("450 MWh", "energy", 450_000.0),
        ("40%", "share", 0.4),
        ("0.4", "share", 0.4),
    ],
)
def test_numbers_in_common_notations(text, kind, value):
    assert _numbers.read(text, kind) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "count"), ("nan", "count"), ("inf", "count"), ("-5", "count"), ("0", "count"),
        ("1,5", "count"), ("1.5.2", "count"), ("7 apples", "count"), ("1e", "count"),
        ("1e999", "count"), ("10^999", "count"), ("70Q", "count"), ("0x10", "count"),
        ("80GB", "count"), ("40%", "count"), ("25T", "mass"), ("1_", "count"), ("5 5", "count"),
        ("12,34,567", "count"), ("True", "count"), ("--5", "count"),
    ],
)  # fmt: skip
def test_what_is_no_number_is_refused(text, kind):
    with pytest.raises(ValueError, match="must be a positive number such as"):
        _numbers.read(text, kind)


@pytest.mark.parametrize("text", ["1e41", "1e-41", "10^50", "1e39B"])
def test_what_overflows_in_a_product_is_refused(text):
    with pytest.raises(ValueError, match=r"between 1e-40 and 1e\+40"):
        _numbers.read(text)


def test_memory_that_is_not_there_is_said(capsys, monkeypatch):
    def hungry(*_, **__):
        raise MemoryError

    monkeypatch.setattr("scaling_utils.planning.plan", hungry)
    status, out, err = run(capsys, "plan", "--flops", "1e24")
    assert (status, out) == (2, "")
    assert err == (
        "scaling-utils plan: this needs more memory than there is; ask for less at once\n"
    )
    status, _, err = run(capsys, "plan", "--flops", "1e24", "--n", "1e15")
    assert (status, err) == (
        2, "scaling-utils plan: --n: must be at most 1,000,000, got '1e15'\n",
    )  # fmt: skip


def test_a_warning_is_told_in_one_line(capsys, monkeypatch):
    def worried():
        warnings.warn("not\nsure", UserWarning, stacklevel=1)
        return ["T4"]

    monkeypatch.setattr("scaling_utils.hardware.devices", worried)
    shown = warnings.showwarning
    status, out, err = run(capsys, "hardware")
    assert status == 0
    assert "T4" in out
    assert err == "scaling-utils: [warning] UserWarning: not sure\n"
    assert warnings.showwarning is shown


def test_a_comma_for_decimals_is_asked_about():
    with pytest.raises(ValueError, match="a comma stands between thousands"):
        _numbers.read("2,5")
