"""Part 3: where the memory of training goes, beside what is predicted tensor by tensor.

The prediction is for the book's GPT with biases, LayerNorm, a GELU and tied embeddings, fp32
weights, AdamW, bf16 autocast and attention by a flash kernel. Two measures of activations
stand beside it: what the allocator holds after the forward pass, on a GPU alone, and the
tensors that the backward pass keeps, on any device.

Letters: n = B T tokens, d = d_model, H heads, V = vocab, L layers.
"""

from __future__ import annotations

from functools import partial

import torch
from keeping import Cell, Row
from machine import Machine
from step import GPT2, RATE, SEED, TOY, autocast, batch_of
from torch import nn
from torch.utils.checkpoint import checkpoint

from scaling_utils.counting.size import parameters
from scaling_utils.models.gpt import GPT
from scaling_utils.shapes import Transformer
from scaling_utils.training.optimisers import adamw

NAME = "footprint"
SETTINGS = ((1, 1024), (4, 1024), (16, 1024), (32, 1024), (16, 256), (16, 512), (64, 256))
FP32, BF16 = 4, 2  # bytes of a number


def cells(machine: Machine) -> list[Cell]:
    """Return one cell for each batch, context and way to keep activations."""
    shape, settings = (TOY, ((2, 16), (3, 8))) if machine.toy else (GPT2, SETTINGS)
    found = []
    for batch, context in settings:
        for again in (False, True):
            key = {"batch_sequences": batch, "context": context, "checkpointing": again}
            run = partial(measure_memory, machine, shape, batch, context, again)
            found.append(Cell(key, 2.5, run))
    return found


def weights_of_products(shape: Transformer) -> int:
    """Return how many weights multiply: the blocks' matrices and the head, no biases."""
    d = shape.d_model
    return shape.n_layer * (4 * d * shape.d_attn + 2 * d * shape.d_ff) + d * shape.vocab


def predict(shape: Transformer, batch: int, context: int, again: bool) -> Row:
    """Return the predicted bytes of each part, and the peak.

    A block keeps, per token: its input and the input of its second norm (4 d bytes each), the
    two norms' outputs in bf16 (2 d each), queries, keys and values (6 d), the attention's output
    (2 d) and its log-sum-exp (4 H), the MLP's hidden layer before and after the GELU (2 d_ff
    each), and mean and deviation of two norms (16). At the end there are the last norm's
    input (4 d), statistics (8) and output (2 d), and the log-probabilities (4 V). Autocast keeps
    a bf16 copy of each matrix. With checkpointing, of a block only its input is kept.

    The peak is the larger of two moments: the start of the backward pass, when two gradients
    of 4 V bytes per token stand beside all activations, and the optimiser's step, when
    weights, gradients and Adam's two moments are there and activations are not.
    """
    n, d, L, V = batch * context, shape.d_model, shape.n_layer, shape.vocab
    size, products = parameters(shape).total, weights_of_products(shape)
    block = (2 * FP32 + 2 * BF16 + 4 * BF16) * d + FP32 * shape.n_head
    block += 2 * BF16 * shape.d_ff + 4 * FP32
    end = (FP32 + BF16) * d + 2 * FP32 + FP32 * V
    per_token = L * (FP32 * d if again else block) + end
    copies = BF16 * (d * V if again else products)
    kept = n * per_token + copies + FP32  # and the number of targets
    weights, moments = FP32 * size, 2 * FP32 * size
    return {
        "bytes_weights_predicted": weights,
        "bytes_gradients_predicted": weights,
        "bytes_adam_predicted": moments,
        "bytes_kept_per_token_predicted": per_token,
        "bytes_kept_predicted": kept,
        "bytes_peak_predicted": max(
            weights + moments + kept + 2 * FP32 * n * V, 2 * weights + moments
        ),
    }


def measure_memory(
    machine: Machine, shape: Transformer, batch: int, context: int, again: bool
) -> Row:
    """Return the measured bytes beside the predicted ones."""
    machine.free()
    torch.manual_seed(SEED)
    empty = _allocated(machine)
    model = GPT(shape).to(machine.device)
    if again:
        for block in model.blocks:
            block.forward = partial(checkpoint, block.forward, use_reentrant=False)
    optimiser = adamw(model, RATE)
    inputs, targets = (each[:, :context] for each in batch_of(machine, shape, batch))

    def forward() -> torch.Tensor:
        with autocast(machine, torch.bfloat16):
            return model.loss(inputs, targets)

    weights = _allocated(machine) - empty
    forward().backward()
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    machine.free()
    before = _allocated(machine)
    loss = forward()
    forwarded = _allocated(machine)
    loss.backward()
    loss = loss.detach()
    backwarded = _allocated(machine)
    optimiser.step()
    peak = torch.cuda.max_memory_allocated() if machine.cuda else 0
    reserved = torch.cuda.max_memory_reserved() if machine.cuda else 0
    gradients = _bytes(parameter.grad for parameter in model.parameters())
    optimiser.zero_grad(set_to_none=True)
    allocator = {
        "bytes_weights_and_batch_allocated": weights,
        "bytes_adam_allocated": before - weights - empty,
        "bytes_activations_allocated": forwarded - before,
        "bytes_gradients_allocated": backwarded - before,
        "bytes_peak_allocated": peak - empty,
        "bytes_peak_reserved": reserved,
    }
    if not machine.cuda:
        allocator = dict.fromkeys(allocator)
    return (
        predict(shape, batch, context, again)
        | allocator
        | {
            "allocated_missing": "" if machine.cuda else "a CPU's allocator keeps no count",
            "bytes_weights_tensors": _bytes(model.parameters()),
            "bytes_gradients_tensors": gradients,
            "bytes_adam_tensors": _bytes(_moments(optimiser)),
            "bytes_kept_tensors": kept_bytes(model, forward),
            "parameters": parameters(shape).total,
            "seed": SEED,
        }
    )


def kept_bytes(model: nn.Module, forward) -> int:
    """Return the bytes of all real tensors that a forward pass keeps, parameters left out.

    A tensor counts by its storage, once, so that views of it are free.
    """
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    found: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if tensor.is_floating_point() and storage.data_ptr() not in own:
            found[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = forward()  # alive until all is counted
    return sum(found.values()) if loss.requires_grad else 0


def _moments(optimiser: torch.optim.Optimizer):
    for state in optimiser.state.values():
        yield from (state["exp_avg"], state["exp_avg_sq"])


def _bytes(tensors) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _allocated(machine: Machine) -> int:
    if not machine.cuda:
        return 0
    torch.cuda.synchronize()
    return torch.cuda.memory_allocated()
