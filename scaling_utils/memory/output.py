"""The logits and their loss: as wide as the vocabulary, and more than one copy of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_utils.memory._arrays import amounts, counts, flag
from scaling_utils.shapes import Transformer, check_shape


@dataclass(frozen=True)
class Logits:
    """Bytes of the logits and of what the cross-entropy makes of them.

    Attributes
    ----------
    stored : float or array
        At the end of the forward pass.
    peak : float or array
        At their highest, when their gradient is made; ``stored`` is a part of it.
    """

    stored: float | np.ndarray
    peak: float | np.ndarray


def logits(
    shape: Transformer,
    batch=1,
    context=None,
    *,
    bytes_per_value=2,
    loss_bytes=4,
    held: bool = True,
    chunks=1,
    tensor_parallel=1,
) -> Logits:
    """Return the bytes of the logits from the loss until their gradient is done.

    Eager cross-entropy stores the logarithms of all probabilities. On the way back it makes two
    more arrays of that size: the gradient of those, and of the logits. With the logits themselves
    that is ``2 + 3 * 4`` bytes a token and entry of the vocabulary for bf16 with a loss in fp32,
    of which ``2 + 4`` outlive the forward pass. A loss by chunks computes the gradient at once, for
    one part of the tokens at a time, and keeps only the gradient of the head's input. Counted
    here, and measured: see :func:`scaling_utils.training.follow_step`.

    Parameters
    ----------
    shape : shapes.Transformer
        The model; its vocabulary and width count.
    batch, context : int or array
        Sequences on this device, and tokens of each; ``shape.context`` if left out.
    bytes_per_value : float
        Of the logits as the head computes them, 2 for bf16.
    loss_bytes : float
        Of the loss's arrays, 4 where it is taken in fp32.
    held : bool
        Whether something, the caller's variable for example, keeps the logits to the end.
    chunks : int or array
        Parts of the tokens that the loss takes one by one; 1 for the ordinary loss.
    tensor_parallel : int or array
        Devices among which the vocabulary is divided.

    Returns
    -------
    Logits
        Bytes on one device.

    Raises
    ------
    TypeError, ValueError
        If ``shape`` is no Transformer, or a number is not whole or out of its range.
    """
    check_shape(shape)
    tokens = counts("batch", batch) * counts(
        "context", shape.context if context is None else context
    )
    value, loss = amounts("bytes_per_value", bytes_per_value), amounts("loss_bytes", loss_bytes)
    entries = tokens * shape.vocab / counts("tensor_parallel", tensor_parallel)
    kept, parts = value * flag("held", held), counts("chunks", chunks)
    whole_stored, whole_peak = entries * (kept + loss), entries * (kept + 3 * loss)
    part_stored = tokens * shape.d_model * value
    part_peak = part_stored + entries / parts * (value + 3 * loss)
    return Logits(
        stored=np.where(parts > 1, part_stored, whole_stored)[()],
        peak=np.where(parts > 1, part_peak, whole_peak)[()],
    )
