"""Each guard passes a good chapter and catches the fault that it is there for."""

import nbformat
import pytest
import tiny
from guards import GUARDS
from guards_alt import alt_numbers
from guards_code import CODE_GUARDS
from guards_text import study_sections
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from scaling_utils.notebook import CLAIM_MIME

BY_NAME = {guard.__name__: guard for guard in GUARDS}


@pytest.fixture(scope="module")
def chapter():
    return tiny.run_chapter()


def source(number, text):
    """Replace the text of a code cell."""

    def change(book):
        tiny.code(book, number).source = text

    return change


def prefix(number, text):
    """Put a line in front of a code cell."""

    def change(book):
        cell = tiny.code(book, number)
        cell.source = text + "\n" + cell.source

    return change


def add_tag(number, tag):
    def change(book):
        cell = tiny.code(book, number)
        cell.metadata["tags"] = [*cell.metadata.get("tags", []), tag]

    return change


def markdown(old, new):
    """Replace text in all markdown cells."""

    def change(book):
        assert any(old in cell.source for cell in book.cells)
        for cell in book.cells:
            if cell.cell_type == "markdown":
                cell.source = cell.source.replace(old, new)

    return change


def output(number, *outputs):
    def change(book):
        tiny.code(book, number).outputs = list(outputs)

    return change


def swap(first, second):
    """Exchange two cells of the file."""

    def change(book):
        book.cells[first], book.cells[second] = book.cells[second], book.cells[first]

    return change


def count(number, value):
    def change(book):
        tiny.code(book, number).execution_count = value

    return change


def no_alt(book):
    tiny.code(book, 3).outputs[0].metadata["image/png"]["alt"] = "plot"


def broken_claim(book):
    tiny.code(book, 2).outputs[1].data[CLAIM_MIME]["holds"] = False


def edited_claim(kind, old, new):
    """Edit what a reader sees of the second claim, and not its numbers."""

    def change(book):
        data = tiny.code(book, 2).outputs[1].data
        assert old in data[kind]
        data[kind] = data[kind].replace(old, new)

    return change


def edited_number(book):
    """Edit the number behind a claim, which the scoreboard prints, and not what is read."""
    tiny.code(book, 2).outputs[1].data[CLAIM_MIME]["measured"] = 30.0


def repeated_claim(book):
    made = tiny.code(book, 2).outputs
    made[1].data = made[0].data


def repeated_id(book):
    book.cells[1]["id"] = book.cells[0]["id"]


def meta(**changes):
    def change(book):
        book.metadata.update(changes)

    return change


def without(holds):
    """Drop the cells for which ``holds`` is true."""

    def change(book):
        assert any(map(holds, book.cells))
        book.cells = [cell for cell in book.cells if not holds(cell)]

    return change


def old_format(book):
    book.nbformat_minor = 4
    for cell in book.cells:
        del cell["id"]


def shown_code_solution(book):
    tiny.code(book, 7).metadata["tags"] = ["solution"]


def second_setup(book):
    book.cells.append(new_code_cell("1", metadata={"tags": ["setup"]}, execution_count=9))


def prose_only(book):
    tiny.code(book, 7).metadata = nbformat.from_dict({})
    book.cells[-2].source = "5"
    book.cells.insert(-1, nbformat.v4.new_markdown_cell(tiny.PROSE_SOLUTION))


def describe(alt):
    """Return a cell that draws a figure with this expression as its description."""
    return f"{tiny.FIGURE.partition('notebook.')[0]}slope = ax\nnotebook.figure(fig, alt={alt})"


