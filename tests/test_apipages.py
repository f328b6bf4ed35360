"""The pages of the package: they follow its rooms, and what they show has been run."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from types import ModuleType

import apipages
import bookdata
import pytest
import site_api
from site_pages import HTML, ROOMS, ROOT, rendered

from scaling_utils.cli._group import COMMANDS

EXAMPLES = sorted((ROOT / "book" / "examples").glob("*.py"))
GENERATED = ROOT / "book" / "_generated"


def test_every_room_has_a_page():
    package = importlib.import_module("scaling_utils")
    assert {path.rpartition("/")[2] for path in ROOMS} == set(package._ROOMS)


@pytest.mark.parametrize("room", importlib.import_module("scaling_utils")._ROOMS)
def test_every_public_name_of_a_room_is_on_its_page(room):
    module = importlib.import_module(f"scaling_utils.{room}")
    text = rendered(f"book/_generated/api/{room}").read_text("utf-8")
    names = apipages.public(module)
    assert names
    assert [name for name in names if f">{name}<" not in text and f".{name}" not in text] == []


def test_a_page_of_the_reference_shows_signature_parameters_and_returns():
    text = rendered("book/_generated/api/fitting").read_text("utf-8")
    assert 'id="scaling_utils.fitting.fit_parametric"' in text
    for words in ("Parameters", "Returns", "Raises"):
        assert '<dt class="field-' in text
        assert words in text


def test_public_names_without_a_list_are_those_that_a_module_defines():
    module = ModuleType("room")
    module.own = type("own", (), {"__module__": "room"})
    module.borrowed = inspect.getdoc
    module._hidden = module.own
    assert apipages.public(module) == ["own"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_and_its_page_shows_what_it_prints(path):
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=True)
    assert done.stdout.strip()
    assert f"```text\n{done.stdout.rstrip()}\n```" in (GENERATED / "examples.md").read_text("utf-8")
    assert path.read_text("utf-8").startswith("# ")


@pytest.mark.parametrize("name", apipages.COMMANDS)
def test_commands_on_the_pages_were_run(name):
    text = (GENERATED / f"cli_{name}.md").read_text("utf-8")
    for line, *_ in apipages.COMMANDS[name]:
        assert f"scaling-utils {line}\n" in text
    assert "Usage: scaling-utils" in text


def test_every_command_is_shown_at_work():
    assert {*COMMANDS, "all"} - {"sweep"} == set(apipages.COMMANDS)  # that one has a chapter


def test_a_command_that_ends_otherwise_than_expected_makes_no_page():
    with pytest.raises(RuntimeError, match="scaling-utils laws nothing: status 2"):
        apipages.commands(ROOT, [("laws nothing", "Ask for nothing")])
    assert "is not known" in apipages.commands(ROOT, [("laws nothing", "Ask for nothing", 2)])
    with pytest.raises(RuntimeError, match="status 0"):
        apipages.commands(ROOT, [("laws gpt3", "Look a law up", 2)])


def test_the_command_line_counts_what_the_page_says():
    """GPT-3 has 175 billion parameters (Brown et al. 2020, Table 2.1)."""
    text = rendered("book/cli_count").read_text("utf-8")
    assert "174,604,259,328" in text


def test_nothing_is_run_again_while_the_package_stays(monkeypatch):
    def refuse(*_):
        raise AssertionError("ran again")

    monkeypatch.setattr(apipages, "examples", refuse)
    monkeypatch.setattr(apipages, "room_page", refuse)
    assert apipages.parts(bookdata.read_book())["api.md"].startswith(apipages.MARK)
    monkeypatch.setattr(apipages, "digest", lambda root: "other")
    with pytest.raises(AssertionError, match="ran again"):
        apipages.parts(bookdata.read_book())


@pytest.mark.parametrize(
    ("line", "shown"),
    [("the |r| of it", r"the \|r\| of it"), ("``a | b`` | c", r"``a | b`` \| c"), ("none", "none")],
)
def test_bars_in_docstrings_name_no_substitution(line, shown):
    assert site_api.plain_bars(line) == shown


def test_the_build_holds_no_page_of_a_room_that_is_gone():
    made = {path.stem for path in (HTML / "book" / "_generated" / "api").glob("*.html")}
    package = importlib.import_module("scaling_utils")
    assert made >= set(package._ROOMS)
