"""Batches: repeatable, uniform, inside documents; held-out text is read once, in order."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from scaling_utils.corpora import (
    Document,
    HeldOutSequences,
    HeldOutWindows,
    Sequences,
    Windows,
    stream,
)
from scaling_utils.training.evaluation import evaluate

DRAWN = [Windows, Sequences]


def parts(*data: bytes):
    """A stream of documents called 0, 1, ..."""
    return stream(Document(str(n), one) for n, one in enumerate(data))


@pytest.fixture
def three():
    """Documents of 5, 9 and 3 bytes; all bytes differ."""
    return parts(b"abcde", b"fghijklmn", b"opq")


def spelt(row) -> str:
    return bytes(row.tolist()).decode()


# --- drawn at random --------------------------------------------------------------------


@pytest.mark.parametrize("kind", DRAWN)
def test_a_batch_depends_on_seed_and_index_alone(kind, three):
    one, same, other = kind(three, 3, 64, 7), kind(three, 3, 64, 7), kind(three, 3, 64, 8)
    for index in (5, 0, 5):
        for first, second in zip(one(index), same(index), strict=True):
            assert torch.equal(first, second)
    assert not torch.equal(one(0)[0], one(1)[0])
    assert not torch.equal(one(0)[0], other(0)[0])


def philox(counter: list[int], key: list[int]) -> list[int]:
    """Philox4x64-10 as Salmon et al. (2011) define it, in whole numbers of any size."""
    low = 2**64 - 1
    for turn in range(10):
        a = counter[0] * 0xD2E7470EE14C6C93
        b = counter[2] * 0xCA5A826395121157
        keys = [
            key[0] + turn * 0x9E3779B97F4A7C15 & low,
            key[1] + turn * 0xBB67AE8584CAA73B & low,
        ]
        counter = [
            b >> 64 ^ counter[1] ^ keys[0],
            b & low,
            a >> 64 ^ counter[3] ^ keys[1],
            a & low,
        ]
    return counter


def test_the_draws_are_philox_words_by_their_definition():
    """So that recorded runs can be repeated, whatever NumPy's own methods do one day."""
    drawn = Windows(parts(bytes(range(256))), 5, 8, seed=7)
    words = philox([1, 0, 0, 2], [7, 0]) + philox([2, 0, 0, 2], [7, 0])
    assert drawn.starts(2).tolist() == [word % 251 for word in words]


def test_windows_and_sequences_spell_the_text(three):
    text = three.data.tobytes().decode()
    inputs, targets = Windows(three, 3, 50, 0)(0)
    assert inputs.shape == (50, 3)
    assert targets.shape == (50,)
    assert inputs.dtype == targets.dtype == torch.int64
    for window, target in zip(inputs, targets, strict=True):
        assert spelt(window) + chr(target) in text
    inputs, targets = Sequences(three, 3, 50, 0)(0)
    assert inputs.shape == targets.shape == (50, 3)
    for sequence, after in zip(inputs, targets, strict=True):
        assert text.index(spelt(after)) == text.index(spelt(sequence)) + 1


@pytest.mark.parametrize("kind", DRAWN)
def test_all_windows_are_equally_likely(kind, three):
    drawn = kind(three, 3, 500, 0)
    assert drawn.available == 2 + 6  # the third document is too short
    starts = np.concatenate([drawn.starts(index) for index in range(40)])
    values, counts = np.unique(starts, return_counts=True)
    assert values.tolist() == [0, 1, 5, 6, 7, 8, 9, 10]
    assert chisquare(counts).pvalue > 0.01
    assert np.corrcoef(starts[:-1], starts[1:])[0, 1] == pytest.approx(0, abs=4 / 20_000**0.5)


@pytest.mark.parametrize("kind", DRAWN)
def test_windows_stay_inside_documents(kind):
    data = parts(*(bytes([n]) * length for n, length in enumerate([1, 9, 4, 5, 30, 2, 6])))
    passages = kind(data, 4, 2000, 0).passages(0)
    assert (passages == passages[:, :1]).all()
    assert set(passages[:, 0].tolist()) == {1, 3, 4, 6}


