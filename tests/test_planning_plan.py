"""Plans: what they answer, what makes them uncertain, what they refuse."""

import json
import subprocess
import sys

import numpy as np
import pytest

from scaling_utils import laws, planning
from scaling_utils.fitting import fit_parametric
from scaling_utils.planning import Range


def plan(*given, **named):
    """A plan by Hoffmann's law, whose answers a hand calculation gives without a range."""
    return planning.plan(*given, **{"law": "chinchilla", **named})


FIXED = {"mfu": 0.4, "power": 700, "pue": 1.1, "grid": 385, "batch_tokens": 2**22}


def middles(found):
    return {name: answer.middle for name, answer in found.answers.items()}


# ---- known plans ------------------------------------------------------------------------


def test_1e24_flops_on_1024_h100_at_40_percent_take_28_6_days():
    found = plan(flops=1e24, devices=1024, device="H100-SXM", mfu=0.4)
    days = found.answers["hours"].middle / 24
    assert days == pytest.approx(1e24 / (1024 * 989.4e12 * 0.4) / 86_400)
    assert days == pytest.approx(28.6, abs=0.05)
    best = laws.CHINCHILLA.optimal(1e24)
    assert found.answers["parameters"].middle == pytest.approx(best.N)
    assert found.answers["loss"].middle == pytest.approx(best.loss)


def test_every_answer_of_a_budget_has_a_range_unless_a_law_without_one_is_named():
    found = planning.plan(flops=1e24, devices=1024, grid="France")
    fixed = {q for q, one in found.answers.items() if one.high <= one.low * (1 + 1e-9)}
    assert fixed == {"flops", "pf_days", "devices"}
    size = found.answers["parameters"]
    assert size.low < laws.BESIROGLU.optimal(1e24).N < size.high
    assert "law" in found.shares["parameters"]


def test_llama_3_8b_implies_an_mfu_that_is_remarked():
    # Meta's model card: 1.3 M H100-hours for 15e12 tokens.
    found = plan(parameters=8.03e9, tokens=15e12, device_hours=1.3e6)
    assert found.answers["mfu"].middle == pytest.approx(0.156, abs=0.0005)
    assert found.answers["device_hours"].middle == pytest.approx(1.3e6)
    said = {r.code: r.sentence for r in found.remarks}
    assert "15.6%" in said["mfu-low"]
    assert "mfu-assumed" not in said
    high = plan(parameters=8.03e9, tokens=15e12, device_hours=3e5)
    assert "mfu-high" in {r.code for r in high.remarks}
    usual = plan(parameters=8.03e9, tokens=15e12, device_hours=5e5)
    assert not {"mfu-low", "mfu-high"} & {r.code for r in usual.remarks}


def test_llama_31_405b_mfu_of_all_its_hours():
    # 3.8e25 FLOPs in 30.84 M hours (model card): 34.6 %.
    found = plan(flops=3.8e25, device_hours=30.84e6)
    assert found.answers["mfu"].middle == pytest.approx(0.346, abs=0.0005)


def test_gpt_3_in_pf_days_and_palm_in_flops():
    # Brown et al. (2020), Table D.1: 3.14e23 FLOPs, 3,640 PF-days; PaLM 2.56e24 with attention.
    gpt3 = plan(parameters=174.6e9, tokens=300e9, **FIXED)
    assert gpt3.answers["flops"].middle == pytest.approx(3.14e23, rel=0.005)
    assert gpt3.answers["pf_days"].middle == pytest.approx(3640, rel=0.005)
    palm = plan(parameters=540.35e9, tokens=780e9, **FIXED)
    assert palm.answers["flops"].middle == pytest.approx(2.56e24, rel=0.015)


@pytest.mark.parametrize(
    ("size", "tokens"),
    [(4e8, 9.2e9), (1e9, 27.1e9), (1e10, 410.1e9), (175e9, 12e12), (1e12, 94.1e12)],
)
def test_best_tokens_of_chinchillas_table_a3(size, tokens):
    # Hoffmann et al. (2022), Table A3, Approach 3; the three-digit constants were chosen for it.
    found = plan(parameters=size, tokens="optimal", law="chinchilla-three-digit", **FIXED)
    assert found.answers["tokens"].middle == pytest.approx(tokens, rel=0.1)


