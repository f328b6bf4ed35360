"""Coarse numbers: all that a format holds, rounding to four bits, and the bytes that 16 bits save.

A format is a ``torch.dtype`` where torch has it. Of E2M1, the elements of NVFP4 and MXFP4, it has
no cast on a CPU.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

COPIES = "copies of weights"
_E2M1 = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)  # Rouhani et al. (2023), arXiv:2310.10537
_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32}  # of as many bytes
_SPREAD = 2**16  # patterns of a format of 32 bits
_STEPS = ("TBackward", "ToCopyBackward")  # a transpose, a cast: each makes one out of one


def finite_numbers(dtype: torch.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Return bit patterns of a format and the numbers that they stand for, as torch reads them.

    Parameters
    ----------
    dtype : torch.dtype
        A floating-point format of 8, 16 or 32 bits.

    Returns
    -------
    (int64 array, float64 array), shape (patterns,) each
        All finite ones, of both signs; of 32 bits those above zero, spread evenly, with the first
        and the last.

    Raises
    ------
    TypeError
        If it is no floating-point format.
    ValueError
        If it has 64 bits.
    """
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise TypeError(f"dtype must be a floating-point torch.dtype, got {dtype!r}")
    if dtype.itemsize not in _INTEGERS:
        raise ValueError(f"dtype must have 8, 16 or 32 bits, got {dtype}")
    patterns = np.arange(2 ** (8 * dtype.itemsize)) if dtype.itemsize < 4 else _spread()
    read = torch.from_numpy(patterns).to(_INTEGERS[dtype.itemsize]).view(dtype)
    numbers = read.double().numpy()
    finite = np.isfinite(numbers)
    return patterns[finite], numbers[finite]


def _spread() -> np.ndarray:
    last = int(np.array(torch.finfo(torch.float32).max, np.float32).view(np.int32))
    return np.linspace(1, last, _SPREAD).astype(np.int64)


def to_e2m1(x: Tensor) -> Tensor:
    """Round to the nearest number of E2M1; a tie goes to the even mantissa.

    Parameters
    ----------
    x : float tensor, any shape
        Scaled already: what lies beyond 6 becomes 6.

    Returns
    -------
    tensor, the shape and type of ``x``
        One of 0, 0.5, 1, 1.5, 2, 3, 4 and 6, with the sign of ``x``.

    Raises
    ------
    TypeError
        If ``x`` is no tensor of floating-point numbers.
    """
    if not isinstance(x, Tensor) or not x.is_floating_point():
        raise TypeError(f"x must be a floating-point tensor, got {type(x).__name__}")
    grid = torch.tensor(_E2M1, dtype=x.dtype, device=x.device)
    halfway = (grid[1:] + grid[:-1]) / 2  # exact in every format of 16 bits or more
    size = x.abs()
    below, above = torch.bucketize(size, halfway), torch.bucketize(size, halfway, right=True)
    return grid[torch.where(below % 2 == 0, below, above)].copysign(x)  # they differ in a tie


def saved_bytes(forward: Callable[[], object], model: nn.Module) -> Counter[str]:
    """Count the bytes that autograd keeps after a forward pass.

    The parameters themselves are not counted: they are there anyway. A storage counts once, in
    full, however many views of it are saved.

    Parameters
    ----------
    forward : callable
        Runs the forward pass, with the loss, on whatever batch and under whatever autocast.
    model : torch.nn.Module
        Whose parameters are not counted.

    Returns
    -------
    Counter
        Bytes by type, "float32" or "bfloat16"; and under "copies of weights" those of parameters
        that were cast, such as autocast makes.

    Raises
    ------
    TypeError
        If ``forward`` cannot be called, or ``model`` is no module.
    """
    if not callable(forward):
        raise TypeError(f"forward must be callable, got {type(forward).__name__}")
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")
    own = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    kept: dict[int, tuple[str, int, Tensor]] = {}

    def pack(saved: Tensor) -> Tensor:
        storage = saved.untyped_storage()
        if storage.data_ptr() not in own:
            kind = COPIES if _is_cast_weight(saved) else str(saved.dtype).removeprefix("torch.")
            # The tensor keeps its storage alive, so that no address comes twice.
            kept[storage.data_ptr()] = (kind, storage.nbytes(), saved)
        return saved

    with saved_tensors_hooks(pack, lambda saved: saved):
        forward()
    found: Counter[str] = Counter()
    for kind, size, _ in kept.values():
        found[kind] += size
    return found


def _is_cast_weight(saved: Tensor) -> bool:
    """Say whether nothing but casts and transposes lies between a leaf and this tensor."""
    node = saved.grad_fn
    while node is not None and type(node).__name__.startswith(_STEPS):
        node = node.next_functions[0][0]
    return node is not saved.grad_fn and type(node).__name__ == "AccumulateGrad"
