"""What chapters call from their cells: claims, sentences, figures, setup."""

import json
import math
import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from scaling_utils import notebook
from scaling_utils.notebook import _claims

FINITE = st.floats(allow_nan=False, allow_infinity=False, width=32)
ALT = "Loss against model size on two logarithmic axes: a straight line."


@pytest.fixture
def shown(monkeypatch):
    """Collect what is displayed, as a notebook would store it: (data, metadata) pairs."""
    outputs = []
    shell = InteractiveShell.instance()
    monkeypatch.setattr(
        shell.display_pub,
        "publish",
        lambda data, metadata=None, **_: outputs.append((data, metadata or {})),
    )
    yield outputs
    InteractiveShell.clear_instance()


def claim(measured, expected=None, **options):
    notebook.claim("It holds.", measured, expected, source="a table", **options)


@pytest.mark.parametrize(
    ("measured", "expected", "options"),
    [
        (1.02, 1.0, {"rel": 0.03}),
        (-1.02, -1.0, {"rel": 0.03}),
        (1.02, 1.0, {"abs": 0.03}),
        (5.0, 5.0, {"abs": 0}),
        (0.5, 0.0, {"rel": 0.1, "abs": 0.5}),  # the wider of the two counts
        (120.0, 100.0, {"rel": 0.2, "abs": 1}),
        (3.0, None, {"at_least": 3}),
        (3.0, None, {"at_most": 3}),
        (3.0, None, {"at_least": 2, "at_most": 3}),
        (np.float64(1.5), np.float64(1.5), {"abs": 0}),
    ],
)
def test_claim_that_holds_shows_a_tick_and_stores_its_numbers(shown, measured, expected, options):
    claim(measured, expected, unit="nats", **options)
    ((data, _),) = shown
    assert data["text/plain"].startswith("✓ It holds. Measured")
    assert "nats" in data["text/plain"]
    stored = json.loads(json.dumps(data[notebook.CLAIM_MIME]))  # as it is in the file
    assert stored["holds"] is True
    assert stored["measured"] == measured
    assert stored["source"] == "a table"
    assert "✓" in data["text/html"]


@pytest.mark.parametrize(
    ("measured", "expected", "options"),
    [
        (1.04, 1.0, {"rel": 0.03}),
        (0.96, 1.0, {"rel": 0.03}),
        (1.04, 1.0, {"abs": 0.03}),
        (1.0, -1.0, {"rel": 0.5}),
        (5.0 + 1e-12, 5.0, {"abs": 0}),
        (0.5, 0.0, {"rel": 0.9}),
        (2.9, None, {"at_least": 3}),
        (3.1, None, {"at_most": 3}),
        (3.1, None, {"at_least": 2, "at_most": 3}),
        (math.nan, 1.0, {"rel": 10}),
        (math.nan, None, {"at_least": 0}),
        (math.inf, None, {"at_least": 0}),
        (-math.inf, None, {"at_most": 0}),
    ],
)
def test_claim_that_does_not_hold_raises_with_the_numbers(shown, measured, expected, options):
    with pytest.raises(notebook.ClaimError, match=r"It holds\. Measured .*\[a table\]"):
        claim(measured, expected, **options)
    assert shown == []


@pytest.mark.parametrize(("option", "marked"), [({}, False), ({"seen_first": True}, True)])
def test_a_bound_that_was_chosen_after_the_result_says_so(shown, option, marked):
    claim(2.0, at_least=1, **option)
    ((data, _),) = shown
    assert data[notebook.CLAIM_MIME]["seen_first"] is marked
    for kind in ("text/plain", "text/html"):
        assert ("seen first: the bound was set after the result" in data[kind]) is marked


