"""All outcomes of a plan as a function of its uncertain inputs, for many draws at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_utils.planning.families import Family
from scaling_utils.planning.inputs import Question
from scaling_utils.planning.machine import Machine
from scaling_utils.planning.outcome import outcomes
from scaling_utils.planning.ranges import Range
from scaling_utils.planning.solve import Limits, loss_of, size_and_tokens
from scaling_utils.units import INFERENCE_FLOPS, PF_DAY

LAW = "law"  # the name of the law's resamples among the inputs
UNITS = {
    "parameters": "parameters",
    "tokens": "tokens",
    "tokens_per_parameter": "tokens per parameter",
    "loss": "nats per token",
    "flops": "FLOPs",
    "pf_days": "PF-days",
    "device_hours": "device-hours",
    "devices": "devices",
    "hours": "hours on the clock",
    "cost": "",  # the currency
    "device_kwh": "kWh at the devices",
    "kwh": "kWh at the building",
    "kg_co2e": "kg CO2e of operation",
    "kg_embodied": "kg CO2e of making the devices",
    "batch_tokens": "tokens per step",
    "steps": "steps",
    "epochs": "passes over the fresh tokens",
    "serving_flops": "FLOPs of serving",
    "total_flops": "FLOPs of training and serving",
    "mfu": "share of the dense peak",
}


@dataclass(frozen=True)
class Draws:
    """The map from quantile levels of the uncertain inputs to outcomes.

    Attributes
    ----------
    question, machine, limits :
        What is asked, of which machine, and what binds.
    family : Family
        The law; its rows are one input, ``LAW``, where there are several.
    batch : Range
        Tokens per step, or shares of ``rule`` where that is given.
    rule : callable or None
        Tokens per step as a function of FLOPs.
    """

    question: Question
    machine: Machine
    limits: Limits
    family: Family
    batch: Range
    rule: object = None

    @property
    def ranges(self) -> dict[str, Range]:
        """All inputs but the law."""
        return {**self.machine.ranges, "batch": self.batch}

    @property
    def inputs(self) -> list[str]:
        """The uncertain inputs, in the order of the columns of levels."""
        law = [LAW] if len(self.family) > 1 else []
        return law + [name for name, r in self.ranges.items() if not r.fixed]

    def values(self, levels: np.ndarray) -> tuple[Family, dict[str, np.ndarray]]:
        """Return the law and the inputs at quantile levels, shape (draws, inputs)."""
        draws = len(levels)
        column = {name: levels[:, i] for i, name in enumerate(self.inputs)}
        count = len(self.family)
        rows = np.zeros(draws, int)
        if LAW in column:
            rows = np.minimum((column[LAW] * count).astype(int), count - 1)
        values = {
            name: np.full(draws, r.middle) if r.fixed else r.quantile(column[name])
            for name, r in self.ranges.items()
        }
        return self.family.take(rows), values

    def __call__(self, levels: np.ndarray) -> dict[str, np.ndarray]:
        """Return the outcomes at quantile levels; NaN where a draw cannot do what is asked."""
        family, values = self.values(levels)
        budget = self.budget(values)
        N, D = size_and_tokens(self.question, family, budget, self.limits)
        done = np.isfinite(N) & np.isfinite(D) & (N > 0) & (D > 0)
        found = self._outcomes(family, np.where(done, N, 1.0), np.where(done, D, 1.0), values)
        return {name: np.where(done, x, np.nan) for name, x in found.items()}

    def budget(self, values: dict):
        """Return the FLOPs that the question's budget pays for; None where it has none."""
        question = self.question
        if question.budget is None:
            return None
        return self.worth_of(question.budget, question.amount, values)

    def worth_of(self, budget: str, amount: float, values: dict):
        """Return the FLOPs that an amount of a budget pays for."""
        if budget == "flops":
            return np.full(len(values["mfu"]), amount)
        hours = amount  # of one device
        if budget == "money":
            hours = amount / values["price"]
        elif budget == "kg_co2e":
            hours = amount / (values["grid"] / 1000 * values["pue"] * values["power"] / 1000)
        return hours * self.machine.flops_per_hour(values)

    def _outcomes(self, family: Family, N, D, values: dict) -> dict[str, np.ndarray]:
        machine, limits = self.machine, self.limits
        per_token = limits.per_token(N)
        flops = per_token * D
        batch = values["batch"] * (1.0 if self.rule is None else self.rule(flops))
        devices = self._devices(flops, values)
        found = {
            "parameters": N,
            "tokens": D,
            "tokens_per_parameter": D / N,
            "loss": loss_of(family, N, D, limits),
            "pf_days": flops / PF_DAY,
            **outcomes(
                N,
                D,
                peak=machine.peak,
                mfu=values["mfu"],
                devices=devices,
                price=values.get("price"),
                power=values.get("power"),
                pue=values["pue"],
                grid=values["grid"],
                flops_per_token=per_token,
                batch_tokens=batch,
            ),
            "batch_tokens": batch,
            "mfu": values["mfu"],
        }
        if devices is not None:
            found["devices"] = devices
        if machine.footprint is not None:
            found["kg_embodied"] = found["device_hours"] * machine.footprint.per_hour
        if limits.unique is not None:
            found["epochs"] = D / np.minimum(D, limits.unique)
        if limits.served:
            found["serving_flops"] = INFERENCE_FLOPS * N * limits.served
            found["total_flops"] = flops + found["serving_flops"]
        return {name: found[name] for name in UNITS if name in found}

    def _devices(self, flops, values: dict):
        machine = self.machine
        if machine.devices is not None:
            return np.full(len(flops), float(machine.devices))
        if machine.deadline is None:
            return None
        return np.ceil(flops / machine.flops_per_hour(values) / machine.deadline)
