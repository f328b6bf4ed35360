"""count, memory, carbon, laws, hardware and plan say what the functions of the library say."""

import json

import numpy as np
import pytest

from scaling_utils import (
    architectures,
    carbon,
    counting,
    fitting,
    hardware,
    laws,
    memory,
    planning,
    shapes,
)
from scaling_utils.cli import main
from scaling_utils.cli._numbers import Duration, Ranged
from scaling_utils.units import GIB, PF_DAY


def asked(capsys, line: str, *more: str) -> dict:
    """Return the JSON of a command, which must succeed and hold no NaN."""

    def never(constant):
        raise AssertionError(f"{constant} in the JSON")

    status = main([*line.split(), *more, "--json"])
    captured = capsys.readouterr()
    assert status == 0, captured.err
    return json.loads(captured.out, parse_constant=never)


def said(capsys, line: str, *more: str) -> tuple[str, str]:
    assert main([*line.split(), *more]) == 0
    return tuple(capsys.readouterr())


def refused(capsys, line: str, *more: str) -> str:
    assert main([*line.split(), *more]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


# --- count ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["gpt2", "llama-3-8b", "deepseek-v3", "gemma-3-27b", "mixtral-8x7b"]
)
def test_count_says_what_architectures_say(capsys, name):
    result = asked(capsys, f"count {name} --sequence 1000 --batch 3 --cache-dtype fp8 --tokens 2T")
    counted = architectures.parameters(name)
    for part in ("total", "active", "active_with_embedding", "non_embedding", "mlp", "router"):
        assert result["parameters"][part] == getattr(counted, part)
    per_token = result["training_flops_per_token"]
    for key, attention in (("exact", "dense"), ("exact_causal", "causal")):
        work = architectures.training_flops(name, context=1000, attention=attention)
        assert per_token[key] == work.per_token
        assert result["training_flops"][key] == 2e12 * work.per_token
    assert sum(per_token["exact_causal_by_part"].values()) == pytest.approx(
        per_token["exact_causal"]
    )
    assert per_token["rule_6N"] == 6 * counted.active_with_embedding
    assert result["kv_cache"]["bytes"] == architectures.kv_cache(name, 3, 1000, "fp8")
    assert result["weights_bytes"] == 2 * counted.total


def test_count_of_deepseek_v3_is_what_its_authors_print(capsys):
    """671B parameters, 37B active (DeepSeek-AI 2024, Sec. 4.2)."""
    out, _ = said(capsys, "count deepseek-v3")
    assert "671,026,419,200" in out
    assert "37,552,297,472" in out
    assert "latent attention of rank 512" in out


def test_count_of_a_mixture_with_latent_attention_and_a_window_of_ones_own(capsys):
    line = (
        "count --n-layer 4 --d-model 64 --n-head 4 --vocab 100 --context 32 --norm rmsnorm "
        "--no-bias --untied --gated --positions rotary --experts 8 --active 2 --shared 1 "
        "--d-expert 24 --dense-layers 1"
    )
    plain = shapes.Transformer(
        4, 64, 4, 100, 32, gated=True, bias=False, norm="rmsnorm", positions="rotary", tied=False
    )
    experts = memory.Experts(8, 2, 24, 1)
    own = architectures.Architecture(plain, experts=experts, dense_layers=1)
    result = asked(capsys, line)
    assert result["parameters"]["total"] == architectures.parameters(own).total
    latent = asked(capsys, f"{line} --kv-rank 16 --d-rotary 8 --q-rank 24")
    own = architectures.Architecture(
        plain, architectures.Latent(24, 16, 8, 16, 16), experts, dense_layers=1
    )
    assert latent["parameters"]["total"] == architectures.parameters(own).total
    windowed = asked(capsys, f"{line} --window 8 --global-every 2")
    assert windowed["kv_cache"]["bytes"] < result["kv_cache"]["bytes"]
    assert windowed["parameters"] == result["parameters"]


