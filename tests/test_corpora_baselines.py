"""Compressors and counts, by hand and against a language of known entropy."""

import bz2
import math
import zlib

import numpy as np
import pytest

from scaling_utils import corpora
from scaling_utils.corpora import Document, Split, Text, compressed, describe, ngram_entropy, stream


def part(*data: bytes):
    """A stream of documents called 0, 1, ..."""
    return stream(Document(str(n), one) for n, one in enumerate(data))


def divided(train: bytes, held_out: bytes) -> Split:
    """A corpus of one training document and one held-out document."""
    text = Text("made", (Document("train", train), Document("held", held_out)))
    return Split(text, part(train), part(held_out), 0.5, "", ())


@pytest.fixture
def noise(rng):
    """Bytes that nothing can compress."""
    return rng.integers(0, 256, 100_000, dtype=np.uint8).tobytes()


# --- counts -----------------------------------------------------------------------------


def test_order_0_by_hand():
    # aab: a twice, b once; one byte is added, spread over 256 values.
    a, b = (2 + 1 / 256) / 4, (1 + 1 / 256) / 4
    found = ngram_entropy(part(b"aab"), part(b"ab"), 0)
    assert found == pytest.approx(-(math.log(a) + math.log(b)) / 2)


def test_order_1_by_hand():
    # After a came a once and b once; after b nothing.
    after_a, after_b = (1 + 1 / 256) / 3, (0 + 1 / 256) / 1
    found = ngram_entropy(part(b"aab"), part(b"aba"), 1)
    assert found == pytest.approx(-(math.log(after_a) + math.log(after_b)) / 2)


def test_laplace_adds_one_for_each_value():
    # After ab came c twice.
    found = ngram_entropy(part(b"abcabc"), part(b"abc", b"abd"), 2, add=256)
    assert found == pytest.approx(-(math.log(3 / 258) + math.log(1 / 258)) / 2)


def test_contexts_end_with_their_document():
    # b never follows a inside a document, whatever the order of the documents.
    assert ngram_entropy(part(b"aa", b"ba"), part(b"ab"), 1) == pytest.approx(
        -math.log((0 + 1 / 256) / (1 + 1))
    )
    assert ngram_entropy(part(b"a", b"b"), part(b"ab"), 1) == pytest.approx(math.log(256))


def test_counts_come_near_a_known_entropy():
    language = corpora.dirichlet_language(vocab=8, order=2, seed=3)
    chains = language.chains(40, 10_000, seed=0, index=0).astype(np.uint8)
    train = part(*(chain.tobytes() for chain in chains[:30]))
    held_out = part(*(chain.tobytes() for chain in chains[30:]))
    for order, entropy in enumerate(language.entropies):
        # 100,000 symbols: the mean of log-probabilities is known to about 0.3 %.
        assert ngram_entropy(train, held_out, order) == pytest.approx(entropy, rel=0.01)


def test_training_documents_that_are_too_short_leave_every_byte_equal():
    assert ngram_entropy(part(b"ab"), part(b"abcd"), 3) == pytest.approx(math.log(256))


@pytest.mark.parametrize(
    ("order", "add", "message"),
    [
        (-1, 1, "order must be at least 0"),
        (0.5, 1, "order must be a whole number"),
        (7, 1, "order must be at most 6, got 7"),
        (4, 1, "order must be shorter than a held-out document, got 4"),
        (1, 0, "add must be above 0"),
        (1, math.nan, "add must be finite"),
    ],
)
def test_bad_arguments_are_refused(order, add, message):
    with pytest.raises(ValueError, match=message):
        ngram_entropy(part(b"abcdefgh"), part(b"abcd"), order, add)


# --- compressors ------------------------------------------------------------------------


def test_bits_per_byte_by_hand():
    train, held_out = b"some text " * 3, b"aaaaaaaaaaaaaaaaaaaa" * 5
    found = compressed(divided(train, held_out))
    assert found["zlib"].alone == 8 * len(zlib.compress(held_out, 9)) / 100
    assert found["bz2"].alone == 8 * len(bz2.compress(held_out, 9)) / 100
    assert found["bz2"].after_training is None
    # deflate: 2 bytes of head, 4 of checksum, and a block that says "a, 99 times more".
    assert 8 * 6 / 100 < found["zlib"].alone <= 8 * 12 / 100


def test_noise_takes_eight_bits(noise):
    for one in compressed(divided(noise[:50_000], noise[50_000:])).values():
        assert one.alone == pytest.approx(8, rel=0.02)


def test_zlib_looks_back_32_kib_and_lzma_over_all(noise):
    # A copy is not free: deflate's matches end after 258 bytes and lzma's after 273.
    held_out = noise[:20_000]
    near = compressed(divided(noise[30_000:] + held_out, held_out))
    far = compressed(divided(held_out + noise[20_000:], held_out))
    assert near["zlib"].after_training < 0.5
    assert far["zlib"].after_training == pytest.approx(8, rel=0.01)
    assert near["zlib"].room == far["zlib"].room == 32_768
    assert near["lzma"].after_training < 0.5
    assert far["lzma"].after_training < 0.5
    assert far["lzma"].room == 100_000


# --- all figures of a real corpus -------------------------------------------------------


def test_a_description_holds_what_its_parts_say():
    topics = [d for d in corpora.text("english").documents if d.name.startswith("topics/")]
    found = describe(Text("topics", tuple(topics)))
    parts, rows = found.split, dict(found.rows())
    assert rows["sha256"] == parts.text.sha256
    assert rows["size"] == f"{parts.train.size + parts.held_out.size:,} bytes"
    assert found.seen == corpora.seen_share(parts)
    assert found.ngrams[1] == ngram_entropy(parts.train, parts.held_out, 1)
    assert rows["counts of order 1"].endswith(f"{found.ngrams[1]:.3f} nats per byte")
    lzma = found.compressed["lzma"]
    assert lzma.after_training < lzma.alone < 3
    assert lzma.room == parts.train.size
    # More context pays for English up to order 2 at least; letters alone give about 4.7 bits.
    assert found.ngrams[2] < found.ngrams[1] < found.ngrams[0]
    assert 4 < found.ngrams[0] / math.log(2) < 5.5