LONG = "A straight line that falls on two logarithmic axes"
TYPED = [
    f"'{LONG} from 10 to one.'",
    f"'{LONG} by 0.5 %.'",
    f"'{LONG} at 1,000'",
    f"'{LONG}: 12.'",
    f"'{LONG}, (3)'",
    f"'{LONG}, = 3'",
    f"f'{LONG} with slope {{slope:.2f}}, not 0.5'",
    f"f'{LONG} with slope {{0.5}}'",
    f"f'{LONG} with slope {{\"0.5\"}}'",
    f'f\'{LONG} {{"by 3" if slope else "by four"}}\'',
    f"'{LONG}' + ' by 0.5'",
    f"'{LONG} by 0.5 to {{}}'.format(slope)",
    f"'{LONG} by {{}}'.format(0.5)",
    f"' '.join(['{LONG}', 'by 0.5'])",
    f"'{LONG} by 3 to %s' % slope",
    f"'{LONG} by 3' if slope else '{LONG}'",
    f"(words := '{LONG} by 0.5')",
    f"words)\nwords = '{LONG} by 0.5'\nprint(words",
    f"words)\nwords = '{LONG}'\nwords += ' by 0.5'\nprint(words",
    f"'{LONG} by 2^10 to 0.5'",
]
NOT_TYPED = [
    f"'{LONG}, two panels, for GPT-3 and a 2D map: log10 against x^2 in 6ND.'",
    f"f'{LONG} with slope {{slope:.2f}} and {{[1, 2][1]}}'",
    f"f'{LONG} with slope {{round(slope, 3)}}'",
]
CLAIM = "notebook.claim('x', len('ab'), 2, abs=0, source='s')"
SWALLOWED = [
    f"try:\n    {CLAIM}\nexcept Exception:\n    pass",
    f"try:\n    pass\nexcept Exception:\n    pass\nelse:\n    {CLAIM}",
    f"try:\n    {CLAIM}\nexcept notebook.ClaimError as error:\n    notebook.say(str(error))",
    "try:\n    notebook.figure(1, alt='')\nexcept ValueError:\n    print('no figure')",
    f"import contextlib\nwith contextlib.suppress(Exception):\n    {CLAIM}",
    f"with suppress(Exception):\n    {CLAIM}",
    f"from IPython.utils.capture import capture_output\nwith capture_output():\n    {CLAIM}",
    f"def check():\n    {CLAIM}\n\n\ntry:\n    check()\nexcept Exception:\n    pass",
]
DEAD = [
    f"if False:\n    {CLAIM}",
    f"if 0:\n    {CLAIM}",
    f"if not True:\n    {CLAIM}",
    f"if 1 == 2:\n    {CLAIM}",
    f"if True:\n    pass\nelse:\n    {CLAIM}",
    f"CHECK = False\nif CHECK:\n    {CLAIM}",
    f"CHECK = 0\nif CHECK > 1:\n    {CLAIM}",
    f"from scaling_utils.notebook import claim\nif 0:\n    {CLAIM.replace('notebook.', '')}",
    f"while False:\n    {CLAIM}",
    f"while 1 < 0:\n    {CLAIM}",
    f"False and {CLAIM}",
    f"None if True else {CLAIM}",
    f"for _ in []:\n    {CLAIM}",
    f"for _ in range(0):\n    {CLAIM}",
    f"def check():\n    return\n    {CLAIM}\n\n\ncheck()",
    f"for _ in 'ab':\n    continue\n    {CLAIM}",
]
IDLE = [
    "2, 2, abs=0, source='s'",
    "measured=3.14, expected=22 / 7, rel=1e-3, source='s'",
    "two, 2, abs=0, source='s')\ntwo = 2\nprint(''",
    "1 + 1, at_least=len('a'), source='s'",
    "len('ab'), len('ab'), abs=0, source='s'",
    "len('ab'), at_most=len('ab'), source='s'",
    "abs(x), at_least=0, source='s'",
    "np.std(x), at_least=-1, source='s'",
    "len('ab'), 2, rel=1, source='s'",
]

WARNING = new_output("stream", name="stderr", text="UserWarning: take care")
ERROR = new_output("error", ename="ValueError", evalue="no", traceback=[])