# ---- the ways to ask ----------------------------------------------------------------------


def test_all_budgets_of_one_plan_lead_to_it():
    first = middles(plan(flops=1e23, devices=256, price=2.0, price_date="2026-11-01", **FIXED))
    known = {"devices": 256, "price": 2.0, "price_date": "2026-11-01", **FIXED}
    ways = [
        {"money": first["cost"]},
        {"device_hours": first["device_hours"]},
        {"deadline": first["hours"]},
        {"kg_co2e": first["kg_co2e"]},
        {"loss": first["loss"]},
        {"parameters": first["parameters"], "tokens": first["tokens"]},
        {"parameters": first["parameters"], "flops": 1e23},
        {"tokens": first["tokens"], "money": first["cost"]},
        {"parameters": first["parameters"], "loss": first["loss"]},
        {"tokens": first["tokens"], "loss": first["loss"]},
        {"parameters": first["parameters"], "tokens": "optimal"},
        {"parameters": "optimal", "tokens": first["tokens"]},
    ]
    for way in ways:
        found = middles(plan(**known, **way))
        assert set(found) == set(first)
        for name, value in first.items():
            assert found[name] == pytest.approx(value, rel=1e-6), (way, name)


def test_devices_follow_from_a_deadline():
    found = plan(flops=1e24, deadline=24 * 30, **FIXED)
    hours = 1e24 / (989.4e12 * 0.4 * 3600)
    assert found.answers["devices"].middle == np.ceil(hours / 720)
    assert found.answers["hours"].middle <= 720
    assert "no-devices" not in {r.code for r in found.remarks}


def test_a_deadline_that_some_draws_miss_is_remarked():
    found = plan(flops=1e24, devices=1024, deadline=800)
    said = {r.code: r.sentence for r in found.remarks}
    hours = found.answers["hours"]
    assert hours.low < 800 < hours.high
    assert "% of the draws meet the deadline" in said["deadline-at-risk"]


# ---- ranges -------------------------------------------------------------------------------


def test_every_answer_is_ordered_and_repeats_with_its_seed():
    known = {"money": 1e6, "price": (1.5, 2, 3), "price_date": "2026-11-01", "devices": 64}
    found = plan(**known, seed=3)
    for name, answer in found.answers.items():
        assert answer.low <= answer.middle <= answer.high, name
    assert plan(**known, seed=3).as_dict() == found.as_dict()
    assert plan(**known, seed=4).as_dict() != found.as_dict()


def test_ranges_of_a_product_follow_from_its_factors():
    # hours ~ 1 / MFU: the 10 % of the hours are the 90 % of the MFU.
    found = plan(flops=1e24, devices=100, mfu=(0.3, 0.4, 0.5), n=4000)
    hours = found.answers["hours"]
    at = 1e24 / (989.4e12 * 100 * 3600)
    assert (hours.low, hours.middle, hours.high) == pytest.approx(
        (at / 0.5, at / 0.4, at / 0.3), rel=0.005
    )


def test_shares_of_the_cost_follow_from_the_spreads():
    # log cost = log price - log MFU + known: by hand, with standard deviations 1 to 2.
    mfu = Range(0.4 * np.exp(-0.1), 0.4, 0.4 * np.exp(0.1))
    price = Range(2 * np.exp(-0.2), 2.0, 2 * np.exp(0.2))
    found = plan(flops=1e24, mfu=mfu, price=price, price_date="2026-11-01")
    assert found.shares["cost"]["mfu"] == pytest.approx(0.2, abs=0.03)
    assert found.shares["cost"]["price"] == pytest.approx(0.8, abs=0.03)
    low, high = found.tornado["cost"]["price"]
    assert high / low == pytest.approx(np.exp(0.4))
    assert "loss" not in found.shares  # a budget in FLOPs leaves the loss no range


@pytest.fixture(scope="module")
def resamples():
    rng = np.random.default_rng(0)
    N, D = (g.ravel() for g in np.meshgrid(np.geomspace(5e7, 1e9, 5), np.geomspace(1e9, 3e10, 5)))
    loss = laws.BESIROGLU.loss(N, D) * np.exp(0.005 * rng.normal(size=len(N)))
    return fit_parametric(N, D, loss).resample(n=200, seed=1, check=0)


