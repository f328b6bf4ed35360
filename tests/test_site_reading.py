"""How the pages read: headings, folds, figures, tables, code, the keyboard, paper, the search."""

from __future__ import annotations

import csv
import re

import pytest
import site_search
from site_pages import CHAPTERS, HTML, PHONE, ROOT, overflow, rendered, typeset

FIRST = CHAPTERS[0]


def style(page, selector: str, *names: str) -> list[str]:
    return page.eval_on_selector(
        selector, "(e, names) => names.map(name => getComputedStyle(e)[name])", list(names)
    )


def test_second_and_third_headings_look_different(visit):
    page = visit(f"{CHAPTERS[-1]}.html").page
    second, third = (style(page, f".bd-article {tag}", "fontSize", "color") for tag in ("h2", "h3"))
    assert float(second[0][:-2]) >= 1.3 * float(third[0][:-2])
    assert second[1] != third[1]


@pytest.mark.parametrize("name", CHAPTERS[:3])
def test_no_formula_is_a_stop_for_the_tab_key(name, visit):
    page = visit(f"{name}.html").page
    typeset(page)
    inside = "mjx-container[tabindex], mjx-container [tabindex], mjx-container a"
    assert page.locator("mjx-container").count() > 5
    assert page.locator(inside).count() == 0


def test_folded_cells_say_what_they_are():
    said = set()
    for name in CHAPTERS:
        text = rendered(name).read_text("utf-8")
        said |= set(re.findall(r'<p class="collapsed admonition-title">(.*?)</p>', text))
    assert "Show the solution" in said
    assert any(label.startswith("Figure") for label in said)  # each cell has words of its own
    assert [label for label in said if "code cell" in label] == []  # the theme's own words


def test_a_figure_opens_at_full_size_by_a_tap_and_by_the_keyboard(visit):
    page = visit(f"{FIRST}.html", size=PHONE).page
    figure = page.locator(".bd-article img:has(+ a.full-size)").first
    link = page.locator(".bd-article a.full-size").first
    assert link.is_visible()
    address = link.evaluate("e => e.href")
    link.focus()
    assert page.evaluate("document.activeElement.textContent") == "Open the figure at full size"
    figure.click()
    page.wait_for_url(address)
    assert address.endswith(".png")


def test_the_first_column_of_a_wide_table_stays_on_a_phone(visit):
    for name in CHAPTERS:
        page = visit(f"{name}.html", size=PHONE).page
        wide = page.evaluate_handle(
            """() => [...document.querySelectorAll('.pst-scrollable-table-container')]
                .find(box => box.scrollWidth > box.clientWidth + 40)"""
        ).as_element()
        if wide:
            break
    assert wide, "no chapter has a table that is wider than a phone"
    wide.evaluate("box => { box.scrollLeft = 40; }")
    left = wide.evaluate(
        "box => box.querySelector('tbody td').getBoundingClientRect().left"
        " - box.getBoundingClientRect().left"
    )
    assert abs(left) <= 1
    assert overflow(page) == []


def test_code_of_88_columns_fits_on_a_desktop(visit):
    page = visit(f"{FIRST}.html").page
    wide = page.evaluate(
        """() => {
            const code = document.querySelector('div.cell_input pre');
            code.textContent = 'x'.repeat(88);
            return code.scrollWidth - code.clientWidth;
        }"""
    )
    assert wide <= 0


def test_on_paper_code_wraps_and_the_furniture_is_gone(visit):
    page = visit(f"{FIRST}.html").page
    page.emulate_media(media="print")
    assert style(page, "div.cell_input pre", "whiteSpace") == ["pre-wrap"]
    for furniture in (".bd-sidebar-primary", ".bd-header-article", ".prev-next-footer"):
        assert style(page, furniture, "display") == ["none"]
    seen = "() => [...document.querySelectorAll('h1')].filter(h => h.checkVisibility()).length"
    assert page.evaluate(seen) == 1  # the theme prints a title of its own


def test_the_steps_of_a_drawing_are_chosen_by_key_and_without_a_script(browser, site_address):
    name = next(
        page for page in CHAPTERS if 'class="drawing steps"' in rendered(page).read_text("utf-8")
    )
    context = browser.new_context(java_script_enabled=False, reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{site_address}{name}.html", wait_until="load")
    row = page.locator(".steps").first
    drawings, buttons = row.locator("> div"), row.locator("> input")

    def seen() -> list[int]:
        return [k for k in range(drawings.count()) if drawings.nth(k).is_visible()]

    assert buttons.count() == drawings.count() > 2
    assert seen() == [0]
    buttons.first.focus()
    page.keyboard.press("ArrowRight")
    assert seen() == [1]
    row.locator("> label").last.click()
    assert seen() == [drawings.count() - 1]
    page.emulate_media(media="print")
    assert seen() == list(range(drawings.count()))
    context.close()


def test_subjects_are_listed_for_pages_of_the_plan():
    with (ROOT / "book" / "chapters.csv").open(newline="", encoding="utf-8") as file:
        planned = {f"notebooks/{row['file']}" for row in csv.DictReader(file)}
    table = site_search.listed()
    assert {page for page in table if page.startswith("notebooks/")} == planned
    assert all((ROOT / f"{page}.md").is_file() for page in table if page.startswith("book/"))
    assert all(all(subjects) for subjects in table.values())


SUBJECTS = {
    "tokens per parameter": "notebooks/20_chinchilla",
    "Chinchilla": "notebooks/20_chinchilla",
    "muP": "notebooks/38_width",
    "MoE": "notebooks/13_mixture_of_experts",
    "LSTM": "notebooks/24_architectures_and_domains",
    "bootstrap": "notebooks/15_power_laws",
}


@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_search_shows_the_chapter_of_a_subject_first(subject, visit):
    wanted = SUBJECTS[subject]
    if not (HTML / f"{wanted}.html").is_file():
        pytest.skip(f"{wanted} is not written yet")
    page = visit(f"search.html?q={subject.replace(' ', '+')}").page
    page.wait_for_selector("#search-results li a")
    page.wait_for_function(
        "document.querySelector('.search-summary').textContent.includes('found')"
    )
    links = page.eval_on_selector_all("#search-results li a", "all => all.map(a => a.href)")
    assert f"{wanted}.html" in links[0], links[:4]