LLAMA = {
    "model_type": "llama", "hidden_size": 64, "intermediate_size": 172, "num_hidden_layers": 3,
    "num_attention_heads": 8, "num_key_value_heads": 2, "vocab_size": 1000,
    "max_position_embeddings": 128, "tie_word_embeddings": False,
}  # fmt: skip


def test_count_and_memory_of_a_config(tmp_path, capsys):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(LLAMA))
    counted = architectures.parameters(architectures.from_config(LLAMA))
    # By hand: a gated MLP, query and output of 64 x 64, keys and values of 16, two vocabularies.
    layer = 2 * 64 * 64 + 2 * 64 * 16 + 3 * 64 * 172 + 2 * 64
    assert counted.total == 3 * layer + 64 + 2 * 1000 * 64
    for place in (path, tmp_path):  # the folder that holds it will do
        assert asked(capsys, "count", str(place))["parameters"]["total"] == counted.total
    result = asked(capsys, "memory --devices 2 --zero 0", str(path))
    layout = planning.Layout(data=2, sequence_parallel=True)
    own = planning.footprint(LLAMA, layout, context=128, device="H100-SXM")
    assert result["footprint"]["peak"] == own.peak


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "{", '{"model_type": 5}', "\x00\xff", "NaN",
     json.dumps(LLAMA | {"hidden_size": "many"}), json.dumps(LLAMA | {"model_type": "unheard"}),
     json.dumps(LLAMA | {"num_hidden_layers": -3}), json.dumps(LLAMA | {"vocab_size": None})],
)  # fmt: skip
def test_a_config_that_cannot_be_counted_is_refused(tmp_path, capsys, text):
    path = tmp_path / "config.json"
    path.write_text(text, encoding="latin-1")
    for command in ("count", "memory"):
        assert len(refused(capsys, command, str(path))) < 600
    refused(capsys, "plan --tokens 1e9 --model", str(path))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("--active 2", "--active belongs to a mixture; say how many --experts"),
        ("--experts 8", "--experts needs --active"),
        ("--kv-rank 16", "latent attention needs --d-rotary too"),
        ("--experts 2 --active 3", "active"),
        ("--global-every 2", "--global-every needs a window"),
        ("--find x --list", "--find: no model has 'x"),
    ],
)
def test_half_a_departure_is_refused(capsys, more, message):
    shape = "count --n-layer 2 --d-model 8 --n-head 2 --vocab 9 --context 4"
    if "--find" in more:
        more = more.replace("x", "xyzzy")
    assert message in refused(capsys, f"{shape} {more}")


def test_models_of_a_word_are_listed(capsys):
    listed = asked(capsys, "count --list --find qwen3")["models"]
    known = {name for name in architectures.catalogue() if "qwen3" in name}
    assert known <= {entry["name"] for entry in listed}
    assert "gpt2-small" not in {entry["name"] for entry in listed}
    assert len(asked(capsys, "count --list")["models"]) == len(architectures.catalogue())


# --- hardware and laws ------------------------------------------------------------------


def test_hardware_says_what_the_table_says(capsys):
    for device in asked(capsys, "hardware")["devices"]:
        own = hardware.get(device["name"])
        assert device["peaks_flops_per_second"] == dict(own.peaks)
        assert device["memory_bytes"] == own.memory
        assert device["usable_memory_bytes"] == own.memory_reported
        assert device["source"] == own.source
    assert asked(capsys, "hardware", "h100-sxm")["name"] == "H100-SXM"
    assert asked(capsys, "hardware", "NVIDIA A100-SXM4-80GB")["name"] == "A100-80-SXM"


def test_devices_are_filtered_and_sorted(capsys):
    listed = asked(capsys, "hardware --dtype fp8 --memory 80GB --sort peak")["devices"]
    rates = [entry["peaks_flops_per_second"]["fp8"] for entry in listed]
    assert rates == sorted(rates, reverse=True)
    assert all(entry["memory_bytes"] >= 80e9 for entry in listed)
    expected = [d for d in map(hardware.get, hardware.devices()) if "fp8" in d.peaks]
    assert len(listed) == sum(d.memory >= 80e9 for d in expected)
    names = [entry["name"] for entry in asked(capsys, "hardware --sort name")["devices"]]
    assert names == sorted(names, key=str.lower)


