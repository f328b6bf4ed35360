"""`scaling-utils fit`: its forms, what can be held, checks on held-out rows, files, remarks."""

import csv
import json
import math

import numpy as np
import pytest
import tables
from fit_tables import TRUE, as_csv, codes, fitted, table_of_runs

from scaling_utils import fitting
from scaling_utils.cli import main


@pytest.fixture
def noisy(tmp_path):
    path = tmp_path / "noisy.csv"
    path.write_text(as_csv("N,D,loss", *table_of_runs(noise=0.003)))
    return path


def refused(capsys, *arguments: str) -> str:
    assert main(["fit", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


# --- forms ---------------------------------------------------------------------------------


def test_a_coupled_law_with_q_one_is_the_additive_one(noisy, capsys):
    additive = fitted(capsys, str(noisy))
    coupled = fitted(capsys, str(noisy), "--form", "coupled", "--fix", "q=1")
    for name, value in additive["law"].items():
        assert coupled["law"][name] == pytest.approx(value, rel=1e-3)
    assert coupled["fixed"] == {"q": 1}


def test_held_and_tied_constants(noisy, capsys):
    result = fitted(capsys, str(noisy), "--fix", "alpha=0.34", "--fix", "E=1.8")
    assert (result["law"]["alpha"], result["law"]["E"]) == (pytest.approx(0.34), 1.8)
    assert result["report"]["free"] == 3
    tied = fitted(capsys, str(noisy), "--tie", "alpha=beta")
    assert tied["law"]["alpha"] == pytest.approx(tied["law"]["beta"])
    assert "gamma" in refused(capsys, str(noisy), "--fix", "gamma=1")
    assert "alpha=0.34" in refused(capsys, str(noisy), "--fix", "alpha")


@pytest.mark.parametrize("delta", ["0", "inf", "1e-3"])
def test_delta_is_passed_on(noisy, capsys, delta):
    N, D, loss = table_of_runs(noise=0.003)
    expected = fitting.fit_parametric(N, D, loss, delta=float(delta))
    result = fitted(capsys, str(noisy), "--delta", delta)
    assert result["law"]["alpha"] == pytest.approx(expected.law.alpha, rel=1e-9)
    assert result["delta"] == (None if delta == "inf" else float(delta))


def test_a_power_law_in_one_variable(tmp_path, capsys):
    C = np.geomspace(1e18, 1e22, 9)
    path = tmp_path / "power.csv"
    path.write_text(as_csv("compute,val_loss", C, 1.7 + 2e3 * C**-0.17))
    result = fitted(capsys, str(path), "--form", "power", "--at", "C=1e24")
    assert result["law"] == pytest.approx({"c": 1.7, "a": 2e3, "b": 0.17}, rel=1e-4)
    assert result["points"][0]["loss"] == pytest.approx(1.7 + 2e3 * 1e24**-0.17, rel=1e-5)
    assert result["points"][0]["decades_beyond"]["C"] == pytest.approx(2)


def test_a_learning_rate_in_size_and_data(tmp_path, capsys):
    """The form of Li et al. (2025): lr = k N^a D^b."""
    N, D, _ = table_of_runs()
    path = tmp_path / "rates.csv"
    path.write_text(as_csv("N,D,best_lr", N, D, 1.79 * N**-0.713 * D**0.307))
    arguments = (str(path), "--form", "power", "--x", "N,D", "--y", "best_lr")
    result = fitted(capsys, *arguments, "--at", "N=7e9,D=2e12")
    assert result["law"]["N_exponent"] == pytest.approx(-0.713, abs=1e-6)
    assert result["law"]["D_exponent"] == pytest.approx(0.307, abs=1e-6)
    expected = 1.79 * 7e9**-0.713 * 2e12**0.307
    assert result["points"][0]["best_lr"] == pytest.approx(expected, rel=1e-5)


def test_an_isoflop_study_with_measured_compute(tmp_path, capsys):
    """C is 6.5 N D here, and the valley's bottom lies at N = 0.1 C^0.5."""
    rows = []
    for C in np.geomspace(1e18, 1e21, 4):
        for N in 0.1 * C**0.5 * np.geomspace(0.25, 4, 7):
            rows.append((C, N, C / (6.5 * N), 3.0 + 0.05 * math.log(N / (0.1 * C**0.5)) ** 2))
    path = tmp_path / "valleys.csv"
    path.write_text(as_csv("C,N,D,loss", *zip(*rows, strict=True)))
    result = fitted(capsys, str(path), "--form", "isoflop", "--budget", "1e22")
    assert result["law"]["G"] == pytest.approx(0.1, rel=1e-6)
    assert result["law"]["a"] == pytest.approx(0.5, abs=1e-8)
    assert result["budgets"]["tokens_from"] == "measured"
    assert result["budgets"]["six_nd_over_c"] == pytest.approx(6 / 6.5)
    (optimum,) = result["optima"]
    assert optimum["N"] == pytest.approx(0.1 * 1e11, rel=1e-5)
    assert optimum["D"] == pytest.approx(1e22 / (6.5 * 1e10), rel=1e-5)


def test_a_broken_power_law(tmp_path, capsys):
    x = np.geomspace(1e6, 1e10, 17)
    path = tmp_path / "broken.csv"
    path.write_text(as_csv("N,loss", x, 1.5 + 50 * x**-0.2 * (1 + (x / 1e8) ** 2) ** -0.1))
    result = fitted(capsys, str(path), "--form", "broken", "--x", "N")
    assert result["law"]["d"] == pytest.approx(1e8, rel=0.05)
    assert result["law"]["c0"] == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--form power --budget 1e21", "--budget needs a form with an optimum"),
        ("--x N", "--x belongs to --form power or broken"),
        ("--form isoflop --fix a=1", "do not belong to --form isoflop"),
        ("--form broken --x N,D", "one variable"),
        ("--at N=7e9", "--at gives N and D here, got N"),
        ("--at N=7e9,D=big", "must be a positive number"),
        ("--chance 0.25", "--chance belongs to --accuracy"),
        ("--plot fit.gif", "--plot must end in .png, .svg, .pdf"),
        ("--save no/such/folder/fit.json", "its folder does not exist"),
        ("--delta -1", "--delta: must be 0, a number above it, or inf"),
        ("--form cubic", "--form"),
        ("--where loss", "--where: a condition must be"),
        ("--from-name (", "must be a regular expression"),
        ("--bootstrap 1", "must be 0 or at least 2"),
        ("--hold-out loss<0", "no row meets --hold-out loss<0"),
        ("--hold-out loss>0", "every row meets --hold-out loss>0"),
    ],
)
def test_what_does_not_go_together_is_refused(noisy, capsys, arguments, message):
    assert message in refused(capsys, str(noisy), "--bootstrap", "0", *arguments.split())


