"""Part 2: a training step of GPT-2's smallest size: tokens per second and MFU.

The model is the book's own GPT with fp32 weights, trained in bf16 autocast by fused AdamW.
"""

from __future__ import annotations

import contextlib
import math
import time
from functools import partial

import torch
from keeping import Cell, Row
from machine import Machine, share_of_peak, spread

from scaling_utils.counting.published import rule_flops_per_token
from scaling_utils.counting.size import parameters
from scaling_utils.counting.work import matmul_flops
from scaling_utils.models.gpt import GPT
from scaling_utils.shapes import Transformer
from scaling_utils.training.optimisers import adamw

NAME = "step"
GPT2 = Transformer(n_layer=12, d_model=768, n_head=12, vocab=50257, context=1024)
PADDED = Transformer(n_layer=12, d_model=768, n_head=12, vocab=50304, context=1024)
TOY = Transformer(n_layer=2, d_model=32, n_head=2, vocab=61, context=16)
TOY_PADDED = Transformer(n_layer=2, d_model=32, n_head=2, vocab=64, context=16)
# (padded, sequences, how): the usual setting first, what takes long to compile last.
PLAN = (
    (True, 32, "eager"),
    (True, 16, "eager"),
    (True, 8, "eager"),
    (True, 4, "eager"),
    (False, 32, "eager"),
    (True, 32, "blocks compiled"),
    (True, 32, "compiled"),
)
WARMUP, STEPS, SEED, RATE = 3, 8, 0, 6e-4
COMPILING = {"eager": 0, "blocks compiled": 15, "compiled": 55}  # seconds, a guess
GUESSED = 0.35 * 989e12  # FLOP/s


def shape_of(machine: Machine, padded: bool) -> Transformer:
    """Return the shape that is trained: 50,257 tokens, or 50,304, a multiple of 64."""
    if machine.toy:
        return TOY_PADDED if padded else TOY
    return PADDED if padded else GPT2


def cells(machine: Machine) -> list[Cell]:
    """Return one cell for each setting."""
    plan = ((True, 2, "eager"), (False, 2, "eager")) if machine.toy else PLAN
    found = []
    for padded, batch, how in plan:
        shape = shape_of(machine, padded)
        work = (WARMUP + STEPS) * matmul_flops(shape, batch=batch).total
        key = {"vocab": shape.vocab, "batch_sequences": batch, "how": how}
        seconds = 3 + COMPILING[how] + work / GUESSED
        found.append(Cell(key, seconds, partial(train_some, machine, shape, batch, how)))
    return found


def work_columns(shape: Transformer, batch: int) -> Row:
    """Return the FLOPs of a training step: the rule with two meanings of N, and exactly."""
    size, tokens = parameters(shape), batch * shape.context
    return {
        "parameters": size.total,
        "parameters_non_embedding": size.non_embedding,
        "tokens_per_step": tokens,
        "flop_rule_all": rule_flops_per_token(size.total) * tokens,
        "flop_rule_non_embedding": rule_flops_per_token(size.non_embedding) * tokens,
        "flop_exact": matmul_flops(shape, batch=batch).total,
    }


def autocast(machine: Machine, dtype: torch.dtype | None):
    """Return autocast to a format, or nothing."""
    return torch.autocast(machine.device, dtype) if dtype else contextlib.nullcontext()


def batch_of(machine: Machine, shape: Transformer, batch: int) -> tuple:
    """Return random tokens and random targets, (B, T) each: the work does not depend on them."""
    draw = torch.Generator().manual_seed(SEED)
    drawn = torch.randint(shape.vocab, (2, batch, shape.context), generator=draw)
    return tuple(drawn.to(machine.device))


def train_some(machine: Machine, shape: Transformer, batch: int, how: str) -> Row:
    """Train a few steps on one batch; return their times and what follows from them."""
    machine.free()
    torch.manual_seed(SEED)
    model = GPT(shape).to(machine.device)
    optimiser = adamw(model, RATE, betas=(0.9, 0.95), weight_decay=0.1)
    loss_of = model.loss
    if how == "compiled":
        loss_of = torch.compile(model.loss)
    elif how == "blocks compiled":
        for block in model.blocks:
            block.compile()
    inputs, targets = batch_of(machine, shape, batch)
    losses = []

    def one_step() -> None:
        optimiser.zero_grad(set_to_none=True)
        with autocast(machine, torch.bfloat16):
            loss = loss_of(inputs, targets)
        loss.backward()
        optimiser.step()
        losses.append(loss.detach())

    begun = time.perf_counter()
    one_step()
    machine.synchronise()
    first = time.perf_counter() - begun
    found = spread(machine.times(one_step, STEPS, WARMUP - 1))
    work = work_columns(shape, batch)
    second = found["seconds_median"]
    columns = found | work | {"seconds_first_step": first, "seed": SEED}
    columns["tokens_per_s"] = work["tokens_per_step"] / second
    for count in ("exact", "rule_all", "rule_non_embedding"):
        share = share_of_peak(machine, work[f"flop_{count}"] / second, "bf16")
        columns[f"mfu_{count}"] = share["share_of_peak"]
        columns["mfu_missing"] = share["share_missing"]
    # It starts near the loss of a guess, and the one batch is learnt.
    columns["loss_of_a_guess_nats"] = math.log(shape.vocab)
    columns["loss_first_nats"], columns["loss_last_nats"] = losses[0].item(), losses[-1].item()
    if machine.cuda:
        columns["bytes_peak_allocated"] = torch.cuda.max_memory_allocated()
    return columns
