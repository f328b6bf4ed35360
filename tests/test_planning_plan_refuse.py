"""What a plan refuses, and what its errors say would help."""

import pytest

from scaling_utils.planning import plan


def refused(words: str, **given):
    with pytest.raises((TypeError, ValueError), match=words):
        plan(**given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "nothing alone.*missing: a budget, a loss, or parameters and tokens"),
        ({"parameters": 7e9}, "parameters alone.*missing: tokens"),
        ({"tokens": 1e12}, "tokens alone.*missing: parameters"),
        ({"deadline": 720}, "deadline alone.*missing: devices"),
        ({"devices": 512}, "devices alone.*missing: deadline"),
        ({"money": 1e6}, "money needs a price per device-hour and its price_date"),
        ({"parameters": "optimal", "tokens": "optimal"}, "cannot both be 'optimal'"),
        ({"parameters": "optimal", "flops": 1e23}, "does not determine a plan"),
        ({"flops": 1e23, "price_date": "2026-11-01"}, "needs a price, got none"),
        ({"kg_co2e": 1e5, "device": "TPU-v4"}, "kg_co2e needs power in watts"),
    ],
)
def test_too_little_says_what_is_missing(given, words):
    refused(words, **given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"parameters": 7e9, "tokens": 1e12, "flops": 1e22},
            r"parameters = 7e\+09 with tokens = 1e\+12 and flops = 1e\+22 contradict each other: "
            r"the first implies 4.2e\+22 FLOPs, the second 1e\+22",
        ),
        (
            {"flops": 1e24, "device_hours": 1e5, "mfu": 0.4},
            r"flops = 1e\+24 and device_hours = 100000 contradict .* 1e\+24 .* 1.425e\+23",
        ),
        (
            {"loss": 1.9, "flops": 1e22},
            r"loss = 1.9 and flops = 1e\+22 contradict each other: the first implies 9.996e\+23",
        ),
        (
            {"loss": 2.5, "parameters": 7e9, "tokens": 1e12},
            r"tokens = 1e\+12 and loss = 2.5 contradict .* implies 2.036 nats",
        ),
        (
            {"flops": 1e24, "money": 100, "price": 2, "price_date": "2026-11-01", "mfu": 0.4},
            r"flops = 1e\+24 and money = 100 contradict",
        ),
        (
            {"parameters": 7e9, "tokens": 1e12, "kg_co2e": 1, "grid": 300, "mfu": 0.4},
            "and kg_co2e = 1 contradict",
        ),
        (
            {"parameters": 70e9, "tokens": 1e12, "largest": 8e9},
            r"parameters = 7e\+10 and largest = 8e\+09 contradict",
        ),
        (
            {"architecture": "llama-2-7b", "parameters": 70e9, "tokens": 1e12},
            "parameters = 7e\\+10 and architecture = 'llama-2-7b' contradict .* 6.73842e\\+09",
        ),
    ],
)
def test_contradictions_name_both_and_what_each_implies(given, words):
    refused(words, **given)


