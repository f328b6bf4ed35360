"""The many spellings of one model's name."""

from __future__ import annotations

import re

# What follows a name without changing the architecture.
_SUFFIXES = (
    "hf|base|instruct|chat|it|pt|text|preview|thinking|deduped|original|bf16|fp16|en|"
    r"\d{4}|v1:0"
)
_SUFFIX = re.compile(rf"-(?:{_SUFFIXES})(?=-|$)")
# "meta" of "Meta-Llama-3-8B", "google" of "google-gemma" and so on.
_MAKER = re.compile(r"^(?:meta|google|mistralai|microsoft|facebook|allenai|eleutherai|tiiuae)-")


def spelling(name: str) -> str:
    """Return one spelling for all usual ones of the same name.

    "meta-llama/Llama-2-7B-hf", "Llama2 7b" and "llama-2-7b" become the same. Letters are made
    small, the owner and what says nothing of the architecture fall away, and a separator stays only
    between two figures: "qwen-2-57b" is not "qwen-2.57b".

    Parameters
    ----------
    name : str
        As somebody wrote it.

    Returns
    -------
    str
        For comparisons, not for people.
    """
    text = name.strip().lower().rstrip("/").rsplit("/", 1)[-1]
    text = re.sub(r"[\s_:]+", "-", text)
    text = _MAKER.sub("", text)
    text = _SUFFIX.sub("", text)
    text = re.sub(r"-+", "-", text)
    return re.sub(r"(?<!\d)-|-(?!\d)", "", text)
