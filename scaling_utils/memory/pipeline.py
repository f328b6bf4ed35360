"""How many layers' activations a pipeline stage holds at once."""

from __future__ import annotations

import numpy as np

from scaling_utils._check import member
from scaling_utils.memory._arrays import counts

SCHEDULES = ("1f1b", "gpipe")


def pipeline_layers(
    n_layer, stages, micro_batches, *, stage=0, schedule: str = "1f1b", interleave=1
):
    """Return the layers whose activations, each of one micro-batch, lie on a stage at the worst.

    Give it to :func:`activations` as ``layers``. GPipe keeps all micro-batches of a step on every
    stage. One-forward-one-backward keeps as many as there are stages from here to the last, so
    that the first stage holds ``n_layer`` layers' worth however long the pipeline is. Interleaving
    ``v`` pieces a device multiplies that by ``1 + (p - 1)/(p v)`` on the first stage. Source:
    Korthikanti et al. (2023), arXiv:2205.05198, Sec. 4.2.3; Narayanan et al. (2021),
    arXiv:2104.04473, Sec. 2.2.

    Parameters
    ----------
    n_layer : int or array
        Layers of the model, spread evenly.
    stages : int or array
        Stages p of the pipeline, at least 1.
    micro_batches : int or array
        In one step, at least 1.
    stage : int or array
        Which stage, 0 for the first, below ``stages``.
    schedule : {"1f1b", "gpipe"}
        The order of passes.
    interleave : int or array
        Pieces v of the model on each device, at least 1; 1f1b only.

    Returns
    -------
    float or array
        Layers.

    Raises
    ------
    TypeError, ValueError
        If a number is not whole or out of its range, or the schedule is unknown or not interleaved.
    """
    member("schedule", schedule, SCHEDULES)
    layers, p, m = (
        counts("n_layer", n_layer),
        counts("stages", stages),
        counts("micro_batches", micro_batches),
    )
    i, v = counts("stage", stage, at_least=0), counts("interleave", interleave)
    if (i >= p).any():
        raise ValueError(f"stage must be below stages, got {stage} of {stages}")
    if schedule == "gpipe":
        if (v > 1).any():
            raise ValueError(f"interleave must be 1 for 'gpipe', got {interleave}")
        return (layers / p * m)[()]
    # Megatron's warm-up runs two pieces more for each later stage, and all pieces but the last.
    pieces = np.where(v > 1, 2 * (p - i - 1) + (v - 1) * p + 1, p - i)
    return (layers / (p * v) * np.minimum(pieces, m * v))[()]
