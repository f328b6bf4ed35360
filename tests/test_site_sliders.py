"""The pages with sliders: in the browser they answer as the package does, to the printed digit."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode

import numpy as np
import pytest
import slider_answers
from site_pages import (
    PHONE,
    ROOT,
    hold_accessible,
    overflow,
    rendered,
    typeset,
    unreachable,
)
from slider_controls import CONTROLS, Choice, Slider, first

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

    return [{one.name: value(one) for one in CONTROLS[page]} for _ in range(count)]


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


@pytest.mark.parametrize("page", PAGES)
def test_the_page_answers_as_the_package_and_at_the_ends_of_every_slider(page, visit):
    states = ends(page) + choices(page) + drawn(page)
    assert len(states) >= 20
    seen = visit(f"{PAGES[page]}.html")
    for state in states:
        seen.page.evaluate(GO, f"#{urlencode(state)}")
        assert cells(seen.page) == getattr(slider_answers, page)(state), state
    assert (seen.errors, seen.outside) == ([], [])


def test_the_drawn_states_meet_layouts_that_are_refused_and_grids_without_a_bottom():
    """Else the test above would never see the page say so."""
    refused = [s for s in choices("memory") + drawn("memory") if len(slider_answers.memory(s)) == 1]
    empty = [s for s in ends("valley") + drawn("valley") if "ratio" not in slider_answers.valley(s)]
    assert refused
    assert empty


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
    assert not window.locator(".sliders figure").is_visible()
    assert window.locator(".sliders noscript").is_visible()
    context.close()


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
        window.keyboard.press("ArrowLeft")
        moved = float(window.locator(f"#{one.name}").input_value())
        assert one.low <= moved < one.high


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
def test_the_page_works_from_a_disk(page, browser):
    context = browser.new_context()
    window = context.new_page()
    errors = []
    window.on("pageerror", lambda error: errors.append(str(error)))
    state = drawn(page)[1]
    window.goto(f"{rendered(PAGES[page]).as_uri()}#{urlencode(state)}")
    assert cells(window) == getattr(slider_answers, page)(state)
    assert errors == []
    context.close()


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
    assert sum(len(text.encode()) for text in texts) < SIZE
    for text in texts:
        assert not re.search(r"\b(?:src|href)=|\bimport\b|\bfetch\(", text)
