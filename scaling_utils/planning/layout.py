"""How a training run is laid out over devices."""

from __future__ import annotations

from dataclasses import dataclass

from scaling_utils._check import member, number, whole
from scaling_utils.memory.activation import ATTENTION, RECOMPUTE
from scaling_utils.memory.conventions import Convention, resolve

COUNTS = (
    "data",
    "tensor",
    "pipeline",
    "interleave",
    "context",
    "expert",
    "micro_batch",
    "micro_batches",
    "chunks",
)
_FLAGS = ("sequence_parallel", "dropout", "statistics", "gradients_kept")


@dataclass(frozen=True)
class Layout:
    """A layout: the devices of each kind of parallelism, and how a layer is run.

    Parameters
    ----------
    data : int
        Replicas that see different sequences.
    tensor : int
        Devices that share each layer's heads and hidden widths.
    pipeline : int
        Stages that share the layers.
    interleave : int
        Pieces of the model on each stage, of which neighbours in the model lie on other stages.
    context : int
        Devices that share each sequence by position.
    expert : int
        Devices among which each layer's experts are divided. They are the same as the data and
        context ones, so they add none: ``expert`` divides ``data * context``.
    sequence_parallel : bool
        Whether norms and residual stream are divided among the tensor-parallel devices, too.
    zero : int
        Stage of ZeRO over ``data * context`` devices: 0, 1, 2 or 3.
    recompute : {"none", "selective", "full"}
        What the backward pass computes again, see :func:`scaling_utils.memory.activations`.
    micro_batch : int
        Sequences that go through a replica at once.
    micro_batches : int
        Such passes in one step.
    convention : str or memory.Convention
        Bytes per parameter.
    attention : {"flash", "materialised"}
        Whether the matrix of probabilities is stored.
    chunks : int
        Parts in which the loss takes the logits; 1 for the ordinary loss.
    dropout, statistics : bool
        Whether dropout masks, and the norms' and softmax' sums in fp32, are stored.
    gradients_kept : bool
        Whether the gradients' buffer is there all the time, as in Megatron-LM.
    bytes_per_value : float
        Of activations, 2 for bf16.
    layers_per_stage : tuple of int, optional
        Layers of each stage, where they are not spread evenly.

    Raises
    ------
    TypeError, ValueError
        If a number is not whole or out of its range, a flag neither True nor False, a word
        unknown, or two fields contradict each other whatever the model.
    """

    data: int = 1
    tensor: int = 1
    pipeline: int = 1
    interleave: int = 1
    context: int = 1
    expert: int = 1
    sequence_parallel: bool = False
    zero: int = 0
    recompute: str = "none"
    micro_batch: int = 1
    micro_batches: int = 1
    convention: str | Convention = "zero"
    attention: str = "flash"
    chunks: int = 1
    dropout: bool = False
    statistics: bool = True
    gradients_kept: bool = False
    bytes_per_value: float = 2
    layers_per_stage: tuple[int, ...] | None = None

    def __post_init__(self):
        for name in COUNTS:
            object.__setattr__(self, name, whole(name, getattr(self, name)))
        object.__setattr__(self, "zero", whole("zero", self.zero, at_least=0))
        if self.zero > 3:
            raise ValueError(f"zero must be 0, 1, 2 or 3, got {self.zero}")
        for name in _FLAGS:
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name} must be True or False, got {getattr(self, name)!r}")
        number("bytes_per_value", self.bytes_per_value, above=0)
        member("recompute", self.recompute, RECOMPUTE)
        member("attention", self.attention, ATTENTION)
        resolve(self.convention)
        self._check_stages()

    def _check_stages(self) -> None:
        if self.layers_per_stage is None:
            return
        if self.interleave > 1:
            raise ValueError("layers_per_stage needs interleave 1: pieces are spread evenly")
        if not isinstance(self.layers_per_stage, (tuple, list)):
            raise TypeError(
                f"layers_per_stage must be a tuple of whole numbers, got {self.layers_per_stage!r}"
            )
        layers = tuple(whole("layers_per_stage", n) for n in self.layers_per_stage)
        if len(layers) != self.pipeline:
            raise ValueError(
                f"layers_per_stage must have one number for each of the {self.pipeline} stages, "
                f"got {len(layers)}"
            )
        object.__setattr__(self, "layers_per_stage", layers)

    @property
    def devices(self) -> int:
        """All devices; those of the experts are among the data-parallel ones."""
        return self.data * self.tensor * self.pipeline * self.context

    @property
    def replicas(self) -> int:
        """Devices over which ZeRO divides: data times context."""
        return self.data * self.context

    @property
    def sequences(self) -> int:
        """Sequences of one step, on all devices together."""
        return self.data * self.micro_batch * self.micro_batches

    def __str__(self) -> str:
        degrees = {
            "TP": self.tensor,
            "CP": self.context,
            "PP": self.pipeline,
            "DP": self.data,
            "EP": self.expert,
        }
        words = [f"{name} {n}" for name, n in degrees.items() if n > 1] or ["one device"]
        if self.interleave > 1:
            words.append(f"{self.interleave} pieces a stage")
        if self.sequence_parallel and self.tensor > 1:
            words.append("sequence parallel")
        words.append(f"ZeRO {self.zero}")
        words.append(f"micro-batch {self.micro_batch} x {self.micro_batches}")
        words.append(f"recompute {self.recompute}")
        return ", ".join(words)
