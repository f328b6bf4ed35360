"""Units against figures that others have printed."""

import math

import pytest

from scaling_utils import units


def test_work_in_pf_days_is_that_of_the_gpt3_paper():
    # Brown et al. (2020), Table D.1: 3.14e23 FLOPs are 3.64e3 PF-days, of 174.6e9 parameters on
    # 300e9 tokens.
    assert pytest.approx(3.64e3, rel=2e-3) == 3.14e23 / units.PF_DAY
    assert pytest.approx(3.14e23, rel=2e-3) == units.TRAINING_FLOPS * 174.6e9 * 300e9
    assert units.TRAINING_FLOPS == 3 * units.INFERENCE_FLOPS  # one way forward, twice that back


def test_memory_of_a_card_as_its_driver_and_its_vendor_print_it():
    # nvidia-smi shows 81,559 MiB on an H100 that is sold as 80 GB.
    assert 81_559 * units.MIB == 85_520_809_984
    assert units.GIB == 1024 * units.MIB
    assert pytest.approx(79.65, abs=5e-3) == 81_559 * units.MIB / units.GIB
    assert pytest.approx(1.0737, abs=1e-4) == units.GIB / units.GB


def test_a_fair_coin_holds_one_bit():
    coin = -2 * 0.5 * math.log(0.5)  # nats
    assert coin / units.NATS_PER_BIT == 1
