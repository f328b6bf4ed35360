"""The published laws by name: each built from its table, and a bad table refused."""

import subprocess
import sys

import pytest

from scaling_utils import _lazy, laws
from scaling_utils.laws import _tables


def test_every_published_law_says_where_it_comes_from():
    silent = [
        name
        for name, law in laws.PUBLISHED.items()
        if not (law.about.source and law.about.units and law.about.domain)
        or "https://" not in law.about.source
    ]
    assert len(laws.PUBLISHED) > 0
    assert silent == []


def test_a_law_has_one_name_in_two_spellings():
    assert laws.KAPLAN_SIZE is laws.get("kaplan-size")
    assert laws.MUENNIGHOFF is laws.PUBLISHED["muennighoff"]
    assert "KAPLAN_SIZE" in laws.__all__
    from scaling_utils.laws import KAPLAN_SIZE

    assert KAPLAN_SIZE is laws.KAPLAN_SIZE


def test_an_unknown_law_is_refused_with_the_nearest():
    with pytest.raises(
        ValueError,
        match=r"name must be one of 'besiroglu'.*got 'chinchila'; did you mean 'chinchilla'",
    ):
        laws.get("chinchila")
    with pytest.raises(AttributeError, match=r"no attribute 'CHINCHILA'; it has: CHINCHILLA,"):
        laws.CHINCHILA  # noqa: B018
    with pytest.raises(KeyError):
        laws.PUBLISHED["henighan-smell"]


def test_listing_the_laws_reads_none():
    code = (
        "from scaling_utils import laws; from scaling_utils.laws import _tables; "
        "list(laws.PUBLISHED), dir(laws); print(_tables.law.cache_info().currsize)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


WRITTEN = """\
form = "PowerLaw"
source = "Someone (2020), https://example.org"
units = "nats"
domain = "none"
certainty = "secondary"

[constants]
x_c = 4.0
alpha = "exp(0)"
"""


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Return a function that puts a law's table in the place of the published ones."""
    (tmp_path / "laws").mkdir()
    monkeypatch.setattr(_lazy, "DATA", tmp_path)
    _tables.law.cache_clear()

    def write(old: str = "", new: str = "") -> None:
        assert old in WRITTEN
        (tmp_path / "laws" / "mine.toml").write_text(WRITTEN.replace(old, new, 1))

    yield write
    _tables.law.cache_clear()


def test_a_law_is_what_its_table_says(written):
    written()
    law = laws.get("mine")
    assert law == laws.PowerLaw(x_c=4.0, alpha=1.0)
    assert law.about == laws.About("Someone (2020), https://example.org", "nats", "none")
    assert set(laws.PUBLISHED) == {"mine", *(f"henighan-{domain}" for domain in laws.HENIGHAN)}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('source = "Someone (2020), https://example.org"\n', "", "missing: source; unknown: none"),
        ('units = "nats"', 'units = ""', "missing: units"),
        ("domain", "domian", "missing: domain; unknown: domian"),
        ('"PowerLaw"', '"PowerLow"', "form of the law mine must be a law"),
        ('"PowerLaw"', '"facts"', "form of the law mine must be a law"),
        ('"PowerLaw"', '"PowerLaw.from_nothing"', "form of the law mine must be a law"),
        ("4.0", '"four"', r'x_c of the law mine must be a number, "exp\(NUMBER\)" or a law'),
        ("4.0", "true", "x_c of the law mine must be a number"),
        ("4.0", "-4.0", "the law mine: x_c must be above 0, got -4"),
        ("x_c", "x_d", "the law mine: .*unexpected keyword argument 'x_d'"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(written, old, new, message):
    written(old, new)
    with pytest.raises(ValueError, match=message):
        laws.get("mine")
