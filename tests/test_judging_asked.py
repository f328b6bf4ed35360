"""Asking a byte-level model, and the suite: against counts by hand and the harness' own reading."""

from __future__ import annotations

import json
import math
import sys

import numpy as np
import pytest
import torch
import yaml

from scaling_utils import corpora, judging


class Bigram(torch.nn.Module):
    """After each byte the next one of the alphabet has probability 3/4, the others share 1/4."""

    def forward(self, tokens):
        logits = torch.full((*tokens.shape, 256), math.log(1 / 4 / 255))
        return logits.scatter(-1, ((tokens + 1) % 256)[..., None], math.log(3 / 4))


class Counting(torch.nn.Module):
    """Logits that tell how many bytes are seen: the byte of that number has it all."""

    def __init__(self):
        super().__init__()
        self.drop = torch.nn.Dropout(0.9)

    def forward(self, tokens):
        seen = torch.arange(1, tokens.shape[1] + 1).expand(tokens.shape)
        return self.drop(torch.nn.functional.one_hot(seen, 256) * 50.0)


def test_the_cost_of_an_answer_by_hand():
    found = judging.answers(Bigram(), [(b"xa", b"bc"), (b"xa", b"cd"), (b"xya", b"b")], 8)
    likely, other = math.log(3 / 4), math.log(1 / 4 / 255)
    wanted = [2 * likely, other + likely, likely]
    assert [one.nats for one in found] == pytest.approx(wanted, rel=1e-6)
    assert [one.greedy for one in found] == [True, False, True]
    assert [one.size for one in found] == [2, 2, 1]


def test_the_choices_of_an_item_keep_their_places():
    items = [{"context": "xa", "choices": ["bc", "cd"]}, {"context": "q", "choices": ["s", "r"]}]
    likely, other = math.log(3 / 4), math.log(1 / 4 / 255)
    wanted = [[2 * likely, other + likely], [other, likely]]
    np.testing.assert_allclose(judging.choice_nats(Bigram(), items, 8), wanted, rtol=1e-6)


def test_a_long_context_loses_its_beginning_and_the_model_its_dropout():
    model = Counting()
    pairs = [(b"0123456789", bytes([3, 4])), (b"0", bytes([1, 2]))]
    full, short = judging.answers(model, pairs, context=4, batch=2)
    assert full.greedy  # the last 4 bytes are seen, so the answer is at places 3 and 4
    assert short.greedy  # padding behind a shorter text changes nothing
    assert model.training  # as it was before
    with pytest.raises(ValueError, match="answer of 1 to 4, got 1 and 5"):
        judging.answers(model, [(b"0", b"12345")], context=4)


def test_a_model_goes_on_with_its_first_choice():
    assert judging.completions(Bigram(), [b"xa", b"p"], 4, 5) == [b"bcdef", b"qrstu"]
    assert judging.completions(Bigram(), [b"xa", b"p"], 4, 5, until=b"e") == [b"bcd", b"qrstu"]


@pytest.fixture(scope="module")
def stream():
    lines = {
        name: "".join(f"{name}{i} = value_of_{name}[{i}]\n" for i in range(60)).encode()
        for name in "abcde"
    }
    return corpora.stream(corpora.Document(k, v) for k, v in lines.items())


def test_items_hold_what_stands_in_their_document_and_elsewhere(stream):
    items = judging.cloze_items(stream, 10, context=40)
    text = stream.data.tobytes().decode()
    assert len(items) == 50
    for item in items:
        right, name = item["choices"][item["right"]], item["document"]
        assert item["context"] + right + "\n" in text
        # Cut inside the word "value", after three letters of it or four.
        assert (item["context"][-3:], item["word"]) in [
            ("val", f"ue_of_{name}"),
            ("alu", f"e_of_{name}"),
        ]
        assert right.startswith(item["word"])
        wrong = [c for k, c in enumerate(item["choices"]) if k != item["right"]]
        assert len(set(item["choices"])) == 4
        assert not any(f"_of_{name}[" in one for one in wrong)
    places = np.bincount([item["right"] for item in items], minlength=4)
    assert places.min() >= 4  # drawn, not always first
    assert judging.cloze_items(stream, 10, context=40) == items
    assert judging.cloze_items(stream, 10, context=40, seed=1) != items


