"""Part 4: number formats: the same model on the same data, its losses and its speed.

A GPT learns the language of known entropy in fp32, in TF32, in bf16 autocast, and in fp16
autocast with and without a gradient scaler. Initial weights and batches are the same for all.
"""

from __future__ import annotations

import math
import time
from functools import lru_cache, partial

import torch
from keeping import Cell, Row
from machine import Machine, spread
from step import autocast

from scaling_utils.corpora.languages import HELD_OUT, Language, dirichlet_language
from scaling_utils.counting.work import matmul_flops
from scaling_utils.models.gpt import GPT
from scaling_utils.shapes import Transformer
from scaling_utils.training.optimisers import adamw
from scaling_utils.training.schedules import wsd

NAME = "formats"
# How: the format of autocast, whether gradients are scaled, expected FLOP/s on an H100.
HOWS = {
    "bf16": (torch.bfloat16, False, 2.0e14),
    "fp16 scaled": (torch.float16, True, 2.0e14),
    "fp16": (torch.float16, False, 2.0e14),
    "tf32": (None, False, 1.5e14),
    "fp32": (None, False, 4.0e13),
}
SHAPE = Transformer(n_layer=6, d_model=768, n_head=12, vocab=64, context=256)
TOY = Transformer(n_layer=1, d_model=16, n_head=2, vocab=8, context=8)
STEPS, BATCH, SEEDS, RATE, WARMUP = 300, 32, (0, 1), 6e-4, 50
HELD_OUT_BATCHES = 8
EVERY = 25  # steps between two looks at the gradients
# The scale grows sooner than by PyTorch's default of 2,000 steps, so that a short run shows it.
SCALE, GROWTH = 2.0**16, 50
LANGUAGE_SECONDS = 15  # to draw the table and find its stationary distribution


def cells(machine: Machine) -> list[Cell]:
    """Return one cell for each seed and format; seed 0 first."""
    shape, steps, batch = (TOY, 30, 4) if machine.toy else (SHAPE, STEPS, BATCH)
    work = steps * matmul_flops(shape, batch=batch).total
    found = []
    for seed in SEEDS[:1] if machine.toy else SEEDS:
        for how, (_, _, speed) in HOWS.items():
            seconds = 3 + work / speed + (0 if found else LANGUAGE_SECONDS)
            run = partial(train_in, machine, shape, how, seed, steps, batch)
            found.append(Cell({"format": how, "seed": seed}, seconds, run))
    return found


def language_of(machine: Machine) -> Language:
    """Return the language of the recorded studies, or a small one for a try-out."""
    return dirichlet_language(vocab=8, order=2) if machine.toy else dirichlet_language()


@lru_cache(maxsize=1)
def passages(machine: Machine, batch: int, length: int, seed: int, steps: int) -> tuple:
    """Return batches to train on (steps, B, T + 1) and held-out ones, on the device."""
    language = language_of(machine)
    train = [language.chains(batch, length, seed, index) for index in range(steps)]
    test = [language.chains(batch, length, 0, i, HELD_OUT) for i in range(HELD_OUT_BATCHES)]
    return tuple(
        torch.stack([torch.from_numpy(one) for one in part]).to(machine.device)
        for part in (train, test)
    )


def train_in(
    machine: Machine, shape: Transformer, how: str, seed: int, steps: int, batch: int
) -> Row:
    """Train in one format; return the loss, the step's time and the scaler's state by step."""
    if why := machine.lacks(how.split()[0]):
        return {"status": "skipped", "reason": why}
    machine.free()
    train, test = passages(machine, batch, shape.context + 1, seed, steps)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if how == "tf32" else "highest")
    try:
        return _train(machine, shape, how, seed, train, test)
    finally:
        torch.set_float32_matmul_precision(before)


def _train(machine: Machine, shape: Transformer, how: str, seed: int, train, test) -> Row:
    dtype, scaled, _ = HOWS[how]
    torch.manual_seed(seed)
    model = GPT(shape).to(machine.device)
    optimiser = adamw(model, RATE)
    scaler = torch.amp.GradScaler(
        machine.device, init_scale=SCALE, growth_interval=GROWTH, enabled=scaled
    )
    steps = len(train)
    schedule = wsd(steps, warmup=min(WARMUP, steps // 4))
    losses, seconds, scales, zeros, broken = [], [], [], [], []
    for step, tokens in enumerate(train):
        for group in optimiser.param_groups:
            group["lr"] = group["base"] * schedule(step)
        machine.synchronise()
        begun = time.perf_counter()
        optimiser.zero_grad(set_to_none=True)
        with autocast(machine, dtype):
            loss = model.loss(tokens[:, :-1], tokens[:, 1:])
        scaler.scale(loss).backward()
        if step % EVERY == 0:
            machine.synchronise()
            looked = time.perf_counter()
            zero, bad = _gradients(model)
            zeros.append([step, zero])
            broken.append([step, bad])
            begun += time.perf_counter() - looked  # looking is no part of the step
        scaler.step(optimiser)
        scaler.update()
        machine.synchronise()
        seconds.append(time.perf_counter() - begun)
        losses.append(loss.item())
        scales.append(scaler.get_scale() if scaled else None)
    fell = [i for i in range(1, steps) if scaled and scales[i] < scales[i - 1]]
    fell = [0, *fell] if scaled and scales[0] < SCALE else fell
    diverged = next((i for i, loss in enumerate(losses) if not math.isfinite(loss)), None)
    language = language_of(machine)
    return spread(seconds[steps // 10 :]) | {
        "seed": seed,
        "steps": steps,
        "tokens_per_step": train[0, :, 1:].numel(),
        "rate": RATE,
        "flop_exact": matmul_flops(shape, batch=train.shape[1]).total,
        "losses_nats": losses,
        "step_seconds": seconds,
        "diverged_at_step": diverged,
        "loss_held_out_nats": _held_out(machine, model, dtype, test),
        "entropy_nats": language.entropy,
        "loss_scales": scales if scaled else None,
        "overflowed_at_steps": fell if scaled else None,
        "scale_at_start": SCALE if scaled else None,
        "scale_growth_steps": GROWTH if scaled else None,
        "gradients_zero_share": zeros,
        "gradients_not_finite_share": broken,
    }


def _gradients(model: torch.nn.Module) -> tuple[float, float]:
    """Return which share of all gradients is exactly zero, and which is not finite."""
    grads = [parameter.grad for parameter in model.parameters()]
    count = sum(grad.numel() for grad in grads)
    zero = sum((grad == 0).sum() for grad in grads)
    bad = sum((~torch.isfinite(grad)).sum() for grad in grads)
    return float(zero) / count, float(bad) / count


@torch.no_grad()
def _held_out(machine: Machine, model: torch.nn.Module, dtype, test) -> float:
    """Return the mean loss on held-out passages in nats per symbol, in the run's own format."""
    with autocast(machine, dtype):
        found = [model.loss(tokens[:, :-1], tokens[:, 1:]) for tokens in test]
    return float(torch.stack(found).double().mean())