def test_laws_say_what_the_objects_say(capsys):
    result = asked(capsys, "laws chinchilla --budget 5.76e23 --N 70B --D 1.4T")
    best, (optimum, loss) = laws.CHINCHILLA.optimal(5.76e23), result["answers"]
    assert (optimum["N"], optimum["D"], optimum["loss"]) == (best.N, best.D, best.loss)
    assert optimum["N"] == pytest.approx(40.4e9, rel=0.002)  # Hoffmann et al. (2022), Fig. 4
    assert loss["loss"] == laws.CHINCHILLA.loss(70e9, 1.4e12)
    repeated = asked(capsys, "laws muennighoff --N 1B --D 100B --unique 25B")["answers"][0]
    assert repeated["loss"] == laws.get("muennighoff").loss(1e9, 1e11, 25e9)
    kaplan = asked(capsys, "laws kaplan-allocation", "--budget", "10 PF-days")["answers"][0]
    assert kaplan["N"] == pytest.approx(1.3e9 * 10**0.73)  # Kaplan et al. (2020), Table 6
    size = asked(capsys, "laws kaplan-size --x 1.5B")["answers"][0]["value"]
    assert size == laws.KAPLAN_SIZE.loss(1.5e9)
    step = asked(capsys, "laws step-law --N 1e9 --D 1e11")["answers"][0]
    assert step["learning_rate"] == laws.STEP_LAW.learning_rate(1e9, 1e11)
    domain = asked(capsys, "laws henighan-language --budget 1e21 --N 1e9")["answers"]
    own = laws.get("henighan-language")
    assert domain[0]["loss"] == own.compute.loss(1e21 / PF_DAY)
    assert domain[1]["loss"] == own.size.loss(1e9)


@pytest.mark.parametrize("name", list(laws.PUBLISHED))
def test_every_law_is_shown_with_its_constants_and_its_source(capsys, name):
    result = asked(capsys, f"laws {name}")
    assert result["constants"]
    assert result["source"] == laws.get(name).about.source
    out, _ = said(capsys, f"laws {name}")
    assert result["domain"] in " ".join(out.split())


# --- carbon -----------------------------------------------------------------------------


def test_carbon_says_what_the_functions_say(capsys):
    line = "carbon --device-hours 5k --device A100-80-SXM --pue 1.1 --grid France --embodied bloom"
    result = asked(capsys, line)
    kwh = carbon.energy(5000, carbon.rated("A100-80-SXM"), 1.1)
    assert result["device_kwh"] == 5000 * 0.4
    assert result["kwh"] == pytest.approx(kwh, rel=1e-15)
    assert result["emissions_kg"] == pytest.approx(carbon.emissions(kwh, carbon.grid("France")))
    assert result["embodied_kg"] == carbon.embodied(5000, "bloom")
    assert result["total_kg"] == result["emissions_kg"] + result["embodied_kg"]
    assert [remark["code"] for remark in result["remarks"]] == ["rated-power"]


def test_the_emissions_of_a_published_run(capsys):
    """OPT-175B is printed with 75 t; by its hours, 309,000 x 400 W x 1.1 x .429: about 58 t."""
    result = asked(capsys, "carbon --device-hours 309,000 --power 400 --pue 1.1 --grid 429")
    assert result["emissions_kg"] == pytest.approx(309_000 * 0.4 * 1.1 * 0.429)


@pytest.mark.parametrize("name", ["France", "FRA", "FR", "fr", " france "])
def test_a_place_has_many_names(capsys, name):
    result = asked(capsys, "carbon --kwh 1 --grid", name)
    assert result["grid"]["place"] == carbon.grid(name).place == "France"