def test_a_laws_resamples_are_its_range(resamples):
    found = plan(flops=1e22, law=resamples, **FIXED)
    sizes = resamples.values(lambda law: law.optimal(1e22).N)
    expected = np.quantile(sizes, (0.1, 0.5, 0.9))
    size = found.answers["parameters"]
    assert (size.low, size.middle, size.high) == pytest.approx(tuple(expected), rel=0.03)
    assert found.shares["parameters"] == {"law": pytest.approx(1, abs=0.1)}
    assert "law-without-interval" not in {r.code for r in found.remarks}
    # the largest run is 1e9 parameters on 3e10 tokens
    assert found.extrapolation["C"] == pytest.approx(np.log10(1e22 / (6 * 1e9 * 3e10)))
    assert found.extrapolation["N"] == pytest.approx(np.log10(size.middle / 1e9))
    assert found.inputs["law"]["rows"] == 200


def test_stored_resamples_give_a_published_law_an_interval():
    found = plan(flops=5.76e23, law="besiroglu-resamples", **FIXED)
    size = found.answers["parameters"]
    assert size.low < laws.BESIROGLU.optimal(5.76e23).N < size.high
    assert size.high > 1.3 * size.low
    assert "law-without-interval" not in {r.code for r in found.remarks}


def test_a_fit_is_its_law_without_an_interval(resamples):
    found = plan(flops=1e22, law=resamples.fit, **FIXED)
    assert found.answers["parameters"].middle == pytest.approx(resamples.fit.law.optimal(1e22).N)
    assert "law-without-interval" in {r.code for r in found.remarks}
    inside = plan(flops=2e19, law=resamples.fit, **FIXED)
    assert set(inside.extrapolation.values()) == {0.0}
    assert "extrapolation" not in {r.code for r in inside.remarks}


def test_tokens_per_parameter_beyond_the_runs_are_remarked(resamples):
    found = plan(parameters=1e8, tokens=9e11, law=resamples, **FIXED)
    assert "tokens-per-parameter" in {r.code for r in found.remarks}
    near = plan(parameters=1e8, tokens=9e9, law=resamples, **FIXED)
    assert "tokens-per-parameter" not in {r.code for r in near.remarks}


def test_a_target_that_some_resamples_never_reach_has_no_upper_end(resamples):
    floors = np.sort(resamples.values("E"))
    target = float(np.quantile(floors, 0.8))
    found = plan(loss=target, law=resamples, **FIXED)
    assert found.answers["flops"].high is None
    assert found.answers["flops"].middle > 0
    assert "out-of-reach" in {r.code for r in found.remarks}
    json.dumps(found.as_dict(), allow_nan=False)
    assert "none" in str(found)


def test_several_laws_are_kept_apart(resamples):
    asked = ["chinchilla", "besiroglu", "kaplan-joint", "muennighoff", resamples]
    found = plan(flops=1e22, law=asked, **FIXED)
    assert list(found.by_law) == ["chinchilla", "besiroglu", "kaplan-joint", "muennighoff", "fit"]
    for one, name in zip(asked, found.by_law, strict=True):
        assert plan(flops=1e22, law=one, **FIXED).answers == found.by_law[name]
    sizes = [answers["parameters"].middle for answers in found.by_law.values()]
    assert found.between["parameters"] == (min(sizes), max(sizes))
    assert found.answers == found.by_law["chinchilla"]


# ---- limits -------------------------------------------------------------------------------


def test_the_largest_deployable_model_binds():
    found = plan(flops=1e23, largest=8e9, **FIXED)
    best = laws.CHINCHILLA.optimal_with_size_limit(1e23, 8e9)
    assert found.answers["parameters"].middle == 8e9
    assert found.answers["tokens"].middle == pytest.approx(best.D)
    assert "largest-binds" in {r.code for r in found.remarks}
    free = plan(flops=1e23, largest=8e11, **FIXED)
    assert "largest-binds" not in {r.code for r in free.remarks}
    to_loss = plan(loss=2.0, largest=8e9, **FIXED)
    assert to_loss.answers["tokens"].middle == pytest.approx(
        laws.CHINCHILLA.tokens_for_loss(8e9, 2.0)
    )


