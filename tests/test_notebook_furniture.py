"""The furniture of figures and tables: what is drawn is examined as objects, not as pixels."""

import re
from itertools import pairwise

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from scaling_utils import notebook
from scaling_utils.notebook import _axes

ALT = "Loss against model size on two logarithmic axes: a straight line."


@pytest.fixture
def ax():
    fig, ax = notebook.axes()
    yield ax
    plt.close(fig)


@pytest.fixture
def said(monkeypatch):
    """Collect the Markdown that is shown."""
    texts = []
    monkeypatch.setattr("IPython.display.display", lambda shown, **_: texts.append(shown.data))
    return texts


@pytest.fixture
def published(monkeypatch):
    """Collect (data, metadata) of raw outputs."""
    outputs = []

    def display(data, metadata=None, raw=False):
        outputs.append((data, metadata))

    monkeypatch.setattr("IPython.display.display", display)
    return outputs


def ticks(axis):
    return [tick.get_text() for tick in axis.get_ticklabels()]


# Contrast: black on white is 21, a colour on itself 1; #767676 on white is the well-known
# grey that just passes (4.54), #0000ff on white has 8.59 (WebAIM's contrast checker).
@pytest.mark.parametrize(
    ("colour", "ground", "wanted"),
    [
        ("black", "white", 21),
        ("#123456", "#123456", 1),
        ("#767676", "white", 4.54),
        ("#0000ff", "white", 8.59),
        ("white", "#0000ff", 8.59),
        ("#ff0000", "black", 5.25),
    ],
)
def test_contrast_is_that_of_the_guidelines(colour, ground, wanted):
    assert notebook.contrast(colour, ground) == pytest.approx(wanted, abs=0.005)


@pytest.mark.parametrize("ground", ["white", "#121212"])
@pytest.mark.parametrize("colour", [*notebook.COLOURS, "0.5", "yellow", "white", "#fde725"])
def test_ink_can_be_read_on_light_and_dark(colour, ground):
    assert notebook.contrast(notebook.ink(colour, ground), ground) >= 4.5


def test_ink_changes_no_colour_that_can_be_read():
    assert notebook.ink("#0072B2") == "#0072b2"
    assert notebook.ink("black") == "#000000"


def test_shades_are_ordered_and_seen_on_white():
    shades = notebook.shades(8)
    seen = [notebook.contrast(shade) for shade in shades]
    assert min(seen) >= 3
    assert seen == sorted(seen, reverse=True)
    assert len(set(shades)) == 8


@pytest.mark.parametrize("call", [notebook.contrast, notebook.ink])
def test_what_is_no_colour_is_refused(call):
    with pytest.raises(ValueError, match=r"colour must be a colour.*'bluish'"):
        call("bluish")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.05, "0.05"),
        (1, "1"),
        (1500, "1,500"),
        (200_000, "200k"),
        (4e6, "4M"),
        (2.5e6, "2.5M"),
        (1e12, "$10^{12}$"),
        (3e9, r"$3\times10^{9}$"),
        (1e-4, "$10^{-4}$"),
        (-30, "-30"),
    ],
)
def test_numbers_are_written_plainly(value, text):
    assert notebook.plain(value) == text


def test_log_axis_has_plain_ticks_a_label_and_a_unit(ax):
    ax.plot([2e5, 4e6], [0.03, 0.2])
    notebook.log_axis(ax, "x", "training symbols D", ticks=[2e5, 5e5, 1e6, 4e6])
    notebook.log_axis(ax, "y", "excess", unit="nats per symbol", ticks={0.05: "1/20", 0.1: "1/10"})
    assert ticks(ax.xaxis) == ["200k", "500k", "1M", "4M"]
    assert ticks(ax.yaxis) == ["1/20", "1/10"]
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert ax.get_xlabel() == "training symbols D"
    assert ax.get_ylabel() == "excess (nats per symbol)"
    ax.figure.draw_without_rendering()
    assert not any(text.get_text() for text in ax.get_xticklabels(minor=True))