# --- weights, groups, thinning ----------------------------------------------------------------


def test_a_row_of_weight_two_counts_as_two(tmp_path, capsys):
    N, D, loss = table_of_runs(noise=0.01)
    weight = np.where(np.arange(25) % 3 == 0, 2.0, 1.0)
    twice = np.repeat(np.arange(25), weight.astype(int))
    path = tmp_path / "weights.csv"
    path.write_text(as_csv("N,D,loss,w", N, D, loss, weight))
    heavy = fitted(capsys, str(path), "--weights", "w")
    path.write_text(as_csv("N,D,loss", N[twice], D[twice], loss[twice]))
    double = fitted(capsys, str(path))
    assert heavy["law"] == pytest.approx(double["law"], rel=1e-5)
    assert "repeated-rows" in codes(double)


def test_whole_groups_are_drawn(tmp_path, capsys):
    N, D, loss = table_of_runs(noise=0.003)
    path = tmp_path / "groups.csv"
    group = [f"size{k}" for k in np.unique(N, return_inverse=True)[1]]
    path.write_text(as_csv("run,N,D,loss", group, N, D, loss))
    arguments = (str(path), "--bootstrap", "60", "--seed", "3")
    result = fitted(capsys, *arguments, "--group", "run")
    drawn = fitting.fit_parametric(N, D, loss).resample(by=np.array(group), n=60, seed=3)
    assert result["intervals_95"]["alpha"] == pytest.approx(drawn.interval("alpha"), rel=1e-9)
    assert (result["groups"], result["bootstrap"]["kind"]) == (5, "groups")
    assert "several-rows-per-run" in codes(fitted(capsys, *arguments))


def test_a_long_table_is_thinned_and_says_so(noisy, capsys):
    result = fitted(capsys, str(noisy), "--most-rows", "20")
    assert result["runs"] == 20
    assert "thinned" in codes(result)
    assert "20 of 25 rows" in result["remarks"][0]["sentence"]
    assert fitted(capsys, str(noisy), "--most-rows", "20") == result


# --- checks --------------------------------------------------------------------------------


def test_held_out_rows_are_not_fitted(tmp_path, capsys):
    N, D, loss = table_of_runs()
    largest = 6 * N * D > 1e20
    path = tmp_path / "wrong.csv"
    path.write_text(as_csv("N,D,loss", N, D, np.where(largest, 1.1 * loss, loss)))
    result = fitted(capsys, str(path), "--hold-out", "C>1e20")
    assert result["law"]["E"] == pytest.approx(1.8, rel=1e-3)
    held = result["hold_out"]
    assert held["rows"] == largest.sum()
    assert held["bias"] == pytest.approx(1 / 1.1 - 1, abs=1e-4)
    assert result["runs"] == (~largest).sum()


