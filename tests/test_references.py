"""The bibliography: every address that the book cites has an entry, and entries are well formed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from pybtex.database import Entry, parse_file

ROOT = Path(__file__).resolve().parent.parent
BIBLIOGRAPHY = parse_file(str(ROOT / "book" / "references.bib")).entries

ARXIV_ID = r"\d{4}\.\d{4,5}"
ARXIV = re.compile(rf"(?:arxiv\.org/(?:abs|pdf|html)/|arXiv:\s?)({ARXIV_ID})", re.IGNORECASE)
DOI = re.compile(r"doi\.org/(10\.\d{4,9}/[^\s)\]\"'<>,;]+)", re.IGNORECASE)
# "[Kaplan et al. (2020)](https://arxiv.org/abs/2001.08361)"
LABELLED = re.compile(
    rf"\[(?P<name>[^\]\s]+)[^\]]*? \((?P<year>\d{{4}})\)\]"
    rf"\(https://arxiv\.org/abs/(?P<id>{ARXIV_ID})\)"
)


def texts() -> Iterator[tuple[str, str]]:
    """Every place where the book cites: pages, slides, notebooks, the package and its tables."""
    files = [ROOT / "README.md", ROOT / "book" / "slides.csv", *(ROOT / "book").glob("*.md")]
    files += sorted((ROOT / "scaling_utils").rglob("*.py"))
    data = ROOT / "scaling_utils" / "data"
    files += sorted(file for file in data.rglob("*") if file.suffix in (".csv", ".toml"))
    for path in files:
        yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        yield str(path.relative_to(ROOT)), "\n".join(cell.source for cell in cells)


TEXTS = dict(texts())


def identifiers(entry: Entry) -> set[str]:
    fields = entry.fields
    return {fields[name].lower() for name in ("eprint", "doi", "url") if name in fields}


KNOWN = set().union(*map(identifiers, BIBLIOGRAPHY.values()))


@pytest.mark.parametrize("place", TEXTS)
def test_every_cited_address_has_an_entry(place):
    cited = set(ARXIV.findall(TEXTS[place]))
    cited |= {doi.rstrip(".").lower() for doi in DOI.findall(TEXTS[place])}
    assert cited <= KNOWN


@pytest.mark.parametrize("place", TEXTS)
def test_the_words_of_a_link_name_the_work_behind_it(place):
    by_id = {entry.fields.get("eprint"): entry for entry in BIBLIOGRAPHY.values()}
    for match in LABELLED.finditer(TEXTS[place]):
        entry = by_id[match["id"]]
        first = entry.persons["author"][0]
        posted = f"20{match['id'][:2]}" if match["id"] > "0704" else ""
        assert match["year"] in {entry.fields["year"], posted}, match[0]
        assert match["name"].rstrip(",") in " ".join(first.prelast_names + first.last_names), match[
            0
        ]


@pytest.mark.parametrize("key", BIBLIOGRAPHY)
def test_an_entry_is_complete_and_well_formed(key):
    entry = BIBLIOGRAPHY[key]
    assert entry.persons["author"]
    assert entry.fields["title"]
    assert re.fullmatch(r"[a-z]+\d{4}[a-z0-9]*", key)
    assert entry.fields["year"] in key
    assert identifiers(entry), "an entry needs an eprint, a doi or a url"
    if "eprint" in entry.fields:
        assert re.fullmatch(ARXIV_ID, entry.fields["eprint"])
        assert entry.fields["archiveprefix"] == "arXiv"
    if "doi" in entry.fields:
        assert re.fullmatch(r"10\.\d{4,9}/\S+", entry.fields["doi"])


def test_no_work_has_two_entries():
    every = Counter(name for entry in BIBLIOGRAPHY.values() for name in identifiers(entry))
    titles = Counter(entry.fields["title"].lower() for entry in BIBLIOGRAPHY.values())
    assert [name for name, count in (every + titles).items() if count > 1] == []