@pytest.mark.parametrize(
    ("data", "base", "wanted"),
    [
        ((1e9, 1e12), 10, ["$10^{9}$", "$10^{10}$", "$10^{11}$", "$10^{12}$"]),
        ((1, 100), 10, ["1", "10", "100"]),
        ((2, 30), 10, ["3", "10", "30"]),
        ((0.06, 0.5), 10, ["0.1", "0.2", "0.5"]),
        ((1.75, 2.05), 10, ["1.8", "1.9", "2"]),
        ((2**10, 2**13), 2, ["$2^{10}$", "$2^{11}$", "$2^{12}$", "$2^{13}$"]),
    ],
)
def test_log_axis_finds_three_ticks_inside_the_data(ax, data, base, wanted):
    ax.plot(data, data)
    notebook.log_axis(ax, "x", "size", base=base)
    places = ax.get_xticks()
    low, high = ax.get_xlim()
    assert ((places >= low) & (places <= high)).all()
    assert ticks(ax.xaxis) == wanted


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("z", "size"), ValueError, "which must be one of 'x', 'y'; got 'z'"),
        (("x", ""), ValueError, "label must be a non-empty string"),
        (("x", "size", [0, 1]), ValueError, "ticks must be positive, got 0"),
    ],
)
def test_log_axis_refuses(ax, arguments, error, words):
    which, label, *rest = arguments
    with pytest.raises(error, match=words):
        notebook.log_axis(ax, which, label, **({"ticks": rest[0]} if rest else {}))


def test_log_axis_needs_an_axes():
    with pytest.raises(TypeError, match="ax must be a matplotlib Axes, got 3"):
        notebook.log_axis(3, "x", "size")


def test_end_labels_stand_at_the_ends_in_a_readable_colour_and_do_not_overlap(ax):
    for k, name in enumerate(("one", "two", "three")):
        ax.plot([1, 2, 3], [0, 1, 2 + 0.001 * k], label=name, color=notebook.COLOURS[k + 3])
    notebook.error_bars(ax, [1, 2.5], [5, 6], 0.1, label="measured")
    texts = notebook.end_labels(ax)
    assert [text.get_text() for text in texts] == ["one", "two", "three", "measured"]
    assert texts[0].xy == (3, 2)
    assert texts[3].xy == (2.5, 6)
    assert all(notebook.contrast(text.get_color()) >= 4.5 for text in texts)
    ax.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in texts]
    assert all(low.y1 <= high.y0 + 0.5 for low, high in pairwise(boxes))


def test_end_labels_make_room_inside_the_figure(ax):
    ax.plot([1, 2], [1, 2], label="a label that is rather long")
    (text,) = notebook.end_labels(ax)
    fig = ax.figure
    fig.set_layout_engine("constrained")
    fig.draw_without_rendering()
    assert text.get_window_extent().x1 <= fig.bbox.x1 + 1


def test_end_labels_on_the_left_and_without_labels(ax):
    ax.plot([3, 1, np.nan], [5, 4, 3], label="falls")
    (text,) = notebook.end_labels(ax, side="left")
    assert text.xy == (1, 4)
    assert text.get_ha() == "right"
    with pytest.raises(ValueError, match="side must be one of 'left', 'right'; got 'top'"):
        notebook.end_labels(ax, side="top")
    ax.lines[0].set_label("_hidden")
    with pytest.raises(ValueError, match="lines with labels, got none"):
        notebook.end_labels(ax)


def test_labels_are_pushed_apart_by_least_squares():
    # Two at the same place move half a height each way; a third far off stays.
    moved = _axes._apart(np.array([0.0, 0.0, 50.0]), np.array([10.0, 10.0, 10.0]))
    assert moved == pytest.approx([-5, 5, 50])


def test_error_bars_of_seeds_are_two_standard_errors(ax):
    mean, half = notebook.error_bars(ax, [1, 2], [[1.0, 3.0], [4.0, 4.0]], join=True, hollow=True)
    # Two seeds 1 and 3: standard deviation sqrt(2), over sqrt(2) is 1, twice that is 2.
    assert mean == pytest.approx([2, 4])
    assert half == pytest.approx([2, 0])
    (segments,) = [bar.get_segments() for bar in ax.containers[0].lines[2]]
    assert segments[0][:, 1] == pytest.approx([0, 4])
    assert ax.lines[0].get_markerfacecolor() == "white"


@pytest.mark.parametrize(
    ("x", "y", "error", "words"),
    [
        ([1, 2], [[1, 2], [3, 4]], 1, "error must not be given with seeds"),
        ([1], [[1]], None, "y must hold 2 or more seeds"),
        ([1, 2], [1, 2], -1, "error must not be negative, got -1"),
        ([1, 2], [1], None, "same length"),
        ([1], 3, None, "y must have 1 or 2 dimensions"),
    ],
)
def test_error_bars_refuse(ax, x, y, error, words):
    with pytest.raises(ValueError, match=words):
        notebook.error_bars(ax, x, y, error)


