"""Text without a download: what belongs to each corpus, and how a split divides it."""

import ast
import hashlib
import inspect
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_utils import corpora
from scaling_utils.corpora import (
    DataUnavailable,
    Document,
    Text,
    near_duplicates,
    seen_share,
    texts,
)
from scaling_utils.corpora.splits import window_hashes
from scaling_utils.corpora.texts import APART, TABLES, docstrings, unguarded

LINES = [f"line {n} of some text that is long enough to be compared\n" for n in range(400)]


def made(*documents: bytes, name: str = "made") -> Text:
    """A corpus of documents called 0000, 0001, ..."""
    named = (Document(f"{n:04d}", data) for n, data in enumerate(documents))
    return Text(name, tuple(named))


def lines(first: int, last: int) -> bytes:
    return "".join(LINES[first:last]).encode()


@pytest.fixture(scope="module")
def python_split():
    return corpora.split(corpora.text("python"))


# --- what belongs to the corpora --------------------------------------------------------


def test_python_is_the_standard_librarys_own_files():
    text = corpora.text("python")
    names = [document.name for document in text.documents]
    assert names == sorted(names)
    assert {"abc.py", "argparse.py", "json/decoder.py", "asyncio/tasks.py"} <= set(names)
    assert {name.split("/")[0].removesuffix(".py") for name in names} <= sys.stdlib_module_names
    parts = {part for name in names for part in name.split("/")}
    assert not parts & {"test", "tests", "site-packages", "__pycache__"}
    assert not any(name.startswith((*APART, *TABLES)) for name in names)
    assert 300 < len(names) < 600
    assert 5e6 < text.size < 12e6
    folder = Path(sysconfig.get_path("stdlib"))
    abc = text.documents[names.index("abc.py")]
    assert abc.data == (folder / "abc.py").read_bytes().replace(b"\r\n", b"\n")


def table_share(source: bytes) -> float:
    """Return the share of a file's bytes on lines of literals with 30 entries or more."""
    rows, tabled = source.splitlines(keepends=True), set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Dict | ast.Tuple | ast.List | ast.Set):
            entries = node.keys if isinstance(node, ast.Dict) else node.elts
            plain = sum(isinstance(entry, ast.Constant | ast.Tuple) for entry in entries)
            if plain >= 30 and plain > 0.8 * len(entries):
                tabled.update(range(node.lineno - 1, node.end_lineno))
    return sum(len(rows[row]) for row in tabled) / len(source)


def test_no_large_table_is_left_in_python():
    assert table_share(b"x = [" + b"\n1," * 40 + b"]\n") == 1.0
    assert table_share(b"def f(x):\n    return [x]\n") == 0.0
    large = {d.name: d.data for d in corpora.text("python").documents if len(d.data) > 5000}
    # In a table most lines end with a comma; only such files are worth the parsing.
    listed = [n for n, data in large.items() if data.count(b",\n") > 0.3 * data.count(b"\n")]
    assert [name for name in listed if table_share(large[name]) > 0.5] == []
    assert len(listed) < 10


def test_english_is_topics_and_docstrings():
    from pydoc_data.topics import topics

    documents = {d.name: d.data.decode() for d in corpora.text("english").documents}
    assert {name for name in documents if name.startswith("topics/")} == {
        f"topics/{name}" for name in topics
    }
    assert documents["topics/lambda"] == topics["lambda"].strip() + "\n"
    own = documents["docstrings/argparse.py"]
    import argparse

    assert own.startswith(inspect.cleandoc(argparse.__doc__).splitlines()[0])
    assert inspect.getdoc(argparse.Action).splitlines()[0] in own


def test_a_docstring_that_occurs_twice_is_kept_where_it_occurs_first(monkeypatch):
    sources = {
        "a.py": b'"""One."""\ndef f():\n    """Two."""\ndef g():\n    """Two."""\n',
        "b.py": b'"""Two."""\n',
        "c.py": b'"""Three."""\ndef f():\n    """One."""\n',
    }
    library = [Document(name, source) for name, source in sources.items()]
    monkeypatch.setattr(texts, "_library", lambda: library)
    english = texts.TEXTS["english"]().documents
    assert [(d.name, d.data) for d in english if d.name.startswith("docstrings/")] == [
        ("docstrings/a.py", b"One.\n\nTwo.\n"),
        ("docstrings/c.py", b"Three.\n"),
    ]