@pytest.mark.parametrize("kind", DRAWN)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((9, 1, 0), "take 10 bytes of one document, but the longest document has 9"),
        ((0, 1, 0), "(context|length) must be at least 1, got 0"),
        ((math.nan, 1, 0), "(context|length) must be finite"),
        ((3, 0, 0), "batch must be at least 1, got 0"),
        ((3, 1.5, 0), "batch must be a whole number"),
        ((3, 1, -1), "seed must be at least 0, got -1"),
        ((3, 1, 2**53), r"seed must be below 2\^53"),
    ],
)
def test_bad_arguments_are_refused(kind, arguments, message, three):
    with pytest.raises(ValueError, match=message):
        kind(three, *arguments)


@pytest.mark.parametrize("kind", DRAWN)
def test_a_negative_index_is_refused(kind, three):
    with pytest.raises(ValueError, match="index must be at least 0, got -1"):
        kind(three, 3, 1, 0)(-1)


# --- held out ---------------------------------------------------------------------------


def test_held_out_windows_are_read_once_each_with_their_document(three):
    batches = HeldOutWindows(three, 3, 3)
    read = [
        (spelt(window) + chr(target), document.item())
        for inputs, targets, documents in batches
        for window, target, document in zip(inputs, targets, documents, strict=True)
    ]
    first, second = "abcde", "fghijklmn"
    assert read == [(first[n : n + 4], 0) for n in range(2)] + [
        (second[n : n + 4], 1) for n in range(6)
    ]
    assert len(batches) == len(list(batches)) == 3


def test_a_stride_takes_every_such_window(three):
    starts = [int(i[0, 0]) for i, _, _ in HeldOutWindows(three, 3, 1, stride=3)]
    assert bytes(starts) == b"agj"


def test_each_byte_but_the_first_is_once_a_target(three):
    batches = HeldOutSequences(parts(b"abcde", b"x", b"fghijklmn", b"opq"), 4, 2)
    read = [
        (i.tolist(), t.tolist(), d.item())
        for inputs, targets, documents in batches
        for i, t, d in zip(inputs, targets, documents, strict=True)
    ]
    o = ord
    assert read == [
        ([*b"abcd"], [*b"bcde"], 0),
        ([*b"fghi"], [*b"ghij"], 2),
        ([*b"jklm"], [*b"klmn"], 2),
        ([o("o"), o("p"), o("q"), 0], [o("p"), o("q"), -100, -100], 3),
    ]
    assert len(batches) == len(list(batches)) == 2


class Bigrams(torch.nn.Module):
    """Logits that depend on the newest byte alone."""

    def __init__(self, windows: bool):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.table = torch.nn.Parameter(torch.randn(256, 256, generator=generator))
        self.windows = windows

    def forward(self, inputs):
        return self.table[inputs[:, -1] if self.windows else inputs]


def test_both_ways_to_read_agree_where_one_byte_of_context_is_all(three):
    windows = evaluate(Bigrams(windows=True), HeldOutWindows(three, 1, 4))
    sequences = evaluate(Bigrams(windows=False), HeldOutSequences(three, 4, 2))
    assert windows.tokens == sequences.tokens == 4 + 8 + 2
    assert windows.units == sequences.units == 3
    assert windows.loss == pytest.approx(sequences.loss, rel=1e-6)
    assert windows.se == pytest.approx(sequences.se, rel=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda data: HeldOutWindows(data, 9, 1), "longest document has 9"),
        (lambda data: HeldOutWindows(data, 3, 0), "batch must be at least 1"),
        (lambda data: HeldOutWindows(data, 3, 1, stride=0), "stride must be at least 1"),
        (lambda data: HeldOutSequences(data, 0, 1), "length must be at least 1"),
        (lambda data: HeldOutSequences(data, 1, 0.5), "batch must be"),
        (lambda data: HeldOutSequences(parts(b"a", b"b"), 1, 1), "at least two bytes"),
    ],
)
def test_bad_arguments_for_reading_are_refused(make, message, three):
    with pytest.raises(ValueError, match=message):
        make(three)
