"""The pages with sliders: in the browser they answer as the package does, to the printed digit."""

from __future__ import annotations

import html
import json
import re
import shlex
from urllib.parse import parse_qsl, urlencode

import numpy as np
import pytest
import slider_answers
import slider_charts
from site_pages import (
    DESKTOP,
    HTML,
    PHONE,
    ROOT,
    hold_accessible,
    overflow,
    rendered,
    resize,
    unreachable,
)
from slider_controls import CONTROLS, MODELS, Choice, Slider, first

from scaling_utils import architectures, laws
from scaling_utils.cli import main
from scaling_utils.fitting import isoflop_bias
from scaling_utils.units import GIB

MIXTURES = [name for name in MODELS if architectures.get(name).experts]
PAGES = {"planner": "book/planner", "memory": "book/memory_page", "valley": "book/valley"}
SIZE = 100_000  # bytes of the parts with sliders, all pages together
CELLS = """() => Object.fromEntries([...document.querySelectorAll('.sliders [data-answer]')]
    .map(cell => [cell.dataset.answer, cell.textContent]).filter(pair => pair[1]))"""
SAID = """() => [document.querySelector('.sliders [aria-live]').textContent,
    document.querySelector('svg.chart').getAttribute('aria-label')]"""
GO = """hash => new Promise(done => {
    if (location.hash === hash) return done();
    addEventListener('hashchange', () => done(), {once: true});
    location.hash = hash;
})"""


def ends(page: str) -> list[dict]:
    """The first state of a page, and the two ends of each of its sliders."""
    return [first(page)] + [
        first(page) | {one.name: end}
        for one in CONTROLS[page]
        if isinstance(one, Slider)
        for end in (one.low, one.high)
    ]


def choices(page: str) -> list[dict]:
    """Every choice but of devices, of which there are many and all alike."""
    return [
        first(page) | {one.name: option}
        for one in CONTROLS[page]
        if isinstance(one, Choice) and one.name != "device"
        for option in one.options
    ]


def drawn(page: str, count: int = 12) -> list[dict]:
    """States with every control somewhere, the ends of sliders included."""
    rng = np.random.default_rng(0)

    def value(one):
        if isinstance(one, Choice):
            return str(rng.choice(one.options))
        if not isinstance(one, Slider):
            return "2026-11-01"
        share = float(rng.choice([0.0, 1.0, rng.random(), rng.random()]))
        low, high = one.place(one.low), one.place(one.high)
        at = low + share * (high - low)
        if one.scale == "log2":
            return 2 ** round(at)
        if one.scale == "whole":
            return round(10**at)
        if one.scale == "count":
            return round(at)
        return min(max(10**at if one.scale == "log10" else at, one.low), one.high)

    states = [{one.name: value(one) for one in CONTROLS[page]} for _ in range(count)]
    for state in states:
        if page == "memory" and state["model"] not in MIXTURES:
            state["expert"] = 1  # else most of them are refused for it
    return states


def cells(window) -> dict[str, str]:
    """Return all answers of a page; those that a state does not have are left out."""
    return window.evaluate(CELLS)


def given(window) -> dict:
    """Return the state in the address of a window, with numbers as numbers."""
    state = dict(parse_qsl(window.url.partition("#")[2], keep_blank_values=True))
    kinds = {
        one.name: type(one.low)
        for page in CONTROLS.values()
        for one in page
        if isinstance(one, Slider)
    }
    return {
        n: float(v) if n in kinds and not v.isdigit() else int(v) if n in kinds else v
        for n, v in state.items()
    }


def layouts() -> list[dict]:
    """Layouts that chance seldom draws: of each model with experts, and some that are refused."""
    fits = first("memory") | {"data": 16, "contextParallel": 4, "passes": 4}
    given = [
        {"expert": 8, "tensor": 2, "zero": "3", "recompute": "full"},
        {"expert": 4, "tensor": 4, "pipeline": 2, "zero": "2", "recompute": "selective"},
        {"expert": 64, "zero": "3"},
        {"expert": 2, "pipeline": 16, "contextParallel": 1, "data": 2},
        {"expert": 64, "data": 8},
        {"expert": 64, "data": 1024, "contextParallel": 1, "zero": "3"},
    ]
    refused = [
        {"model": "qwen2.5-7b", "tensor": 8},
        {"pipeline": 2, "zero": "3"},
        {"expert": 2},
    ]
    mixed = [fits | one | {"model": model} for model in MIXTURES for one in given]
    return mixed + [fits | one for one in refused]


