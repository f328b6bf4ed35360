"""The guides for a short chapter: each measure sees its fault, and every chapter keeps to them."""

import form
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from scaling_utils.notebook import IN_SHORT, TAKEAWAY

BOX = f"{IN_SHORT}\n>\n> - **14 %** is wasted"


def markdown(text, **output):
    return new_output("display_data", {"text/markdown": text}, **output)


def code(source, *outputs, tags=(), label=None):
    cell = new_code_cell(source, outputs=list(outputs))
    cell.metadata["tags"] = list(tags)
    if label:
        cell.metadata["label"] = label
    return cell


def text(source, *tags):
    return new_markdown_cell(source, metadata={"tags": list(tags)})


def short():
    """A chapter that keeps to all guides."""
    figure = new_output(
        "display_data",
        {"image/png": "", "text/plain": "a"},
        metadata={"image/png": {"phone_text_px": 9.1}},
    )
    return new_notebook(
        cells=[
            text("# A title"),
            text(BOX, "in-short"),
            code("try:\n    import scaling_utils\n" + "x" * 100, tags=["setup"]),
            text("## The theory\n\n### A condition\n\nOne $a + b$ word."),
            code("x = 1  # one\n# two\n\ny = 2"),
            code("say('it')", figure, tags=["hide-input"], label="Figure: it"),
            text(f"{TAKEAWAY} It holds."),
            text("## The experiment\n\n### Runs"),
            code("z = 3", markdown("A caption.\n\n| a | b |\n| --- | --- |\n| 1 | 2 |")),
            code("takeaway()", markdown(f"{TAKEAWAY} It came.")),
            code("in_short()", markdown(BOX), tags=["hide-cell"], label="In short"),
            text("## Exercises\n\n### Exercise 1, by hand: a\n\n### Exercise 2, write it yourself"),
            text("<details><summary>Solution</summary>\n\nmany words\n\n</details>"),
            text("### Exercise 3, as a referee"),
            code("solved = 1\n" * 500, tags=["hide-cell", "solution"]),
        ]
    )


def test_a_short_chapter_is_within_all_guides():
    assert form.beyond(short()) == {}


def test_lines_are_counted_without_comments_blanks_and_solutions():
    # 3 of the setup cell, 2, 1, 1, 1, 1; the two folded cells have one line each.
    assert form.code_lines(short()) == 9
    assert form.visible_lines(short()) == 7
    assert form.longest_cell(short()) == 2
    assert form.widest_line(short()) == 12


def test_words_are_counted_without_solutions_marks_and_formulas():
    book = new_notebook(cells=[text("## The *best* [size](a_b.md)\n\n$$a + b$$ and $c d$, 5 %.")])
    # The best size | formula | and | formula , | 5 %.
    assert form.words(book) == 9
    book.cells.append(text("<details><summary>S</summary>\n\nfive more words of it\n\n</details>"))
    assert form.words(book) == 9


def change(number, **fields):
    def do(book):
        for name, value in fields.items():
            setattr(book.cells[number], name, value)

    return do


def add(*cells):
    def do(book):
        book.cells[9:9] = cells

    return do


WIDE = "| " + " | ".join(["a heading of a column"] * 4) + " |"
WIDE_TABLE = f"{WIDE}\n| --- | --- | --- | --- |\n{WIDE}"
SMALL = "| a | b |\n| --- | --- |\n| 1 | 2 |"


@pytest.mark.parametrize(
    ("fault", "guide", "value"),
    [
        (add(code("x = 1\n" * 392, tags=["hide-input"], label="Table: x")), "code_lines", 401),
        (add(*[code("x = 1\n" * 20) for _ in range(10)]), "visible_lines", 207),
        (add(code("x = 1\n" * 26)), "longest_cell", 26),
        (add(code("x = '" + "y" * 83 + "'")), "widest_line", 89),
        (add(text("word " * 2500)), "words", 2537),
        (add(*[code("t", markdown(SMALL)) for _ in range(8)]), "tables", 9),
        (add(code("t", markdown(WIDE_TABLE))), "off_screen", 1),
        (change(1, source=BOX.replace("14", "15")), "in_short", 1),
        (change(10, outputs=[]), "in_short", 1),
        (lambda book: book.cells.pop(1), "in_short", 1),
        (change(6, source="It holds."), "takeaways", 1),
        (change(9, outputs=[]), "takeaways", 1),
        (change(13, source="### Exercise 3: a report"), "exercises", 1),
        (change(11, source="## Exercises\n\n### Exercise 1: a"), "exercises", 2),
        (change(5, metadata=nbformat.from_dict({"tags": ["hide-input"]})), "unlabelled", 1),
        (
            lambda book: book.cells[5].outputs[0].metadata["image/png"].update(phone_text_px=8.9),
            "small_text",
            1,
        ),
        (lambda book: book.cells[5].outputs[0].metadata.pop("image/png"), "small_text", 1),
    ],
)
def test_each_guide_sees_its_fault(fault, guide, value):
    book = short()
    fault(book)
    assert form.beyond(book) == {guide: value}


def test_where_the_last_column_starts_is_estimated_from_the_longest_cells():
    # 4 letters and 10 letters, 7.5 pixels each, and 22 for the sides of each cell.
    assert form.last_column([["a", "b" * 10, "c"], ["**four**", "b", "c"]]) == 14 * 7.5 + 44
    assert form.last_column([["a" * 200, "b"]]) == form.WIDEST  # a wide column wraps


def test_no_chapter_is_beyond_a_guide():
    assert form.measure(form.chapters()) == {}