FAULTS = [
    ("file_format", repeated_id),
    ("file_format", old_format),
    ("file_format", lambda book: book.cells[0].update(mood="bad")),
    ("file_format", meta(jupytext={"formats": "ipynb,py"})),
    ("file_format", meta(kernelspec={"name": "my-kernel", "display_name": "mine"})),
    ("file_format", output(1, new_output("stream", name="stdout", text="x" * 1_600_000))),
    ("setup_cell", prefix(0, "# mine")),
    ("setup_cell", second_setup),
    ("magics", source(7, "# Solution to exercise 3\n%no_such_magic")),
    ("magics", source(7, "# Solution to exercise 3\n!pip install nothing")),
    ("magics", source(7, "# Solution to exercise 3\nfiles = !ls")),
    ("magics", source(7, "# Solution to exercise 3\nprint?")),
    ("magics", source(3, "%%bash\nls")),
    ("magics", source(3, "pip install nothing")),
    ("magics", source(3, "get_ipython().system('ls')")),
    ("magics", source(3, "import os\nos.system('ls')")),
    ("magics", source(3, "import sys, subprocess\nsubprocess.run([sys.executable, '-m', 'pip'])")),
    ("executed", count(3, None)),
    ("executed", count(3, 9)),
    ("executed", count(4, None)),
    ("executed", output(3, ERROR)),
    ("executed", output(3, WARNING)),
    ("gpu_cells", source(3, "GPU = False\nif GPU:\n    1 / 0")),
    ("gpu_cells", source(3, "import torch\nif torch.cuda.is_available():\n    1 / 0")),
    ("gpu_cells", source(3, "gpu = 0\nif gpu:\n    1 / 0\nelse:\n    print('no GPU here')")),
    ("markers", prefix(3, "# NBVAL_SKIP")),
    ("markers", prefix(3, "# NBVAL_IGNORE_OUTPUT")),
    ("markers", prefix(3, "# NBVAL_RAISES_EXCEPTION")),
    ("markers", prefix(3, "# PYTEST_VALIDATE_IGNORE_OUTPUT")),
    ("markers", prefix(3, "#NBVAL_CHECK_OUTPUTS")),
    ("markers", source(3, "x = 1\n# NBVAL_CHECK_OUTPUT")),
    ("markers", add_tag(3, "nbval-skip")),
    ("markers", add_tag(3, "raises-exception")),
    ("markers", add_tag(3, "skip-execution")),
    ("markers", source(3, "table = corpora.run_table('kyo_takano')")),
    ("markers", source(5, "x = 1")),
    ("checked_outputs", output(1)),
    ("checked_outputs", source(1, "# NBVAL_CHECK_OUTPUT\nimport time\nprint(time.time())")),
    ("checked_outputs", without(lambda cell: "NBVAL" in cell.source)),
    ("claims", broken_claim),
    ("claims", repeated_claim),
    ("claims", output(2)),
    ("claims", edited_claim("text/html", "measured <b>3</b>", "measured <b>30</b>")),
    ("claims", edited_claim("text/plain", "Measured 3,", "Measured 30,")),
    ("claims", edited_claim("text/plain", "✓ ", "")),
    ("claims", edited_claim("text/html", "at least 2", "at least 3")),
    ("claims", edited_number),
    ("claims", lambda book: tiny.code(book, 2).outputs[1].data[CLAIM_MIME].update(mood="good")),
    ("alt_texts", no_alt),
    ("alt_texts", markdown("Nowhere.", "![plot](figure.svg)")),
    *[("alt_numbers", source(3, describe(alt))) for alt in TYPED],
    ("shown_by_name", source(3, "from scaling_utils.notebook import claim as check")),
    ("shown_by_name", source(3, "from scaling_utils.notebook import say\nshow = say")),
    ("shown_by_name", source(3, "from numpy import abs as claim")),
    ("shown_by_name", source(3, "def claim(*words, **numbers):\n    pass")),
    ("shown_by_name", source(3, "from scaling_utils.notebook import table\ntable = print")),
    ("shown_by_name", source(3, "from scaling_utils.notebook import *")),
    ("shown_by_name", source(3, "from scaling_utils import notebook as nb")),
    ("shown_by_name", source(3, "import numpy as notebook")),
    ("shown_by_name", source(3, "show = notebook.claim")),
    ("shown_by_name", source(3, "notebook.claim = print")),
    ("shown_by_name", source(3, "notebook = None")),
    ("shown_by_name", source(3, "display({notebook.CLAIM_MIME: {}}, raw=True)")),
    ("shown_by_name", source(3, "x = 'application/vnd.scaling-utils.claim+json'")),
    ("shown_by_name", source(3, "import os\nquick = 'PYTEST_CURRENT_TEST' in os.environ")),
    ("shown_by_name", source(3, "import os\nquick = os.environ['CI']")),
    ("shown_by_name", source(3, "import os\nquick = os.environ.get('RANK')")),
    *[("swallowed", source(2, text)) for text in SWALLOWED],
    *[("dead_code", source(2, text)) for text in DEAD],
    ("uncalled", source(2, f"def check():\n    {CLAIM}")),
    ("uncalled", source(2, f"def check():\n    {CLAIM}\n\n\ndef checks():\n    check()")),
    ("uncalled", source(2, f"check = lambda: {CLAIM}")),
    *[("idle_claims", source(2, f"notebook.claim('x', {text})")) for text in IDLE],
    ("run_time", meta(scaling_utils={})),
    ("run_time", meta(scaling_utils={"cpu": {"seconds": 61}})),
    ("run_time", meta(scaling_utils={"cpu": {"seconds": 61, "slowed": 1.0}})),
    ("run_time", meta(scaling_utils={"cpu": {"seconds": 91, "slowed": 1.5}})),
    ("run_time", meta(scaling_utils={"cpu": {"seconds": 50, "slowed": 0.5}})),
    ("run_time", meta(scaling_utils={"cpu": {"seconds": float("nan")}})),
    ("sections", markdown("# What is a tiny chapter?", "# 7 What is a tiny chapter?")),
    ("sections", markdown("# What is a tiny chapter?", "What is a tiny chapter?")),
    ("sections", markdown("*Runs on CPU: 1 s, 0.1 GB.*", "*Not yet run.*")),
    ("sections", markdown("**Does it pass?**", "It passes.")),
    ("sections", markdown("## Where this fails", "## Remarks")),
    ("sections", markdown("## Further reading", "## Links")),
    ("sections", swap(0, 1)),
    ("sections", swap(4, 6)),
    ("exercises", markdown("### Exercise 3", "### Exercise 4")),
    ("exercises", markdown("### Exercise 3: compute", "Compute.")),
    ("exercises", markdown("<details><summary>Solution", "<details><summary>Hint")),
    ("exercises", shown_code_solution),
    ("exercises", source(7, "# Solution to exercise 2\n2 + 3")),
    ("exercises", prose_only),
    ("exercises", markdown("in words that a reader can follow", "")),
    ("exercises", source(7, "# Solution to exercise 3\n# Add them.\n2 + 3")),
    ("equation_numbers", markdown("\\tag{1}", "\\tag{2}")),
    ("equation_numbers", markdown("\\tag{1}", "")),
    ("equation_numbers", markdown("Nowhere.", "$$x \\tag{1}$$")),
    ("equation_numbers", markdown("Nowhere.", "By Eq. (2), it does not.")),
    ("equation_numbers", markdown("\\tag{1}", r"\\ + 0 \tag{1}")),
    ("portable_markdown", markdown("Nowhere.", "```{note}\nA note.\n```")),
    ("portable_markdown", markdown("Nowhere.", ":::{note}\nA note.\n:::")),
    ("portable_markdown", markdown("Nowhere.", "See {cite}`kaplan2020`.")),
    ("portable_markdown", markdown("Nowhere.", "(a-target)=\n")),
    ("portable_markdown", markdown("Nowhere.", "{{ value }}")),
    ("portable_markdown", markdown("Nowhere.", "A hypothetical curve.")),
    ("portable_markdown", prefix(3, "# Hypothetical numbers")),
]


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.__name__)
def test_good_chapter_passes(chapter, guard):
    assert guard(chapter) == []


