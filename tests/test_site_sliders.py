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
    HTML,
    PHONE,
    ROOT,
    hold_accessible,
    overflow,
    rendered,
    typeset,
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
        if one.name == "points":
            return round(at)
        return min(max(10**at if one.scale == "log10" else at, one.low), one.high)

    states = [{one.name: value(one) for one in CONTROLS[page]} for _ in range(count)]
    for state in states:
        if page == "memory" and state["model"] not in MIXTURES:
            state["expert"] = 1  # else most of them are refused for it
    return states


def cells(window) -> dict[str, str]:
    """Return all answers of a page; those that a state does not have are left out."""
    window.wait_for_selector(".sliders form:not([hidden])")
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


@pytest.fixture
def on_disk(browser):
    """Open a page of the folder in a browser without a network; close it after the test."""
    contexts = []

    def open_page(page: str, state: dict | None = None):
        contexts.append(browser.new_context(offline=True))
        window = contexts[-1].new_page()
        wrong = []
        window.on("pageerror", lambda error: wrong.append(str(error)))
        window.on("console", lambda said: wrong.append(said.text) if said.type == "error" else 0)
        window.on("requestfailed", lambda request: wrong.append(request.url))
        window.on(
            "request",
            lambda one: wrong.append(one.url) if not one.url.startswith(("file:", "data:")) else 0,
        )
        window.goto(rendered(PAGES[page]).as_uri() + (f"#{urlencode(state)}" if state else ""))
        return window, wrong

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("page", PAGES)
def test_from_a_disk_the_page_answers_as_the_package_and_at_the_ends_of_every_slider(page, on_disk):
    states = asked(page)
    assert len(states) >= 20
    window, wrong = on_disk(page)
    for state in states:
        window.evaluate(GO, f"#{urlencode(state)}")
        answers = getattr(slider_answers, page)(state)
        assert cells(window) == answers, state
        said = slider_answers.sentence(page, answers)
        assert window.locator(".sliders [aria-live]").text_content() == said
        assert window.locator("svg.chart").get_attribute("aria-label").endswith(said)
    assert wrong == []


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
def test_without_a_script_the_first_answer_stands_there(page, browser, site_address):
    context = browser.new_context(java_script_enabled=False)
    window = context.new_page()
    window.goto(f"{site_address}{PAGES[page]}.html")
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
    assert drawing.get_attribute("aria-label").endswith(said)
    assert re.search(r"\d", said)
    context.close()


def numbers(markup: str) -> tuple[str, list[float]]:
    """Split a drawing into what is drawn and where."""
    markup = re.sub(r"></(?:path|rect|circle)>", "/>", html.unescape(markup))
    pattern = r"-?\d+(?:\.\d+)?"
    return re.sub(pattern, "#", markup), [float(one) for one in re.findall(pattern, markup)]


@pytest.mark.parametrize("page", PAGES)
def test_the_drawing_without_a_script_is_that_of_the_script(page, visit):
    window = visit(f"{PAGES[page]}.html").page
    cells(window)
    form, places = numbers(window.locator("svg.chart").inner_html())
    built_form, built = numbers(getattr(slider_charts, page)(first(page)))
    assert form == built_form
    assert np.abs(np.subtract(places, built)).max() < 0.11  # of 360 units: one decimal is printed
    assert len(places) > 50


@pytest.mark.parametrize("page", PAGES)
def test_a_plan_is_shared_by_its_address(page, visit):
    state = drawn(page)[0]
    window = visit(f"{PAGES[page]}.html#{urlencode(state)}").page
    assert cells(window) == getattr(slider_answers, page)(state)
    for name, value in state.items():
        field = window.locator(f"#{name}").input_value()
        assert field == value if isinstance(value, str) else float(field) == value


@pytest.mark.parametrize(
    ("hash", "meant"),
    [
        ("flops=1e99&law=nobody", {"flops": 1e28}),
        ("flops=1&price=free", {"flops": 1e18}),
        ("flops=&devices=-3", {"devices": 1}),
        ("mfu=140&pue=0&nothing=5", {"mfu": 100, "pue": 1}),
    ],
)
def test_an_address_that_says_nonsense_is_kept_inside_the_ends(hash, meant, visit):
    seen = visit(f"book/planner.html#{hash}")
    assert cells(seen.page) == slider_answers.planner(first("planner") | meant)
    assert seen.errors == []


def stands_at(window, slider) -> int:
    """Return the place of a slider."""
    return int(slider.input_value())


@pytest.mark.parametrize("page", PAGES)
def test_every_slider_moves_by_key_to_both_ends(page, visit):
    window = visit(f"{PAGES[page]}.html").page
    cells(window)
    for one in CONTROLS[page]:
        if not isinstance(one, Slider):
            continue
        slider = window.locator(f"[data-name={one.name}] input[type=range]")
        slider.focus()
        for key, value in (("Home", one.low), ("End", one.high)):
            window.keyboard.press(key)
            assert float(window.locator(f"#{one.name}").input_value()) == value
            assert float(slider.get_attribute("aria-valuetext").replace(",", "")) == pytest.approx(
                value, rel=1e-3
            )
        assert stands_at(window, slider) == one.places
        window.keyboard.press("ArrowLeft")
        moved = float(window.locator(f"#{one.name}").input_value())
        assert moved == pytest.approx(one.at(one.places - 1), rel=1e-12)
        window.keyboard.press("Home")
        window.keyboard.press("ArrowRight")
        moved = float(window.locator(f"#{one.name}").input_value())
        assert moved == pytest.approx(one.at(1), rel=1e-12)


