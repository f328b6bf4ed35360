"""Part 5: the study of known entropy inside its domain, at up to ten times the compute.

Model, language, batch and schedule are those of results/known_entropy. Three things differ:
the windows are drawn on the device, which changes the draws and not what they are drawn from;
each cell is a run of its own and no branch of a longer one; and the loss is exact, over all
contexts. On a GPU one step is captured as a CUDA graph, because launching its sixty small pieces
of work would take longer than the work.
"""

from __future__ import annotations

import contextlib
from functools import cached_property, lru_cache, partial

import numpy as np
import torch
from design import BASE_WIDTH, BATCH, DECAY, WARMUP, Run, runs, size
from formats import LANGUAGE_SECONDS, language_of
from keeping import Cell, Row
from machine import Machine

from scaling_utils.corpora.languages import Language
from scaling_utils.models.ngrams import NeuralNgrams
from scaling_utils.training.optimisers import MemberAdam
from scaling_utils.training.schedules import Schedule, wsd

NAME = "known_entropy"
TOY = (Run(0.0, 8, 2048, (0.004, 0.006), (0, 1)), Run(0.0, 8, 4096, (0.004, 0.006), (2, 3)))
CHUNK = 512  # steps whose windows are drawn at once
CONTEXTS = 16_384  # contexts evaluated at once
EAGER_STEPS = 3  # before a step is captured: they make the optimiser's state


def cells(machine: Machine) -> list[Cell]:
    """Return one cell for each run of the design, in its order."""
    found = []
    for run in TOY if machine.toy else runs():
        seconds = run.seconds + (0 if found else LANGUAGE_SECONDS)
        key = {"flop_line": run.line, "width": run.width, "tokens": run.tokens}
        key |= {"rates": list(run.rates), "seeds": list(run.seeds)}
        found.append(Cell(key, seconds, partial(train_cell, machine, run)))
    return found


class Source:
    """Windows of a language drawn on the device, and the exact excess over all contexts.

    Parameters
    ----------
    language : of known entropy.
    device : "cuda" or "cpu".
    """

    def __init__(self, language: Language, device: str):
        self.language, self.device = language, device
        self.vocab, self.order = language.vocab, language.order
        self.rows = torch.from_numpy(language.rows.copy()).to(device)  # (contexts, V), fp64
        self.mass = torch.from_numpy(language.mass).to(device)  # (contexts,), fp64
        self._below = self.mass.cumsum(0)  # (contexts,)
        self._rows_below = self.rows.cumsum(1).float()  # (contexts, V)

    @cached_property
    def _powers(self) -> torch.Tensor:
        powers = [self.vocab**place for place in range(self.order - 1, -1, -1)]
        return torch.tensor(powers, device=self.device)

    def spell(self, contexts: torch.Tensor) -> torch.Tensor:
        """Return contexts (...,) as symbols (..., order), the newest last."""
        return contexts[..., None] // self._powers % self.vocab

    def chunk(self, seed: int, index: int, steps: int, batch: int):
        """Return windows (steps, B, order) and targets (steps, B): a function of the arguments."""
        # Hashed, because a CPU's generator looks at the low 32 bits of its seed only.
        mixed = np.random.SeedSequence([seed, index]).generate_state(1, np.uint64)
        draw = torch.Generator(self.device).manual_seed(int(mixed[0]))
        where = torch.rand((steps, batch), dtype=torch.float64, generator=draw, device=self.device)
        contexts = torch.searchsorted(self._below, where, right=True)
        contexts = contexts.clamp(max=len(self.mass) - 1)  # (steps, B)
        next_ = torch.rand((steps, batch), generator=draw, device=self.device)
        below = self._rows_below[contexts] <= next_[..., None]  # (steps, B, V)
        return self.spell(contexts), below.sum(-1).clamp(max=self.vocab - 1)

    @torch.no_grad()
    def excess(self, model: NeuralNgrams) -> list[float]:
        """Return each member's expected loss less the entropy, over all contexts, in nats.

        It is the mean Kullback-Leibler divergence of the true rows from the model's, each context
        weighted by its probability: no sample and so no standard error.
        """
        total = torch.zeros(model.members, dtype=torch.float64, device=self.device)
        for contexts in torch.arange(len(self.mass), device=self.device).split(CONTEXTS):
            windows = self.spell(contexts).expand(model.members, -1, -1)  # (M, n, order)
            logs = torch.log_softmax(model(windows).double(), -1)  # (M, n, V)
            rows = self.rows[contexts]  # (n, V)
            gaps = (rows * (rows.log() - logs)).sum(-1)  # (M, n)
            total += gaps @ self.mass[contexts]
        return total.tolist()