def test_places_by_two_letters(capsys):
    for short, long in (("US", "USA"), ("UK", "GBR"), ("GB", "GBR"), ("DE", "DEU"), ("CN", "CHN")):
        assert carbon.grid(short).code == long
    assert carbon.grid("US-CA").code == "US-CA"
    assert "did you mean 'france'" in refused(capsys, "carbon --kwh 1 --grid Frence")


# --- memory -----------------------------------------------------------------------------


def test_memory_of_a_layout_is_its_footprint(capsys):
    result = asked(capsys, "memory llama-2-7b --devices 8 --zero 1 --device A100-80-SXM")
    layout = planning.Layout(data=8, zero=1, sequence_parallel=True)
    own = planning.footprint("llama-2-7b", layout, context=4096, device="A100-80-SXM")
    assert result["footprint"] == json.loads(json.dumps(own.as_dict()))
    out, _ = said(capsys, "memory llama-2-7b --devices 8 --zero 1 --device A100-80-SXM")
    assert f"{own.peak / GIB:.2f} GiB" in out
    assert "2+2+12/8" in out


def test_memory_without_a_layout_is_a_search(capsys):
    result = asked(capsys, "memory llama-3-8b --devices 16 --global-batch 1M --sequence 8192")
    own = planning.search("llama-3-8b", 16, global_batch_tokens=1e6, context=8192)
    assert result["search"] == json.loads(json.dumps(own.as_dict()))
    assert len(result["search"]["best"]) == 3
    out, _ = said(capsys, "memory llama-3-8b --devices 16 --global-batch 1M --sequence 8192")
    assert str(own.layout) in out


@pytest.mark.parametrize("name", list(planning.PLANNERS))
def test_what_another_planner_says_is_reached_by_steps(capsys, name):
    zero = 1 if name == "megatron" else 3  # its report knows no other stage
    line = f"memory llama-2-7b --devices 8 --zero {zero} --convention"
    result = asked(capsys, line, name)["convention"]
    layout = planning.Layout(data=8, zero=zero, sequence_parallel=True)
    assert result["total"] == planning.others(name, "llama-2-7b", layout).total
    steps = sum(step["size"] for step in result["steps"])
    assert result["ours"] + steps == pytest.approx(result["total"])


def test_cookbook_needs_145_gib_for_llama_2_7b(capsys):
    """Its script prints 145.12 GiB for 8 GPUs, ZeRO 1, 4,096 tokens."""
    line = "memory llama-2-7b --devices 8 --zero 1 --convention cookbook"
    assert asked(capsys, line)["convention"]["total"] / GIB == pytest.approx(145.12, abs=0.01)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("memory llama-2-7b --devices 8 --tensor 3", "of tensor x pipeline x context = 3"),
        ("memory llama-2-7b --devices 8 --data 3", "--devices 8 is not data x"),
        ("memory llama-2-7b --tensor 64", "64"),
        ("memory llama-2-8b --devices 8", "nearest: "),
        ("memory llama-2-7b --device H101-SXM", "did you mean 'H100-SXM'"),
        ("memory llama-2-7b --zero 4", "--zero: must be one of 0, 1, 2, 3"),
        ("memory llama-2-7b --convention cokbook", "did you mean 'cookbook'?"),
        ("memory llama-2-7b --reserve 6GiB:1GiB", "--reserve: must ascend"),
        ("memory llama-2-7b --data 2 --micro-batches 2 --global-batch 1M", "leave --micro-batches"),
        ("memory", "MODEL is missing"),
        ("memory none.json", "none.json"),
    ],
)  # fmt: skip
def test_a_layout_that_cannot_be_is_refused(capsys, line, message):
    assert message in refused(capsys, line)


def test_a_model_that_fits_nowhere_is_remarked(capsys):
    result = asked(capsys, "memory llama-3-70b --devices 2")
    assert result["search"]["best"] == []
    assert result["remarks"][0]["code"] == "nothing-fits"
    assert "H100-SXM are the fewest" in result["remarks"][0]["sentence"]
    assert main(["memory", "llama-3-70b", "--devices", "2", "--strict"]) == 1