def test_valley_finds_the_bottom_of_a_parabola_and_marks_it(ax):
    N = np.geomspace(10, 1000, 9)
    loss = 2 + 0.3 * np.log(N / 120) ** 2
    bottom = notebook.valley(ax, N[::-1], loss[::-1], around=2, label="1e9", colour="C1")
    assert bottom == pytest.approx((120, 2))
    triangle = next(line for line in ax.lines if line.get_marker() == "v")
    assert triangle.get_xydata()[0] == pytest.approx((120, 2))
    filled, hollow = (c.lines[0] for c in ax.containers)
    assert len(filled.get_xdata()) == 5
    assert len(hollow.get_xdata()) == 4
    assert hollow.get_markerfacecolor() == "white"


def test_valley_without_a_bottom_has_no_triangle(ax):
    assert np.isnan(notebook.valley(ax, [1, 2, 4, 8], [4, 3, 2, 1])).all()
    assert not any(line.get_marker() == "v" for line in ax.lines)


def test_valley_refuses_two_sizes(ax):
    with pytest.raises(ValueError, match="3 different sizes or more, got 2"):
        notebook.valley(ax, [1, 2, 2], [1, 2, 3])


def test_signed_map_is_symmetric_and_its_numbers_can_be_read(ax):
    values = np.array([[-8.0, -1.0, 0.0], [2.0, 4.0, np.nan]])
    image = notebook.signed_map(ax, values, rows=["a", "b"], columns=[1, 2, 3], unit="mnats")
    assert image.get_clim() == (-8, 8)
    assert [text.get_text() for text in ax.texts] == ["−8", "−1", "+0", "+2", "+4"]
    for text in ax.texts:
        j, i = text.get_position()
        ground = image.cmap(image.norm(values[int(i), int(j)]))
        assert notebook.contrast(text.get_color(), ground) >= 4.5
    assert ticks(ax.yaxis) == ["a", "b"]
    assert image.colorbar.ax.get_ylabel() == "mnats"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([[1, 2]], r"shape \(2, 2\) like rows and columns, got \(1, 2\)"),
        ([[0, 0], [0, 0]], "a finite number other than 0"),
        ([[0, 1], [np.inf, 0]], "must be finite, or NaN where there is none"),
    ],
)
def test_signed_map_refuses(ax, values, words):
    with pytest.raises(ValueError, match=words):
        notebook.signed_map(ax, values, rows="ab", columns="cd", unit="nats")


def test_residuals_show_the_median_of_each_part(ax):
    x = np.array([1, 2, 3, 10, 20, 30.0])
    middle = notebook.residuals(ax, x, [1, 2, 9, -1, -2, -9], unit="%", bins=2)
    assert middle == pytest.approx([2, -2])
    assert ax.get_ylabel() == "measured less predicted (%)"
    with pytest.raises(ValueError, match="bins must be at most half of the 6 rows, got 4"):
        notebook.residuals(ax, x, x, unit="%", bins=4)


def test_notes_keep_to_their_side(ax):
    right = notebook.note(ax, "here", (1, 2), colour="C5", shift=(6, 0))
    left = notebook.note(ax, "there", (1, 2), shift=(-6, 5))
    assert (right.get_ha(), left.get_ha()) == ("left", "right")
    assert left.get_va() == "bottom"
    assert notebook.contrast(right.get_color()) >= 4.5
    with pytest.raises(ValueError, match=r"at and shift must be two numbers each, got \(1,\) and"):
        notebook.note(ax, "here", (1,))


def test_figure_makes_its_text_legible_and_says_how_large_it_is_on_a_phone(published):
    notebook.setup()
    fig, ax = notebook.axes()
    ax.plot([1, 2], [1, 2])
    ax.text(1, 1, "in orange", color="C5", fontsize=9.5)
    notebook.figure(fig, ALT)
    ((_, metadata),) = published
    assert notebook.contrast(ax.texts[0].get_color()) >= 4.5
    # 9.5 points of 72 an inch, on a figure of 5.2 inches that is shown 358 pixels wide.
    assert metadata["image/png"]["phone_text_px"] == pytest.approx(9.5 * 358 / (72 * 5.2), abs=0.06)
    assert metadata["image/png"]["phone_text_px"] >= 9