def asked(page: str) -> list[dict]:
    """All states in which a page is compared with the package."""
    return ends(page) + choices(page) + drawn(page) + (layouts() if page == "memory" else [])


@pytest.fixture(scope="module")
def context(browser):
    """A browser without a network, for all tests: to open a page is what takes time."""
    made = browser.new_context(offline=True, reduced_motion="reduce")
    yield made
    made.close()


@pytest.fixture(scope="module")
def on_disk(context):
    """Open a page of the folder in a new window, and note what goes wrong there."""

    def open_page(page: str, state: dict | None = None):
        window, wrong = context.new_page(), []
        window.on("pageerror", lambda error: wrong.append(str(error)))
        window.on("console", lambda said: wrong.append(said.text) if said.type == "error" else 0)
        # A reload cuts off what is still on its way; that is no fault of the page.
        window.on(
            "requestfailed",
            lambda one: wrong.append(one.url) if one.failure != "net::ERR_ABORTED" else 0,
        )
        window.on(
            "request",
            lambda one: wrong.append(one.url) if not one.url.startswith(("file:", "data:")) else 0,
        )
        window.goto(rendered(PAGES[page]).as_uri() + (f"#{urlencode(state)}" if state else ""))
        window.wait_for_selector(".sliders form:not([hidden])")
        return window, wrong

    return open_page


@pytest.fixture(scope="module")
def windows():
    """The window of each page that is open."""
    return {}


@pytest.fixture
def at(on_disk, windows):
    """Bring the window of a page into a state; nothing may have gone wrong there after the test."""
    used = []

    def bring(page: str, hash: str | dict | None = None, size=DESKTOP, theme: str = "light"):
        if page not in windows:
            windows[page] = on_disk(page)
        used.append(windows[page])
        window = windows[page][0]
        window.emulate_media(media="screen", forced_colors="none")
        window.set_viewport_size(size)
        window.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        asked = first(page) if hash is None else hash
        window.evaluate(GO, f"#{asked if isinstance(asked, str) else urlencode(asked)}")
        return window

    yield bring
    assert [wrong for _, wrong in used if wrong] == []


@pytest.mark.parametrize("page", PAGES)
def test_from_a_disk_the_page_answers_as_the_package_and_at_the_ends_of_every_slider(page, at):
    states = asked(page)
    assert len(states) >= 20
    for state in states:
        window = at(page, state)
        answers = getattr(slider_answers, page)(state)
        assert cells(window) == answers, state
        said = slider_answers.sentence(page, answers)
        spoken, described = window.evaluate(SAID)
        assert spoken == described == said


def test_the_states_meet_layouts_that_are_refused_and_grids_without_a_bottom():
    """Else the test above would never see the page say so."""
    answers = [(state, slider_answers.memory(state)) for state in asked("memory")]
    refused = " ".join(found["verdict"] for _, found in answers if "peak" not in found)
    for words in (
        "the 28 heads",
        "layers cannot be",
        "without experts",
        "does not divide the 8 experts",
    ):
        assert words in refused
    for words in ("does not divide data x context", "stage 3 of ZeRO with a pipeline"):
        assert words in refused
    shown = [state for state, found in answers if "peak" in found]
    assert {state["expert"] for state in shown} >= {1, 2, 4, 8, 64}
    assert {state["contextParallel"] for state in shown} >= {1, 4, 16}
    assert {found["verdict"] for _, found in answers if "peak" in found} == {"yes", "no", "perhaps"}
    assert [s for s in asked("valley") if "ratio" not in slider_answers.valley(s)]


