"""One door for everything that stands for a model."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path

from scaling_utils.architectures.architecture import Architecture
from scaling_utils.shapes import Transformer


def resolve(model) -> Architecture:
    """Return the architecture that ``model`` stands for.

    Parameters
    ----------
    model : Architecture, shapes.Transformer, str, path or mapping
        An architecture is returned as it is, a plain shape is wrapped. Text is a name of
        :func:`catalogue`, in any usual spelling, or the path of a Hugging Face config.json or of
        the folder that holds one. A mapping is the content of such a file.

    Returns
    -------
    Architecture

    Raises
    ------
    TypeError
        For anything else.
    ValueError
        For an unknown name, with the nearest ones, or a configuration that cannot be counted.
    FileNotFoundError
        For a path without a file.
    """
    if isinstance(model, Architecture):
        return model
    if isinstance(model, Transformer):
        return Architecture(model)
    if isinstance(model, Mapping) or (isinstance(model, PathLike) or _is_file(model)):
        from scaling_utils.architectures.config import from_config

        return from_config(model)
    if isinstance(model, str):
        from scaling_utils.architectures.published import get

        return get(model)
    raise TypeError(
        f"architecture must be an Architecture, a Transformer, a name, a config.json or its "
        f"content, got {type(model).__name__} {model!r}"
    )


def _is_file(model) -> bool:
    """Whether text is meant as a path: it ends like one, or a configuration lies there."""
    if not isinstance(model, str) or not model:
        return False
    return model.endswith(".json") or (Path(model) / "config.json").is_file()
