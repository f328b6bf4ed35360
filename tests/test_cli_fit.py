"""`scaling-utils fit`: results against the functions it calls, and every kind of bad input."""

import io
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from fit_tables import TRUE, as_csv, fitted, table_of_runs

from scaling_utils import fitting
from scaling_utils.cli import main
from scaling_utils.tables import read as read_runs


@pytest.fixture
def runs(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text(as_csv("N,D,loss", *table_of_runs()))
    return path


# --- fit --------------------------------------------------------------------------------


def test_fit_recovers_the_law(runs, capsys):
    result = fitted(capsys, str(runs))
    for name, value in result["law"].items():
        assert value == pytest.approx(getattr(TRUE, name), rel=1e-4)
    assert result["converged"] is True
    assert result["runs"] == 25
    assert result["intervals_95"] is None
    assert result["schema"] == "scaling-utils/fit/1"


def test_intervals_come_without_being_asked(tmp_path, capsys):
    path = tmp_path / "noisy.csv"
    path.write_text(as_csv("N,D,loss", *table_of_runs(noise=0.003)))
    assert main(["fit", "--json", str(path)]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["bootstrap"]["n"] == 400
    assert set(result["intervals_95"]) == {"E", "A", "B", "alpha", "beta", "a"}
    for name, value in result["law"].items():
        assert result["intervals_95"][name][0] < value < result["intervals_95"][name][1]


@pytest.mark.parametrize("pair", ["N,C", "C,D", "N,D,C"])
def test_two_of_three_sizes_are_enough(tmp_path, pair):
    N, D, loss = table_of_runs()
    columns = {"N": N, "D": D, "C": 6 * N * D}
    path = tmp_path / "runs.csv"
    path.write_text(as_csv(f"{pair},loss", *(columns[k] for k in pair.split(",")), loss))
    table = read_runs(str(path))
    for key, values in {**columns, "loss": loss}.items():
        np.testing.assert_allclose(table[key], values)


def test_budget_is_the_optimum_of_the_fitted_law(runs, capsys):
    result = fitted(capsys, str(runs), "--budget", "1e21", "--budget", "1e22")
    small, large = result["optima"]
    expected = TRUE.optimal(1e21)
    assert small["N"] == pytest.approx(expected.N, rel=1e-3)
    assert small["D"] == pytest.approx(expected.D, rel=1e-3)
    assert small["tokens_per_parameter"] == pytest.approx(small["D"] / small["N"])
    assert 6 * large["N"] * large["D"] == pytest.approx(1e22)
    assert large["loss"] < small["loss"]


def test_bootstrap_intervals_hold_the_fit(tmp_path, capsys):
    path = tmp_path / "noisy.csv"
    path.write_text(as_csv("N,D,loss", *table_of_runs(noise=0.003)))
    arguments = (str(path), "--bootstrap", "60", "--seed", "1", "--budget", "1e21")
    result = fitted(capsys, *arguments)
    for name, value in result["law"].items():
        low, high = result["intervals_95"][name]
        assert low < value < high
    low, high = result["optima"][0]["N_interval_95"]
    assert low < result["optima"][0]["N"] < high
    assert fitted(capsys, *arguments) == result


def test_text_names_law_range_and_extrapolation(runs, capsys):
    assert main(["fit", str(runs), "--budget", "1e25", "--bootstrap", "0"]) == 0
    out = capsys.readouterr().out
    assert f"25 from {runs}" in out
    assert "nats per token" in out
    assert "beyond the runs: 1.67e+04 times the largest one" in out


def test_standard_input(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO(as_csv("N,D,loss", *table_of_runs())))
    result = fitted(capsys, "-")
    assert result["file"] == "standard input"
    assert result["law"]["E"] == pytest.approx(1.8, rel=1e-4)


def test_other_columns_blank_lines_spaces_and_a_byte_order_mark_are_fine(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text("\ufeffname, N ,D,loss\n\na,1e6, 2e7 ,3.5\nb,2e6,2e7,3.25\n\n")
    table = read_runs(str(path))
    assert table["N"].tolist() == [1e6, 2e6]
    assert table["loss"].tolist() == [3.5, 3.25]


GOOD = "N,D,loss\n1e6,2e7,3.5\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("N,D,loss\n", "header line but no runs"),
        (
            "N,D,loss\n1e6,2e7,\n1e6,,3\n",
            "no run with a loss and two sizes (1 with no loss, 1 with",
        ),
        ("N,D\n1,2\n", "needs a column loss and two of the columns N, D and C, found: N, D"),
        ("N;D;loss\n1;2;3\n", "column N is 1 to 1: too few parameters"),
        ("N,loss\n1,2\n", "needs a column loss and two"),
        ("N,D,loss,N\n1,2,3,4\n", "column N appears more than once"),
        (GOOD + "1e6,2e7\n", "row 2 (line 3): has 2 cells, the header has 3"),
        (GOOD + "1e6,2e7,x\n", "row 2 (line 3), column loss: must be a positive finite number"),
        (GOOD + "0,2e7,3\n", "column N: must be a positive finite number, got '0'"),
        (GOOD + "1e6,-2e7,3\n", "column D: must be a positive finite number, got '-2e7'"),
        (GOOD + "1e6,2e7,-inf\n", "column loss: must be a positive finite number, got '-inf'"),
        (GOOD + "1e6,inf,3\n", "column D: must be a positive finite number, got 'inf'"),
        (GOOD, "at least 5 runs"),
        ("N,D,loss\n" + "1e6,2e7,3.5\n" * 9, "at least 3 distinct values"),
    ],
)
def test_bad_table_names_file_and_cell(tmp_path, capsys, text, message):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    assert main(["fit", "--bootstrap", "0", str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"scaling-utils fit: {path}")
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_files_that_cannot_be_read(tmp_path, capsys):
    binary = tmp_path / "runs.npy"
    binary.write_bytes(b"\x93NUMPY\xff\xfe\x00")
    for path, message in [
        (tmp_path / "none.csv", "No such file"),
        (tmp_path, "cannot be read"),
        (binary, "not a text file in UTF-8"),
    ]:
        assert main(["fit", "--bootstrap", "0", str(path)]) == 2
        assert message in capsys.readouterr().err


def test_fit_not_to_be_relied_on_exits_with_1(runs, monkeypatch, capsys):
    real = fitting.fit_parametric

    def doubtful(*args, **kwargs):
        return replace(real(*args, **kwargs), converged=False, message="stopped on its way")

    monkeypatch.setattr(fitting, "fit_parametric", doubtful)
    assert main(["fit", str(runs), "--strict", "--bootstrap", "0"]) == 1
    captured = capsys.readouterr()
    assert "converged   no" in captured.out
    assert captured.err == "scaling-utils fit: [not-converged] stopped on its way\n"
    assert main(["fit", str(runs), "--bootstrap", "0"]) == 0


def test_runs_without_a_law_are_said_to_have_none(tmp_path, capsys):
    N, D, _ = table_of_runs()
    path = tmp_path / "rising.csv"
    path.write_text(as_csv("N,D,loss", N, D, 2.0 + 0.1 * np.log(D)))  # more data, more loss
    assert main(["fit", "--bootstrap", "0", str(path)]) in (1, 2)
    err = capsys.readouterr().err
    assert err.startswith(f"scaling-utils fit: {path}: ")
    assert err.count("\n") == 1


# --- fit: rows without a number, units, sizes ---------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["", "nan", "NaN", "NA", " null ", "None", "inf"])
def test_a_run_without_a_loss_is_left_out_and_counted(tmp_path, capsys, cell):
    path = tmp_path / "runs.csv"
    text = as_csv("N,D,loss", *table_of_runs())
    path.write_text(text)
    plain = fitted(capsys, str(path))
    path.write_text(text.replace("\n", f"\n3e7,2e9,{cell}\n", 1))
    result = fitted(capsys, str(path))
    assert result["left_out"] == {"no loss": 1}
    assert (result["runs"], result["law"]) == (plain["runs"], plain["law"])
    main(["fit", "--bootstrap", "0", str(path)])
    assert "left out    1 rows: 1 with no loss" in capsys.readouterr().out


def test_a_run_without_a_size_is_left_out_and_counted(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text("N,D,loss\n1e6,2e7,3.5\n,2e7,3.4\n1e6,NA,3.3\n1e6,,3.2\n2e6,2e7,3.1\n")
    table = read_runs(str(path))
    assert table.left_out == {"no N": 1, "no D": 2}
    assert table["loss"].tolist() == [3.5, 3.1]
    assert table.lines.tolist() == [2, 6]


@pytest.mark.parametrize(
    ("columns", "scales", "asked"),
    [
        ("N,D", (1e-6, 1e-9), "column N is 10 to 1000: too few parameters"),
        ("N,D", (1e-6, 1), "column N is 10 to 1000: too few parameters"),
        ("N,D", (1e-3, 1e3), "1e+08 tokens per parameter if N and D are as they stand"),
        ("N,D", (1, 1e-9), "column D is 1 to 100: too few tokens"),
        ("N,D", (1, 1e-6), "0.0001 tokens per parameter if N and D are as they stand"),
        ("N,C", (1, 1 / 8.64e19), "too few FLOPs"),
        ("N,C", (1e-3, 1), "tokens per parameter if N and C are as they stand"),
        ("D,C", (1, 1e-18), "too few FLOPs"),
    ],
)
def test_unlikely_units_are_asked_about(tmp_path, capsys, columns, scales, asked):
    N, D, loss = table_of_runs()
    sizes = {"N": N, "D": D, "C": 6 * N * D}
    first, second = columns.split(",")
    path = tmp_path / "runs.csv"
    values = sizes[first] * scales[0], sizes[second] * scales[1]
    path.write_text(as_csv(f"{columns},loss", *values, loss))
    assert main(["fit", "--bootstrap", "0", str(path)]) == 2
    error = capsys.readouterr().err
    assert "n which unit" in error
    assert "-unit" in error
    assert asked in error


def test_a_unit_that_is_said_is_used(runs, tmp_path, capsys):
    N, D, loss = table_of_runs()
    path = tmp_path / "units.csv"
    path.write_text(as_csv("N,D,loss", N / 1e6, D / 1e9, loss))
    result = fitted(capsys, str(path), "--N-unit", "M", "--D-unit", "B")
    assert result["law"] == pytest.approx(fitted(capsys, str(runs))["law"], rel=1e-6)
    path.write_text(as_csv("N,C,loss", N, 6 * N * D / (1e15 * 86_400), loss))
    result = fitted(capsys, str(path), "--C-unit", "PF-days")
    assert result["law"] == pytest.approx(fitted(capsys, str(runs))["law"], rel=1e-6)


def test_a_unit_that_is_said_is_not_asked_about(tmp_path):
    path = tmp_path / "tiny.csv"
    path.write_text("N,D,loss\n20,50,3.5\n40,50,3.25\n")
    with pytest.raises(ValueError, match="In which unit"):
        read_runs(str(path))
    table = read_runs(str(path), units={"N": 1, "D": 1})
    assert table["N"].tolist() == [20, 40]


def test_a_perplexity_is_asked_about(tmp_path, capsys):
    N, D, loss = table_of_runs()
    path = tmp_path / "perplexity.csv"
    path.write_text(as_csv("N,D,loss", N, D, 10 * np.exp(loss)))
    assert main(["fit", "--bootstrap", "0", str(path)]) == 2
    assert "is it a perplexity?" in capsys.readouterr().err


def test_a_table_that_contradicts_itself_says_what_is_used(tmp_path, capsys):
    N, D, loss = table_of_runs()
    path = tmp_path / "conflict.csv"
    path.write_text(as_csv("N,D,C,loss", N, D, 2 * N * D, loss))  # forward only
    result = fitted(capsys, str(path))
    assert result["sizes"] == ["N", "D"]
    assert result["six_nd_over_c"] == pytest.approx({"lowest": 3, "middle": 3, "highest": 3})
    assert result["law"]["E"] == pytest.approx(TRUE.E, rel=1e-4)
    main(["fit", "--bootstrap", "0", str(path)])
    captured = capsys.readouterr()
    assert "N and D are used; 6 N D is 3 times the column C" in captured.out
    assert "6 N D is not the column C; N and D are used. Is that meant?" in captured.err
    other = read_runs(str(path), sizes=("N", "C"))
    np.testing.assert_allclose(other["D"], D / 3)
    assert other.read_from == ("N", "C")


def test_a_table_that_agrees_with_itself_says_so_in_numbers(tmp_path, capsys):
    N, D, loss = table_of_runs()
    path = tmp_path / "runs.csv"
    path.write_text(as_csv("N,D,C,loss", N, D, 6 * N * D, loss))
    assert main(["fit", "--json", "--bootstrap", "0", str(path)]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["six_nd_over_c"]["middle"] == pytest.approx(1)
    assert captured.err == ""


def test_a_column_that_is_only_compared_may_hold_anything(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text("N,D,C,loss\n1e6,2e7,lots,3.5\n2e6,2e7,0,3.25\n")
    table = read_runs(str(path))
    assert table["C"].tolist() == [1.2e14, 2.4e14]
    assert table.six_nd_over_c is None


def test_sizes_that_are_not_there(runs, capsys):
    assert main(["fit", str(runs), "--sizes", "N,C"]) == 2
    assert "--sizes names column C, found: N, D, loss" in capsys.readouterr().err


def test_a_byte_order_mark_on_standard_input(tmp_path):
    text = ("\ufeff" + as_csv("N,D,loss", *table_of_runs())).encode()
    command = [sys.executable, "-m", "scaling_utils.cli", "fit", "-", "--json", "--bootstrap", "0"]
    done = subprocess.run(command, input=text, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["law"]["E"] == pytest.approx(1.8, rel=1e-4)
    done = subprocess.run(command, input=b"N,D\xff\xfe,loss\n", capture_output=True, check=False)
    assert done.returncode == 2
    assert b"is not a text file in UTF-8" in done.stderr


# --- fit: trust ----------------------------------------------------------------------------


def refused_or_doubtful(capsys, *arguments: str) -> tuple[int, dict | None, str]:
    """Run `fit --json`; every answer is one of three, and none of them is a traceback."""

    def never(constant):
        raise AssertionError(f"{constant} in the JSON")

    code = main(["fit", "--json", "--strict", *arguments])
    captured = capsys.readouterr()
    assert code in (0, 1, 2)
    assert "Traceback" not in captured.err
    result = json.loads(captured.out, parse_constant=never) if captured.out else None
    assert (result is None) == (code == 2)
    return code, result, captured.err


FEW = {
    # One run's checkpoints, at one size.
    "trace": [(1e8, D, 1.7 + 400 / 1e8**0.34 + 800 / D**0.3) for D in np.geomspace(2e9, 9e10, 9)],
    # Five runs and five constants.
    "saturated": list(zip([1e7, 3e7, 1e8, 3e8, 1e9], [1e9, 9e9, 2e9, 5e10, 8e9],
                          [3.6, 3.1, 2.95, 2.62, 2.6], strict=True)),
    # Three values of N twice: many resamples hold too few.
    "six": list(zip([1e7, 1e7, 1e8, 1e8, 1e9, 1e9], [1e9, 1e10, 1e9, 1e10, 1e9, 1e10],
                    [3.9, 3.5, 3.2, 2.8, 2.9, 2.4], strict=True)),
    "rising": [(N, D, 2 + 0.1 * np.log(D)) for N in (1e7, 1e8, 1e9) for D in (1e9, 1e10, 1e11)],
}  # fmt: skip


@pytest.mark.parametrize("name", FEW)
def test_little_information_ends_in_doubts_or_a_refusal(tmp_path, capsys, name):
    path = tmp_path / f"{name}.csv"
    path.write_text(as_csv("N,D,loss", *zip(*FEW[name], strict=True)))
    code, result, said = refused_or_doubtful(
        capsys, str(path), "--bootstrap", "200", "--budget", "1e21"
    )
    assert code != 0
    assert said.startswith(("scaling-utils fit: [", f"scaling-utils fit: {path}: "))
    if result:
        assert result["law"]
        for interval in (result["intervals_95"] or {}).values():
            assert len(interval) == 2


def test_a_fit_is_kept_when_its_resampling_fails(runs, monkeypatch, capsys):
    def fails(*args, **kwargs):
        raise fitting.FitError("too few of the resamples have a law", {})

    monkeypatch.setattr(fitting, "bootstrap", fails)
    code, result, said = refused_or_doubtful(capsys, str(runs), "--bootstrap", "100")
    assert code == 1
    assert result["law"]["E"] == pytest.approx(1.8, rel=1e-4)
    assert result["intervals_95"] is None
    assert result["bootstrap"] == {
        "n": 100, "seed": 0, "failed": "too few of the resamples have a law",
    }  # fmt: skip
    assert "no intervals: too few of the resamples have a law" in said


def test_doubts_reach_the_reader_with_their_lines(tmp_path, capsys):
    N, D, loss = table_of_runs(noise=0.003)
    loss[7] *= 0.8
    path = tmp_path / "far.csv"
    path.write_text(as_csv("N,D,loss", N, D, loss))
    code, result, said = refused_or_doubtful(capsys, str(path), "--bootstrap", "0")
    assert code == 1
    assert result["report"]["far"] == [7]
    assert result["far_lines"] == [9]  # one for the header, and lines count from one
    assert result["report"]["without_far"]["E"] == pytest.approx(1.8, rel=0.1)
    assert all(doubt in said for doubt in result["report"]["doubts"])
    main(["fit", "--bootstrap", "0", str(path)])
    out = capsys.readouterr().out
    assert "far off     lines 9 of the file" in out
    assert "doubts\n  - " in out


def test_a_good_fit_says_that_there_are_no_doubts(runs, capsys):
    assert main(["fit", "--bootstrap", "0", str(runs)]) == 0
    out = capsys.readouterr().out
    assert "doubts      none" in out
    assert "residuals   half within 0.00%" in out


def test_intervals_are_the_outer_fortieths_of_the_resamples(tmp_path, capsys):
    N, D, loss = table_of_runs(noise=0.003)
    path = tmp_path / "noisy.csv"
    path.write_text(as_csv("N,D,loss", N, D, loss))
    result = fitted(capsys, str(path), "--bootstrap", "200", "--seed", "3", "--budget", "1e21")
    drawn = fitting.bootstrap(fitting.fit_parametric(N, D, loss), n=200, seed=3)
    laws = drawn.laws
    for name in ("E", "A", "B", "alpha", "beta", "a"):
        values = np.sort([getattr(law, name) for law in laws])
        # Linear between order statistics: 0.025 and 0.975 of the way along 200 values.
        low = values[4] + 0.975 * (values[5] - values[4])
        high = values[194] + 0.025 * (values[195] - values[194])
        assert result["intervals_95"][name] == pytest.approx([low, high], rel=1e-9)
    best = np.sort([law.optimal(1e21).N for law in laws])
    low = best[4] + 0.975 * (best[5] - best[4])
    assert result["optima"][0]["N_interval_95"][0] == pytest.approx(low, rel=1e-9)
    assert result["bootstrap"]["n"] == 200
    assert result["bootstrap"]["seed"] == 3
    assert result["bootstrap"]["level"] == 0.95


def test_an_offset_at_its_edge_is_printed_as_zero(tmp_path, capsys):
    N, D = (
        grid.ravel() for grid in np.meshgrid(np.geomspace(1e7, 1e9, 5), np.geomspace(1e9, 1e11, 5))
    )
    loss = 20 * N**-0.15 + 2000 * D**-0.366 - 0.05  # below any law with an offset
    path = tmp_path / "runs.csv"
    rows = "".join(f"{n!r},{d!r},{x!r}\n" for n, d, x in np.c_[N, D, loss].tolist())
    path.write_text("N,D,loss\n" + rows)
    assert main(["fit", str(path), "--bootstrap", "20"]) == 0
    (line,) = [one for one in capsys.readouterr().out.splitlines() if one.split()[:1] == ["E"]]
    assert line.split()[1] == "0"
