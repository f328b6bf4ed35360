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

WORD = re.compile(rb"[A-Za-z_]\w*")
REST = re.compile(rb"(?<=\S )[A-Za-z_][^\n]{5,39}(?=\n)")  # of a line, from a word on

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
    held_out: Stream, count: int, *, context: int = 96, choices: int = 4, seed: int = 0
) -> list[dict]:
    """Make items from held-out documents: how does this line really go on?

    The right choice is the rest of the line, from a word on, 6 to 40 bytes; the others are such
    rests from *other* documents. Lengths differ, and the right place is drawn at random. Items
    are plain ASCII, where bytes and characters are the same.

    Parameters
    ----------
    held_out : corpora.splits.Stream
        Documents that the model was not trained on.
    count : int
        Items; fewer come where the documents have no more places.
    context : int
        Bytes before the choice, at least 8.
    choices : int
        Choices of an item, at least 2.
    seed : int
        Of the places and the order of the choices.

    Returns
    -------
    list of dict
        "context", "choices" (list), "right" (place of the right one), "word" (the first word of the
        right one), "document" (name).

    Raises
    ------
    TypeError, ValueError
        If a number is out of range, or fewer than ``choices`` documents have a place.
    """
    count, choices = whole("count", count), whole("choices", choices, at_least=2)
    context = whole("context", context, at_least=8)
    rng = np.random.default_rng(whole("seed", seed, at_least=0))
    places = _places(held_out, context)
    if len({document for document, _, _ in places}) < choices:
        raise ValueError(f"held_out must have places in {choices} documents or more, got fewer")
    found = []
    for at in rng.permutation(len(places))[:count]:
        document, before, answer = places[at]
        wrong: list[bytes] = []
        while len(wrong) < choices - 1:
            other, _, text = places[rng.integers(len(places))]
            if other != document and text not in (answer, *wrong):
                wrong.append(text)
        right = int(rng.integers(choices))
        given = [text.decode() for text in (*wrong[:right], answer, *wrong[right:])]
        found.append(
            {
                "context": before.decode(),
                "choices": given,
                "right": right,
                "word": WORD.match(answer)[0].decode(),
                "document": held_out.names[document],
            }
        )
    return found


def _places(stream: Stream, context: int) -> list[tuple[int, bytes, bytes]]:
    """Return document, passage before and words of each place where an item can be made."""
    data, found = stream.data.tobytes(), []
    for document in range(len(stream.names)):
        text = data[stream.offsets[document] : stream.offsets[document + 1]]
        for match in REST.finditer(text, context):
            before = text[match.start() - context : match.start()]
            if before.isascii() and match[0].isascii():
                found.append((document, before, match[0]))
    return found


def write_suite(folder: str | Path, items: Sequence[Mapping]) -> list[str]:
    """Write the items and the tasks that ask for them into a folder.

    ``lm_eval.tasks.TaskManager(include_path=folder)`` finds them. ``book_cloze`` is multiple
    choice; ``book_word`` asks the model to write the first word, and scores an exact match.

    Parameters
    ----------
    folder : path
        Made if it is not there.
    items : sequence of mapping
        As :func:`cloze_items` makes them.

    Returns
    -------
    list of str
        The names of the tasks.

    Raises
    ------
    ValueError
        If there are no items.
    """
    if not items:
        raise ValueError("items must hold at least one item, got none")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lines = folder / "items.jsonl"
    lines.write_text("".join(json.dumps(dict(item)) + "\n" for item in items), encoding="utf-8")
    for name, body in _TASKS.items():
        head = _HEAD.format(name=name, items=json.dumps(str(lines.resolve())))
        (folder / f"{name}.yaml").write_text(head + body + _TAIL, encoding="utf-8")
    return list(_TASKS)