def test_scarce_data_makes_the_loss_worse_and_is_remarked():
    free = plan(flops=1e22, law="muennighoff", **FIXED)
    few = plan(flops=1e22, law="muennighoff", unique_tokens=1e10, **FIXED)
    best = laws.MUENNIGHOFF.optimal(1e22, 1e10)
    assert few.answers["parameters"].middle == pytest.approx(best.N, rel=1e-3)
    assert few.answers["loss"].middle == pytest.approx(best.loss, rel=1e-8)
    assert few.answers["loss"].middle > free.answers["loss"].middle
    epochs = few.answers["epochs"].middle
    assert epochs == pytest.approx(few.answers["tokens"].middle / 1e10)
    assert epochs > 4
    assert "repetition" in {r.code for r in few.remarks}
    enough = plan(flops=1e22, law="muennighoff", unique_tokens=1e12, **FIXED)
    assert enough.answers["epochs"].middle == 1
    assert "repetition" not in {r.code for r in enough.remarks}


def test_a_budget_pays_for_serving_too():
    found = middles(plan(flops=1e23, served_tokens=1e12, **FIXED))
    assert found["total_flops"] == pytest.approx(1e23)
    assert found["serving_flops"] == pytest.approx(2 * found["parameters"] * 1e12)
    alone = middles(plan(flops=1e23, **FIXED))
    assert found["parameters"] < alone["parameters"]
    for way in ({"parameters": 5e9}, {"tokens": 1e12}):
        found = middles(plan(flops=1e23, served_tokens=1e12, **way, **FIXED))
        assert found["total_flops"] == pytest.approx(1e23)


def test_an_architecture_gives_size_work_and_layout():
    from scaling_utils import architectures

    found = plan("llama-2-7b", tokens=2e12, devices=64, device="A100-80-SXM", **FIXED)
    work = architectures.training_flops(architectures.get("llama-2-7b"), 2e12, context=4096)
    assert found.answers["parameters"].middle == 6_738_415_616
    assert found.answers["flops"].middle == pytest.approx(work.model)
    assert found.layout.best
    assert found.layout.layout.devices == 64
    assert "4096" in found.conventions["attention"]
    words = str(found)
    assert "Layouts on 64 devices" in words
    assert str(found.layout.layout) in " ".join(words.split())
    assert max(map(len, words.splitlines())) < 130
    fewest = plan("llama-2-7b", tokens=2e12, device="A100-80-SXM", **FIXED).layout
    assert fewest.devices == fewest.smallest_devices
    by_deadline = plan("llama-2-7b", tokens=2e12, deadline=720, **FIXED)
    taken = by_deadline.answers["devices"].middle
    assert taken <= by_deadline.layout.devices < 2 * taken
    dense = plan("llama-2-7b", tokens=2e12, attention="dense", **FIXED)
    assert dense.answers["flops"].middle > found.answers["flops"].middle
    json.dumps(found.as_dict(), allow_nan=False)


def test_a_mixture_is_asked_about_by_its_active_parameters():
    found = plan("deepseek-v3", tokens=14.8e12, **FIXED)
    # DeepSeek-AI (2024): 671e9 parameters, 37e9 of them active
    assert found.answers["parameters"].middle == pytest.approx(37e9, rel=0.02)
    said = {r.code: r.sentence for r in found.remarks}
    assert "6.71e+11" in said["mixture-of-experts"]
    assert "mixture-of-experts" not in {
        r.code for r in plan("llama-2-7b", tokens=1e12, **FIXED).remarks
    }


def test_devices_that_cannot_hold_the_model_are_refused():
    with pytest.raises(ValueError, match=r"devices = 1 .* cannot hold llama-2-70b.*the fewest"):
        plan("llama-2-70b", tokens=2e12, devices=1, **FIXED)


def test_making_the_devices_is_counted_where_asked():
    from scaling_utils import carbon

    found = plan(flops=1e23, embodied="ecologits", **FIXED)
    hours = found.answers["device_hours"].middle
    assert found.answers["kg_embodied"].middle == pytest.approx(carbon.embodied(hours))
    assert "kg_embodied" not in plan(flops=1e23, **FIXED).answers


