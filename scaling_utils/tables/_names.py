"""Which column is which: the names that people give to sizes, compute and losses."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

# Names in words, in lower case: "n_params", "nParams" and "N params" are all "n params".
_PARAMETERS = ("params", "parameters", "param", "model size", "model params", "model parameters")
KNOWN = {
    "N": (
        *_PARAMETERS,
        *(f"{more} {word}" for more in ("n", "num", "total", "number of", "nb", "#")
          for word in ("params", "parameters", "model params")),
        "n", "nparams", "numparams", "nparameters", "param count", "parameter count",
        "params count", "params total", "parameters total", "size", "model n params",
        "model num params", "total model params",
    ),
    "D": (
        "d", "tokens", "token", "ntokens", "n tokens", "num tokens", "total tokens", "train tokens",
        "training tokens", "tokens trained", "trained tokens", "tokens seen", "seen tokens",
        "tokens total", "consumed tokens", "tokens consumed", "dataset size", "data size",
        "dataset tokens", "data tokens", "n train tokens", "num train tokens", "token count",
        "num training tokens", "number of tokens", "training data", "training dataset size",
        "training dataset size datapoints", "tokens processed", "num tokens seen", "n tokens seen",
        "train num tokens", "total train tokens", "total training tokens",
    ),
    "C": (
        "c", "flops", "flop", "compute", "compute budget", "training flop", "training flops",
        "train flop", "train flops", "total flops", "total flop", "flops total", "budget",
        "training compute", "train compute", "total compute", "flop budget", "flops budget",
        "compute flops", "compute flop", "isoflop", "isoflops", "flops train", "num flops",
    ),
    "loss": (
        "loss", "final loss", "loss final", "val loss", "loss val", "validation loss", "eval loss",
        "loss eval", "test loss", "loss test", "valid loss", "dev loss", "l", "final val loss",
        "final validation loss", "final eval loss", "final test loss", "cross entropy",
        "cross entropy loss", "ce loss", "ce", "nll", "lm loss", "loss nats", "val lm loss",
        "val ce", "best val loss", "mean loss", "eval ce loss", "val cross entropy",
    ),
    "lr": (
        "lr", "learning rate", "peak lr", "max lr", "best lr", "optimal lr", "learning rate peak",
        "peak learning rate", "max learning rate", "optimal learning rate", "eta",
    ),
    "accuracy": ("accuracy", "acc", "avg acc", "average accuracy", "mean accuracy", "score"),
}  # fmt: skip
PERPLEXITY = frozenset({"perplexity", "ppl", "val ppl", "eval ppl", "test ppl", "val perplexity",
                        "validation perplexity", "eval perplexity", "test perplexity"})  # fmt: skip
# A column of these kinds names the run of a row, and is not a number.
RUN = frozenset({"run", "run name", "run id", "runid", "name", "experiment", "exp", "exp name",
                 "experiment name", "experiment id", "trial", "job", "uuid",
                 "model name"})  # fmt: skip
KIND = frozenset({"dataset", "data", "corpus", "data mix", "task", "domain", "metric",
                  "tokenizer", "architecture", "arch", "family", "optimizer", "optimiser",
                  "split"})  # fmt: skip
STEP = frozenset({"step", "steps", "iter", "iteration", "checkpoint", "global step", "current step",
                  "current steps", "trainer global step"})  # fmt: skip

_PATTERNS = {
    "N": re.compile(r"\b(?:params|parameters)\b"),
    "D": re.compile(r"\btokens\b"),
    "C": re.compile(r"\bflops?\b"),
    "loss": re.compile(r"\bloss\b|\bcross entropy\b|\bperplexity\b|\bppl\b"),
    "lr": re.compile(r"\blearning rate\b|\blr\b"),
    "accuracy": re.compile(r"\bacc(?:uracy)?\b"),
}
# With these words a name means something else: tokens in a batch, an auxiliary loss.
_OTHER = re.compile(
    r"\b(?:per|ratio|batch|hours?|seconds?|time|context|sequence|seq|unique|warmup|std|stderr|"
    r"err|error|var|variance|aux|auxiliary|z|router|balance|reg|kl|initial|init|log|log10|ln|"
    r"vocab|throughput|weights?|scale|predicted|pred|rank|min|max)\b"
)
_NO_EMBEDDING = re.compile(r"\b(?:non? ?emb\w*|without emb\w*|no ?emb\w*|embedding|embeddings?)\b")
_UNIT = re.compile(r"[\(\[]([^)\]]*)[\)\]]")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_LAST_UNITS = {"m", "million", "millions", "b", "bn", "billion", "billions", "k", "t", "trillion",
               "trillions", "pf days", "pflop days"}  # fmt: skip


@dataclass(frozen=True)
class Guess:
    """A column that may be the one wanted: its place, how good the guess is, and its unit."""

    place: int
    tier: int  # 0: the book's own name, 1: a known one, 2: its last part is, 3: it looks like one
    unit: str = ""
    perplexity: bool = False


def in_words(name: str) -> str:
    """Return a column's name in lower case and in words."""
    name = _HUMP.sub(" ", _UNIT.sub(" ", name).replace("#", " # "))
    return re.sub(r"[^a-z0-9#]+", " ", name.lower()).strip()


def unit_in(name: str) -> str:
    """Return what a column's name has in brackets, such as M in "params (M)"."""
    found = _UNIT.search(name)
    return found[1].strip() if found else ""


def guesses(header: Iterable[str], role: str) -> list[Guess]:
    """Return the columns that may be ``role``, those of the best kind only."""
    found = [g for k, name in enumerate(header) if (g := _guess(k, name, role)) is not None]
    best = min((guess.tier for guess in found), default=0)
    return [guess for guess in found if guess.tier == best]


def _guess(place: int, name: str, role: str) -> Guess | None:
    if name == role:
        return Guess(place, 0)
    words, unit = in_words(name), unit_in(name)
    known = KNOWN.get(role, ())
    wanted = PERPLEXITY if role == "loss" else frozenset()
    for text, tier in ((words, 1), (_last(name), 2)):
        if text in known:
            return Guess(place, tier, unit)
        if text in wanted:
            return Guess(place, tier, unit, perplexity=True)
        for last in (1, 2):  # "params m", "compute pf days"
            parts = text.split(" ")
            tail = " ".join(parts[-last:])
            if len(parts) > last and tail in _LAST_UNITS and " ".join(parts[:-last]) in known:
                return Guess(place, tier, unit or tail)
    if role not in _PATTERNS or not _PATTERNS[role].search(words) or _OTHER.search(words):
        return None
    if _NO_EMBEDDING.search(words):
        return Guess(place, 5, unit)
    train = role == "loss" and re.search(r"\btrain(?:ing)?\b", words)
    return Guess(place, 4 if train else 3, unit, perplexity="ppl" in words or "perplex" in words)


def _last(name: str) -> str:
    """Return the last part of a dotted or slashed name: of config.n_params.value, n params."""
    parts = [part for part in re.split(r"[./]", _UNIT.sub(" ", name)) if part.strip()]
    if len(parts) > 1 and parts[-1].strip().lower() == "value":
        parts = parts[:-1]
    return in_words(parts[-1]) if parts else ""
