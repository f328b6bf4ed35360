"""How many bytes each parameter takes while a model is trained: the conventions in print.

They differ by more than a factor of two, so an answer without its convention says little.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from scaling_utils._check import member, number

_FIELDS = ("weights", "gradients", "master", "moments", "gradient_copy")


@dataclass(frozen=True)
class Convention:
    """Bytes per parameter of what training stores about it.

    Parameters
    ----------
    weights : float
        The weights that the layers multiply with.
    gradients : float
        Their gradients, as they are summed over micro-batches.
    master : float
        A second copy of the weights, in higher precision; 0 where there is none.
    moments : float
        The optimiser's moments, both together for Adam.
    gradient_copy : float
        A second copy of the gradients that is kept beside the master weights.
    source : str
        Where the convention is from, or what it is of.

    Raises
    ------
    TypeError, ValueError
        If a number of bytes is not finite or below zero.
    """

    weights: float
    gradients: float
    master: float
    moments: float
    gradient_copy: float = 0.0
    source: str = ""

    def __post_init__(self):
        for name in _FIELDS:
            object.__setattr__(self, name, number(name, getattr(self, name), at_least=0))

    @property
    def optimiser(self) -> float:
        """What ZeRO calls K: all bytes per parameter that only the optimiser's step reads."""
        return self.master + self.moments + self.gradient_copy

    @property
    def total(self) -> float:
        """Bytes per parameter on one device, 16 for mixed precision with Adam."""
        return self.weights + self.gradients + self.optimiser

    def label(self, devices: int = 1, stage: int = 0) -> str:
        """Return the three parts as they lie on one of several devices, "2+2+12/8".

        Parameters
        ----------
        devices : int
            Data-parallel devices.
        stage : int
            Stage of ZeRO, see :func:`scaling_utils.memory.states`.

        Returns
        -------
        str
            Bytes per parameter of weights, gradients and the optimiser.
        """
        texts = []
        for part, first in ((self.weights, 3), (self.gradients, 2), (self.optimiser, 1)):
            divided = devices > 1 and stage >= first and part > 0
            texts.append(f"{part:g}/{devices}" if divided else f"{part:g}")
        return "+".join(texts)


CONVENTIONS: Mapping[str, Convention] = MappingProxyType(
    {
        "zero": Convention(
            2, 2, 4, 8, source="Rajbhandari et al. (2020), arXiv:1910.02054, Sec. 3.1: K = 12"
        ),
        "megatron": Convention(
            2, 4, 4, 8, source="Megatron-LM, theoretical_memory_usage.py: 18, or 6 + 12/n"
        ),
        "deepspeed": Convention(
            2, 2, 4, 8, 4, source="DeepSpeed, estimate_zero2_model_states_mem_needs: 2 + 18/n"
        ),
        "xtuner": Convention(2, 2, 4, 8, 4, source="xtuner, llm_calc: 2 + 2 + 16/n"),
        "fp32": Convention(4, 4, 0, 8, source="torch.optim.Adam on a model in fp32"),
        "bf16": Convention(2, 2, 0, 4, source="torch.optim.Adam on a model in bf16, no master"),
    }
)


def resolve(convention: str | Convention) -> Convention:
    """Return the convention itself, or the published one of that name.

    Parameters
    ----------
    convention : str or Convention
        A name of ``CONVENTIONS``, or your own.

    Returns
    -------
    Convention

    Raises
    ------
    ValueError
        For an unknown name.
    """
    if isinstance(convention, Convention):
        return convention
    return CONVENTIONS[member("convention", convention, CONVENTIONS)]