def test_a_place_stands_for_its_grid():
    from scaling_utils import carbon

    found = plan(flops=1e23, **FIXED | {"grid": "France"})
    assert found.inputs["grid"]["middle"] == pytest.approx(carbon.grid("France").value)
    assert str(carbon.grid("France").year) in found.inputs["grid"]["source"]


# ---- what is printed ----------------------------------------------------------------------


def test_json_has_no_nan_and_says_how_it_counts():
    found = plan(money=1e6, price=2.0, price_date="2026-11-01", devices=64).as_dict()
    text = json.dumps(found, allow_nan=False)
    assert json.loads(text) == found
    assert found["schema"] == 1
    assert found["inputs"]["price"]["date"] == "2026-11-01"
    assert {"flops", "peak", "mfu", "power", "energy", "emissions", "cost", "loss"} <= set(
        found["conventions"]
    )
    assert "989.4" in found["conventions"]["peak"]
    for name in ("mfu", "pue", "grid", "power", "batch"):
        assert found["inputs"][name]["source"], name


def test_the_text_names_answers_remarks_and_the_date_of_the_price():
    words = str(plan(money=1e6, price=2.0, price_date="2026-11-01", devices=64))
    for part in (
        "parameters",
        "time on the clock",
        "USD, prices of 2026-11-01",
        "[mfu-assumed]",
        "nats",
    ):
        assert part in words
    assert max(map(len, words.splitlines())) < 130


def test_a_price_without_a_date_is_remarked():
    said = {r.code for r in plan(flops=1e23, price=2.0, **FIXED).remarks}
    assert "price-without-date" in said
    assert "no-price" not in said
    assert "no-price" in {r.code for r in plan(flops=1e23, **FIXED).remarks}


def test_prices_come_from_a_dated_table(tmp_path):
    table = tmp_path / "prices.csv"
    table.write_text(
        "provider,device,price,date,currency\n"
        "a,H100-SXM,2,2026-11-01,EUR\nb,NVIDIA H100 80GB HBM3,3,2026-11-02,EUR\n"
        "c,H100-SXM,2.5,2026-11-03,EUR\nd,A100-80-SXM,1,2026-11-01,USD\n"
    )
    found = plan(flops=1e23, price=table, **FIXED)
    assert found.inputs["price"]["middle"] == pytest.approx(2.5)
    assert found.inputs["price"]["low"] == pytest.approx(2.1)
    assert found.inputs["price"]["date"] == "2026-11-01 to 2026-11-03"
    assert found.answers["cost"].unit == "EUR"
    one = plan(flops=1e23, price=str(table), price_date="2026-11-02", **FIXED)
    assert one.inputs["price"]["middle"] == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("device,price\nH100-SXM,2\n", "missing: date"),
        ("device,price,date\nH100-SXM,2,\n", "got '' in line 2"),
        ("device,price,date\nH100-SXM,2,last week\n", "date must be a day"),
        ("device,price,date\nT4,2,2026-11-01\n", "no row of H100-SXM; its devices: T4"),
        ("device,price,date\nH100-SXM,-2,2026-11-01\n", "above 0, got '-2' in line 2"),
        ("device,price,date\nH100-SXM,two,2026-11-01\n", "must be a number above 0, got 'two'"),
        (
            "device,price,date,currency\nH100-SXM,2,2026-11-01,USD\nH100-SXM,2,2026-11-01,EUR\n",
            "in EUR, USD",
        ),
        ("", "missing: device, price, date"),
    ],
)
def test_a_table_of_prices_that_is_none_is_refused(tmp_path, text, words):
    table = tmp_path / "prices.csv"
    table.write_text(text)
    with pytest.raises(ValueError, match=words):
        plan(flops=1e23, price=table, **FIXED)


def test_a_plan_needs_neither_scipy_nor_torch():
    code = (
        "import sys; from scaling_utils.planning import plan; plan(flops=1e24, devices=64); "
        "print(*sorted({m.split('.')[0] for m in sys.modules} & {'scipy', 'torch', 'rich'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