@pytest.mark.parametrize("page", PAGES)
def test_the_command_on_the_page_gives_its_answers(page, capsys):
    """Read as numbers from the command line's own JSON, for two states that it accepts."""
    told_of = {"planner": "N", "memory": "peak", "valley": "ratio"}[page]
    named = [state for state in asked(page) if told_of in getattr(slider_answers, page)(state)]
    for state in (named[0], named[-1]):
        found = getattr(slider_answers, page)(state)
        if page == "valley":
            names = {"isoflop_bias": isoflop_bias, "laws": laws}
            assert slider_answers.text(float(eval(found["command"], names))) == found["ratio"]
            continue
        words = shlex.split(found["command"])
        assert words.pop(0) == "scaling-utils"
        assert main([*words, "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        if page == "memory":
            peak = told["footprint"]["peak"]
            assert slider_answers.text(peak / GIB) == found["peak"]
            continue
        for cell, name in {
            "hours": "hours",
            "kwh": "kwh",
            "kg": "kg_co2e",
            "N": "parameters",
        }.items():
            middle = told["answers"][name]["middle"]
            mine = float(found[cell].split(" ")[0].replace(",", ""))
            assert middle == pytest.approx(mine, rel=6e-4), name


@pytest.mark.parametrize("page", PAGES)
def test_without_a_script_the_first_answer_stands_there(page, browser):
    context = browser.new_context(java_script_enabled=False, offline=True)
    window = context.new_page()
    window.goto(rendered(PAGES[page]).as_uri())
    table = window.locator(".sliders [data-answer]")
    shown = dict(
        zip(
            [cell.get_attribute("data-answer") for cell in table.all()],
            table.all_inner_texts(),
            strict=True,
        )
    )
    assert {n: t for n, t in shown.items() if t} == getattr(slider_answers, page)(first(page))
    assert not window.locator(".sliders form").is_visible()
    setting = window.locator(".sliders noscript").inner_text()
    assert [
        one.label for one in CONTROLS[page] if one.first != "" and one.label not in setting
    ] == []
    drawing = window.locator(".sliders figure svg")
    assert drawing.is_visible()
    assert drawing.bounding_box()["height"] > 200
    said = slider_answers.sentence(page, shown)
    assert drawing.get_attribute("aria-label") == said
    assert re.search(r"\d", said)
    assert window.locator(".sliders figcaption").is_visible()
    context.close()


def numbers(markup: str) -> tuple[str, list[float]]:
    """Split a drawing into what is drawn and where."""
    markup = re.sub(r"></(?:path|rect|circle)>", "/>", html.unescape(markup))
    pattern = r"-?\d+(?:\.\d+)?"
    return re.sub(pattern, "#", markup), [float(one) for one in re.findall(pattern, markup)]


@pytest.mark.parametrize("page", PAGES)
def test_the_drawing_without_a_script_is_that_of_the_script(page, at):
    window = at(page, drawn(page)[0])  # so that the script draws the first state once more
    at(page)
    form, places = numbers(window.locator("svg.chart").inner_html())
    built_form, built = numbers(getattr(slider_charts, page)(first(page)))
    assert form == built_form
    assert np.abs(np.subtract(places, built)).max() < 0.11  # of 360 units: one decimal is printed
    assert len(places) > 50


@pytest.mark.parametrize(
    ("page", "hash", "meant"),
    [
        ("planner", "flops=1e99&law=nobody", {"flops": 1e28}),
        ("planner", "flops=1&price=free&=&&%", {"flops": 1e18}),
        ("planner", "flops=&devices=-3", {"devices": 1}),
        ("planner", "mfu=140&pue=0&nothing=5", {"mfu": 100, "pue": 1}),
        ("planner", "flops=1e309&pue=1,5&grid=NaN&priceDate=soon", {}),
        ("planner", "factor=3&factor=5&FLOPS=1e20", {"factor": 3}),
        ("planner", "flops=1e+24", {"flops": 1e24}),  # as people write it
        ("planner", "flops=1e%2B24", {"flops": 1e24}),
        ("memory", "batch=2.6&data=90&__proto__=1", {"batch": 3, "data": 64}),
        ("valley", "points=7.5&width=1e-3", {"points": 8, "width": 3}),
    ],
)
def test_an_address_that_says_nonsense_is_kept_inside_the_ends(page, hash, meant, at):
    assert cells(at(page, hash)) == getattr(slider_answers, page)(first(page) | meant)


@pytest.mark.parametrize(
    ("typed", "flops"),
    [
        ("", 2e24),
        ("-", 2e24),
        ("abc", 2e24),
        ("3e22", 3e22),
        ("1e309", 1e28),
        ("-7", 1e18),
    ],
)
def test_a_field_keeps_its_value_where_what_is_typed_is_no_number(typed, flops, at):
    window = at("planner", "flops=2e24")
    window.locator("#flops").focus()
    window.keyboard.press("Control+A")
    window.keyboard.press("Delete")
    window.keyboard.type(typed)
    window.keyboard.press("Tab")
    assert float(window.locator("#flops").input_value()) == flops
    assert cells(window) == slider_answers.planner(first("planner") | {"flops": flops})


SETTING = """name => {
    const box = document.querySelector(`[data-name=${name}]`);
    const slider = box.querySelector('[type=range]');
    return [+box.querySelector('[data-field]').value, +slider.value,
        slider.getAttribute('aria-valuetext')];
}"""


@pytest.mark.parametrize("page", PAGES)
def test_every_slider_moves_by_key_to_both_ends_and_past_each_value(page, at):
    window = at(page)
    for one in CONTROLS[page]:
        if not isinstance(one, Slider):
            continue

        def press(key, name=one.name):
            window.keyboard.press(key)
            value, place, spoken = window.evaluate(SETTING, name)
            assert float(spoken) == value
            return value, place

        upwards = [one.at(k) for k in range(one.places + 1)]
        above = list(dict.fromkeys(upwards))[1:4]
        below = list(dict.fromkeys(upwards[::-1]))[1]
        for place in ("[type=range]", "[data-field]"):
            window.locator(f"[data-name={one.name}] [type=range]").focus()
            assert press("End") == (one.high, one.places)
            assert press("ArrowLeft")[0] == pytest.approx(below, rel=1e-12)
            assert press("Home") == (one.low, 0)
            window.locator(f"[data-name={one.name}] {place}").focus()
            assert [press("ArrowUp")[0] for _ in above] == pytest.approx(above, rel=1e-12)
            assert press("ArrowDown")[0] == pytest.approx(above[-2], rel=1e-12)


@pytest.mark.parametrize("page", PAGES)
def test_a_key_moves_answers_address_and_what_is_spoken_and_the_address_restores(page, on_disk):
    state = drawn(page)[1]
    window, wrong = on_disk(page, state)
    assert cells(window) == getattr(slider_answers, page)(state)
    for name, value in state.items():
        field = window.locator(f"#{name}").input_value()
        assert field == value if isinstance(value, str) else float(field) == value
    spoken = window.locator(".sliders [aria-live]")
    said = spoken.inner_text()
    name = {"planner": "flops", "memory": "context", "valley": "flops"}[page]
    assert state[name] < next(one.high for one in CONTROLS[page] if one.name == name)
    slider = window.locator(f"[data-name={name}] input[type=range]")
    slider.focus()
    assert slider.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
    window.keyboard.press("ArrowRight")
    window.wait_for_function(
        "said => document.querySelector('[aria-live]').innerText !== said", arg=said
    )
    moved = given(window)
    assert "%2B" not in window.url  # half of those who pass it on would make it a blank
    assert {n for n in moved | state if moved[n] != state[n]} == {name}
    assert cells(window) == getattr(slider_answers, page)(moved)
    # The link past the menus, by key: it leads to the text and leaves the settings alone.
    window.evaluate("document.querySelector('a[href=\"#main-content\"]').focus()")
    window.keyboard.press("Enter")
    window.wait_for_function(f"location.hash.includes('{name}=')")
    assert given(window) == moved
    window.reload()
    window.wait_for_selector(".sliders form:not([hidden])")
    assert cells(window) == getattr(slider_answers, page)(moved)
    assert wrong == []
    window.close()


@pytest.mark.parametrize("page", PAGES)
def test_on_a_phone_nothing_sticks_out_and_the_answer_stays_in_sight(page, at):
    window = at(page, None, PHONE)
    resize(window, PHONE)
    assert overflow(window) == []
    tables = ".sliders .pst-scrollable-table-container"
    wide = window.eval_on_selector_all(tables, "all => all.map(e => e.scrollWidth - e.clientWidth)")
    assert max(wide) <= 0
    for end in ("first", "last"):
        control = getattr(window.locator(".sliders form [data-field]"), end)
        control.focus()
        window.wait_for_timeout(50)
        moved, spoken = control.bounding_box(), window.locator(".sliders .spoken").bounding_box()
        assert spoken["y"] + spoken["height"] <= PHONE["height"]
        assert 0 <= moved["y"] < moved["y"] + moved["height"] <= spoken["y"]
    at(page, drawn(page)[2], PHONE)
    assert overflow(window) == []
    assert unreachable(window) == []


LETTERS = """() => [...document.querySelectorAll('.chart text')].map(e => {
    const box = e.getBoundingClientRect();
    const scale = e.ownerSVGElement.getBoundingClientRect().width / 360;
    return [e.textContent, box.left, box.right, box.top, box.bottom,
        parseFloat(getComputedStyle(e).fontSize) * scale];
})"""


@pytest.mark.parametrize("page", PAGES)
def test_letters_of_a_drawing_are_legible_on_a_phone_and_apart(page, at):
    window = at(page, None, PHONE)
    found = window.evaluate(LETTERS)
    assert [text for text, *_, pixels in found if pixels < 9] == []
    for i, (one, left, right, top, bottom, _) in enumerate(found):
        for other, l, r, t, b, _ in found[i + 1 :]:
            assert right <= l or r <= left or bottom <= t or b <= top, (one, other)
    assert len(found) > 4


def points(path: str) -> np.ndarray:
    """Return the points of a path of straight lines."""
    return np.array(re.findall(r"(-?[\d.]+) (-?[\d.]+)", path), dtype=float)


def test_the_line_of_equal_loss_touches_the_budget_at_the_best_split(at):
    window = at("planner", "law=chinchilla&factor=1")
    level = points(window.locator(".chart .main").get_attribute("d"))
    budget = points(window.locator(".chart .budget").get_attribute("d"))
    best = [float(window.locator(".chart .best").get_attribute(a)) for a in ("cx", "cy")]
    on_budget = np.interp(level[:, 0], budget[:, 0], budget[:, 1])
    # More tokens lie higher, and a drawing's y falls upwards: the line is on the dear side.
    assert (level[:, 1] <= on_budget + 0.1).all()
    touching = level[np.abs(level[:, 1] - on_budget).argmin()]
    assert touching == pytest.approx(best, abs=2.6)  # half the way to the next point, and rounding


def test_the_longest_bar_is_the_peak(at):
    window = at("memory")
    found = cells(window)
    sizes = window.eval_on_selector_all(
        ".chart rect", "all => all.map(r => +r.getAttribute('x') + +r.getAttribute('width'))"
    )
    card = float(re.search(r"M([\d.]+)", window.locator(".chart .budget").get_attribute("d"))[1])
    left = min(
        window.eval_on_selector_all(".chart rect", "all => all.map(r => +r.getAttribute('x'))")
    )
    ratio = (max(sizes) - left) / (card - left)
    assert ratio == pytest.approx(float(found["peak"]) / float(found["room"]), rel=2e-3)


# The relative luminance and contrast of WCAG 2.2, Sec. 1.4.3; 1.4.11 wants 3:1 of a drawing.
CONTRASTS = """([selector, property]) => {
    const light = colour => {
        const parts = colour.match(/[\\d.]+/g).slice(0, 3).map(part => part / 255)
            .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2] + 0.05;
    };
    // Browsers print no grounds: what is on paper is on white.
    const ground = matchMedia('print').matches
        ? 1.05 : light(getComputedStyle(document.body).backgroundColor);
    return [...document.querySelectorAll(selector)].map(e => {
        const one = light(getComputedStyle(e)[property]);
        return Math.max(one, ground) / Math.min(one, ground);
    });
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_lines_bars_and_letters_of_a_drawing_stand_out(page, theme, at):
    """On a screen, on paper, and in the colours of a reader's own, whatever the theme."""
    window = at(page, None, theme=theme)
    for media, forced in (("screen", "none"), ("print", "none"), ("screen", "active")):
        window.emulate_media(media=media, forced_colors=forced)
        for selector, property, least in (
            (".chart text", "fill", 4.5),
            (".sliders :is(td, figcaption, .spoken, label)", "color", 4.5),
            (".chart path:not(.tick)", "stroke", 3),
            (".legend rect, .chart rect[x]:not(clipPath *), .chart .best, .chart .run", "fill", 3),
            (".chart .other", "stroke", 3),
        ):
            found = window.evaluate(CONTRASTS, [selector, property])
            assert [one for one in found if one < least] == [], (selector, media, forced)
    assert window.locator(".chart text").count() > 4
    assert window.locator(".chart path:not(.tick)").count() > 0


@pytest.mark.parametrize("page", PAGES)
def test_the_dark_page_has_contrast_on_a_phone(page, at, windows):
    window = at(page, drawn(page)[2], PHONE, "dark")
    assert unreachable(window) == []  # which waits until the page has seen what scrolls
    hold_accessible(window)
    windows.pop(page)[0].close()  # what was looked at has been taken out


def test_the_three_pages_are_small_and_ask_for_nothing_else():
    made = ROOT / "book" / "_generated" / "sliders"
    texts = [(made / f"{page}.html").read_text("utf-8") for page in PAGES]
    asks = re.compile(r"\b(?:src|href)=|^import\b|\bfetch\(|XMLHttpRequest|https?:", flags=re.M)
    for text in texts:
        # One script, which all three share.
        text, count = re.subn(r'<script defer src="\.\./sliders/controls\.js\?v=\w+">', "", text)
        assert count == 1
        assert not asks.search(text)
    shared = (HTML / "sliders" / "controls.js").read_text("utf-8")
    assert not asks.search(shared)
    assert sum(len(text.encode()) for text in [*texts, shared]) < SIZE
