"""The book's own pre-trained models: small GPTs whose weights lie in ``results/pretrained``.

``results/pretrained/record.py`` made them. ``models.csv`` there says what each is and has the
digest of its weights; ``runs.csv`` has the curves. The weights are stored in half precision, and
the losses in the table are those of the stored weights.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from scaling_utils._check import member
from scaling_utils.models.gpt import GPT
from scaling_utils.shapes import gpt_shape

MERGES = "tokeniser.merges"  # beside the weights: int64, (merges, 2), in the order of merging
BYTES = 256


@dataclass(frozen=True, eq=False)
class Pretrained:
    """What is known of a pre-trained model, and its tokeniser.

    Attributes
    ----------
    name : str
        As given to :func:`pretrained`.
    tokeniser : str
        "bytes", or "pairs": bytes, and pairs of tokens that were merged into one.
    vocab, context, d_model, n_layer : int
        Of the shape, see ``shapes.gpt_shape``.
    N : int
        Parameters without the embedding and the head.
    corpus, corpus_sha256 : str
        What it learned from, as in ``corpora.text``.
    tokens : int
        That it was trained on.
    rate : float
        Peak learning rate.
    seed : int
        Of the first weights and of the passages.
    loss, se : float
        On held-out documents, and its standard error, in nats per token.
    bits_per_byte : float
        The same loss in a unit that does not depend on the tokeniser.
    sha256 : str
        Of the file of the weights.
    merges : array of int64, shape (vocab - 256, 2)
        The two tokens that each token above the bytes stands for; none for "bytes".
    """

    name: str
    tokeniser: str
    vocab: int
    context: int
    d_model: int
    n_layer: int
    N: int
    corpus: str
    corpus_sha256: str
    tokens: int
    rate: float
    seed: int
    loss: float
    se: float
    bits_per_byte: float
    sha256: str
    merges: np.ndarray

    def encode(self, data: bytes) -> Tensor:
        """Return the tokens of some bytes.

        Parameters
        ----------
        data : bytes
            Any.

        Returns
        -------
        int64 tensor, shape (T,)
            Tokens below ``vocab``.

        Raises
        ------
        TypeError
            If the data are not bytes.
        """
        return torch.from_numpy(encode(data, self.merges))

    def decode(self, tokens) -> bytes:
        """Return the bytes that tokens stand for.

        Parameters
        ----------
        tokens : int64 tensor, array or sequence of int, shape (T,)
            Below ``vocab``.

        Returns
        -------
        bytes

        Raises
        ------
        ValueError
            If a token is not from 0 to ``vocab - 1``.
        """
        listed = np.asarray(tokens, dtype=np.int64)
        if listed.size and not 0 <= listed.min() <= listed.max() < self.vocab:
            raise ValueError(
                f"tokens must be from 0 to {self.vocab - 1}, got {listed.min()} to {listed.max()}"
            )
        spelled = spellings(self.merges)
        return b"".join(spelled[token] for token in listed)


def merged(tokens: np.ndarray, left: int, right: int, new: int) -> np.ndarray:
    """Replace each pair (left, right) by one token, from the left, none twice.

    Parameters
    ----------
    tokens : array of int64, shape (T,)
        Any tokens.
    left, right, new : int
        The pair and what replaces it.

    Returns
    -------
    array of int64, shape (T - pairs,)
    """
    hits = np.flatnonzero((tokens[:-1] == left) & (tokens[1:] == right))
    if left == right and len(hits):  # "aaa" holds the pair twice, and only one can be merged
        starts = np.r_[True, np.diff(hits) > 1]
        runs = np.maximum.accumulate(np.where(starts, np.arange(len(hits)), 0))
        hits = hits[(np.arange(len(hits)) - runs) % 2 == 0]
    out = tokens.copy()
    out[hits] = new
    return np.delete(out, hits + 1)


def encode(data: bytes, merges: np.ndarray) -> np.ndarray:
    """Return bytes as tokens: all merges in their order (Sennrich et al. 2016, arXiv:1508.07909).

    Parameters
    ----------
    data : bytes
        Any.
    merges : array of int64, shape (merges, 2)
        Merge i makes token 256 + i.

    Returns
    -------
    array of int64, shape (T,)

    Raises
    ------
    TypeError
        If the data are not bytes.
    """
    if not isinstance(data, bytes | bytearray):
        raise TypeError(f"data must be bytes, got {type(data).__name__}; text.encode() makes them")
    tokens = np.frombuffer(bytes(data), dtype=np.uint8).astype(np.int64)
    for i, (left, right) in enumerate(merges.tolist()):
        tokens = merged(tokens, left, right, BYTES + i)
    return tokens


def spellings(merges: np.ndarray) -> list[bytes]:
    """Return the bytes that each token stands for.

    Parameters
    ----------
    merges : array of int64, shape (merges, 2)
        As of :func:`encode`.

    Returns
    -------
    list of bytes, shape (256 + merges,)
    """
    found = [bytes([i]) for i in range(BYTES)]
    for left, right in merges.tolist():
        found.append(found[left] + found[right])
    return found


def folder() -> Path:
    """Return ``results/pretrained``: beside the package as in a checkout, or as installed in it.

    Returns
    -------
    Path

    Raises
    ------
    FileNotFoundError
        If it is in neither place.
    """
    package = Path(__file__).parents[1]
    for place in (package.parent, package):
        if (place / "results" / "pretrained" / "models.csv").is_file():
            return place / "results" / "pretrained"
    raise FileNotFoundError(
        f"results/pretrained/models.csv is neither in {package.parent} nor in {package}"
    )


def pretrained(name: str) -> tuple[GPT, Pretrained]:
    """Return one of the book's own pre-trained models.

    Parameters
    ----------
    name : str
        As in ``results/pretrained/models.csv``: "bytes-56k", "bytes-332k" or "pairs-56k". The
        number is that of its parameters without embedding and head.

    Returns
    -------
    GPT
        In evaluation mode, fp32; its own weights, free to be changed.
    Pretrained
        What is known of it, and its tokeniser: ``encode`` and ``decode``.

    Raises
    ------
    ValueError
        If the name is unknown, or the file's digest is not the one that was recorded.
    ModuleNotFoundError
        If the package ``safetensors`` is missing.
    FileNotFoundError
        If the recorded models are not installed.
    """
    place = folder()
    with (place / "models.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    row = rows[member("name", name, rows)]
    try:
        from safetensors.torch import load
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the weights are in safetensors files: pip install 'safetensors>=0.4'"
        ) from error
    content = (place / f"{name}.safetensors").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != row["sha256"]:
        raise ValueError(
            f"name {name!r}: the sha256 of {name}.safetensors must be {row['sha256']}, got "
            f"{digest}; the file is damaged, or another model's"
        )
    state = load(content)
    merges = state.pop(MERGES, torch.zeros(0, 2, dtype=torch.int64)).numpy()
    numbers = {"loss", "se", "bits_per_byte", "rate"}
    whole = {"vocab", "context", "d_model", "n_layer", "N", "tokens", "seed"}
    known = {field.name: row[field.name] for field in fields(Pretrained) if field.name in row}
    known |= {key: float(row[key]) for key in numbers} | {key: int(row[key]) for key in whole}
    facts = Pretrained(**known, merges=merges)
    model = GPT(gpt_shape(facts.vocab, facts.context, facts.d_model, facts.n_layer))
    model.load_state_dict({key: weight.float() for key, weight in state.items()})
    return model.eval(), facts
