"""Counts on a real module. The only part of this room that needs torch."""

from __future__ import annotations

import dataclasses
import random
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import numpy as np

from scaling_utils.counting.work import Flops


def count_parameters(module, trainable_only: bool = False) -> int:
    """Return the number of parameters of a torch module; a shared tensor counts once.

    Parameters
    ----------
    module : torch.nn.Module
        On any device, "meta" included.
    trainable_only : bool
        Leave out the parameters that ask for no gradient.

    Returns
    -------
    int
        Parameters.

    Raises
    ------
    TypeError
        If ``module`` is no torch module.
    """
    _check_module(module)
    return sum(p.numel() for p in module.parameters() if p.requires_grad or not trainable_only)


def count_flops(module, *inputs, backward: bool = True) -> Flops:
    """Return the FLOPs of the matrix multiplications that ``module`` really executes.

    Every operation of one forward pass, and of one backward pass from the sum of all
    outputs, is looked at. Products are counted by their shapes, with 2 FLOPs for one
    multiplication and one addition. Entry-wise operations, softmax, norms, pooling and
    look-ups count nothing. Any other operation is an error that names it: FLOPs that cannot
    be counted are never left out silently.

    Fused kernels hide the products inside them. So attention is held to its plain (MATH)
    form, recurrent layers and the encoder layer run without theirs, and compiled modules
    run uncompiled. Attention is counted over the full square, masked or not. A layer that
    is frozen needs no gradient of its weights, and a parameter before it still may:
    what runs is what counts.

    The module stays as it was: attributes, buffers (the statistics of a BatchNorm),
    parameters and their gradients. So do the inputs and the random states of torch, numpy
    and Python. This takes a copy of the parameters and buffers for the time of the count.
    What hooks do outside the module cannot be undone, and work that torch does not see,
    such as numpy's or that of threads, cannot be counted.

    Parameters
    ----------
    module : torch.nn.Module
        It returns tensors, in any nest of tuples, lists, dicts and dataclasses.
    *inputs : tensors
        Its inputs, alone or in tuples, lists and dicts; on the "meta" device no memory is needed,
        and a module of any size can be counted.
    backward : bool
        False to count the forward pass only.

    Returns
    -------
    Flops
        FLOPs (work) of the passes; ``backward`` is 0 where it was not asked for.

    Raises
    ------
    TypeError
        If ``module`` is no torch module, or returns no tensor.
    ValueError
        If ``backward`` is asked for, and neither a parameter nor an input asks for a gradient, or
        no output carries one; if a lazy layer of ``module`` has not seen its first batch.
    NotImplementedError
        For an operation without a formula, such as a custom or quantised one, a product of
        sparse tensors, or a nested tensor among the inputs.
        ``torch.utils.flop_counter.register_flop_formula`` teaches an operation.
    """
    import torch
    from torch.utils._pytree import tree_map_only

    from scaling_utils.counting._operations import WorkCounter

    _check_module(module)
    with _unfused(), _unchanged(module), torch.set_grad_enabled(backward):
        copies = tree_map_only(torch.Tensor, _copy, inputs)
        leaves = [x for x in (*module.parameters(), *_tensors(copies)) if x.requires_grad]
        if backward and not leaves:
            raise ValueError(
                "backward=True needs a parameter or an input that asks for a gradient, and all "
                f"of {type(module).__name__} is frozen; use backward=False"
            )
        with WorkCounter() as forward:
            returned = module(*copies)
        outputs = list(_tensors(returned))
        if not outputs:
            raise TypeError(f"module must return tensors, got {type(returned).__name__}")
        if not backward:
            return Flops(forward.flops, 0)
        outputs = [output for output in outputs if output.requires_grad]
        if not outputs:
            raise ValueError(
                "backward=True needs an output that carries a gradient, and no output of "
                f"{type(module).__name__} does; use backward=False"
            )
        ones = [torch.ones_like(output) for output in outputs]
        with WorkCounter() as back:
            torch.autograd.grad(outputs, leaves, ones, allow_unused=True)
    return Flops(forward.flops, back.flops)


def _check_module(module) -> None:
    import torch

    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"module must be a torch.nn.Module, got {type(module).__name__}")


def _copy(tensor):
    """Return a copy of an input, so that a layer that works in place cannot change it."""
    if tensor.is_nested:
        raise NotImplementedError("count_flops does not count nested tensors; pad the input")
    return tensor.detach().clone().requires_grad_(tensor.requires_grad)


def _tensors(value) -> Iterator:
    """Yield the tensors in a nest of containers and dataclasses."""
    import torch

    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from _tensors(entry)
    elif isinstance(value, list | tuple | set):
        for entry in value:
            yield from _tensors(entry)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from _tensors(getattr(value, field.name))


@contextmanager
def _unfused():
    """Hold torch to kernels whose products can be seen."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    backends = torch.backends
    with ExitStack() as stack:
        stack.callback(backends.mha.set_fastpath_enabled, backends.mha.get_fastpath_enabled())
        backends.mha.set_fastpath_enabled(False)  # the encoder layer's and attention's own
        stack.enter_context(torch.inference_mode(False))  # it would forbid a backward pass
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        for library in (backends.mkldnn, backends.cudnn):  # their recurrent layers
            stack.callback(setattr, library, "enabled", library.enabled)
            library.enabled = False
        if "torch._dynamo" in sys.modules:  # otherwise nothing has been compiled
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        yield


@contextmanager
def _unchanged(module):
    """Put module and random states back, whatever happens inside."""
    import torch

    attributes = [(part, dict(part.__dict__)) for part in module.modules()]
    registers = [
        (value, value.copy())
        for _, values in attributes
        for value in values.values()
        if isinstance(value, dict | list)
    ]
    storages = [(storage, storage.clone()) for storage in _storages(module)]
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 (what users may use)
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        for part, values in attributes:
            part.__dict__.clear()
            part.__dict__.update(values)
        for register, value in registers:
            register.clear()
            register.update(value) if isinstance(register, dict) else register.extend(value)
        for storage, value in storages:
            storage.copy_(value)


def _storages(module) -> list:
    """Return the memory of the parameters and buffers, each piece once.

    Bytes and not tensors, because a tensor that repeats itself in memory cannot be written,
    and writing a tensor would disturb a graph that waits for its backward pass.
    """
    import torch
    from torch.nn.parameter import is_lazy
    from torch.utils._python_dispatch import is_traceable_wrapper_subclass

    found = {}
    for tensor in (*module.parameters(), *module.buffers()):
        if is_lazy(tensor):
            raise ValueError(
                f"module must know its shapes, and {type(tensor).__name__} waits for a first "
                "batch: run it once before it is counted"
            )
        in_memory = tensor.layout == torch.strided and not tensor.is_meta
        if in_memory and not is_traceable_wrapper_subclass(tensor):
            storage = tensor.untyped_storage()
            found[storage._cdata] = storage
    return list(found.values())