def test_forms_are_compared_on_the_largest_runs(noisy, capsys):
    result = fitted(capsys, str(noisy), "--compare")
    N, D, loss = table_of_runs(noise=0.003)
    expected = fitting.compare_forms(N, D, loss, hold_out=0.2, seed=0)
    found = result["comparison"]
    assert found["best"] == expected.best
    assert found["rule"] == "the fifth of the rows with the largest N D"
    assert found["held"] == expected.held.tolist()
    for name, score in expected.scores.items():
        assert found["scores"][name]["error"] == pytest.approx(score.error, rel=1e-9)


def test_accuracy_follows_from_the_loss_in_two_steps(tmp_path, capsys):
    N, D, loss = table_of_runs(noise=0.002)
    accuracy = 0.25 + 0.7 / (1 + np.exp(-3 * (3.0 - loss)))
    path = tmp_path / "steps.csv"
    path.write_text(as_csv("N,D,loss,acc", N, D, loss, 100 * accuracy))
    arguments = (str(path), "--accuracy", "acc", "--chance", "0.25", "--at", "N=2e9,D=2e11")
    result = fitted(capsys, *arguments, "--bootstrap", "60")
    law = result["accuracy"]["law"]
    expected = {"low": 0.25, "high": 0.95, "slope": 3, "middle": 3}
    assert law == pytest.approx(expected, rel=1e-3)
    (point,) = result["points"]
    truth = 0.25 + 0.7 / (1 + math.exp(-3 * (3.0 - TRUE.loss(2e9, 2e11))))
    low, high = point["accuracy_interval_95"]
    assert low < point["accuracy"] < high
    assert point["accuracy"] == pytest.approx(truth, abs=0.01)
    # The error of the first step is carried: the loss's bounds give the accuracy's.
    best, worst = (
        law["low"]
        + (law["high"] - law["low"]) / (1 + math.exp(-law["slope"] * (law["middle"] - x)))
        for x in point["loss_interval_95"]
    )
    assert (low, high) == pytest.approx((worst, best), abs=2e-3)


def test_lack_of_fit_shows_against_repeated_runs(tmp_path, capsys):
    """Runs of one configuration agree to 0.05 %; the table bends by 2 % where the law cannot."""
    N, D, loss = table_of_runs()
    N, D, loss = (np.repeat(x, 2) for x in (N, D, loss))
    rng = np.random.default_rng(1)
    small = rng.normal(scale=5e-4, size=50)
    bend = 0.02 * np.sin(3 * np.log(N)) * np.sin(2 * np.log(D))
    path = tmp_path / "repeats.csv"
    path.write_text(as_csv("N,D,loss", N, D, loss * np.exp(small)))
    clean = fitted(capsys, str(path))
    assert "lack-of-fit" not in codes(clean)
    assert clean["notes"] == []
    path.write_text(as_csv("N,D,loss", N, D, loss * np.exp(small + bend)))
    assert "lack-of-fit" in codes(fitted(capsys, str(path)))


def test_one_run_per_configuration_is_noted(noisy, capsys):
    result = fitted(capsys, str(noisy))
    assert [note["code"] for note in result["notes"]] == ["one-run-per-configuration"]
    assert codes(result) == []


def test_rows_along_one_line_are_said_to_be(tmp_path, capsys):
    N = np.geomspace(1e7, 1e10, 12)
    D = 20 * N * np.tile([0.93, 1.07], 6)
    path = tmp_path / "line.csv"
    noise = np.random.default_rng(0).normal(scale=1e-3, size=12)
    path.write_text(as_csv("N,D,loss", N, D, TRUE.loss(N, D) * np.exp(noise)))
    assert "collinear-predictors" in codes(fitted(capsys, str(path)))


@pytest.mark.parametrize(
    ("N", "D", "expected"),
    [
        ([1e8, 2e8, 4e8], [2e9, 4e9, 8e9], {"narrow-range", "few-rows"}),
        ([1e7, 1e9], [1e9, 1e11], set()),
    ],
)
def test_too_little_information_is_said(tmp_path, capsys, N, D, expected):
    axes = np.geomspace(N[0], N[-1], 3), np.geomspace(D[0], D[-1], 3 if expected else 5)
    N, D = (grid.ravel() for grid in np.meshgrid(*axes))
    noise = np.random.default_rng(2).normal(scale=1e-3, size=N.size)
    path = tmp_path / "little.csv"
    path.write_text(as_csv("N,D,loss", N, D, TRUE.loss(N, D) * np.exp(noise)))
    found = set(codes(fitted(capsys, str(path)))) & {"narrow-range", "few-rows"}
    assert found == expected


def test_a_prediction_far_beyond_the_rows_is_remarked(noisy, capsys):
    assert "extrapolation" in codes(fitted(capsys, str(noisy), "--budget", "1e23"))
    assert codes(fitted(capsys, str(noisy), "--budget", "1e21")) == []