def test_figure_leaves_numbers_on_a_map_as_they_are(published):
    fig, ax = notebook.axes()
    notebook.signed_map(ax, [[-8.0, 1.0]], rows="a", columns="bc", unit="nats")
    before = [text.get_color() for text in ax.texts]
    notebook.figure(fig, ALT)
    assert [text.get_color() for text in ax.texts] == before
    assert "white" in before


def test_axes_have_the_width_of_a_phone():
    fig, panels = notebook.axes(2, sharex=True)
    assert fig.get_figwidth() == _axes.WIDTH
    assert fig.get_figheight() == 6.8
    assert len(panels) == 2
    plt.close(fig)
    assert mpl.rcParams["figure.figsize"] is not None


def test_table_by_columns(said):
    notebook.table(
        {
            "law": ["one", "two", "three"],
            "a": (np.array([0.5, 0.25, np.nan]), ".2f"),
            "wasted": ([1.2, None, 30], "{:.0f} %"),
            "N": ([1e3, 2e6, 5], ",.0f"),
        },
        caption="Three laws.",
    )
    assert said == [
        "Three laws.\n\n| law | a | wasted | N |\n| --- | --- | --- | --- |\n"
        "| one | 0.50 | 1 % | 1,000 |\n| two | 0.25 |  | 2,000,000 |\n| three |  | 30 % | 5 |"
    ]


def test_table_by_columns_escapes_as_by_rows(said):
    notebook.table({"a|b": ["<b>"], "c": (["x"], "{}!")})
    assert said == ["| a\\|b | c |\n| --- | --- |\n| &lt;b&gt; | x! |"]


def test_a_pair_of_texts_is_a_column_of_two(said):
    notebook.table({"a": ("x", "y")})
    assert said == ["| a |\n| --- |\n| x |\n| y |"]


@pytest.mark.parametrize(
    ("columns", "rows", "error", "words"),
    [
        ({"a": [1], "b": [1, 2]}, None, ValueError, "same length, got: 'a' has 1, 'b' has 2"),
        ({"a": (["x"], ".2f")}, None, ValueError, "column 'a' cannot be written as '.2f'"),
        ({"a": "word"}, None, TypeError, "column 'a' must hold one value a row, got 'word'"),
        ({"a": 3}, None, TypeError, "column 'a' must hold one value a row, got 3"),
        ({"a": []}, None, ValueError, "must not be empty, got 1 and 0"),
        ({"a": [1]}, [[1]], ValueError, "rows must not be given beside a mapping"),
        (["a"], None, ValueError, "must not be empty, got 1 and 0"),
    ],
)
def test_table_refuses(columns, rows, error, words):
    with pytest.raises(error, match=words):
        notebook.table(columns, rows)


BOX = [("14 %", "is wasted"), ("1.6 ×", "is what two runs\n cannot tell"), ("0.36", "was found")]


def test_in_short_is_three_numbers_and_one_thing_to_do(said):
    notebook.in_short(*BOX, do="Take the middle.")
    assert said == [
        "> **In short**\n>\n> - **14 %** is wasted\n> - **1.6 ×** is what two runs cannot tell\n"
        "> - **0.36** was found\n>\n> **Do this:** Take the middle."
    ]


@pytest.mark.parametrize(
    ("numbers", "do", "words"),
    [
        (BOX[:2], "Go.", "numbers must be 3 pairs, got 2"),
        ([*BOX[:2], ("much", "is lost")], "Go.", "must start with a number, got 'much'"),
        ([*BOX[:2], "0.36"], "Go.", r"must be a pair \(number, words\), got '0.36'"),
        (BOX, " ", "do must be a non-empty string"),
    ],
)
def test_in_short_refuses(numbers, do, words):
    with pytest.raises(ValueError, match=words):
        notebook.in_short(*numbers, do=do)


def test_takeaway_is_one_line(said):
    notebook.takeaway("A flat valley is cheap\nto miss.")
    assert said == ["> **Takeaway.** A flat valley is cheap to miss."]
    with pytest.raises(ValueError, match="text must be a non-empty string"):
        notebook.takeaway("")


def test_all_furniture_is_documented():
    for name in ("axes", "end_labels", "error_bars", "log_axis", "note", "plain", "valley"):
        assert re.search(r"\n\s+Parameters\n", getattr(notebook, name).__doc__), name