def test_a_reserve_of_ones_own(capsys):
    line = "memory llama-2-7b --devices 8 --zero 1 --reserve"
    peak = asked(capsys, line, "2GiB")["footprint"]
    assert peak["reserve"] == {"low": 2 * GIB, "middle": 2 * GIB, "high": 2 * GIB}
    wide = asked(capsys, line, "1GiB:2GiB:4GiB")["footprint"]
    assert wide["reserve"] == {"low": GIB, "middle": 2 * GIB, "high": 4 * GIB}
    assert wide["needed"]["high"] == wide["peak"] + 4 * GIB


# --- plan -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ("--flops 1e24", {"flops": 1e24}),
        (
            "--flops 1e24 --devices 1k --mfu 0.3:0.4:0.5 --grid FR --pue 1.1 --seed 3 --n 500",
            {
                "flops": 1e24, "devices": 1000, "mfu": (0.3, 0.4, 0.5), "grid": "France",
                "pue": 1.1, "seed": 3, "n": 500,
            },
        ),
        (
            "--money 2.5M --price 2:2.5:4 --price-date 2026-11-01 --mfu 40%",
            {"money": 2.5e6, "price": (2.0, 2.5, 4.0), "price_date": "2026-11-01", "mfu": 0.4},
        ),
        (
            "--params 7B --deadline 30d --devices 256 --unique-tokens 500B --batch 4M",
            {
                "parameters": 7e9, "deadline": 720, "devices": 256, "unique_tokens": 5e11,
                "batch_tokens": 4e6,
            },
        ),
        (
            "--loss 2.0 --law chinchilla --law besiroglu --served-tokens 2T",
            {"loss": 2.0, "law": ["chinchilla", "besiroglu"], "served_tokens": 2e12},
        ),
        ("--kg 25,000 --grid 56 --largest 8B", {"kg_co2e": 25_000, "grid": 56, "largest": 8e9}),
        ("--params optimal --tokens 15T", {"parameters": "optimal", "tokens": 15e12}),
        ("--model llama-3-8b --tokens 15T --devices 64 --device A100-80-SXM",
         {"architecture": "llama-3-8b", "tokens": 15e12, "devices": 64, "device": "A100-80-SXM"}),
    ],
)  # fmt: skip
def test_plan_says_what_the_function_says(capsys, line, arguments):
    own = planning.plan(**arguments)
    result = asked(capsys, f"plan {line}")
    expected = json.loads(json.dumps(own.as_dict()))
    for key in ("answers", "shares", "extrapolation_decades", "conventions", "layout", "by_law"):
        assert result[key] == expected[key]
    assert [r["code"] for r in result["remarks"]] == [r.code for r in own.remarks]
    out, err = said(capsys, f"plan {line}")
    assert "10 %" in out
    assert all(f"[{remark.code}]" in err for remark in own.remarks)
    assert not any(f"[{remark.code}]" in out for remark in own.remarks)


@pytest.fixture
def runs(tmp_path):
    """A table of runs with noise, made by a law."""
    law = laws.ParametricLaw(E=1.8, A=420.0, B=900.0, alpha=0.34, beta=0.32)
    N, D = (g.ravel() for g in np.meshgrid(np.geomspace(1e7, 1e9, 5), np.geomspace(1e9, 1e11, 5)))
    loss = law.loss(N, D) * np.exp(np.random.default_rng(0).normal(scale=0.003, size=N.shape))
    rows = np.stack([N, D, loss], axis=1).tolist()
    path = tmp_path / "runs.csv"
    path.write_text("N,D,loss\n" + "".join(f"{n!r},{d!r},{x!r}\n" for n, d, x in rows))
    return path, (N, D, loss)


