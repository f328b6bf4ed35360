"""The book's pre-trained models: what their table says is true, and a wrong file is refused."""

from __future__ import annotations

import builtins
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from scaling_utils.corpora import text
from scaling_utils.models import pretrained, stored
from scaling_utils.studies import read_rows
from scaling_utils.training import evaluate

PLACE = Path(__file__).resolve().parent.parent / "results" / "pretrained"
MODELS = read_rows(PLACE / "models.csv")
NAMES = [row["name"] for row in MODELS]
SAMPLE = b"def f(xxx):\n    return xxx + xxxx\n\x00\xff"


def test_there_are_models_of_two_sizes_and_two_tokenisers_in_few_bytes():
    assert {row["tokeniser"] for row in MODELS} == {"bytes", "pairs"}
    sizes = [row["N"] for row in MODELS]
    assert max(sizes) > 4 * min(sizes)
    assert sum(file.stat().st_size for file in PLACE.glob("*.safetensors")) < 2e6
    assert {file.stem for file in PLACE.glob("*.safetensors")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_what_its_row_says(name):
    model, facts = pretrained(name)
    blocks = sum(p.numel() for n, p in model.named_parameters() if n.startswith("blocks."))
    assert blocks == facts.N
    assert not model.training
    assert all(p.requires_grad and p.dtype == torch.float32 for p in model.parameters())
    curve = [row for row in read_rows(PLACE / "runs.csv") if row["name"] == name]
    assert curve[-1]["tokens"] == facts.tokens
    assert curve[-1]["held_out"] == pytest.approx(facts.loss, abs=2e-3)  # half precision
    assert curve[-1]["held_out"] < curve[0]["held_out"] < math.log(facts.vocab)
    if facts.tokeniser == "bytes":
        assert facts.bits_per_byte == pytest.approx(facts.loss / math.log(2), abs=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_the_recorded_loss_is_measured_again_where_the_corpus_is_the_same(name):
    if text("python").sha256 != MODELS[0]["corpus_sha256"]:
        pytest.skip("this Python's standard library is another corpus")
    from scaling_utils.tasks.windows import split_text

    record = load_record()
    model, facts = pretrained(name)
    pieces = record.held_out_of(record.as_tokens(split_text("python").held_out, facts.merges))
    found, (count, size) = evaluate(model, pieces), record.bytes_of(pieces, facts.merges)
    assert found.loss == pytest.approx(facts.loss, abs=1e-3)
    assert found.loss / math.log(2) * count / size == pytest.approx(facts.bits_per_byte, abs=1e-3)


def load_record():
    import importlib.util
    import sys

    found = importlib.util.spec_from_file_location("pretrained_record", PLACE / "record.py")
    module = sys.modules["pretrained_record"] = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_what_is_encoded_is_decoded_again(name):
    _, facts = pretrained(name)
    data = text("python").documents[3].data[:5000] + SAMPLE
    tokens = facts.encode(data)
    assert facts.decode(tokens) == data
    assert int(tokens.max()) < facts.vocab
    assert (len(tokens) < 0.8 * len(data)) == (facts.tokeniser == "pairs")


def test_merging_pairs_by_hand():
    a, b = ord("a"), ord("b")
    merges = np.array([[a, a], [256, b], [256, 256]])
    # aaab: the pair aa from the left, then (aa) a b; aaaab: (aa)(aa)b -> (aa)(aab).
    assert stored.encode(b"aaab", merges).tolist() == [256, a, b]
    assert stored.encode(b"aaaab", merges).tolist() == [256, 257]
    assert stored.encode(b"aaaabaa aaaa", merges).tolist() == [256, 257, 256, 32, 258]
    assert stored.spellings(merges)[256:] == [b"aa", b"aab", b"aaaa"]
    assert stored.encode(b"", merges).tolist() == []
    # The commonest pair of abababb is ab (3 times), then (ab)(ab) twice.
    assert load_record().learn_merges(b"abababb", 2).tolist() == [[a, b], [256, 256]]


def test_no_token_reaches_over_the_end_of_a_document():
    record = load_record()
    stream = record.split_text("english").held_out
    merges = pretrained("pairs-56k")[1].merges
    tokens = record.as_tokens(stream, merges)
    sizes = np.array([len(one) for one in stored.spellings(merges)])
    ends = np.cumsum(sizes[tokens.data])[tokens.offsets[1:] - 1]
    assert ends.tolist() == stream.offsets[1:].tolist()


def test_a_wrong_name_a_damaged_file_and_a_missing_package_are_said(monkeypatch, tmp_path):
    with pytest.raises(ValueError, match=r"name must be one of .*; got 'bytes-56'; did you mean"):
        pretrained("bytes-56")
    shutil.copytree(PLACE, tmp_path / "results" / "pretrained")
    file = tmp_path / "results" / "pretrained" / "bytes-56k.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(bytes(content))
    monkeypatch.setattr(stored, "folder", lambda: file.parent)
    with pytest.raises(ValueError, match=r"sha256 of bytes-56k\.safetensors must be .*, got"):
        pretrained("bytes-56k")
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("safetensors"):
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'safetensors>=0\.4'"):
        pretrained("pairs-56k")


def test_bad_tokens_and_bad_data_are_named():
    _, facts = pretrained("pairs-56k")
    with pytest.raises(TypeError, match="data must be bytes, got str"):
        facts.encode("text")
    with pytest.raises(ValueError, match="tokens must be from 0 to 511, got -1 to 3"):
        facts.decode([3, -1])


def test_the_script_makes_toy_models_that_load(monkeypatch, tmp_path):
    record = load_record()
    record.main(["--toy", "--out", str(tmp_path)])
    monkeypatch.setattr(stored, "folder", lambda: tmp_path)
    for plan in record.TOY:
        _, facts = pretrained(plan.name)
        assert len(facts.merges) == plan.merges
        assert facts.loss < 4.2 < math.log(256)
    weights = (tmp_path / "bytes-toy.safetensors").stat()
    record.main(["--toy", "--out", str(tmp_path)])  # nothing is missing
    assert (tmp_path / "bytes-toy.safetensors").stat().st_mtime_ns == weights.st_mtime_ns
