"""Formats against their definitions, and what a forward pass saves against bytes by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from scaling_utils.training import finite_numbers, saved_bytes, to_e2m1

BATCH, WIDE, INNER, OUT = 8, 16, 32, 4


@pytest.mark.parametrize(
    ("dtype", "finite", "smallest", "largest"),
    [  # finite patterns: all but those of the top exponent; E4M3 gives up one pattern a sign
        (torch.float16, 2 * 31 * 2**10, 2.0**-24, 65_504),
        (torch.bfloat16, 2 * 255 * 2**7, 2.0**-133, (2 - 2.0**-7) * 2.0**127),
        (torch.float8_e5m2, 2 * 31 * 4, 2.0**-16, 57_344),
        (torch.float8_e4m3fn, 2 * 127, 2.0**-9, 448),
        (torch.float32, 2**16, 2.0**-149, (2 - 2.0**-23) * 2.0**127),
    ],
)
def test_a_format_holds_what_its_definition_says(dtype, finite, smallest, largest):
    patterns, numbers = finite_numbers(dtype)
    assert len(patterns) == len(numbers) == finite
    assert numbers.max() == largest
    assert numbers[numbers > 0].min() == smallest
    assert np.all(np.diff(numbers[numbers > 0]) > 0)  # the patterns count upwards


def test_no_other_type_has_numbers_to_list():
    with pytest.raises(TypeError, match=r"dtype must be a floating-point torch.dtype, got torch.i"):
        finite_numbers(torch.int8)
    with pytest.raises(ValueError, match=r"dtype must have 8, 16 or 32 bits, got torch.float64"):
        finite_numbers(torch.float64)


def test_four_bits_round_to_nearest_and_a_tie_to_the_even_mantissa():
    # The mantissa bit is 0 for 0, 1, 2 and 4.
    ties = torch.tensor([0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0])
    assert to_e2m1(ties).tolist() == [0, 1, 1, 2, 2, 4, 4]
    assert to_e2m1(ties + 0.01).tolist() == [0.5, 1, 1.5, 2, 3, 4, 6]
    assert to_e2m1(ties - 0.01).tolist() == [0, 0.5, 1, 1.5, 2, 3, 4]
    assert to_e2m1(torch.tensor([-0.6, -100.0, 7.0, -0.0])).tolist() == [-0.5, -6, 6, 0]


def test_four_bits_keep_the_type_and_refuse_integers():
    assert to_e2m1(torch.ones(2, 3).bfloat16()).dtype == torch.bfloat16
    with pytest.raises(TypeError, match="x must be a floating-point tensor, got Tensor"):
        to_e2m1(torch.ones(2, dtype=torch.int32))


@pytest.fixture
def network():
    return nn.Sequential(nn.Linear(WIDE, INNER), nn.ReLU(), nn.Linear(INNER, OUT))


def passes(network, dtype=None):
    x = torch.randn(BATCH, WIDE)

    def forward():
        with torch.autocast("cpu", dtype or torch.bfloat16, enabled=dtype is not None):
            return network(x)

    return forward


def test_in_fp32_the_inputs_of_each_matrix_are_saved_and_the_relu_shares_one(network):
    assert saved_bytes(passes(network), network) == {"float32": 4 * BATCH * (WIDE + INNER)}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_halves_them_and_keeps_a_copy_of_a_matrix(network, dtype):
    # Not of the first matrix: its input wants no gradient.
    assert saved_bytes(passes(network, dtype), network) == {
        str(dtype).removeprefix("torch."): 2 * BATCH * (WIDE + INNER),
        "copies of weights": 2 * INNER * OUT,
    }


def test_an_activation_shaped_like_a_weight_is_no_copy_of_it():
    square = nn.Linear(WIDE, WIDE, bias=False)
    x = torch.randn(WIDE, WIDE, requires_grad=True) + 0  # not a leaf

    def forward():
        return F.linear(x.bfloat16(), square.weight.bfloat16())

    assert saved_bytes(forward, square) == {
        "bfloat16": 2 * WIDE * WIDE,
        "copies of weights": 2 * WIDE * WIDE,
    }


def test_views_of_one_storage_count_once_and_in_full():
    x = torch.randn(BATCH, WIDE, requires_grad=True)

    def forward():
        y = x * 1
        return y[:, :4] * y[:, 4:8] + y[:, :4].exp()

    # What is multiplied with 1 needs nothing of x; y is saved by its views, the exponential apart.
    assert saved_bytes(forward, nn.Identity()) == {"float32": 4 * BATCH * (WIDE + 4)}


def test_bad_input_is_named(network):
    with pytest.raises(TypeError, match="forward must be callable, got Tensor"):
        saved_bytes(torch.zeros(1), network)
    with pytest.raises(TypeError, match=r"model must be a torch.nn.Module, got list"):
        saved_bytes(lambda: None, [])