def test_a_plan_by_a_saved_fit_is_one_by_its_resamples(tmp_path, capsys, runs):
    path, table = runs
    kept = str(tmp_path / "fit.json")
    asked(capsys, "fit --bootstrap 60 --seed 2 --save", kept, str(path))
    drawn = fitting.bootstrap(fitting.fit_parametric(*table), n=60, seed=2)
    own = planning.plan(flops=1e22, law=drawn)
    result = asked(capsys, "plan --flops 1e22 --fit", kept)
    for name, answer in own.answers.items():
        found = result["answers"][name]
        assert found["middle"] == pytest.approx(answer.middle, rel=1e-9)
        assert [found["low"], found["high"]] == pytest.approx([answer.low, answer.high], rel=1e-9)
    assert result["extrapolation_decades"] == pytest.approx(own.extrapolation)
    assert "law-without-interval" not in {remark["code"] for remark in result["remarks"]}
    both = asked(capsys, "plan --flops 1e22 --law chinchilla --fit", kept)
    assert set(both["by_law"]) == {"chinchilla", "fit"}
    assert both["asked"]["law"] == ["chinchilla", "fit"]


def test_the_next_runs_of_a_saved_fit_are_those_of_its_resamples(tmp_path, capsys, runs):
    path, _ = runs
    kept = str(tmp_path / "fit.json")
    asked(capsys, "fit --bootstrap 60 --seed 2 --save", kept, str(path))
    own = planning.next_runs(fitting.load(kept), 1e21, target=1e22)
    found = asked(capsys, "plan --flops 1e22 --next 1e21 --fit", kept)["next_runs"]
    assert found["N"] == pytest.approx(own.N)
    assert found["D"] == pytest.approx(own.D)
    assert sum(found["C"]) <= 1e21
    assert found["after"] < found["before"]
    assert "--next needs --fit" in refused(capsys, "plan --flops 1e22 --next 1e21")
    asked(capsys, "fit --bootstrap 0 --save", kept, str(path))
    words = refused(capsys, "plan --flops 1e22 --next 1e21 --fit", kept)
    assert "must have resamples" in words


def test_a_saved_fit_without_resamples_is_taken_as_exact(tmp_path, capsys, runs):
    kept = str(tmp_path / "fit.json")
    asked(capsys, "fit --bootstrap 0 --save", kept, str(runs[0]))
    result = asked(capsys, "plan --flops 1e22 --fit", kept)
    best = fitting.fit_parametric(*runs[1]).law.optimal(1e22)
    assert result["answers"]["parameters"]["middle"] == pytest.approx(best.N, rel=1e-9)
    assert "law-without-interval" in {remark["code"] for remark in result["remarks"]}


def test_a_saved_fit_of_something_else_is_refused(tmp_path, capsys, runs):
    kept = str(tmp_path / "fit.json")
    asked(capsys, "fit --form power --x N --bootstrap 0 --save", kept, str(runs[0]))
    assert "a plan needs a loss in N and D" in refused(capsys, "plan --flops 1e22 --fit", kept)
    assert "is no saved fit" in refused(capsys, "plan --flops 1e22 --fit", str(runs[0]))


def test_a_plan_is_the_same_for_the_same_seed(capsys):
    first = asked(capsys, "plan --flops 1e23 --seed 5")
    assert asked(capsys, "plan --flops 1e23 --seed 5") == first
    assert asked(capsys, "plan --flops 1e23 --seed 6")["answers"] != first["answers"]
    assert first["seed"] == 5


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("plan", "missing: "),
        ("plan --money 5k", "--price-date"),
        ("plan --flops 1e24 --mfu 40", "0.4 for 40 %"),
        ("plan --flops 1e24 --mfu 0.5:0.4", "--mfu: must ascend"),
        ("plan --flops 1e24 --mfu 0.1:0.2:0.3:0.4", "--mfu: must be x, low:high"),
        ("plan --flops 1e24 --deadline 30", "--deadline: must be a time such as 30d"),
        ("plan --flops 1e24 --deadline 30x", "--deadline: has units s, min, h"),
        ("plan --flops 1e24 --law chinchila", "did you mean 'chinchilla'"),
        ("plan --flops 1e24 --device H100", "did you mean 'H100-PCIe' or 'H100-SXM'"),
        ("plan --flops 1e24 --grid Frence", "did you mean 'france'"),
        ("plan --flops 1e24 --n 5", "--n must be at least 100"),
        ("plan --flops 1e24 --seed -1", "--seed: must be a positive number"),
        ("plan --params 70B --tokens 1T --largest 7B", "--params = 7e+10 and --largest = 7e+09"),
        ("plan --flops 1e24 --prices none.csv", "none.csv: No such file"),
        ("plan --flops 1e24 --prices none.csv --price 2", "--prices has the price"),
        ("plan --model llama-3-9b --tokens 1T", "nearest: "),
        ("plan --flops 5", "5 PF-days are 4.32e+20 FLOPs"),
        ("plan --flps 1e24", "no such option --flps; did you mean --flops?"),
    ],
)
def test_a_plan_that_cannot_be_made_is_refused(capsys, line, message):
    assert message in refused(capsys, line)


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("30d", 720), ("12h", 12), ("1d12h", 36), ("1d 12h", 36), ("2 weeks", 336), ("90min", 1.5),
        ("1.5d", 36), ("1y", 8766), ("3600s", 1), ("30 days", 720),
    ],
)  # fmt: skip
def test_durations(text, hours):
    assert Duration().convert(text, None, None) == pytest.approx(hours)


