"""How long a step of a layout would take: a coarse estimate, to rank layouts that fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_utils.architectures.architecture import Architecture
from scaling_utils.hardware import Device
from scaling_utils.memory import zero_traffic
from scaling_utils.memory.conventions import resolve
from scaling_utils.planning.candidates import NODE
from scaling_utils.planning.layout import Layout
from scaling_utils.planning.portions import held, parameters_on

KERNELS = 0.6  # of the peak, by matrix products when nothing waits: assumed
BETWEEN = 50e9  # bytes/s a device sends to another node, 400 Gb/s as on nodes of H100: assumed
WORDS = (
    "least estimated time of a step: matrix products at {kernels:.0%} of the dense peak, "
    "lengthened by recomputation and by the pipeline's bubble (p - 1)/(v m), plus what travels, "
    "not overlapped: tensor-parallel sums inside a node, and between nodes gradients, gathered "
    "weights, experts' tokens and keys; of equal times the smaller peak. "
    "What fits with the highest reserve comes before what fits with the middle one alone"
)


@dataclass(frozen=True)
class StepTime:
    """Seconds of one step, by what takes them; arrays where layouts came as arrays.

    Attributes
    ----------
    work, recompute, bubble, tensor, data, expert, context : float or array
        Matrix products; what is computed twice; devices that wait for others; sums over
        tensor-parallel devices; gradients and gathered weights; tokens on the way to experts;
        keys and values of other parts of the sequence.
    """

    work: np.ndarray
    recompute: np.ndarray
    bubble: np.ndarray
    tensor: np.ndarray
    data: np.ndarray
    expert: np.ndarray
    context: np.ndarray

    @property
    def total(self):
        """All of it."""
        parts = (self.work, self.recompute, self.bubble, self.tensor)
        return sum(parts) + self.data + self.expert + self.context

    @property
    def utilisation(self):
        """Work at the kernels' rate as a share of the whole: times ``kernels`` an MFU."""
        return self.work / self.total


def step_time(
    a: Architecture,
    c,
    style: Layout,
    device: Device,
    length: int,
    *,
    flops: float,
    again: float,
    recompute: str,
    dtype: str = "bf16",
    kernels: float = KERNELS,
    between: float = BETWEEN,
    node: int = NODE,
) -> StepTime:
    """Return an estimate of the seconds that a step takes.

    Per layer and micro-batch, tensor parallelism sums the residual stream twice on the way
    forward and twice back, ``2 (t - 1)/t`` of it each time (Shoeybi et al. 2019, arXiv:1909.08053,
    Sec. 3), and twice more where the layer is computed again. The bubble is ``(p - 1)/(v m)`` of
    the work (Narayanan et al. 2021, arXiv:2104.04473, Sec. 2.2). Data parallelism sends what
    :func:`scaling_utils.memory.zero_traffic` says. Experts get and give back each token's copies,
    forward and backward. Nothing is taken to overlap, so the times are for ranking.

    Parameters
    ----------
    a : Architecture
        The model.
    c : Layout or columns
        Degrees of parallelism, numbers or arrays.
    style : Layout
        Convention and format of the activations.
    device : hardware.Device
        Its peak and its link.
    length : int
        Tokens of a sequence.
    flops, again : float
        Of a step, all devices together: what the model needs, and what is computed again.
    recompute : str
        What is computed again.
    dtype : str
        Whose peak counts.
    kernels : float
        Share of the dense peak that matrix products reach.
    between : float
        Bytes a second between nodes, for each device.
    node : int
        Devices of a node.

    Returns
    -------
    StepTime
    """
    rate = device.peak(dtype) * kernels
    t, p, v, d, m, b = (
        np.asarray(getattr(c, name), dtype=float)
        for name in ("tensor", "pipeline", "interleave", "data", "micro_batches", "micro_batch")
    )
    cp, e = np.asarray(c.context, dtype=float), np.asarray(c.expert, dtype=float)
    work = flops / (rate * t * p * d * cp)
    link = device.interconnect or between
    tokens = b * length / cp
    stream = tokens * a.shape.d_model * style.bytes_per_value
    layers = a.shape.n_layer / p
    sums = (6 if recompute == "full" else 4) * 2 * (t - 1) / t
    tensor = m * layers * sums * stream / link
    stage = held(a, c.pipeline, c.interleave, np.zeros_like(c.pipeline))
    common, routed = parameters_on(a, stage, c.tensor, c.expert)
    width = resolve(style.convention).weights
    replicas = np.asarray(c.data) * c.context
    # Replicas inside one node use its links.
    wire = np.where(t * replicas <= node, link, between)
    # Stage 2 shares out each micro-batch's gradients, stage 3 gathers the weights for each, too.
    passes = np.where(c.zero == 3, m, np.where(c.zero == 2, (m + 1) / 2, 1.0))
    data = zero_traffic(common, replicas, c.zero, width)
    data = data + zero_traffic(routed, replicas / np.asarray(c.expert), c.zero, width)
    expert = np.zeros_like(work)
    if a.experts is not None:
        copies = 4 * a.experts.active * stream * (e - 1) / e
        expert = m * a.mixture_layers / p * copies / np.where(t * e <= node, link, between)
    keys = np.maximum(a.shape.n_kv_head / t, 1)
    cached = a.latent.cached if a.latent else 2 * keys * a.shape.d_head
    ring = 3 * tokens * (cp - 1) * cached * style.bytes_per_value
    return StepTime(
        work=work,
        recompute=work * again / flops,
        bubble=(work * (1 + again / flops) + tensor) * (p - 1) / (v * m),
        tensor=tensor,
        data=passes * data / wire,
        expert=expert,
        context=m * layers * ring / np.where(t * cp <= node, link, between),
    )