def test_strict_turns_remarks_into_a_status(noisy, capsys):
    line = ["fit", str(noisy), "--bootstrap", "0", "--strict"]
    assert main(line) == 0
    assert main([*line, "--budget", "1e23"]) == 1
    assert "[extrapolation]" in capsys.readouterr().err


def test_residuals_are_written_row_by_row(noisy, tmp_path, capsys):
    path = tmp_path / "residuals.csv"
    fitted(capsys, str(noisy), "--residuals", str(path))
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    N, D, loss = table_of_runs(noise=0.003)
    law = fitting.fit_parametric(N, D, loss).law
    assert [int(row["line"]) for row in rows] == list(range(2, 27))
    predicted = [float(row["predicted"]) for row in rows]
    assert predicted == pytest.approx(law.loss(N, D), rel=1e-9)
    log = [float(row["log_residual"]) for row in rows]
    assert log == pytest.approx(np.log(law.loss(N, D) / loss), abs=1e-9)


# --- pictures --------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "first"), [("fit.png", b"\x89PNG"), ("fit.svg", b"<?xml")])
def test_a_picture(noisy, tmp_path, capsys, name, first):
    path = tmp_path / name
    assert fitted(capsys, str(noisy), "--plot", str(path))["plot"] == str(path)
    assert path.read_bytes().startswith(first)


def test_a_picture_in_the_terminal(noisy, capsys):
    pytest.importorskip("uniplot", reason="the terminal's pictures are uniplot's")
    assert main(["fit", str(noisy), "--bootstrap", "0", "--plot", "-"]) == 0
    assert "loss, nats per token against C = 6 N D, FLOPs" in capsys.readouterr().out


def test_without_uniplot_one_line_says_what_to_install(noisy, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "uniplot", None)
    assert main(["fit", str(noisy), "--bootstrap", "0", "--plot", "-"]) == 2
    assert "needs uniplot: install the extra terminal" in capsys.readouterr().err


# --- the published tables, where they are at hand ----------------------------------------------


def test_the_published_tables_are_read_as_their_authors_have_them(shared_data, capsys):
    """Optima and constants of the data's own description: see each table's source."""
    path = shared_data / "kyo_takano" / "df.csv"
    found = fitted(capsys, str(path))["law"]
    expected = {"A": 442.164, "B": 1271.808, "E": 1.78389, "alpha": 0.34263, "beta": 0.34200}
    assert found == pytest.approx(expected, rel=1e-4)
    path = shared_data / "epoch_chinchilla" / "svg_extracted_data.csv"
    highest = float(np.sort(tables.epoch_chinchilla(outliers=True)[2])[-5])
    result = fitted(capsys, str(path), "--where", f"loss<{highest!r}")
    assert result["runs"] == 240
    assert result["objective"] <= 0.00101827404
    assert result["law"]["alpha"] == pytest.approx(0.347311, abs=2e-4)
    assert result["law"]["beta"] == pytest.approx(0.367172, abs=2e-4)
    path = shared_data / "cs336" / "isoflops_curves.json"
    found = fitted(capsys, str(path))["law"]
    expected = {"A": 1606.4, "B": 3210.7, "E": 2.69, "alpha": 0.34, "beta": 0.36}
    assert found == pytest.approx(expected, rel=1e-3)
    path = shared_data / "gadre" / "gadre_runs.csv"
    assert "say which with --loss NAME" in refused(capsys, str(path))
    result = fitted(capsys, str(path), "--loss", "loss_c4_val", "--where", "dataset=rpj")
    assert result["columns"]["loss"] == "loss_c4_val"
    assert result["sizes"] == ["N", "D"]


def test_a_law_beyond_all_numbers_is_not_kept(tmp_path, capsys):
    """y falls as C^-40 at 1e18: its prefactor is 1e720."""
    C = np.geomspace(1e18, 2e18, 6)
    path, kept = tmp_path / "steep.csv", tmp_path / "fit.json"
    path.write_text(as_csv("C,loss", C, 3 * (C / 1e18) ** -40.0))
    arguments = (str(path), "--form", "power", "--fix", "c=0", "--save", str(kept))
    result = fitted(capsys, *arguments)
    assert result["law"]["a"] is None
    assert result["law"]["b"] == pytest.approx(40)
    assert "not-saved" in codes(result)
    assert not kept.exists()


def test_json_holds_no_nan_and_its_schema(noisy, capsys):
    def never(constant):
        raise AssertionError(f"{constant} in the JSON")

    assert main(["fit", str(noisy), "--json", "--bootstrap", "40", "--form", "power"]) == 0
    result = json.loads(capsys.readouterr().out, parse_constant=never)
    assert result["schema"] == "scaling-utils/fit/1"
    assert result["delta"] is None
