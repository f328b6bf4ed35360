"""Text that you have without a download: it came with Python and with PyTorch.

Each corpus is made of documents, in the order of their names, as bytes:

``python``
    Source files of Python's standard library, one document each. A file belongs to it when
    its first part is in ``sys.stdlib_module_names``, a list built into the interpreter: the
    files that only one platform or one distribution adds are not in it. Left out are tests;
    packages that some distributions ship apart or that later versions drop (``APART``); and
    files that are mostly tables of literals (``TABLES``), because a table is not code.
``english``
    Python's own reference prose: the topics of ``help()``, one document each, and the
    docstrings of the modules of ``python``, one document per module. A docstring that occurs
    twice is kept where it occurs first. It is prose of one kind, with examples in code, and
    its docstrings occur in ``python`` too: the two are not independent of each other.
``cpp``
    PyTorch's own C++ headers, one document each: another language, by other authors.
    Generated headers are left out, and so are those of the libraries that it bundles.

The same people write the documents of a corpus, in one style, and copy from one another:
held-out documents are new documents, not a new kind of text. ``seen_share`` tells how much
of them occurs in the training part word for word. All three are small, 2 to 11 MB.

Nothing is copied into this package. Another version of Python or PyTorch is another corpus,
and distributions patch a few files, so the sha256 belongs beside every result.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import platform
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import metadata, util
from pathlib import Path
from types import MappingProxyType

from scaling_utils._check import member
from scaling_utils.corpora.tables import DataUnavailable

TESTS = frozenset({"test", "tests", "idle_test", "__pycache__"})
APART = (
    "distutils/",
    "ensurepip/",
    "idlelib/",
    "lib2to3/",
    "tkinter/",
    "turtledemo/",
    "ctypes/macholib/",
)
TABLES = (
    "encodings/",
    "pydoc_data/",
    "_compat_pickle.py",
    "_opcode_metadata.py",
    "html/__init__.py",
    "html/entities.py",
    "locale.py",
    "re/_casefix.py",
    "stringprep.py",
)
HEADERS = ("ATen/", "c10/", "torch/")
GENERATED = (b"@generated", b"automatically generated", b"auto-generated")
GUARD = b"#if !defined(TORCH_STABLE_ONLY) && !defined(TORCH_TARGET_VERSION)\n"


@dataclass(frozen=True)
class Document:
    """One document.

    Parameters
    ----------
    name : str
        Its name in the corpus.
    data : bytes
        At least one; newlines as one byte.

    Raises
    ------
    ValueError
        If there are no bytes.
    """

    name: str
    data: bytes

    def __post_init__(self):
        if not self.data:
            raise ValueError(f"data must hold at least one byte, got none in {self.name!r}")


@dataclass(frozen=True)
class Text:
    """A corpus: a name, where it comes from, and its documents in order.

    Parameters
    ----------
    name : str
        The corpus's name.
    documents : tuple of Document
        At least one, with names that differ.
    origin : str
        What it was read from, with its version.
    python : str
        The version of Python.

    Raises
    ------
    ValueError
        If there are no documents, or two of the same name.
    """

    name: str
    documents: tuple[Document, ...]
    origin: str = "the reader"
    python: str = platform.python_version()

    def __post_init__(self):
        if not self.documents:
            raise ValueError("documents must hold at least one document, got none")
        names = [document.name for document in self.documents]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"documents must have different names, got {twice!r} twice")

    @property
    def size(self) -> int:
        """Bytes of all documents."""
        return sum(len(document.data) for document in self.documents)

    @cached_property
    def sha256(self) -> str:
        """Hash of the documents' names and bytes in order; it identifies the corpus."""
        total = hashlib.sha256()
        for document in self.documents:
            name = document.name.encode()
            total.update(f"{len(name)} {len(document.data)}\n".encode() + name + document.data)
        return total.hexdigest()


@lru_cache(maxsize=4)
def text(name: str) -> Text:
    """Return a corpus that needs no download.

    Parameters
    ----------
    name : {"python", "english", "cpp"}
        The module's docstring says what each is.

    Returns
    -------
    Text
        Its documents, 2 to 11 MB, with their sha256.

    Raises
    ------
    ValueError
        For an unknown name.
    DataUnavailable
        If this Python has no source files, or PyTorch no headers.
    """
    return TEXTS[member("name", name, TEXTS)]()


