"""The command line: results against the functions it calls, and every kind of bad input."""

import json
import subprocess
import sys

import pytest

from scaling_utils import counting, shapes
from scaling_utils.cli import main

# --- count ------------------------------------------------------------------------------


def counted(capsys, *arguments: str) -> dict:
    assert main(["count", "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_count_of_a_published_model(capsys):
    result = counted(capsys, "gpt3-175b", "--tokens", "300e9", "--dtype", "fp16")
    assert result["parameters"]["total"] == 174_604_259_328
    assert result["training_flops"]["rule_6ND"] == pytest.approx(3.14e23, rel=0.01)
    exact = counting.matmul_flops(shapes.get("gpt3-175b")).per_token
    assert result["training_flops"]["exact"] == pytest.approx(300e9 * exact)
    assert result["weights_bytes"] == 2 * 174_604_259_328


def test_both_rules_of_a_published_model(capsys):
    """GPT-2 small: 124,439,808 parameters, 85,056,000 of them in blocks and the last norm."""
    result = counted(capsys, "gpt2-small")
    per_token = result["training_flops_per_token"]
    assert per_token["rule_6N"] == 6 * 124_439_808
    blocks = 12 * (12 * 768**2 + 13 * 768) + 2 * 768
    assert blocks == 124_439_808 - 50_257 * 768 - 1_024 * 768
    assert result["parameters"]["non_embedding"] == blocks
    assert per_token["rule_6N_non_embedding"] == 6 * blocks


def test_count_of_a_shape_with_every_option(capsys):
    line = (
        "--n-layer 2 --d-model 8 --n-head 4 --vocab 11 --context 6 --n-kv-head 2 --d-head 4 "
        "--d-ff 12 --gated --no-bias --untied --norm rmsnorm --positions rotary --sequence 3"
    )
    result = counted(capsys, *line.split())
    shape = shapes.Transformer(
        2, 8, 4, 11, 6, 2, 4, 12, gated=True, bias=False, norm="rmsnorm", positions="rotary",
        tied=False,
    )  # fmt: skip
    assert result["parameters"]["total"] == counting.parameters(shape).total
    exact = counting.matmul_flops(shape, context=3).per_token
    assert result["training_flops_per_token"]["exact"] == exact


def test_count_in_words(capsys):
    assert main(["count", "llama1-7b", "--tokens", "1e12", "--dtype", "fp16"]) == 0
    out = capsys.readouterr().out
    assert "6,738,415,616" in out
    assert "13.48 GB = 12.55 GiB" in out
    assert "PF-days" in out
    assert main(["count", "chinchilla-70b"]) == 0
    assert "[relative-positions]" in capsys.readouterr().err


def test_list_names_every_model(capsys):
    assert main(["count", "--list"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in shapes.catalogue())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("gpt9", "no published model is named 'gpt9'; nearest: "),
        ("", "missing: --n-layer --d-model --n-head --vocab --context"),
        ("--n-layer 2 --d-model 8", "missing: --n-head --vocab --context"),
        ("gpt2-small --n-layer 3", "not both"),
        ("gpt2-small --untied", "not both"),
        ("gpt2-small --sequence 2000", "--sequence must be at most 1024 with learned positions"),
        (
            "--n-layer 2 --d-model 8 --n-head 3 --vocab 9 --context 4",
            "--d-model must be a multiple of --n-head",
        ),
    ],
)
def test_bad_count_is_one_line(capsys, arguments, message):
    assert main(["count", *arguments.split()]) == 2
    err = capsys.readouterr().err
    assert err.startswith("scaling-utils count: ")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "plot",
        "fit",
        "fit runs.csv --budget -1",
        "fit runs.csv --bootstrap 2.5",
        "fit runs.csv --bootstrap 1e12",
        "fit runs.csv --sizes N",
        "fit runs.csv --sizes N,N",
        "fit runs.csv --sizes N,L",
        "fit runs.csv --N-unit million",
        "fit runs.csv --seed x",
        "count gpt2-small --tokens nan",
        "count gpt2-small --dtype fp7",
        "count --n-layer 0",
    ],
)
def test_words_that_are_not_understood_are_refused_in_one_line(capsys, arguments):
    assert main(arguments.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("scaling-utils")
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("command", ["fit", "count"])
def test_help_has_an_example(capsys, command):
    assert main([command, "--help"]) == 0
    assert f"  scaling-utils {command} " in capsys.readouterr().out


def test_command_is_installed_and_survives_a_closed_pipe():
    line = f"{sys.executable} -m scaling_utils.cli count --list | head -c 5"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)
    assert done.stdout == "model"
    assert done.stderr == ""