def test_what_agrees_is_no_contradiction():
    found = plan(parameters=7e9, tokens=1e12, flops=4.2e22)
    assert found.answers["flops"].middle == pytest.approx(4.2e22)
    loss = found.answers["loss"].middle
    assert plan(parameters=7e9, tokens=1e12, loss=round(loss, 3))
    assert plan("llama-2-7b", parameters=7e9, tokens=1e12).answers["parameters"].middle < 6.8e9


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"flops": 1e24, "mfu": 0}, r"mfu must be above 0.*0.4 for 40 %.*0.2 to 0.6"),
        ({"flops": 1e24, "mfu": 40}, "mfu must be above 0 and at most 1.*got 40"),
        ({"flops": 1e24, "mfu": (0.3, 1.2)}, "mfu"),
        ({"flops": 1e24, "price": -2, "price_date": "2026-11-01"}, "price must be above 0.*-2"),
        ({"flops": -1e24}, "flops must be above 0, got -1e"),
        ({"flops": float("nan")}, "flops must be finite, got nan"),
        ({"flops": float("inf")}, "flops must be finite, got inf"),
        ({"flops": "1e24"}, "flops must be numeric"),
        ({"flops": True}, "flops must be numeric"),
        ({"flops": 3640}, "in FLOPs.*3640 PF-days are 3.145e.23 FLOPs"),
        ({"parameters": 7, "tokens": 1e12}, "parameters must be counted one by one.*7e9 for 7B"),
        ({"parameters": 7e9, "tokens": 15}, "tokens must be counted one by one"),
        ({"parameters": 7000, "flops": 1e24}, "not in millions or billions"),
        ({"flops": 1e24, "device": "H100"}, "device must be one of.*did you mean 'H100-SXM'"),
        ({"flops": 1e24, "dtype": "fp4"}, "dtype of H100-SXM must be one of"),
        ({"flops": 1e24, "devices": 0}, "devices must be at least 1, got 0"),
        ({"flops": 1e24, "devices": 2.5}, "devices must be a whole number, got 2.5"),
        ({"flops": 1e24, "deadline": -1}, "deadline must be above 0, got -1"),
        ({"flops": 1e24, "grid": 0.385}, "grid must be in g CO2e/kWh.*0.385 kg/kWh are 385 g/kWh"),
        ({"flops": 1e24, "grid": "Atlantis"}, "Atlantis"),
        ({"flops": 1e24, "pue": 0.9}, "pue must be 1 or above.*got 0.9"),
        ({"flops": 1e24, "power": 0}, "power must be above 0 W, got 0"),
        ({"flops": 1e24, "largest": 0}, "largest must be above 0, got 0"),
        ({"flops": 1e24, "served_tokens": -1}, "served_tokens must be at least 0, got -1"),
        ({"flops": 1e24, "unique_tokens": 10}, "unique_tokens must be at least one step"),
        ({"flops": 1e24, "n": 10}, "n must be at least 100, got 10"),
        ({"flops": 1e24, "law": []}, "an empty list"),
        ({"flops": 1e24, "law": "step-law"}, "law must be the name of a law of size and data"),
        ({"architecture": "llama-9", "tokens": 1e12}, "llama-9"),
        ({"architecture": "llama-2-7b", "tokens": 1e12, "attention": "x"}, "attention must be one"),
    ],
)
def test_bad_values_are_named(given, words):
    refused(words, **given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"loss": 1.5}, "irreducible loss E, so that reachable losses lie above 1.69337"),
        ({"loss": 1.9, "parameters": 1e9}, r"1e\+09 parameters leave.*lie above 2.05347"),
        ({"loss": 1.9, "tokens": 1e10}, r"1e\+10 tokens leave.*lie above 2.27476"),
        ({"loss": 2.0, "unique_tokens": 1e9}, "fresh tokens leave a data term"),
        (
            {"loss": 1.9, "largest": 1e9},
            r"1e\+09 parameters leave E \+ A / N\^alpha at any number of tokens",
        ),
        ({"parameters": 7e9, "flops": 1e12}, "less than one step.*times the budget"),
        ({"parameters": 1e9, "flops": 1e19, "served_tokens": 1e13}, "serving 1e.13 tokens takes"),
        (
            {"flops": 1e24, "deadline": 24, "devices": 8, "mfu": 0.4},
            r"deadline = 24 hours is not met by devices = 8: .* 8.774e\+04 hours .* needs 29246",
        ),
        ({"flops": 1e24, "deadline": 1e-6}, "no number of devices meets it; .* hours is the least"),
        (
            {"parameters": 8.03e9, "tokens": 15e12, "device_hours": 1e4},
            "imply an MFU of 20.3, above 1: they need at least 2.029e.05 device-hours",
        ),
    ],
)
def test_what_cannot_be_done_says_what_would_help(given, words):
    refused(words, **given)