def _python() -> Text:
    return Text("python", tuple(_library()), _library_origin())


def _english() -> Text:
    documents = sorted([*_topics(), *_docstrings()], key=lambda document: document.name)
    return Text("english", tuple(documents), _library_origin())


def _cpp() -> Text:
    return Text("cpp", tuple(_headers()), f"PyTorch {metadata.version('torch')}")


TEXTS: Mapping = MappingProxyType({"python": _python, "english": _english, "cpp": _cpp})


def _library_origin() -> str:
    return f"{platform.python_implementation()} {platform.python_version()}"


def _library() -> Iterator[Document]:
    """Yield the standard library's source files that belong to the corpus."""
    folder = Path(sysconfig.get_path("stdlib"))
    if not (folder / "abc.py").is_file():
        raise DataUnavailable(
            f"{folder} holds no source files of the standard library: this Python ships it "
            "compiled or packed. Use a Python from python.org, conda, uv or your system."
        )
    tops = sorted({*sys.stdlib_module_names} - TESTS)
    single = [folder / f"{top}.py" for top in tops]
    nested = [file for top in tops for file in (folder / top).rglob("*.py")]
    for name, file in _named([*filter(Path.is_file, single), *nested], folder):
        if not (TESTS & set(name.split("/")) or name.startswith((*APART, *TABLES))):
            yield from _read(name, file)


def _headers() -> Iterator[Document]:
    """Yield PyTorch's headers that people wrote; finding them does not import PyTorch."""
    found = util.find_spec("torch")
    folder = Path(found.origin).parent / "include" if found else None
    if folder is None or not (folder / "c10").is_dir():
        raise DataUnavailable(
            "the corpus 'cpp' is PyTorch's C++ headers, and this Python has none. "
            "Install PyTorch from its wheel: pip install torch"
        )
    for name, file in _named(folder.rglob("*.h"), folder):
        written = "generated" not in name.lower() and name != "ATen/RegistrationDeclarations.h"
        if written and name.startswith(HEADERS) and not name.startswith("ATen/ops/"):
            for document in _read(name, file):
                if not any(mark in document.data[:1000].lower() for mark in GENERATED):
                    yield Document(name, unguarded(document.data))


def unguarded(header: bytes) -> bytes:
    """Return a header without the guard that PyTorch's build wraps around most of them.

    It is the same line in front, and the same three lines at the end.
    """
    if not header.startswith(GUARD):
        return header
    return b"".join(header.splitlines(keepends=True)[1:-3])


def _named(files, folder: Path) -> list[tuple[str, Path]]:
    """Return files with their name below the folder, in an order that no platform changes."""
    return sorted((file.relative_to(folder).as_posix(), file) for file in files)


def _read(name: str, file: Path) -> Iterator[Document]:
    """Yield a file as a document, unless it is empty; newlines as on Unix."""
    data = file.read_bytes().replace(b"\r\n", b"\n")
    if data:
        yield Document(name, data)


def _topics() -> Iterator[Document]:
    try:
        from pydoc_data.topics import topics
    except ImportError as reason:
        raise DataUnavailable(
            f"this Python has no pydoc_data.topics, the text of help(): {reason}"
        ) from reason
    for name in sorted(topics):
        yield Document(f"topics/{name}", topics[name].strip().encode() + b"\n")


def _docstrings() -> Iterator[Document]:
    """Yield the docstrings of each module as one document, each docstring once."""
    seen: set[str] = set()
    for file in _library():
        fresh = []
        for docstring in docstrings(file.data):
            if docstring not in seen:
                seen.add(docstring)
                fresh.append(docstring)
        if fresh:
            yield Document(f"docstrings/{file.name}", "\n\n".join(fresh).encode() + b"\n")


def docstrings(source: bytes) -> list[str]:
    """Return the docstrings of a source file in order, without indentation; none if empty."""
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    found = []
    for node in _nested(ast.parse(source), documented):
        cleaned = inspect.cleandoc(ast.get_docstring(node, clean=False) or "").strip()
        if cleaned:
            found.append(cleaned)
    return found


def _nested(node: ast.AST, kinds) -> Iterator[ast.AST]:
    """Yield the nodes of some kinds, each before what is inside it and in order of lines."""
    if isinstance(node, kinds):
        yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield from _nested(child, kinds)
