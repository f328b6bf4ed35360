"""The book's pre-trained models, trained and stored.

    python results/pretrained/record.py                 # trains what models.csv lacks
    python results/pretrained/record.py --toy --out FOLDER

Each model learns Python source, in about a minute of one core. ``models.csv`` has a row for each,
``runs.csv`` its curve, ``NAME.safetensors`` the weights in half precision. The rates were not
tuned: nothing compares these models as one sees them here.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save

from scaling_utils.corpora import HeldOutSequences, Sequences
from scaling_utils.corpora.splits import Stream
from scaling_utils.models import GPT
from scaling_utils.models.stored import BYTES, MERGES, encode, merged, spellings
from scaling_utils.shapes import gpt_shape
from scaling_utils.studies import read_rows
from scaling_utils.sweeps.code import combined, modules_of
from scaling_utils.sweeps.provenance import collect_provenance
from scaling_utils.sweeps.tables import write_csv
from scaling_utils.tasks.windows import split_text
from scaling_utils.training import Trainer, adamw, evaluate, wsd

HERE = Path(__file__).resolve().parent
CORPUS, CONTEXT, BATCH, SEED = "python", 128, 16, 0
WARMUP, DECAY, MARKS = 50, 0.3, 10
SAMPLE = 12  # of so many training documents one is read to learn the merges
PIECES = 256  # held-out pieces of CONTEXT tokens


@dataclass(frozen=True)
class Plan:
    """One model: its name, its shape, how it is trained."""

    name: str
    d_model: int
    n_layer: int
    merges: int
    rate: float
    steps: int


PLANS = (
    Plan("bytes-56k", 48, 2, 0, 0.008, 1000),
    Plan("pairs-56k", 48, 2, 256, 0.008, 1000),
    Plan("bytes-332k", 96, 3, 0, 0.004, 900),
)
TOY = (Plan("bytes-toy", 16, 1, 0, 0.01, 60), Plan("pairs-toy", 16, 1, 3, 0.01, 60))


def learn_merges(data: bytes, count: int) -> np.ndarray:
    """Return the merges of byte pairs: again and again the commonest pair, the lower if tied."""
    tokens = np.frombuffer(data, dtype=np.uint8).astype(np.int64)
    vocab, found = BYTES + count, []
    for i in range(count):
        pairs = np.bincount(tokens[:-1] * vocab + tokens[1:], minlength=vocab * vocab)
        left, right = divmod(int(pairs.argmax()), vocab)
        found.append((left, right))
        tokens = merged(tokens, left, right, BYTES + i)
    return np.array(found, dtype=np.int64).reshape(count, 2)


def as_tokens(stream: Stream, merges: np.ndarray) -> Stream:
    """Return a stream of bytes as one of tokens; no token reaches over the end of a document."""
    bounds = zip(stream.offsets[:-1], stream.offsets[1:], strict=True)
    documents = [encode(stream.data[first:end].tobytes(), merges) for first, end in bounds]
    offsets = np.cumsum([0, *map(len, documents)])
    return Stream(np.concatenate(documents), offsets, stream.names)


def held_out_of(stream: Stream) -> list:
    """Return held-out pieces, taken evenly from all documents."""
    batches = list(HeldOutSequences(stream, CONTEXT, 16))
    return batches[:: max(1, len(batches) * 16 // PIECES)]


def bytes_of(held_out: list, merges: np.ndarray) -> tuple[int, int]:
    """Return how many targets count in held-out pieces, and how many bytes they spell."""
    sizes = np.array([len(one) for one in spellings(merges)])
    targets = torch.cat([targets[targets >= 0] for _, targets, _ in held_out]).numpy()
    return len(targets), int(sizes[targets].sum())


def make(plan: Plan, folder: Path, origin: dict) -> tuple[dict, list[dict]]:
    """Train one model, store its weights, and return its row and its curve."""
    begun = time.process_time()
    split = split_text(CORPUS)
    bounds = [*zip(split.train.offsets[:-1], split.train.offsets[1:], strict=True)][::SAMPLE]
    sample = b"".join(split.train.data[first:end].tobytes() for first, end in bounds)
    merges = learn_merges(sample, plan.merges)
    train, held_out = (as_tokens(part, merges) for part in (split.train, split.held_out))
    pieces = held_out_of(held_out)
    torch.manual_seed(SEED)
    shape = gpt_shape(BYTES + plan.merges, CONTEXT, plan.d_model, plan.n_layer)
    model = GPT(shape)
    batches = Sequences(train, CONTEXT, BATCH, SEED)
    trainer = Trainer(model, adamw(model, plan.rate), batches, clip=1.0)

    def measure(model) -> dict:
        return {"held_out": evaluate(model, pieces).loss}

    schedule = wsd(plan.steps, min(WARMUP, plan.steps // 4), DECAY)
    trainer.train(plan.steps, schedule, every=max(1, plan.steps // MARKS), evaluate=measure)
    content = stored(model, merges)
    (folder / f"{plan.name}.safetensors").write_bytes(content)
    model.load_state_dict({k: w.half().float() for k, w in model.state_dict().items()})
    found, (count, size) = evaluate(model, pieces), bytes_of(pieces, merges)
    row = {
        "name": plan.name,
        "tokeniser": "pairs" if plan.merges else "bytes",
        "vocab": shape.vocab,
        "context": CONTEXT,
        "d_model": plan.d_model,
        "n_layer": plan.n_layer,
        "N": sum(p.numel() for n, p in model.named_parameters() if n.startswith("blocks.")),
        "corpus": CORPUS,
        "corpus_sha256": split.text.sha256,
        "tokens": trainer.tokens,
        "rate": plan.rate,
        "seed": SEED,
        "loss": round(found.loss, 5),
        "se": round(found.se, 5),
        "bits_per_byte": round(found.loss / math.log(2) * count / size, 5),
        "sha256": hashlib.sha256(content).hexdigest(),
        "seconds": round(time.process_time() - begun, 1),
    }
    curve = [
        {"name": plan.name, **{key: mark[key] for key in ("step", "tokens", "factor")}}
        | {key: round(mark[key], 5) for key in ("loss", "held_out")}
        for mark in trainer.history
    ]
    return row | origin, curve


def stored(model: GPT, merges: np.ndarray) -> bytes:
    """Return the bytes of a file of weights in half precision, with the merges beside them."""
    state = {name: weight.half().contiguous() for name, weight in model.state_dict().items()}
    if len(merges):
        state[MERGES] = torch.from_numpy(merges)
    return save(state)


def main(words: Sequence[str] | None = None) -> None:
    """Make what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--toy", action="store_true", help="tiny models: does it run here?")
    asked = parser.parse_args(words)
    torch.set_num_threads(1)
    origin = collect_provenance() | {"code_sha256": combined(modules_of("record"))}
    files = asked.out / "models.csv", asked.out / "runs.csv"
    rows, curves = (read_rows(file) if file.exists() else [] for file in files)
    for plan in TOY if asked.toy else PLANS:
        if plan.name not in {row["name"] for row in rows}:
            row, curve = make(plan, asked.out, origin)
            rows.append(row)
            curves += curve
            write_csv(rows, files[0])
            write_csv(curves, files[1])
            print(f"{plan.name}: {row['bits_per_byte']} bits per byte, {row['seconds']} s")


if __name__ == "__main__":
    main()
