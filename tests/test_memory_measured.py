"""The highest memory of a call: against tensors counted by hand."""

import pytest
import torch

from scaling_utils.memory import peak_bytes

ONE = 4 * 2**20  # bytes of the tensor that is made here


def fresh():
    return torch.zeros(2**20)


def both():
    first, second = fresh(), fresh()
    return first[0] + second[0]


def one_after_the_other():
    first = fresh()
    del first
    return fresh()


def fails():
    fresh()
    raise KeyError("on purpose")


def test_the_result_counts_and_nothing_else_is_left():
    assert peak_bytes(fresh) == ONE


def test_what_lives_together_adds_up_and_what_does_not_does_not():
    assert ONE * 2 < peak_bytes(both) < ONE * 2 + 1024
    assert peak_bytes(one_after_the_other) == ONE


def test_what_was_there_before_does_not_count():
    there = fresh()
    assert peak_bytes(there.neg_) == 0


def test_buffers_inside_a_fused_kernel_count():
    # Fused attention holds blocks of scores that no tensor of ours ever is.
    q, k, v = torch.randn(3, 1, 1, 512, 16)
    attend = torch.nn.functional.scaled_dot_product_attention
    used = peak_bytes(lambda: attend(q, k, v, is_causal=True))
    assert 4 * 512 * 16 + 4096 < used < 4 * 512**2


def test_it_is_silent_and_stderr_comes_back(capfd):
    peak_bytes(fresh)
    with pytest.raises(KeyError):
        peak_bytes(fails)
    import os

    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


def test_what_cannot_be_called_is_refused():
    with pytest.raises(TypeError, match="function must be callable"):
        peak_bytes(3)