@pytest.mark.parametrize("page", PAGES)
def test_a_key_moves_answers_address_and_what_is_spoken(page, visit):
    window = visit(f"{PAGES[page]}.html").page
    before = cells(window)
    spoken = window.locator(".sliders [aria-live]")
    said = spoken.inner_text()
    name = {"planner": "flops", "memory": "context", "valley": "centre"}[page]
    slider = window.locator(f"[data-name={name}] input[type=range]")
    slider.focus()
    assert slider.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
    window.keyboard.press("ArrowRight")
    window.wait_for_function(
        "said => document.querySelector('[aria-live]').innerText !== said", arg=said
    )
    state = given(window)
    assert state.keys() == first(page).keys()
    assert {n for n in state if state[n] != first(page)[n]} == {name}
    after = cells(window)
    assert after != before
    assert after == getattr(slider_answers, page)(state)
    window.reload()
    assert cells(window) == after


@pytest.mark.parametrize("page", PAGES)
def test_from_a_disk_an_address_restores_the_state_and_follows_the_reader(page, on_disk):
    state = drawn(page)[1]
    window, wrong = on_disk(page, state)
    assert cells(window) == getattr(slider_answers, page)(state)
    name = next(one.name for one in CONTROLS[page] if isinstance(one, Slider))
    other = CONTROLS[page][[one.name for one in CONTROLS[page]].index(name)].high
    window.locator(f"#{name}").fill(f"{other:.12g}")
    window.wait_for_function("""before => location.hash !== before""", arg=f"#{urlencode(state)}")
    window.wait_for_timeout(300)
    assert given(window)[name] == other
    window.reload()
    assert cells(window) == getattr(slider_answers, page)(given(window))
    assert wrong == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_on_a_phone_nothing_sticks_out_and_all_has_contrast(page, dark, visit):
    seen = visit(f"{PAGES[page]}.html#{urlencode(drawn(page)[2])}", dark=dark, size=PHONE)
    typeset(seen.page)
    cells(seen.page)
    assert overflow(seen.page) == []
    assert unreachable(seen.page) == []
    hold_accessible(seen.page)
    assert seen.errors == []


LETTERS = """() => [...document.querySelectorAll('.chart text')].map(e => {
    const box = e.getBoundingClientRect();
    const scale = e.ownerSVGElement.getBoundingClientRect().width / 360;
    return [e.textContent, box.left, box.right, box.top, box.bottom,
        parseFloat(getComputedStyle(e).fontSize) * scale];
})"""


@pytest.mark.parametrize("page", PAGES)
def test_letters_of_a_drawing_are_legible_on_a_phone_and_apart(page, visit):
    window = visit(f"{PAGES[page]}.html", size=PHONE).page
    cells(window)
    found = window.evaluate(LETTERS)
    assert [text for text, *_, pixels in found if pixels < 9] == []
    for i, (one, left, right, top, bottom, _) in enumerate(found):
        for other, l, r, t, b, _ in found[i + 1 :]:
            assert right <= l or r <= left or bottom <= t or b <= top, (one, other)
    assert len(found) > 4


def points(path: str) -> np.ndarray:
    """Return the points of a path of straight lines."""
    return np.array(re.findall(r"(-?[\d.]+) (-?[\d.]+)", path), dtype=float)


def test_the_line_of_equal_loss_touches_the_budget_at_the_best_split(visit):
    window = visit("book/planner.html#law=chinchilla&factor=1").page
    cells(window)
    level = points(window.locator(".chart .main").get_attribute("d"))
    budget = points(window.locator(".chart .budget").get_attribute("d"))
    best = [float(window.locator(".chart .best").get_attribute(a)) for a in ("cx", "cy")]
    on_budget = np.interp(level[:, 0], budget[:, 0], budget[:, 1])
    # More tokens lie higher, and a drawing's y falls upwards: the line is on the dear side.
    assert (level[:, 1] <= on_budget + 0.1).all()
    touching = level[np.abs(level[:, 1] - on_budget).argmin()]
    assert touching == pytest.approx(best, abs=2.6)  # half the way to the next point, and rounding


def test_the_longest_bar_is_the_peak(visit):
    window = visit("book/memory_page.html").page
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
    const ground = light(getComputedStyle(document.body).backgroundColor);
    return [...document.querySelectorAll(selector)].map(e => {
        const one = light(getComputedStyle(e)[property]);
        return Math.max(one, ground) / Math.min(one, ground);
    });
}"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_lines_bars_and_letters_of_a_drawing_stand_out(page, dark, visit):
    window = visit(f"{PAGES[page]}.html", dark=dark).page
    cells(window)
    for selector, property, least in (
        (".chart text", "fill", 4.5),
        (".chart path:not(.tick)", "stroke", 3),
        (".legend rect, .chart .best, .chart .run", "fill", 3),
        (".chart .other", "stroke", 3),
    ):
        found = window.evaluate(CONTRASTS, [selector, property])
        assert [one for one in found if one < least] == [], selector
    assert window.locator(".chart text").count() > 4
    assert window.locator(".chart path:not(.tick)").count() > 0


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
