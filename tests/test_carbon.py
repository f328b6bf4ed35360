"""Energy and emissions against calculations by hand, and input in the wrong unit refused."""

import numpy as np
import pytest

from scaling_utils import carbon


def test_the_chain_by_hand():
    # 270,000 h x 0.4 kW = 108,000 kWh; x 1.1 = 118,800 kWh; x 0.381 kg = 45,262.8 kg
    assert carbon.energy(270_000, 400) == pytest.approx(108_000)
    kwh = carbon.energy(270_000, 400, 1.1)
    assert kwh == pytest.approx(118_800)
    assert carbon.facility(108_000, 1.1) == pytest.approx(kwh)
    assert carbon.emissions(kwh, 381) == pytest.approx(45_262.8)


def test_hours_of_one_device_by_hand():
    # 6 x 1e9 x 20e9 = 1.2e20 FLOPs at 312e12 x 0.4 FLOP/s are 961,538 s, or 267.09 h
    assert carbon.device_hours(1.2e20, "A100-80-SXM", 0.4) == pytest.approx(267.0940)
    assert carbon.device_hours(1.2e20, 312e12, 0.4) == pytest.approx(267.0940)
    # its fp8 peak is twice the bf16 one
    h100 = [carbon.device_hours(1e21, "H100-SXM", 0.4, dtype) for dtype in ("bf16", "fp8")]
    assert h100[0] / h100[1] == pytest.approx(1979 / 989.4)


def test_arrays_are_one_call():
    hours, pue = np.array([[10.0], [20.0]]), np.array([1.0, 1.1, 1.5])
    kwh = carbon.energy(hours, 500, pue)
    np.testing.assert_allclose(kwh, [[5, 5.5, 7.5], [10, 11, 15]])
    np.testing.assert_allclose(carbon.emissions(kwh, [100, 200, 400])[0], [0.5, 1.1, 3.0])
    assert carbon.embodied(hours, "bloom").shape == (2, 1)


def test_three_names_of_power():
    assert carbon.rated("A100-80-SXM").watts == 400
    half = carbon.utilised("A100-80-SXM", 0.75)
    assert (half.watts, half.kind) == (300, "utilised")
    meter = carbon.measured(330, "accelerator, memory, network, fans and host")
    assert (meter.watts, meter.kind, meter.pue) == (330, "measured", 1)
    assert carbon.energy(1000, meter) == pytest.approx(330)  # not the 300 W of a V100's sheet
    assert carbon.rated("V100-SXM2-32").watts == 300


def test_a_pue_is_applied_once():
    at_the_building = carbon.measured(440, "the building's meter, shared out", pue=1.1)
    assert carbon.energy(1000, at_the_building) == pytest.approx(440)
    with pytest.raises(ValueError, match=r"pue must be 1 .* twice"):
        carbon.energy(1000, at_the_building, 1.1)


def test_published_ranges_go_in_as_they_are():
    google = carbon.pue("google", 2021)
    assert carbon.energy(1000, 400, google) == pytest.approx(440)
    france = carbon.grid("FRA")
    assert carbon.emissions(1000, france) == pytest.approx(float(france))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: carbon.energy(1, 0.4), r"power must be in watts.*0.4 kW are 400 W"),
        (lambda: carbon.energy(1, 400_000), r"power must be in watts.*device_hours"),
        (lambda: carbon.energy(1, 0), r"power must be positive"),
        (lambda: carbon.energy(1, [400, np.nan]), r"power must be finite"),
        (lambda: carbon.energy(-1, 400), r"device_hours must be at least 0, got -1"),
        (lambda: carbon.energy(1, 400, 0.9), r"pue must be from 1 to 3.*0.9"),
        (lambda: carbon.energy(1, 400, 110), r"pue must be from 1 to 3.*110"),
        (lambda: carbon.facility(1, 0), r"pue must be from 1 to 3"),
        (lambda: carbon.emissions(1, 0.385), r"intensity must be in grams.*0.385 kg are 385 g"),
        (lambda: carbon.emissions(1, 385_000), r"intensity must be from 0 to 2000"),
        (lambda: carbon.emissions(1, -1), r"intensity must be from 0"),
        (lambda: carbon.emissions(-1, 385), r"kwh must be at least 0"),
        (lambda: carbon.device_hours(1e21, 312e12, 40), r"mfu must be a share.*40"),
        (lambda: carbon.device_hours(1e21, 312e12, 0), r"mfu must be positive"),
        (lambda: carbon.device_hours(1e21, "H100", 0.4), r"device must be one of"),
        (lambda: carbon.utilised("A100-80-SXM", 75), r"share must be above 0 and at most 1.2"),
        (lambda: carbon.rated("TPU-v4"), r"rated power.*TPU-v4.*measured"),
        (lambda: carbon.measured(330, ""), r"covers must say"),
        (lambda: carbon.Power(330, "guessed", "card"), r"kind must be one of"),
    ],
)
def test_what_is_in_another_unit_is_refused(wrong, says):
    with pytest.raises((TypeError, ValueError), match=says):
        wrong()


def test_zero_is_an_intensity_that_a_contract_can_claim():
    assert carbon.emissions(1000, 0) == 0


@pytest.mark.parametrize(
    ("printed", "says"),
    [
        (118.8, "agrees"),
        (108.0, "one PUE too few"),
        (130.7, "one PUE too many"),
        (118_800, "a factor of 1,000 too high"),
        (0.1188, "a factor of 1,000 too low"),
        (59.4, "half: a peak with sparsity"),
        (14.85, "one device of a server of 8"),
        (100.0, "not explained"),
    ],
)
def test_slips_are_named_by_their_ratio(printed, says):
    assert says in carbon.slip(printed, 118.8, pue=1.1)


def test_where_the_pue_is_one_nothing_is_blamed_on_it():
    assert carbon.slip(100, 100, pue=1.0) == "agrees"