class Loop:
    """Training of members side by side in which a step needs nothing from the host.

    Place in the data, rate and step count lie on the device, so that one captured step can be
    replayed. Without a GPU the same step runs as it is.

    Attributes
    ----------
    graph : whether the steps were replayed from a graph. why_no_graph : the reason where not.
    """

    def __init__(self, source: Source, model: NeuralNgrams, optimiser: MemberAdam, run: Run):
        self.source, self.model, self.optimiser, self.run = source, model, optimiser, run
        device = source.device
        self.place = torch.zeros(1, dtype=torch.long, device=device)  # in the chunk
        self.step_ = torch.zeros(1, dtype=torch.long, device=device)
        self.factors: torch.Tensor | None = None  # (steps,)
        self.windows = self.targets = None  # (CHUNK, S, B, c) and (CHUNK, S, B)
        self.losses = torch.zeros(model.members, device=device)
        self.graph, self.why_no_graph = False, "" if device == "cuda" else "no GPU"
        # The fused Adam of a GPU reads a rate of 32 bits; that of a CPU takes all 64.
        kind = torch.float32 if device == "cuda" else torch.float64
        for group in optimiser.param_groups:
            group["lr"] = torch.tensor(group["base"], device=device, dtype=kind)
            group["capturable"] = device == "cuda"

    def train(self, schedule: Schedule) -> None:
        """Do all steps of the schedule."""
        steps = schedule.steps
        factors = [schedule(step) for step in range(steps)]
        self.factors = torch.tensor(factors, dtype=torch.float64, device=self.source.device)
        # Eager steps, capture and replays have one stream, so that none waits for another's work.
        stream = torch.cuda.Stream() if self.source.device == "cuda" else None
        replay = None
        if stream:
            torch.cuda.synchronize()  # what was made on the default stream is ready
        with torch.cuda.stream(stream) if stream else contextlib.nullcontext():
            for step in range(steps):
                if step % CHUNK == 0:
                    self._draw(step // CHUNK)
                if replay is None and step == EAGER_STEPS and stream:
                    replay = self._captured(stream)
                (replay or self.one_step)()

    def one_step(self) -> None:
        """Draw a batch from the chunk, and make one step with it."""
        windows = self.windows.index_select(0, self.place)[0]  # (S, B, c)
        targets = self.targets.index_select(0, self.place)[0]  # (S, B)
        copies = self.model.members // len(windows)
        self.optimiser.zero_grad(set_to_none=True)
        losses = self.model.loss(
            windows.repeat_interleave(copies, 0, output_size=self.model.members),
            targets.repeat_interleave(copies, 0, output_size=self.model.members),
        )  # (M,)
        losses.sum().backward()
        factor = self.factors.index_select(0, self.step_)[0]
        for group in self.optimiser.param_groups:
            group["lr"].copy_(group["base"] * factor)
        self.optimiser.step()
        self.losses.copy_(losses.detach())
        self.place.add_(1)
        self.step_.add_(1)

    def _draw(self, index: int) -> None:
        """Fill the chunk's places in memory, where a captured step reads them."""
        drawn = [self.source.chunk(seed, index, CHUNK, BATCH) for seed in self.run.seeds]
        windows, targets = (torch.stack(part, 1) for part in zip(*drawn, strict=True))
        if self.windows is None:
            self.windows, self.targets = windows, targets
        else:
            self.windows.copy_(windows)
            self.targets.copy_(targets)
        self.place.zero_()

    def _captured(self, stream):
        """Return what replays one step; None, with the reason kept, where it cannot be captured."""
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=stream):
                self.one_step()
        except Exception as error:  # nothing was executed: the eager loop goes on from here
            self.why_no_graph = f"{type(error).__name__}: {error}"[:500]
            torch.cuda.synchronize()
            return None
        self.graph = True
        return graph.replay


@lru_cache(maxsize=1)
def source_of(machine: Machine) -> Source:
    """Return the language's tables on the device."""
    return Source(language_of(machine), machine.device)


def train_cell(machine: Machine, run: Run) -> Row:
    """Train one cell's members; return each one's exact excess and loss."""
    machine.free()
    source = source_of(machine)
    model, optimiser = members_of(source, run)
    loop = Loop(source, model, optimiser, run)
    spent = machine.stopwatch()
    loop.train(wsd(run.steps, min(WARMUP, run.steps // 4), DECAY))
    seconds = spent()
    entropy = source.language.entropy
    members = [(seed, rate) for seed in run.seeds for rate in run.rates]
    found = source.excess(model)
    return {
        "N": model.matmul_parameters,
        "N_total": model.total_parameters,
        "D": run.tokens,
        "steps": run.steps,
        "flop": model.flops_per_token * run.tokens,
        "entropy_nats": entropy,
        "contexts_evaluated": len(source.mass),
        "members": [
            {"seed": seed, "rate": rate, "excess_nats": excess, "loss_nats": entropy + excess}
            for (seed, rate), excess in zip(members, found, strict=True)
        ],
        "last_batch_losses_nats": loop.losses.tolist(),
        "training_seconds": seconds,
        "flop_per_s": model.flops_per_token * run.tokens * len(members) / seconds,
        "cuda_graph": loop.graph,
        "graph_missing": loop.why_no_graph,
    }


def members_of(source: Source, run: Run) -> tuple[NeuralNgrams, MemberAdam]:
    """Return the networks of a cell, one for each seed and rate, and their optimiser."""
    members = [(seed, rate) for seed in run.seeds for rate in run.rates]
    seeds = [seed for seed, _ in members]
    model = NeuralNgrams(source.vocab, source.order, run.width, seeds).to(source.device)
    slower = {name: BASE_WIDTH / run.width for name in ("w2", "w3")}
    optimiser = MemberAdam(model, [rate for _, rate in members], slower)
    if model.matmul_parameters != size(run.width, source.vocab, source.order):
        raise ArithmeticError("the model has not the size that the design counts with")
    return model, optimiser