@pytest.mark.parametrize(("name", "change"), FAULTS)
def test_fault_is_caught(chapter, name, change):
    problems = BY_NAME[name](tiny.broken(chapter, change))
    assert problems
    assert all(isinstance(problem, str) for problem in problems)


def test_every_guard_has_a_fault_that_it_catches():
    assert {name for name, _ in FAULTS} == set(BY_NAME)


@pytest.mark.parametrize(
    "change",
    [
        source(3, "GPU = False\ndevice = 'cuda' if GPU else 'cpu'"),
        source(3, "gpu = 0\nif gpu:\n    steps = 1000\nelse:\n    steps = 10"),
        prefix(4, "if device_is_gpu:\n    pass"),  # the tag is there
        count(4, 12),  # kept from a run on a machine with a GPU
        markdown("Nowhere.", "In $e^{x}$ and $$\\frac{{{a}}}{{{b}}}$$ nothing is MyST."),
        markdown("Nowhere.", "```python\nprint(1)\n```"),
        *[source(3, describe(alt)) for alt in NOT_TYPED],
        source(2, f"def check():\n    {CLAIM}\n\n\ncheck()"),
        source(
            2, f"try:\n    {CLAIM}\nexcept Exception as error:\n    raise RuntimeError from error"
        ),
        source(2, f"try:\n    import torch\nexcept ImportError:\n    pass\n{CLAIM}"),
        source(2, "while True:\n    break"),
        source(2, "def halve(fast=False):\n    return 1 if fast else 2\n\n\nhalve()"),
        source(2, "low = None\nfor low in 'ab':\n    if low:\n        print(low)"),
        source(2, "from scaling_utils.notebook import COLOURS"),
        source(2, "def table(rows):\n    return len(rows)\n\n\nprint(table([1]))"),
        source(
            2, "from scaling_utils.notebook import table\n\n\ndef rows(table):\n    return table"
        ),
        source(2, f"from scaling_utils.notebook import claim\n{CLAIM.replace('notebook.', '')}"),
        source(2, "notebook.claim('x', max(x), at_most=0, source='s')"),
    ],
)
def test_no_false_alarm(chapter, change):
    book = tiny.broken(chapter, change)
    for guard in (BY_NAME[name] for name in ("gpu_cells", "executed", "portable_markdown")):
        assert guard(book) == []
    for guard in (alt_numbers, *CODE_GUARDS):
        assert guard(book) == []


