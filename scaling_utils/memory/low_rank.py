"""Fine-tuning with adapters of low rank: what is trained, and what is only stored."""

from __future__ import annotations

from collections.abc import Sequence

from scaling_utils._check import member, number, whole
from scaling_utils.memory._arrays import amounts, flag
from scaling_utils.memory.conventions import Convention, resolve
from scaling_utils.memory.state import States
from scaling_utils.shapes import Transformer, check_shape

MATRICES = ("query", "key", "value", "out", "gate", "up", "down")


def _sides(shape: Transformer) -> dict[str, int]:
    """Return inputs plus outputs of each matrix of a layer."""
    d, keys = shape.d_model, shape.n_kv_head * shape.d_head
    sides = {"query": d + shape.d_attn, "key": d + keys, "value": d + keys, "out": shape.d_attn + d}
    mlp = ("gate", "up", "down") if shape.gated else ("up", "down")
    return sides | dict.fromkeys(mlp, d + shape.d_ff)


def lora_parameters(
    shape: Transformer, rank: int, matrices: Sequence[str] = ("query", "value")
) -> int:
    """Return the parameters of low-rank adapters: ``rank * (inputs + outputs)`` a matrix.

    Source: Hu et al. (2022), arXiv:2106.09685, Sec. 4.1 and 4.2. The paper's tables adapt the
    query's and the value's matrix of every layer.

    Parameters
    ----------
    shape : shapes.Transformer
        The model that is adapted.
    rank : int
        Of each adapter, at least 1.
    matrices : sequence of str
        Which matrices of a layer, each once: "query", "key", "value", "out", "up", "down", and
        "gate" where the MLP is gated.

    Returns
    -------
    int
        Trained parameters.

    Raises
    ------
    TypeError, ValueError
        If ``shape`` is no Transformer, the rank not whole and positive, or a matrix unknown or
        named twice.
    """
    sides = _sides(check_shape(shape))
    if isinstance(matrices, str) or len(set(matrices)) < len(matrices):
        raise ValueError(f"matrices must be a sequence of different names, got {matrices!r}")
    chosen = [sides[member("matrices", name, sides)] for name in matrices]
    return whole("rank", rank) * shape.n_layer * sum(chosen)


def quantised_bytes(bits: float = 4, block: int = 64, double: bool = True) -> float:
    """Return the bytes per weight of block-wise quantisation, its constants counted in.

    Each block of weights has one constant of 32 bits. Double quantisation stores it in 8 bits,
    with another constant of 32 bits for every 256 of them. Source: Dettmers et al. (2023),
    arXiv:2305.14314, Sec. 3: 0.5 bits of constants a weight become 0.127.

    Parameters
    ----------
    bits : float
        Of one weight, above zero; 4 for NF4.
    block : int
        Weights that share a constant, at least 1.
    double : bool
        Whether the constants are quantised in turn.

    Returns
    -------
    float
        Bytes per weight, 0.516 by default.

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range, or ``double`` neither True nor False.
    """
    block = whole("block", block)
    constant = 8 / block + 32 / (block * 256) if flag("double", double) else 32 / block
    return (number("bits", bits, above=0) + constant) / 8


def lora_states(base, adapters, *, base_bytes=2.0, convention: str | Convention = "zero") -> States:
    """Return the bytes of a frozen model and of the adapters that are trained on it.

    The frozen weights have no gradients and no optimiser states. Their activations are still
    needed wherever a gradient passes through. Sources: Hu et al. (2022), arXiv:2106.09685,
    Sec. 4.2; Dettmers et al. (2023), arXiv:2305.14314, Sec. 3.

    Parameters
    ----------
    base : float or array
        Frozen parameters, at least 0.
    adapters : float or array
        Trained parameters, at least 0, see :func:`lora_parameters`.
    base_bytes : float or array
        Bytes per frozen parameter: 2 for bf16, :func:`quantised_bytes` for QLoRA.
    convention : str or Convention
        Bytes per trained parameter.

    Returns
    -------
    States
        Bytes on one device, nothing divided.

    Raises
    ------
    TypeError, ValueError
        If a number is below zero, or the convention unknown.
    """
    rule, trained = resolve(convention), amounts("adapters", adapters)
    frozen = amounts("base", base) * amounts("base_bytes", base_bytes)
    return States(
        weights=(frozen + trained * rule.weights)[()],
        gradients=(trained * rule.gradients)[()],
        master=(trained * (rule.master + rule.gradient_copy))[()],
        moments=(trained * rule.moments)[()],
    )