def test_docstrings_come_in_the_order_of_lines_without_indentation():
    source = b'''"""Module."""
class A:
    """Class.

        Indented.
    """
    def f(self):
        """Method."""
        def g():
            "Inner."
try:
    pass
except ValueError:
    def h():
        """Handler."""
match 1:
    case 1:
        def i():
            """Case."""
def empty():
    """ """
x = "not a docstring"
'''
    assert docstrings(source) == [
        "Module.",
        "Class.\n\nIndented.",
        "Method.",
        "Inner.",
        "Handler.",
        "Case.",
    ]


def test_cpp_is_what_people_wrote():
    text = corpora.text("cpp")
    names = [document.name for document in text.documents]
    assert names == sorted(names)
    assert "c10/util/Half.h" in names
    assert not any(name.startswith("ATen/ops/") or "enerated" in name for name in names)
    assert not any(b"@generated" in document.data[:1000] for document in text.documents)
    assert text.origin.startswith("PyTorch ")


def test_a_guard_is_taken_off_and_nothing_else():
    guard = b"#if !defined(TORCH_STABLE_ONLY) && !defined(TORCH_TARGET_VERSION)\n"
    end = b'#else\n#error "no"\n#endif  // !defined(TORCH_STABLE_ONLY)\n'
    assert unguarded(guard + b"int x;\n#endif\n" + end) == b"int x;\n#endif\n"
    assert unguarded(b"#pragma once\nint x;\n") == b"#pragma once\nint x;\n"


@pytest.mark.parametrize("name", ["Python", "", None, "shakespeare"])
def test_unknown_corpora_are_refused(name):
    with pytest.raises(ValueError, match="name must be one of 'python', 'english', 'cpp'"):
        corpora.text(name)


def test_a_python_without_sources_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(DataUnavailable, match="holds no source files of the standard library"):
        corpora.TEXTS["python"]()


def test_a_python_without_torch_says_so(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DataUnavailable, match="pip install torch"):
        corpora.TEXTS["cpp"]()


def test_a_python_without_topics_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(DataUnavailable, match=r"no pydoc_data\.topics"):
        corpora.TEXTS["english"]()


def test_the_hash_is_of_names_and_bytes_in_order():
    text = Text("t", (Document("b", b"xy"), Document("a", b"z")))
    assert text.sha256 == hashlib.sha256(b"1 2\nbxy1 1\naz").hexdigest()
    assert text.size == 3
    other = Text("t", (Document("a", b"z"), Document("b", b"xy")))
    assert other.sha256 != text.sha256


def test_bad_documents_are_refused():
    with pytest.raises(ValueError, match="at least one byte, got none in 'a'"):
        Document("a", b"")
    with pytest.raises(ValueError, match="documents must hold at least one"):
        Text("t", ())
    with pytest.raises(ValueError, match="got 'a' twice"):
        Text("t", (Document("a", b"x"), Document("a", b"y")))
    with pytest.raises(ValueError, match="at least one document"):
        corpora.stream(())


# --- the split --------------------------------------------------------------------------


def test_each_document_is_on_one_side_and_whole(python_split):
    text, train, held_out = python_split.text, python_split.train, python_split.held_out
    assert not set(train.names) & set(held_out.names)
    assert sorted(train.names + held_out.names) == [d.name for d in text.documents]
    assert train.size + held_out.size == text.size
    data = {d.name: d.data for d in text.documents}
    for part in (train, held_out):
        assert part.data.dtype == np.uint8
        assert part.offsets[0] == 0
        assert part.offsets[-1] == part.size
        for name, first, last in zip(part.names, part.offsets, part.offsets[1:], strict=False):
            assert part.data[first:last].tobytes() == data[name]


def test_documents_that_are_alike_are_on_one_side(python_split):
    held_out = set(python_split.held_out.names)
    assert python_split.alike
    for group in python_split.alike:
        assert len({name in held_out for name in group}) == 1


def test_a_document_stays_on_its_side_when_others_go():
    documents = [f"document {n} with words of its own {n * n}".encode() for n in range(300)]
    whole = made(*documents)
    fewer = Text("fewer", whole.documents[::3])
    held_out = set(corpora.split(whole).held_out.names)
    assert set(corpora.split(fewer).held_out.names) == held_out & {d.name for d in fewer.documents}