def test_counts_may_jump_over_cells_that_were_skipped(chapter):
    def skipped(book):
        for number, value in enumerate([1, 2, 3, 4, 5, 6, 5, 6]):
            tiny.code(book, number).execution_count = value

    assert BY_NAME["executed"](tiny.broken(chapter, skipped)) == []


def test_a_rank_may_read_what_torchrun_tells_it(chapter):
    reads = source(3, "import os\nrank = int(os.environ['RANK'])")
    assert BY_NAME["shown_by_name"](tiny.broken(chapter, reads)) == []


def test_a_gpu_cell_may_wait_for_its_first_gpu_where_the_text_above_says_so(chapter):
    def waiting(said, outputs=()):
        def change(book):
            cell = tiny.code(book, 4)
            cell.execution_count, cell.outputs = None, list(outputs)
            book.cells.insert(book.cells.index(cell), new_markdown_cell(said))

        return BY_NAME["executed"](tiny.broken(chapter, change))

    assert waiting("**No GPU result is recorded yet**: it is skipped.") == []
    assert "cell 4 was never run" in waiting("Speed is what a GPU buys.")
    shown = new_output("stream", text="700 TFLOP/s")
    assert "cell 4 was never run" in waiting("**No GPU result is recorded yet**.", [shown])


STUDY = [
    new_markdown_cell("# A study"),
    new_markdown_cell("*Runs on CPU: 1 s, 0.1 GB.*", metadata={"tags": ["runs-on"]}),
    new_markdown_cell("**Does it hold?**"),
    new_code_cell("setup()", metadata={"tags": ["setup"]}),
    new_markdown_cell("## What was registered"),
    new_code_cell('notebook.predictions("text")'),
    new_markdown_cell("## What came"),
    new_code_cell('verdict("text.q", q)'),
    new_markdown_cell("## What was found afterwards"),
    new_markdown_cell("## What will be registered next"),
    new_markdown_cell("## Where this fails"),
    new_markdown_cell("## Further reading"),
]


def test_a_study_lists_before_it_scores():
    assert study_sections(nbformat.v4.new_notebook(cells=STUDY)) == []
    late = [*STUDY[:5], *STUDY[6:], STUDY[5]]
    assert study_sections(nbformat.v4.new_notebook(cells=late)) == [
        "the registered predictions are listed before the first is scored"
    ]


@pytest.mark.parametrize("place", [2, 3, 4, 6, 8, 9, 10, 11])
def test_a_study_without_one_of_its_parts_is_refused(place):
    cells = [cell for number, cell in enumerate(STUDY) if number != place]
    assert study_sections(nbformat.v4.new_notebook(cells=cells))


def test_a_study_found_something_before_anything_came():
    cells = [*STUDY]
    cells[6], cells[8] = cells[8], cells[6]
    assert study_sections(nbformat.v4.new_notebook(cells=cells)) == [
        "## What was found afterwards comes before ## What came"
    ]
