"""Every page passes every guard of its kind. That it runs, nbval shows in the same pytest run."""

from pathlib import Path

import pytest
from bookdata import kind_of
from guards import BY_KIND, read

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
PAGES = sorted(NOTEBOOKS.glob("*.ipynb"))
CASES = [(path, guard) for path in PAGES for guard in BY_KIND[kind_of(path.stem)]]


def test_there_are_chapters():
    assert PAGES, f"no notebook in {NOTEBOOKS}"


@pytest.mark.parametrize(
    ("path", "guard"), CASES, ids=[f"{path.stem}-{guard.__name__}" for path, guard in CASES]
)
def test_chapter(path, guard):
    problems = guard(read(path))
    assert not problems, "\n".join(problems)
