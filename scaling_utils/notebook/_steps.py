"""Drawings that follow each other, one at a time: chosen by key or by click, without a script.

The choice is a row of radio buttons, which every browser moves through with the arrow keys. A
rule of the page shows the drawing whose button is on. Where inputs or styles are taken out, as
in a notebook that is not trusted, and on paper, all drawings stand below each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from html import escape

from scaling_utils.notebook._drawing import Drawing
from scaling_utils.notebook._shown import text_of

MOST = 12  # buttons that a reader still tells apart


def steps(made: Sequence[Drawing], labels: Sequence[str], *, title: str) -> None:
    """Show drawings one at a time, in a notebook as in the book.

    A reader moves with the arrow keys or by a click. Each drawing should be understood when its
    label is read, and all of them without a click: on paper they stand below each other.

    Parameters
    ----------
    made : sequence of Drawing, length from 2 to 12
        All of the same size, so that nothing on the page moves.
    labels : sequence of str
        What stands on the button of each, such as "step 1"; all different.
    title : str
        What the row is, for a reader who cannot see it.

    Raises
    ------
    TypeError
        If one of them is no ``Drawing``.
    ValueError
        If there are fewer than 2 or more than 12, sizes differ, a label or the title is empty,
        two labels are equal, or there are more or fewer labels than drawings.
    """
    from IPython.display import display

    made, labels = list(made), [text_of("labels", label).strip() for label in labels]
    title = text_of("title", title).strip()
    _hold(made, labels)
    plain = "\n".join(
        f"{label}: {one.title}. {one.description}" for label, one in zip(labels, made, strict=True)
    )
    display(
        {"text/html": _html(made, labels, title), "text/plain": f"Drawings: {title}.\n{plain}"},
        raw=True,
    )


def _hold(made: list[Drawing], labels: list[str]) -> None:
    for one in made:
        if not isinstance(one, Drawing):
            raise TypeError(f"made must hold Drawings, got {one!r}")
    if not 2 <= len(made) <= MOST:
        raise ValueError(f"made must hold from 2 to {MOST} drawings, got {len(made)}")
    if len(labels) != len(made) or len(set(labels)) != len(labels):
        raise ValueError(f"labels must be {len(made)} different texts, got {labels}")
    sizes = {(one.width, one.height) for one in made}
    if len(sizes) > 1:
        raise ValueError(f"made must hold drawings of one size, got {sorted(sizes)}")


def _html(made: list[Drawing], labels: list[str], title: str) -> str:
    frames = [one.svg() for one in made]
    name = "s" + hashlib.sha256("".join([*frames, *labels, title]).encode()).hexdigest()[:8]
    inputs, shown = [], []
    for k, label in enumerate(labels, 1):
        on = " checked" if k == 1 else ""
        inputs.append(
            f'<input type="radio" name="{name}" id="{name}-{k}"{on}>'
            f'<label for="{name}-{k}">{escape(label)}</label>'
        )
        shown.append(f"#{name}>input:nth-of-type({k}):checked~div:nth-of-type({k})")
    return (
        f'<div class="drawing steps" id="{name}" role="radiogroup" aria-label="{escape(title)}">'
        f"<style>{_style(name, shown)}</style>{''.join(inputs)}{''.join(frames)}</div>"
    )


def _style(name: str, shown: list[str]) -> str:
    """Return the rules: buttons in the colour of the text, and one drawing on a screen."""
    button = f"#{name}>label"
    return (
        f"#{name}{{text-align:center}}"
        # Out of sight, but not out of reach of the keyboard.
        f"#{name}>input{{position:absolute;opacity:0;width:1px;height:1px;margin:0}}"
        f"{button}{{display:inline-block;margin:0 .25em .5em;padding:.3em .7em;min-height:1.5em;"
        "border:1px solid currentColor;border-radius:4px;cursor:pointer}"
        f"#{name}>input:checked+label{{text-decoration:underline;font-weight:bold;"
        "border-width:2px}"
        f"#{name}>input:focus-visible+label{{outline:3px solid currentColor;outline-offset:2px}}"
        f"@media screen{{#{name}>div{{display:none}}{','.join(shown)}{{display:block}}}}"
        f"@media print{{#{name}>input,{button}{{display:none}}}}"
    )
