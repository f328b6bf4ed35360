"""The cache of keys and values of an architecture."""

from __future__ import annotations

from scaling_utils import memory
from scaling_utils._check import member
from scaling_utils.architectures.resolving import resolve
from scaling_utils.counting.size import BITS


def kv_cache(architecture, batch=1, context=None, bytes_per_value=2, *, tensor_parallel=1):
    """Return the bytes that serving keeps of the tokens so far.

    Grouped heads, latent attention, windows and the layers without one are respected: see
    :func:`scaling_utils.memory.kv_cache`, which does the sum. All arguments but the first may be
    arrays, which are broadcast.

    Parameters
    ----------
    architecture : Architecture, str, shapes.Transformer, dict or path
        Anything that :func:`resolve` takes.
    batch : int or array
        Sequences, at least 1.
    context : int or array, optional
        Tokens of each sequence so far, at least 0; the shape's context unless given. It may exceed
        that.
    bytes_per_value : float, array or str
        2 for bf16; a name of a number format such as "fp8" works too.
    tensor_parallel : int or array
        Devices among which the heads are divided. A latent vector is not divided.

    Returns
    -------
    float or array
        Bytes on one device. Divide by ``units.GIB`` or ``units.GB`` and say which.

    Raises
    ------
    TypeError, ValueError
        If a number is not whole or out of its range, or the architecture unknown.
    """
    a = resolve(architecture)
    if isinstance(bytes_per_value, str):
        bytes_per_value = BITS[member("bytes_per_value", bytes_per_value, BITS)] / 8
    windowed = a.window is not None
    try:
        return memory.kv_cache(
            a.shape,
            a.shape.context if context is None else context,
            batch,
            bytes_per_value=bytes_per_value,
            latent=a.latent.cached if a.latent else None,
            window=a.window,
            full_layers=a.full_layers if windowed else 0,
            tensor_parallel=tensor_parallel,
        )
    except (TypeError, ValueError) as error:
        # That function calls the same argument "tokens".
        raise type(error)(str(error).replace("tokens must", "context must", 1)) from None
