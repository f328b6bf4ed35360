"""Drawings: what the SVG holds, who can read it, and what is refused."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from scaling_utils import notebook
from scaling_utils.notebook import Drawing, _drawing, _svg

SVG = "{http://www.w3.org/2000/svg}"
WORDS = "An arrow leads from data to a model, which a bracket calls large."


def blank(width=300, height=200):
    return Drawing(width, height, title="Two <steps>", description=WORDS)


def full():
    made = blank()
    made.box(10, 60, 70, 40, "data")
    made.arrow((84, 80), (116, 80), "6ND", colour="orange")
    made.box(120, 60, 70, 40, "N_{opt} & *D*", colour="blue")
    made.bracket((120, 120), (190, 120), "below")
    made.matrix(220, 60, 2, 3, text="W^{T}", sides=("2", "3"))
    made.dot(20, 20, hollow=True)
    made.line([(10, 190), (290, 150)], dashed=True, colour="grey")
    return made


def parsed(made):
    return ElementTree.fromstring(made.svg())[0]


def test_a_drawing_says_what_it_is():
    svg = parsed(blank())
    title, words = svg.find(f"{SVG}title"), svg.find(f"{SVG}desc")
    assert svg.get("role") == "img"
    assert svg.get("aria-labelledby") == f"{title.get('id')} {words.get('id')}"
    assert (title.text, words.text) == ("Two <steps>", WORDS)


def test_the_same_code_gives_the_same_bytes_and_another_drawing_another_name():
    assert full().svg() == full().svg()
    other = full()
    other.dot(30, 30)
    assert parsed(other).get("id") != parsed(full()).get("id")


def test_a_drawing_asks_nothing_of_the_network_and_runs_nothing():
    text = full().svg().replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|<script|<image|href|@import|url\(|\son\w+=", text)


def test_colours_come_from_the_page_and_change_with_its_theme():
    text = full().svg()
    used = set(re.findall(r'(?:fill|stroke)="([^"]+)"', text))
    assert used == {"none", "currentColor", *(f"var(--{c})" for c in ("blue", "orange", "grey"))}
    style = parsed(full()).find(f"{SVG}style").text
    light, dark = (f"--blue:{shade}" for shade in _svg.PALETTE["blue"])
    rules = dict(
        re.findall(r"([^{}]+)\{([^{}]*)\}", style.replace("@media(prefers-color-scheme:dark){", ""))
    )
    for page, shade in (("[data-theme=light]", light), ("[data-theme=dark]", dark)):
        assert all(shade in body for names, body in rules.items() if page in names)
        assert any(page in names for names in rules)
    assert "@media(prefers-color-scheme:dark)" in style


@pytest.mark.parametrize("theme", [0, 1])
@pytest.mark.parametrize("colour", _svg.PALETTE)
def test_every_colour_can_be_read_in_both_themes_also_on_its_own_box(colour, theme):
    shade, ground = _svg.PALETTE[colour][theme], _svg.GROUNDS[theme]
    assert notebook.contrast(shade, ground) >= 4.5
    text = ("#222832", "#ced6dd")[theme]  # the theme's own text, on a box of this colour
    box = 0.1 * np.array(to_rgb(shade)) + 0.9 * np.array(to_rgb(ground))
    assert notebook.contrast(text, tuple(box)) >= 4.5


def test_letters_are_lowered_raised_and_slanted_and_nothing_else_is_markup():
    made = blank()
    made.label(150, 50, "*L* < N_{opt}^{2} & 5*")
    (text,) = parsed(made).iter(f"{SVG}text")
    assert "".join(text.itertext()).replace("\u200b", "") == "L < Nopt2 & 5*"
    slanted, low, back, high, _ = text.iter(f"{SVG}tspan")
    assert slanted.get("font-style") == "italic"
    assert (low.text, low.get("dy"), back.get("dy")) == ("opt", "4", "-4")
    assert (high.text, high.get("dy")) == ("2", "-6")


def test_two_lines_stand_around_the_middle():
    made = blank()
    made.label(100, 80, "one\ntwo")
    one, two = (float(text.get("y")) for text in parsed(made).iter(f"{SVG}text"))
    assert two - one == pytest.approx(1.25 * _drawing.SIZE, abs=0.11)
    assert (one + two) / 2 == pytest.approx(80 + 0.34 * _drawing.SIZE, abs=0.11)


def test_an_arrow_ends_in_its_point_and_its_text_stands_to_its_left():
    made = blank()
    made.arrow((100, 150), (100, 50), "up")
    svg = parsed(made)
    assert svg.find(f"{SVG}polygon").get("points").split()[0] == "100,50"
    text = svg.find(f"{SVG}text")
    assert float(text.get("x")) == 88  # an arrow that goes up has its left on the left
    assert text.get("text-anchor") == "end"


def test_a_matrix_has_its_rows_and_columns():
    made = blank()
    made.matrix(100, 50, 2, 3, cell=10)
    svg = parsed(made)
    (box,) = svg.iter(f"{SVG}rect")
    assert (box.get("width"), box.get("height")) == ("30", "20")
    assert len(list(svg.iter(f"{SVG}path"))) == 1 + 2  # lines inside


def test_a_plane_places_data_by_their_logarithms():
    made = blank()
    place = made.plane(50, 20, 200, 100, xlim=(1, 100), ylim=(10, 1000), labels=("N", "D"))
    assert place([1, 10, 100, 101, 10], [10, 100, 1000, 100, 9]) == pytest.approx(
        np.array([[50, 120], [150, 70], [250, 20]])
    )
    with pytest.raises(ValueError, match="xlim must be positive, got 0"):
        made.plane(50, 20, 200, 100, xlim=(0, 1), ylim=(1, 2), labels=("N", "D"))


def test_letters_can_be_read_on_a_phone():
    widest = _drawing.SIZE * 358 / 9
    Drawing(widest, 10, title="wide", description=WORDS)
    with pytest.raises(ValueError, match="width must be above 0 and at most"):
        Drawing(widest + 1, 10, title="too wide", description=WORDS)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda d: d.label(295, 20, "out of it"),
            "the text 'out of it' must lie inside 300 by 200",
        ),
        (lambda d: d.dot(20, 201.5), "the dot must lie inside 300 by 200"),
        (lambda d: d.line([(0, 0)]), "points must have shape"),
        (lambda d: d.box(0, 0, 30, 20, "far too long"), "wide must hold the text 'far too long'"),
        (lambda d: d.box(280, 0, 30, 20), "the box must lie inside"),
        (lambda d: d.dot(1, 1, colour="red"), "colour must be one of 'ink', 'blue'.*got 'red'"),
        (lambda d: d.label(50, 50, "a", anchor="left"), "anchor must be one of 'start'"),
        (lambda d: d.arrow((1, 1), (1, 1)), "start and end must differ"),
        (lambda d: d.matrix(1, 1, 0, 2), "rows must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call(blank())


@pytest.mark.parametrize("description", ["", "A plot.", None])
def test_a_description_is_required(description):
    with pytest.raises(ValueError, match="description must have 30 characters"):
        Drawing(100, 100, title="a", description=description)


def test_drawing_shows_the_svg_and_a_text(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    notebook.drawing(full())
    (data,) = shown
    assert data["text/html"] == full().svg()
    assert data["text/plain"] == f"Drawing: Two <steps>. {WORDS}"
    with pytest.raises(TypeError, match="made must be a Drawing, got 'x'"):
        notebook.drawing("x")


# Several drawings, one at a time


def shown(made, labels, title="A ring, step by step"):
    with pytest.MonkeyPatch.context() as patched:
        got = []
        patched.setattr("IPython.display.display", lambda data, raw: got.append(data))
        notebook.steps(made, labels, title=title)
    return got[0]


def three():
    made = [blank() for _ in range(3)]
    for k, one in enumerate(made):
        one.box(10 + 40 * k, 20, 30, 30, f"{k}")
    return made


def test_each_step_has_a_button_and_a_drawing_and_the_first_is_on():
    labels = ["start", "step <1>", "step 2"]
    data = shown(three(), labels)
    row = ElementTree.fromstring(data["text/html"].replace(" checked>", ' checked="">').replace(
        '"><label', '"/><label').replace('checked=""><label', 'checked=""/><label'))  # fmt: skip
    buttons = row.findall("input")
    assert [button.get("type") for button in buttons] == ["radio"] * 3
    assert len({button.get("name") for button in buttons}) == 1
    assert [button.get("checked") for button in buttons] == ["", None, None]
    assert [(of.get("for"), of.text) for of in row.findall("label")] == [
        (button.get("id"), text) for button, text in zip(buttons, labels, strict=True)
    ]
    assert [len(frame.findall(f"{SVG}svg")) for frame in row.findall("div")] == [1, 1, 1]
    assert (row.get("role"), row.get("aria-label")) == ("radiogroup", "A ring, step by step")


def test_without_styles_every_step_is_there_and_in_words_too():
    data = shown(three(), ["start", "step 1", "step 2"])
    assert data["text/plain"].count(WORDS) == 3
    assert "display:none" not in re.sub("<style>.*?</style>", "", data["text/html"])
    assert not re.search(r"<script|\son\w+=", data["text/html"])


@pytest.mark.parametrize(
    ("made", "labels", "error", "words"),
    [
        (three()[:1], ["a"], ValueError, "made must hold from 2 to 12 drawings, got 1"),
        (three(), ["a", "b"], ValueError, r"labels must be 3 different texts, got \['a', 'b'\]"),
        (three(), ["a", "b", "b"], ValueError, "labels must be 3 different texts"),
        (three(), ["a", "b", " "], ValueError, "labels must be a non-empty string"),
        ([*three()[:2], blank(200)], "abc", ValueError, r"one size, got \[\(200.*\(300"),
        ([*three()[:2], "drawn"], "abc", TypeError, "made must hold Drawings, got 'drawn'"),
    ],
)
def test_steps_that_cannot_be_shown_are_refused(made, labels, error, words):
    with pytest.raises(error, match=words):
        shown(made, list(labels))