def test_claim_shows_and_stores_no_last_bits(shown):
    """nbval compares what is stored: machines differ in the last bits of a sum or a fit."""
    for value in (1 / 3, 1 / 3 + 1e-12):
        claim(value, value, rel=1e-3)
        claim(value, at_least=value / 2, at_most=2 * value)
    first, first_bounds, second, second_bounds = (data for data, _ in shown)
    assert first == second
    assert first_bounds == second_bounds
    assert first[notebook.CLAIM_MIME]["measured"] == 0.33333


@given(st.floats(-1e12, 1e12))
def test_what_is_stored_is_shown_as_what_was_measured(value):
    stored = _claims._rounded(value)
    assert _claims._rounded(stored) == stored
    assert _claims._digits(stored) == _claims._digits(value)
    assert stored == pytest.approx(value, rel=6e-5)


@pytest.mark.parametrize("bad", ["1", None, [1.0], True, np.True_, np.ones(2), 1 + 1j])
def test_claim_refuses_a_measurement_that_is_no_number(bad):
    with pytest.raises(TypeError, match="measured must be"):
        claim(bad, 1.0, rel=0.1)


@pytest.mark.parametrize(
    ("expected", "options", "words"),
    [
        (None, {}, "neither"),
        (1.0, {"rel": 0.1, "at_least": 0}, "both"),
        (1.0, {}, "needs a tolerance"),
        (None, {"rel": 0.1}, "neither"),
        (None, {"at_least": 1, "rel": 0.1}, "go with expected"),
        (None, {"at_least": 2, "at_most": 1}, "must not exceed"),
        (1.0, {"rel": -0.1}, "rel must be at least 0"),
        (1.0, {"abs": -1}, "abs must be at least 0"),
        (1.0, {"rel": math.nan}, "rel must be finite"),
        (1.0, {"abs": math.inf}, "abs must be finite"),
        (math.nan, {"rel": 0.1}, "expected must be finite"),
        (None, {"at_least": math.nan}, "at_least must be finite"),
        (None, {"at_most": math.inf}, "at_most must be finite"),
    ],
)
def test_claim_refuses_what_it_cannot_check(expected, options, words):
    with pytest.raises(ValueError, match=words):
        claim(1.0, expected, **options)


@pytest.mark.parametrize("bad", ["", "  ", None, 3])
@pytest.mark.parametrize("name", ["sentence", "source"])
def test_claim_needs_words(name, bad):
    words = {"sentence": "It holds.", "source": "a table", name: bad}
    with pytest.raises(ValueError, match=f"{name} must be a non-empty string"):
        notebook.claim(measured=1, expected=1, abs=0, **words)


def test_claim_escapes_markup(shown):
    notebook.claim("a < b & c", 1, 1, abs=0, source="<script>", unit="<b>")
    page = shown[0][0]["text/html"]
    assert "a &lt; b &amp; c" in page
    assert "<script>" not in page
    assert "1 &lt;b&gt;" in page


@given(measured=FINITE, margin=st.floats(0, 1e6))
def test_a_claim_is_symmetric_about_what_is_expected(measured, margin):
    outcomes = []
    for sign in (1, -1):
        try:
            with capture_output():
                claim(sign * measured, 0.0, abs=margin)
            outcomes.append(True)
        except notebook.ClaimError:
            outcomes.append(False)
    assert outcomes[0] == outcomes[1] == (abs(measured) <= margin)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1234567.0, "1,234,567"),
        (12345678.0, "1.2346e+07"),
        (0.123456789, "0.12346"),
        (-3.0, "-3"),
        (math.inf, "inf"),
        (12345.6, "12,346"),
        (6 - 1e-13, "6"),
        (123456 + 1e-7, "123,456"),
    ],
)
def test_numbers_are_shown_with_few_digits(value, text):
    assert _claims._digits(value) == text


def test_say_shows_markdown(shown):
    notebook.say(f"Two is **{1 + 1}**.")
    assert shown[0][0]["text/markdown"] == "Two is **2**."