def test_ranges():
    assert Ranged("share").convert("30%:40%:50%", None, None) == pytest.approx((0.3, 0.4, 0.5))
    assert Ranged().convert("1k:2k", None, None) == (1000, 2000)
    assert Ranged().convert("7", None, None) == 7


# --- prices -----------------------------------------------------------------------------


def test_a_price_is_read_from_a_table(tmp_path, capsys):
    path = tmp_path / "prices.csv"
    path.write_text(
        "device,price,date,currency,who\nH100-SXM,2.5,2026-11-01,EUR,a\n"
        "H100-SXM,2.0,2026-10-01,EUR,b\nh100-sxm,4,2026-11-02,EUR,c\nT4,0.3,2026-01-01,USD,d\n"
    )
    result = asked(capsys, "plan --money 1M --prices", str(path))
    price = result["inputs"]["price"]
    # Of 2, 2.5 and 4: a tenth of two steps is a fifth of one, so 2 + .2 x .5 and 4 - .2 x 1.5.
    assert [price[of] for of in ("low", "middle", "high")] == pytest.approx([2.1, 2.5, 3.7])
    assert price["date"] == "2026-10-01 to 2026-11-02"
    day = asked(capsys, "plan --money 1M --price-date 2026-10-01 --prices", str(path))
    assert day["inputs"]["price"]["middle"] == 2
    own = planning.plan(money=1e6, price=path)
    assert own.answers["cost"].unit == "EUR"
    assert result["answers"] == json.loads(json.dumps(own.as_dict()))["answers"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "missing: device, price, date"),
        ("device,price\nH100-SXM,2\n", "missing: date"),
        ("device,price,date\nT4,2,2026-11-01\n", "has no row of H100-SXM"),
        ("device,price,date\nH100-SXM,-2,2026-11-01\n", "above 0, got '-2' in line 2"),
        ("device,price,date\nH100-SXM,2,yesterday\n", "got 'yesterday' in line 2"),
        ("device,price,date\nH100-SXM,2,\n", "got '' in line 2"),
        (
            "device,price,date,currency\nH100-SXM,2,2026-11-01,EUR\nH100-SXM,2,2026-11-01,USD\n",
            "has H100-SXM in EUR, USD",
        ),
    ],
)
def test_a_table_of_prices_that_cannot_be_used(tmp_path, capsys, text, message):
    path = tmp_path / "prices.csv"
    path.write_text(text)
    assert message in refused(capsys, "plan --flops 1e24 --prices", str(path))


def test_numbers_of_both_counts_agree(capsys):
    """The count of a plain shape is that of the room that counts shapes."""
    result = asked(capsys, "count gpt3-175b")
    shape = shapes.get("gpt3-175b")
    assert result["parameters"]["total"] == counting.parameters(shape).total
    exact = counting.matmul_flops(shape).per_token
    assert result["training_flops_per_token"]["exact"] == exact