def test_the_share_is_that_asked_for_and_the_salt_matters():
    text = made(*(f"{n}".encode() for n in range(1000)))
    one, half = corpora.split(text), corpora.split(text, 0.5, salt="b")
    for share, split in ((0.1, one), (0.5, half)):
        held_out = len(split.held_out.names)
        assert abs(held_out - 1000 * share) < 4 * (1000 * share * (1 - share)) ** 0.5
    # With the same salt the larger held-out part would hold the smaller one.
    assert not set(one.held_out.names) <= set(half.held_out.names)


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, float("nan"), float("inf")])
def test_shares_outside_0_and_1_are_refused(share):
    with pytest.raises(ValueError, match="held_out must be"):
        corpora.split(made(b"a", b"b"), share)


@pytest.mark.parametrize("share", ["0.1", None, [0.1, 0.2]])
def test_shares_that_are_no_number_are_refused(share):
    with pytest.raises(TypeError, match="held_out must be"):
        corpora.split(made(b"a", b"b"), share)


def test_a_split_with_an_empty_side_is_refused():
    with pytest.raises(ValueError, match=r"side of 1 document\(s\) empty"):
        corpora.split(made(b"one"))


# --- near-duplicates and what both sides hold -------------------------------------------


def test_documents_that_share_half_are_alike_and_others_are_not():
    text = made(
        lines(0, 100),  # shares 60 of 100 lines with the next
        lines(40, 140),
        lines(140, 240),  # shares 20 of 100 lines with the one after it
        lines(220, 320),
        lines(330, 340),  # inside the next
        lines(320, 400),
        b"short",
        b"short",
        b"brief",
    )
    assert near_duplicates(text) == (("0000", "0001"), ("0004", "0005"), ("0006", "0007"))


def test_a_licence_in_many_documents_makes_none_alike():
    licence = lines(0, 50)
    text = made(*(licence + lines(60 + 20 * n, 70 + 20 * n) for n in range(15)))
    assert near_duplicates(text) == ()


@given(st.binary(max_size=80), st.integers(1, 40))
def test_windows_have_equal_hashes_if_they_are_equal(data, length):
    hashes = window_hashes(np.frombuffer(data * 2, dtype=np.uint8), length)
    windows = [(data * 2)[n : n + length] for n in range(2 * len(data) - length + 1)]
    assert len(hashes) == max(len(windows), 0)
    assert len(set(zip(hashes.tolist(), windows, strict=True))) == len(set(windows))
    assert len(set(hashes.tolist())) == len(set(windows))


def divided(train: tuple[bytes, ...], held_out: tuple[bytes, ...]) -> corpora.Split:
    """A split that is made and not drawn."""
    text = made(*train, *held_out)
    count = len(train)
    sides = (corpora.stream(text.documents[:count]), corpora.stream(text.documents[count:]))
    return corpora.Split(text, *sides, 0.5, "", ())


def test_the_seen_share_is_counted_inside_documents():
    # Held out: xbc bcd cdy, efa fab; in training: abc bcd cde def. One of five.
    parts = divided((b"abcdef", b"ab", b"q"), (b"xbcdy", b"efab", b"ef"))
    assert seen_share(parts, 3) == pytest.approx(1 / 5)


def test_the_seen_share_of_real_text_agrees_with_sets_of_bytes(python_split):
    documents = [document.data for document in python_split.text.documents[:60]]
    parts = divided(tuple(documents[:50]), tuple(documents[50:]))

    def windows(sources):
        for data in sources:
            yield from (data[n : n + 32] for n in range(len(data) - 31))

    train = set(windows(documents[:50]))
    seen = [window in train for window in windows(documents[50:])]
    assert 0 < seen_share(parts) < 1
    assert seen_share(parts) == pytest.approx(np.mean(seen), abs=1e-12)


@pytest.mark.parametrize(
    ("length", "error"), [(0, ValueError), (1.5, ValueError), ("3", TypeError), (99, ValueError)]
)
def test_bad_lengths_are_refused(length, error):
    parts = corpora.split(made(*(f"{n:05d}".encode() for n in range(50))))
    with pytest.raises(error, match="length must"):
        seen_share(parts, length)
