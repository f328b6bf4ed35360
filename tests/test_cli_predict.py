"""`scaling-utils predict`: a saved fit says what the fit said, and a forged one is refused."""

import json

import numpy as np
import pytest
from fit_tables import TRUE, as_csv, codes, fitted, table_of_runs

from scaling_utils import fitting
from scaling_utils.cli import main
from scaling_utils.fitting import load


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A saved fit of 25 runs with 0.3 % of noise, and 200 resamples."""
    folder = tmp_path_factory.mktemp("saved")
    (folder / "runs.csv").write_text(as_csv("N,D,loss", *table_of_runs(noise=0.003)))
    path = folder / "fit.json"
    line = ["fit", str(folder / "runs.csv"), "--bootstrap", "200", "--save", str(path)]
    assert main(line) == 0
    return path


def predicted(capsys, *arguments: str) -> dict:
    assert main(["predict", "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module")
def drawn():
    N, D, loss = table_of_runs(noise=0.003)
    return fitting.bootstrap(fitting.fit_parametric(N, D, loss), n=200, seed=0)


def test_a_point_has_the_fits_value_and_its_resamples_interval(saved, drawn, capsys):
    result = predicted(capsys, str(saved), "--N", "7B", "--D", "2T")
    (point,) = result["points"]
    law = drawn.fit.law
    assert point["loss"] == pytest.approx(law.loss(7e9, 2e12), rel=1e-12)
    expected = drawn.interval(lambda law: law.loss(7e9, 2e12))
    assert point["mean"] == pytest.approx(expected, rel=1e-9)
    assert point["decades_beyond"]["N"] == pytest.approx(np.log10(7))
    assert point["decades_beyond"]["D"] == pytest.approx(np.log10(20))
    assert codes(result) == ["extrapolation"]


def test_one_more_run_is_wider_by_the_noise(saved, capsys):
    """The law is known to 0.1 % inside the rows, and single runs differ by 0.3 %."""
    (point,) = predicted(capsys, str(saved), "--at", "N=1e8,D=1e10")["points"]
    (low, high), (lowest, highest) = point["mean"], point["new_run"]
    assert high - low < (highest - lowest) / 2
    sd = (highest - lowest) / point["loss"] / (2 * 1.96)
    assert 0.002 < sd < 0.0045


def test_a_budget_has_the_optimum_of_the_law(saved, drawn, capsys):
    (best,) = predicted(capsys, str(saved), "--budget", "1e21")["optima"]
    law = drawn.fit.law.optimal(1e21)
    for name in ("N", "D", "loss"):
        assert best[name] == pytest.approx(getattr(law, name), rel=1e-9)
        expected = drawn.interval(lambda law, name=name: getattr(law.optimal(1e21), name))
        assert best[f"{name}_mean"] == pytest.approx(expected, rel=1e-9)


def test_a_coupled_optimum_is_that_of_its_law(tmp_path, capsys):
    N, D, _ = table_of_runs()
    path, kept = tmp_path / "coupled.csv", tmp_path / "fit.json"
    from scaling_utils.laws import CoupledLaw

    law = CoupledLaw(E=1.8, A=420.0, B=900.0, alpha=0.34, beta=0.32, q=2.0)
    path.write_text(as_csv("N,D,loss", N, D, law.loss(N, D)))
    fitted(capsys, str(path), "--form", "coupled", "--save", str(kept))
    (best,) = predicted(capsys, str(kept), "--budget", "1e21")["optima"]
    expected = load(kept).law.optimal(1e21)
    assert best["N"] == pytest.approx(expected.N, rel=1e-9)
    assert best["N"] == pytest.approx(law.optimal(1e21).N, rel=1e-2)


def test_a_table_of_points(saved, drawn, tmp_path, capsys):
    path = tmp_path / "next.csv"
    path.write_text("params;tokens\n1B;20B\n2B;40B\n")
    result = predicted(capsys, str(saved), "--table", str(path))
    assert [point["line"] for point in result["points"]] == [2, 3]
    expected = drawn.fit.law.loss(np.array([1e9, 2e9]), np.array([2e10, 4e10]))
    assert [point["loss"] for point in result["points"]] == pytest.approx(expected, rel=1e-9)


def test_in_words(saved, capsys):
    assert main(["predict", str(saved), "--at", "N=1e8,D=1e10", "--budget", "1e21"]) == 0
    out = capsys.readouterr().out
    for words in ("L(N, D) = E + A/N^alpha + B/D^beta", "95 % of the law", "one more run",
                  "tokens per parameter", "25 rows, 200 resamples"):  # fmt: skip
        assert words in out


def test_a_fit_without_resamples_has_values_alone(tmp_path, capsys):
    path, kept = tmp_path / "runs.csv", tmp_path / "fit.json"
    path.write_text(as_csv("N,D,loss", *table_of_runs()))
    fitted(capsys, str(path), "--save", str(kept))
    result = predicted(capsys, str(kept), "--at", "N=1e8,D=1e10")
    assert result["points"][0]["loss"] == pytest.approx(TRUE.loss(1e8, 1e10), rel=1e-6)
    assert "mean" not in result["points"][0]
    assert codes(result) == ["no-intervals"]


def test_two_steps_are_kept(tmp_path, capsys):
    N, D, loss = table_of_runs(noise=0.002)
    accuracy = 0.25 + 0.7 / (1 + np.exp(-3 * (3.0 - loss)))
    path, kept = tmp_path / "steps.csv", tmp_path / "fit.json"
    path.write_text(as_csv("N,D,loss,acc", N, D, loss, accuracy))
    at = ("--at", "N=2e8,D=2e10")
    told = fitted(capsys, str(path), "--accuracy", "acc", "--bootstrap", "60", "--save", str(kept),
                  *at)["points"][0]  # fmt: skip
    point = predicted(capsys, str(kept), *at)["points"][0]
    assert point["accuracy"] == pytest.approx(told["accuracy"], rel=1e-9)
    assert point["accuracy_mean"] == pytest.approx(told["accuracy_interval_95"], rel=1e-9)


def test_a_saved_fit_is_an_object_with_law_draws_ranges_and_noise(saved, drawn):
    fit = load(saved)
    assert fit.law == drawn.fit.law
    np.testing.assert_array_equal(fit.draws["alpha"], drawn.values("alpha"))
    assert fit.ranges["N"] == pytest.approx((1e7, 1e9))
    assert fit.ranges["C"] == pytest.approx((6e16, 6e20))
    assert fit.noise.scale == "log"
    assert fit.noise.sd == pytest.approx(0.003, rel=0.4)


# --- forged files ------------------------------------------------------------------------------


def changed(saved, tmp_path, change):
    whole = json.loads(saved.read_text())
    text = change(whole)
    path = tmp_path / "forged.json"
    path.write_text(text if isinstance(text, str) else json.dumps(whole))
    return path


def put(*keys, value):
    def change(whole):
        for key in keys[:-1]:
            whole = whole[key]
        whole[keys[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda whole: "", "is no saved fit"),
        (lambda whole: "[" * 100_000, "nested too deeply"),
        (lambda whole: '{"schema": NaN}', "NaN is no number"),
        (lambda whole: "[1]", "its schema must be scaling-utils/saved-fit/1"),
        (put("schema", value="other/1"), "its schema must be scaling-utils/saved-fit/1"),
        (put("form", value="cubic"), "form must be one of additive"),
        (put("form", value=["additive"]), "is no saved fit"),
        (put("x", value=["N"]), "x must name what a law of the form additive takes"),
        (put("constants", "E", value="1.8"), "constants: E must be a number"),
        (put("constants", "E", value=10**400), "constants: E must be finite"),
        (put("constants", value={}), "constants must be E, A, B, alpha, beta"),
        (put("draws", "E", value=[1.0]), "draws must have one length"),
        (put("draws", "E", value=[True] * 200), "draws of E must hold numbers"),
        (put("draws", "E", value=[1.0] * 20_000), "a list of at most 10,000 numbers"),
        (put("ranges", "N", value=[-1, 2]), "ranges of N must be above zero and rise"),
        (put("ranges", value={"N": [1, 2]}), "ranges must have D"),
        (put("noise", "residuals", value=["x"]), "noise: residuals must hold numbers"),
        (put("rows", value=2.5), "rows must be a whole number"),
        (put("accuracy", value={"draws": {}}), "accuracy: draws must be of low"),
        (lambda whole: whole.pop("unit") and None, "unit is missing"),
    ],
)
def test_a_forged_file_is_refused_in_one_line(saved, tmp_path, capsys, change, message):
    path = changed(saved, tmp_path, change)
    assert main(["predict", str(path), "--budget", "1e21"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"scaling-utils predict: {path}: is no saved fit: ")
    assert message in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "nothing to predict: --at N=..,D=.., --budget or --table says what"),
        ("--N 7e9", "a point needs both --N and --D"),
        ("--at C=1e21", "the law takes N and D, got C"),
        ("--budget 0", "--budget"),
        ("--level 1.5 --budget 1e21", "--level must lie between 0 and 1"),
        ("--table nothing.csv", "nothing.csv: cannot be read"),
    ],
)
def test_questions_that_cannot_be_answered(saved, capsys, arguments, message):
    assert main(["predict", str(saved), *arguments.split()]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_file_that_is_not_there(tmp_path, capsys):
    assert main(["predict", str(tmp_path / "none.json"), "--budget", "1e21"]) == 2
    assert "No such file" in capsys.readouterr().err
