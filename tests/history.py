"""What tests ask of git: whether the history is there, and how files stood in it."""

from __future__ import annotations

import functools
import hashlib
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def git(*words: str) -> str | None:
    """Return what git prints in this checkout; None where it fails or is missing."""
    try:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=False)
    except OSError:
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


@functools.cache
def missing() -> str:
    """Say why the history cannot be asked; empty where it can."""
    if git("rev-parse", "--show-toplevel") is None:
        return "this is no git checkout, so there is no history to ask"
    if git("rev-parse", "--is-shallow-repository").strip() != "false":
        return "a shallow clone lacks the history; git fetch --unshallow brings it"
    return ""


needs_history = pytest.mark.skipif(bool(missing()), reason=missing() or "the history is here")


@functools.cache
def exists(commit: str) -> bool:
    """Whether a commit belongs to the history of what is checked out."""
    return is_ancestor(commit, "HEAD")


@functools.cache
def is_ancestor(earlier: str, later: str) -> bool:
    """Whether one commit is an ancestor of another one, or the same."""
    return git("merge-base", "--is-ancestor", earlier, later) is not None


@functools.cache
def first_commit(path: str) -> str:
    """Return the commit that first added a file; empty where it was never committed."""
    found = (git("log", "--diff-filter=A", "--format=%H", "--", path) or "").split()
    return found[-1] if found else ""


@functools.cache
def digest_at(commit: str, path: str) -> str | None:
    """Return the SHA-256 of a file as a commit has it; None where it lacks the file."""
    text = git("show", f"{commit}:{path}")
    return None if text is None else hashlib.sha256(text.encode()).hexdigest()


@functools.cache
def digests(path: str) -> frozenset[str]:
    """Return the SHA-256 of every committed version of a file, and of the file as it is."""
    commits = (git("log", "--format=%H", "--", path) or "").split()
    found = {digest_at(commit, path) for commit in commits}
    if (ROOT / path).is_file():
        found.add(hashlib.sha256((ROOT / path).read_bytes()).hexdigest())
    return frozenset(found - {None})
