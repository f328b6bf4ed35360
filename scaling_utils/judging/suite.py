"""A few tasks for byte-level models, in the format of lm-evaluation-harness.

The harness reads a task from a YAML file that names a file of items, one JSON object a line:
https://github.com/EleutherAI/lm-evaluation-harness/blob/main/docs/task_guide.md
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from scaling_utils._check import whole
from scaling_utils.corpora.splits import Stream

WORD = re.compile(rb"[a-z]\w*")
LINE = re.compile(rb"[^\n]+(?=\n)")
INSIDE = re.compile(rb"(?<=[a-z]{3})(?=[a-z])")  # where a word can be cut

_HEAD = """\
task: {name}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {items}
test_split: test
target_delimiter: ""
doc_to_text: "{{{{context}}}}"
"""
_TASKS = {
    "book_cloze": """\
output_type: multiple_choice
doc_to_choice: "{{choices}}"
doc_to_target: "{{right}}"
metric_list:
  - {metric: acc, aggregation: mean, higher_is_better: true}
  - {metric: acc_norm, aggregation: mean, higher_is_better: true}
""",
    "book_word": """\
output_type: generate_until
doc_to_target: "{{word}}"
generation_kwargs:
  until: [" ", "\\n", ".", ",", ":", ";", "(", ")", "[", "]", "{", "}", "=", "'", "\\"", "-"]
  max_gen_toks: 24
  do_sample: false
metric_list:
  - {metric: exact_match, aggregation: mean, higher_is_better: true}
""",
}
_TAIL = "metadata: {version: 1.0}\n"


def cloze_items(
    held_out: Stream,
    per_document: int = 20,
    *,
    context: int = 96,
    choices: int = 4,
    longest: int = 24,
    seed: int = 0,
) -> list[dict]:
    """Make items from held-out documents: a line is cut inside a word; how does it go on?

    The right choice is the rest of the line, 4 bytes to ``longest``. The others are such rests of
    lines of *other* documents. Lengths differ, and the right place is drawn at random. Items are
    plain ASCII, where bytes and characters are the same.

    Parameters
    ----------
    held_out : corpora.splits.Stream
        Documents that the model was not trained on.
    per_document : int
        Items of a document; fewer come where it has no more places.
    context : int
        Bytes before the cut, at least 8.
    choices : int
        Choices of an item, at least 2.
    longest : int
        Bytes of a choice, at least 4.
    seed : int
        Of the places and the order of the choices.

    Returns
    -------
    list of dict
        "context", "choices" (list), "right" (place of the right one), "word" (the rest of the word
        that was cut), "document" (name).

    Raises
    ------
    TypeError, ValueError
        If a number is out of range, or fewer than ``choices`` documents have a place.
    """
    each, choices = whole("per_document", per_document), whole("choices", choices, at_least=2)
    context, longest = whole("context", context, at_least=8), whole("longest", longest, at_least=4)
    rng = np.random.default_rng(whole("seed", seed, at_least=0))
    places = [_places(held_out, k, context, longest, rng) for k in range(len(held_out.names))]
    if sum(map(bool, places)) < choices:
        raise ValueError(f"held_out must have places in {choices} documents or more, got fewer")
    everywhere = [(k, rest) for k, found in enumerate(places) for _, rest in found]
    items = []
    for document, found in enumerate(places):
        for at in rng.permutation(len(found))[:each]:
            before, answer = found[at]
            wrong: list[bytes] = []
            while len(wrong) < choices - 1:
                other, rest = everywhere[rng.integers(len(everywhere))]
                if other != document and rest not in (answer, *wrong):
                    wrong.append(rest)
            right = int(rng.integers(choices))
            items.append(
                {
                    "context": before.decode(),
                    "choices": [c.decode() for c in (*wrong[:right], answer, *wrong[right:])],
                    "right": right,
                    "word": WORD.match(answer)[0].decode(),
                    "document": held_out.names[document],
                }
            )
    return items


def _places(
    stream: Stream, document: int, context: int, longest: int, rng: np.random.Generator
) -> list[tuple[bytes, bytes]]:
    """Return what stands before and after a cut, for one cut of each line that has any."""
    first, last = stream.offsets[document : document + 2]
    text, found = stream.data[first:last].tobytes(), []
    for line in LINE.finditer(text, context):
        cuts = [
            cut.start()
            for cut in INSIDE.finditer(text, line.start() + 3, line.end())
            if 4 <= line.end() - cut.start() <= longest
        ]
        if cuts:
            cut = cuts[rng.integers(len(cuts))]
            before, after = text[cut - context : cut], text[cut : line.end()]
            if before.isascii() and after.isascii():
                found.append((before, after))
    return found


def write_suite(
    folder: str | Path, items: Sequence[Mapping], cache: str | Path | None = None
) -> list[str]:
    """Write the items and the tasks that ask for them into a folder.

    ``lm_eval.tasks.TaskManager(include_path=folder)`` finds them. ``book_cloze`` is multiple
    choice; ``book_word`` asks the model to write the first word, and scores an exact match.

    Parameters
    ----------
    folder : path
        Made if it is not there.
    items : sequence of mapping
        As :func:`cloze_items` makes them.
    cache : path, optional
        Where the harness may keep what it makes of the items; without it, where it likes.

    Returns
    -------
    list of str
        The names of the tasks.

    Raises
    ------
    ValueError
        If there are no items.
    """
    items = list(items)
    if not items:
        raise ValueError("items must hold at least one item, got none")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lines = folder / "items.jsonl"
    lines.write_text("".join(json.dumps(dict(item)) + "\n" for item in items), encoding="utf-8")
    for name, body in _TASKS.items():
        head = _HEAD.format(name=name, items=json.dumps(str(lines.resolve())))
        kept = "" if cache is None else f"  cache_dir: {json.dumps(str(cache))}\n"
        head = head.replace("test_split:", f"{kept}test_split:")  # inside dataset_kwargs
        (folder / f"{name}.yaml").write_text(head + body + _TAIL, encoding="utf-8")
    return list(_TASKS)