def test_too_few_documents_or_places_are_refused(stream):
    with pytest.raises(ValueError, match="places in 6 documents or more"):
        judging.cloze_items(stream, 5, choices=6)
    with pytest.raises(ValueError, match="places in 4 documents or more"):
        judging.cloze_items(stream, 5, longest=4)


def test_the_files_of_the_suite_say_what_the_harness_needs(stream, tmp_path):
    items = judging.cloze_items(stream, 2, context=40)
    names = judging.write_suite(tmp_path, items)
    assert names == ["book_cloze", "book_word"]
    read = [json.loads(line) for line in (tmp_path / "items.jsonl").read_text().splitlines()]
    assert read == items
    for name in names:
        task = yaml.safe_load((tmp_path / f"{name}.yaml").read_text())
        assert task["task"] == name
        assert task["dataset_kwargs"]["data_files"]["test"] == str(tmp_path / "items.jsonl")
        assert task["doc_to_text"] == "{{context}}"
        assert task["target_delimiter"] == ""  # a space in front would be asked for, too
    cloze = yaml.safe_load((tmp_path / "book_cloze.yaml").read_text())
    assert cloze["output_type"] == "multiple_choice"
    assert [metric["metric"] for metric in cloze["metric_list"]] == ["acc", "acc_norm"]
    word = yaml.safe_load((tmp_path / "book_word.yaml").read_text())
    assert word["output_type"] == "generate_until"
    assert {" ", "\n", "(", '"', "'", "}"} <= set(word["generation_kwargs"]["until"])


def test_the_harness_scores_the_suite_as_we_do(stream):
    pytest.importorskip("lm_eval", reason="the extra `evaluation` is not installed")
    items = judging.cloze_items(stream, 5, context=40)
    report = judging.run_harness(Bigram(), items, 64)
    nats = judging.choice_nats(Bigram(), items, 64)
    right = np.array([item["right"] for item in items])
    sizes = np.array([[len(c) for c in item["choices"]] for item in items])
    first = (np.argmax(nats / sizes, 1) == right).astype(float)  # it takes the first of a tie
    np.testing.assert_array_equal(report.scores, first)
    assert report.accuracy == pytest.approx(first.mean())
    assert report.stderr == pytest.approx(judging.mean(first).se)
    shared = judging.chosen_right(nats, right, sizes)
    assert {0.5, 0.25} & set(shared)  # there are ties
    np.testing.assert_array_equal(first[shared == 1], 1)
    np.testing.assert_array_equal(first[shared == 0], 0)


def test_without_the_harness_its_package_is_named(stream, monkeypatch):
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    items = judging.cloze_items(stream, 1, context=40)
    with pytest.raises(ModuleNotFoundError, match="run_harness needs lm_eval: pip install"):
        judging.run_harness(Bigram(), items, 64)


def test_items_with_different_numbers_of_choices_are_refused():
    # Two and four choices fill a table of two by three, each in a wrong place.
    items = [{"context": "a", "choices": ["b", "c"]}, {"context": "a", "choices": [*"bcde"]}]
    with pytest.raises(ValueError, match=r"one number of choices, got \[2, 4\]"):
        judging.choice_nats(torch.nn.Identity(), items, 8)
    with pytest.raises(ValueError, match="one number of choices, got no items"):
        judging.choice_nats(torch.nn.Identity(), [], 8)


def test_texts_to_go_on_with_are_bytes():
    with pytest.raises(TypeError, match="contexts must be bytes, got 'abc'"):
        judging.completions(torch.nn.Identity(), ["abc"], 8, 4)
    with pytest.raises(TypeError, match="until must be bytes, got 'x'"):
        judging.completions(torch.nn.Identity(), [b"abc"], 8, 4, until="x")


def test_a_suite_of_items_that_come_one_by_one_is_whole(tmp_path):
    judging.write_suite(tmp_path, iter([{"right": 0}, {"right": 1}]))
    assert len((tmp_path / "items.jsonl").read_text().splitlines()) == 2
    with pytest.raises(ValueError, match="at least one item"):
        judging.write_suite(tmp_path, iter([]))