@pytest.mark.parametrize("bad", [None, 3, "", "   "])
def test_say_refuses_what_is_no_text(bad):
    with pytest.raises(ValueError, match="text must be a non-empty string"):
        notebook.say(bad)


def test_figure_is_shown_once_described_and_closed(shown):
    fig, ax = plt.subplots()
    ax.plot([1, 2])
    notebook.figure(fig, alt=f"  {ALT}\n")
    ((data, metadata),) = shown
    assert "image/png" in data
    assert metadata["image/png"]["alt"] == ALT
    assert metadata["image/png"]["width"] > 300
    assert not plt.fignum_exists(fig.number)


@pytest.mark.parametrize("bad", ["plot", "", None, " " * 40, 3])
def test_figure_refuses_a_poor_description(bad):
    fig, _ = plt.subplots()
    with pytest.raises(ValueError, match="alt must describe the figure"):
        notebook.figure(fig, alt=bad)


@pytest.mark.parametrize("bad", [None, "fig", 3])
def test_figure_refuses_what_is_no_figure(bad):
    with pytest.raises(TypeError, match="fig must be a matplotlib Figure"):
        notebook.figure(bad, alt=ALT)


def test_the_same_figure_gives_the_same_bytes(shown):
    for _ in range(2):
        fig, ax = plt.subplots()
        ax.plot([1, 3, 2])
        notebook.figure(fig, alt=ALT)
    assert shown[0][0]["image/png"] == shown[1][0]["image/png"]


def test_setup_sets_the_style_and_the_colours():
    with mpl.rc_context():
        notebook.setup()
        cycle = [entry["color"] for entry in mpl.rcParams["axes.prop_cycle"]]
        assert cycle == list(notebook.COLOURS)


def test_setup_seeds_torch():
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    draws = []
    with mpl.rc_context():
        for seed in (3, 3, 4):
            notebook.setup(seed=seed, threads=1)
            draws.append(torch.rand(1).item())
            assert torch.get_num_threads() == 1
    torch.set_num_threads(before)
    assert draws[0] == draws[1] != draws[2]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"seed": -1}, "seed must be at least 0"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"seed": math.nan}, "seed must be finite"),
        ({"threads": 0}, "threads must be at least 1"),
    ],
)
def test_setup_refuses_bad_numbers(options, words):
    with mpl.rc_context(), pytest.raises(ValueError, match=words):
        notebook.setup(**options)


def setup_cell_where_nothing_is_installed(monkeypatch, address: str) -> list[str]:
    """Run the setup cell of a book at an address; return the packages that it installs."""
    monkeypatch.setattr("scaling_utils.notebook._setup.REPOSITORY", address)
    installed = []
    text = notebook.write_setup_cell().replace(
        "    %pip install -q {BOOK}\n", "    installed.append(BOOK)\n"
    )
    text = text.replace("import scaling_utils\n", "import no_such_package\n")
    with mpl.rc_context():
        exec(compile(text, "setup", "exec"), {"installed": installed})
    return installed


def test_setup_cell_installs_from_the_address_once_it_is_set(monkeypatch):
    installed = setup_cell_where_nothing_is_installed(monkeypatch, "someone/book")
    assert installed == ["git+https://github.com/someone/book"]


def test_setup_cell_says_what_to_do_while_there_is_no_address(monkeypatch):
    with pytest.raises(ImportError, match=r"no public address.*run: %pip install"):
        setup_cell_where_nothing_is_installed(monkeypatch, notebook.UNSET)


def test_setup_cell_runs_where_the_package_is_installed(monkeypatch):
    from IPython.core.inputtransformer2 import TransformerManager

    text = notebook.write_setup_cell()
    assert f"github.com/{notebook.REPOSITORY}" in text
    names = {}
    with mpl.rc_context():
        exec(compile(TransformerManager().transform_cell(text), "setup", "exec"), names)
    assert names["notebook"] is notebook
    assert "scaling_utils" in sys.modules
