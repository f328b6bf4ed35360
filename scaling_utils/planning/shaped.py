"""A plan for a known architecture: its exact size and FLOPs, and layouts that hold it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scaling_utils import architectures
from scaling_utils._check import member, number, whole
from scaling_utils._remarks import Remark

CLOSE = 0.1  # a nominal size, 7e9 for 6.74e9, is no contradiction
LONGEST = 8192  # tokens; longer contexts are trained at the end, on few of the tokens
ATTENTION = ("causal", "dense")


@dataclass(frozen=True)
class Shaped:
    """An architecture as a plan needs it.

    Attributes
    ----------
    architecture : Architecture
        What was resolved.
    parameters : float
        Those active per token, embeddings included: what the law is asked about.
    total : float
        All of them.
    flops_per_token : float
        Model FLOPs per training token, mean over a sequence of ``context`` tokens.
    context : int
        Tokens.
    attention : str
        "causal" or "dense".
    """

    architecture: architectures.Architecture
    parameters: float
    total: float
    flops_per_token: float
    context: int
    attention: str

    @property
    def name(self) -> str:
        """What the architecture is called."""
        return self.architecture.name or "the architecture"

    @property
    def conventions(self) -> dict[str, str]:
        """How this architecture is counted."""
        rule = 6 * self.parameters
        found = {
            "flops": f"exact matrix products of {self.name}, logits included: "
            f"{self.flops_per_token:.4g} per token, {self.flops_per_token / rule:.3f} of 6 N",
            "attention": f"{self.attention}, context of {self.context} tokens",
            "parameters": f"{self.parameters:.4g}, embeddings and head included",
        }
        if self.total != self.parameters:
            found["parameters"] += f"; active per token, of {self.total:.4g} in all"
        return found

    @property
    def remarks(self) -> list[Remark]:
        """What to know of this architecture before a law is asked about it."""
        if self.total == self.parameters:
            return []
        return [
            Remark(
                "mixture-of-experts",
                f"the law was fitted on dense models and is asked about the {self.parameters:.4g} "
                f"active parameters of {self.total:.4g}: a law of your own mixtures would help",
            )
        ]

    def layout(self, machine, batch_tokens: float, assumed: bool):
        """Return a search of layouts on the machine's devices.

        A batch that was assumed is rounded to a power of two of sequences, which can be shared out.

        Raises
        ------
        ValueError
            Where the devices are fewer than any layout needs; the message says how many it takes.
        """
        from scaling_utils.planning.searching import search

        sequences = max(1, batch_tokens / self.context)
        if assumed:
            sequences = 2 ** round(math.log2(sequences))
        found = search(
            self.architecture,
            machine.devices,
            machine.device,
            context=self.context,
            global_batch_tokens=sequences * self.context,
            dtype=machine.dtype,
        )
        fewest = found.smallest_devices
        if not found.best and (fewest is None or machine.devices < fewest):
            least = f"{fewest} devices are the fewest" if fewest else "no number of devices does"
            first = f"; {found.refused[0].sentence}" if found.refused else ""
            raise ValueError(
                f"devices = {machine.devices} of {machine.device.name} cannot hold {self.name} in "
                f"any layout: {least}{first}"
            )
        return found


def shaped(architecture, parameters, context, attention: str) -> Shaped:
    """Return what a plan takes from an architecture.

    Raises
    ------
    TypeError, ValueError
        If it is unknown, or ``parameters`` were given too and are others.
    """
    found = architectures.resolve(architecture)
    member("attention", attention, ATTENTION)
    counted = architectures.parameters(found)
    size = float(counted.active_with_embedding)
    if parameters is not None:
        asked = number("parameters", parameters, above=0)
        if abs(asked / size - 1) > CLOSE and abs(asked / counted.total - 1) > CLOSE:
            raise ValueError(
                f"parameters = {asked:g} and architecture = {found.name or architecture!r} "
                f"contradict each other: the second has {counted.total:g} parameters, "
                f"{size:g} of them active; leave one of them out"
            )
    length = min(found.shape.context, LONGEST) if context is None else whole("context", context)
    work = architectures.training_flops(found, float(length), context=length, attention=attention)
    return Shaped(found, size, float(counted.total), float(work.per_token), length, attention)
