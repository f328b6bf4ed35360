"""Drawings from code: SVG that follows the theme of its page and says what it shows.

A drawing is no plot: it explains a mechanism, with boxes, arrows, brackets and small matrices.
It takes the colour of the text around it, and each colour of the palette has a light and a
dark form. The same code gives the same bytes.

>>> d = Drawing(200, 80, title="Two steps", description="An arrow leads from data to a model.")
>>> d.box(10, 20, 70, 40, "data")
>>> d.arrow((84, 40), (116, 40))
>>> d.box(120, 20, 70, 40, "model", colour="blue")
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from scaling_utils._check import finite_array, member, positive_array, whole
from scaling_utils._check import number as checked
from scaling_utils.notebook import _svg
from scaling_utils.notebook._shown import PHONE, text_of

SIZE = 15.0  # of the letters, in units of the drawing
SMALLEST = 9.0  # pixels of the letters on a phone
COLOURS = (_svg.INK, *_svg.PALETTE)
Point = tuple[float, float]


class Drawing:
    """A drawing, made part by part; ``notebook.drawing`` shows it.

    In all texts ``_{..}`` is lowered, ``^{..}`` raised and ``*..*`` slanted. A colour is "ink",
    which is that of the text around, or "blue", "orange", "green", "pink" or "grey". A point
    is (right, down) from the upper left corner, in units that are about a pixel on a desk and
    0.7 on a phone; so are all lengths.

    Parameters
    ----------
    width, height : float
        Above 0; ``width`` at most 596, at which letters have 9 pixels on a phone.
    title : str
        What it is, in a few words.
    description : str
        What a reader who cannot see it should know; at least 30 characters.

    Raises
    ------
    TypeError, ValueError
        If a size is out of range, or a text empty or too short. From each part: if it lies
        outside, its colour is unknown, a length is not positive, its text is empty, a box is
        narrower than its text, or an arrow or a bracket is shorter than 1.
    """

    def __init__(self, width: float, height: float, *, title: str, description: str):
        widest = SIZE * PHONE / SMALLEST
        self.width = checked("width", width, above=0, at_most=widest)
        self.height = checked("height", height, above=0)
        self.title = text_of("title", title).strip()
        if not isinstance(description, str) or len(description.strip()) < 30:
            raise ValueError(f"description must have 30 characters or more, got {description!r}")
        self.description = description.strip()
        self._parts: list[str] = []

    def svg(self) -> str:
        """Return the drawing.

        Returns
        -------
        HTML with one ``<svg>`` in it, as text.
        """
        return _svg.document(self._parts, self.width, self.height, self.title, self.description)

    def label(
        self, x: float, y: float, text: str, *, colour: str = _svg.INK, anchor: str = "middle"
    ) -> None:
        """Write a text; a line break starts a new line.

        Parameters
        ----------
        x, y : float
            Of the anchor, at the height of the middle of the text.
        text, colour : str
        anchor : {"start", "middle", "end"}
            Which part of the text is at ``x``.
        """
        member("anchor", anchor, ("start", "middle", "end"))
        lines = text_of("text", text).split("\n")
        wide = SIZE * max(map(_svg.letters_wide, lines))
        left = x - wide * {"start": 0, "middle": 0.5, "end": 1}[anchor]
        self._inside((left, y), (left + wide, y), of=f"the text {text!r}")
        fill = self._paint(colour)
        for k, line in enumerate(lines):
            down = y + (k - (len(lines) - 1) / 2) * 1.25 * SIZE + 0.34 * SIZE
            self._parts.append(
                f'<text x="{_svg.number(x)}" y="{_svg.number(down)}" font-size="{SIZE:g}" '
                f'text-anchor="{anchor}" fill="{fill}">{_svg.letters(line)}</text>'
            )

    def line(
        self,
        points: Sequence[Point],
        *,
        colour: str = _svg.INK,
        width: float = 1.6,
        dashed: bool = False,
    ) -> None:
        """Draw a line through two or more points, shape (points, 2), ``width`` thick."""
        at = finite_array("points", points, ndim=2)
        if at.shape[0] < 2 or at.shape[1] != 2:
            raise ValueError(f"points must have shape (2 or more, 2), got {at.shape}")
        self._inside(at.min(0), at.max(0), of="the line")
        path = "M" + "L".join(f"{_svg.number(x)} {_svg.number(y)}" for x, y in at)
        dash = ' stroke-dasharray="5 5"' if dashed else ""
        self._parts.append(
            f'<path d="{path}" stroke="{self._paint(colour)}" '
            f'stroke-width="{checked("width", width, above=0):g}"{dash}/>'
        )

    def arrow(
        self, start: Point, end: Point, text: str = "", *, colour: str = _svg.INK, shift: float = 12
    ) -> None:
        """Draw an arrow, with a text ``shift`` to the left of its middle; below 0 to the right."""
        a, b = finite_array("start", start), finite_array("end", end)
        length = float(np.hypot(*(b - a)))
        if length < 1:
            raise ValueError(f"start and end must differ, got {start} and {end}")
        along = (b - a) / length
        across = np.array([along[1], -along[0]])  # to the left, on a page whose y goes down
        self.line([a, b - 5 * along], colour=colour)
        corners = [b, b - 9 * along + 4.5 * across, b - 9 * along - 4.5 * across]
        points = " ".join(f"{_svg.number(x)},{_svg.number(y)}" for x, y in corners)
        self._parts.append(f'<polygon points="{points}" fill="{self._paint(colour)}"/>')
        if text:
            x, y = (a + b) / 2 + shift * across
            anchor = "middle" if abs(across[0]) < 0.5 else "start" if across[0] > 0 else "end"
            self.label(x, y, text, colour=colour, anchor=anchor if shift >= 0 else "middle")

    def box(
        self, x: float, y: float, wide: float, high: float, text: str = "", *, colour=_svg.INK
    ) -> None:
        """Draw a box from its upper left corner, ``wide`` enough for the text in its middle."""
        self._rectangle(x, y, wide, high, colour, 4)
        if text:
            if SIZE * max(map(_svg.letters_wide, text.split("\n"))) > wide:
                raise ValueError(f"wide must hold the text {text!r}, got {wide:g}")
            self.label(x + wide / 2, y + high / 2, text)

    def dot(self, x: float, y: float, *, colour: str = _svg.INK, hollow: bool = False) -> None:
        """Draw a dot, ``hollow`` or filled, with its centre at (x, y)."""
        self._inside((x, y), (x, y), of="the dot")
        paint = self._paint(colour)
        fill = "none" if hollow else paint
        self._parts.append(
            f'<circle cx="{_svg.number(x)}" cy="{_svg.number(y)}" r="4.5" '
            f'stroke="{paint}" stroke-width="1.6" fill="{fill}"/>'
        )

    def bracket(self, start: Point, end: Point, text: str, *, colour: str = _svg.INK) -> None:
        """Draw a square bracket to the left of the way from ``start`` to ``end``, with a text."""
        a, b = finite_array("start", start), finite_array("end", end)
        length = float(np.hypot(*(b - a)))
        if length < 1:
            raise ValueError(f"start and end must differ, got {start} and {end}")
        across = np.array([b[1] - a[1], a[0] - b[0]]) / length
        self.line([a, a + 7 * across, b + 7 * across, b], colour=colour)
        x, y = (a + b) / 2 + (14 + 0.5 * SIZE * (abs(across[1]) > 0.5)) * across
        anchor = "middle" if abs(across[0]) < 0.5 else "start" if across[0] > 0 else "end"
        self.label(x, y, text, colour=colour, anchor=anchor)

    def matrix(
        self,
        x: float,
        y: float,
        rows: int,
        columns: int,
        *,
        text: str = "",
        sides: tuple[str, str] = ("", ""),
        cell: float = 14.0,
        colour: str = "blue",
    ) -> None:
        """Draw a small matrix.

        Parameters
        ----------
        x, y : float
            Its upper left corner.
        rows, columns : int
            Cells, at least 1 each.
        text : str
            What stands below it.
        sides : (str, str)
            How many rows (on the left) and columns (above) it has.
        cell : float
            The side of a cell, above 0.
        colour : str
        """
        rows, columns = whole("rows", rows), whole("columns", columns)
        wide, high = columns * checked("cell", cell, above=0), rows * cell
        self._rectangle(x, y, wide, high, colour, 1)
        for k in range(1, columns):
            self.line([(x + k * cell, y), (x + k * cell, y + high)], colour=colour, width=0.7)
        for k in range(1, rows):
            self.line([(x, y + k * cell), (x + wide, y + k * cell)], colour=colour, width=0.7)
        if text:
            self.label(x + wide / 2, y + high + 0.8 * SIZE, text)
        if sides[0]:
            self.label(x - 6, y + high / 2, sides[0], colour="grey", anchor="end")
        if sides[1]:
            self.label(x + wide / 2, y - 0.7 * SIZE, sides[1], colour="grey")

    def plane(
        self, x: float, y: float, wide: float, high: float, *, xlim, ylim, labels: tuple[str, str]
    ) -> Callable[..., np.ndarray]:
        """Draw two logarithmic axes, and return what turns data into points of the drawing.

        Parameters
        ----------
        x, y, wide, high : float
            The rectangle that the axes open, from its upper left corner.
        xlim, ylim : (float, float)
            From and to, in the units of the data, above zero.
        labels : (str, str)
            What the axes show.

        Returns
        -------
        callable
            Of arrays (x, y), shape (points,), to an array of shape (points, 2). Points that lie
            outside the axes are left out, so a curve ends at their edge.
        """
        low, span = [], []
        for name, limits in (("xlim", xlim), ("ylim", ylim)):
            start, stop = np.log(positive_array(name, limits, ndim=1))
            low.append(start)
            span.append(stop - start)
        self.arrow((x, y + high), (x, y))
        self.arrow((x, y + high), (x + wide, y + high))
        self.label(x + wide, y + high + SIZE, labels[0], anchor="end")
        self.label(x - 8, y + 4, labels[1], anchor="end")

        def place(X, Y) -> np.ndarray:
            right = (np.log(np.atleast_1d(X)) - low[0]) / span[0]
            up = (np.log(np.atleast_1d(Y)) - low[1]) / span[1]
            right, up = np.broadcast_arrays(right, up)
            seen = (right >= 0) & (right <= 1) & (up >= 0) & (up <= 1)
            return np.column_stack([x + wide * right, y + high * (1 - up)])[seen]

        return place

    def _rectangle(self, x, y, wide, high, colour, round_by) -> None:
        for name, value in (("wide", wide), ("high", high)):
            checked(name, value, above=0)
        self._inside((x, y), (x + wide, y + high), of="the box")
        paint = self._paint(colour)
        place = " ".join(
            f'{name}="{_svg.number(value)}"'
            for name, value in (("x", x), ("y", y), ("width", wide), ("height", high))
        )
        self._parts.append(
            f'<rect {place} rx="{round_by}" stroke="{paint}" stroke-width="1.6" '
            f'fill="{paint}" fill-opacity="0.1"/>'
        )

    def _paint(self, colour: str) -> str:
        return _svg.paint(member("colour", colour, COLOURS))

    def _inside(self, low, high, of: str) -> None:
        x0, y0, x1, y1 = (*map(float, low), *map(float, high))
        if not (x0 >= -1 and y0 >= -1 and x1 <= self.width + 1 and y1 <= self.height + 1):
            raise ValueError(
                f"{of} must lie inside {self.width:g} by {self.height:g}, got x from {x0:.0f} to "
                f"{x1:.0f} and y from {y0:.0f} to {y1:.0f}"
            )


def drawing(made: Drawing) -> None:
    """Show a drawing, in a notebook as in the book; its title and description come with it.

    Parameters
    ----------
    made : Drawing
        What is shown.

    Raises
    ------
    TypeError
        If it is no ``Drawing``.
    """
    from IPython.display import display

    if not isinstance(made, Drawing):
        raise TypeError(f"made must be a Drawing, got {made!r}")
    plain = f"Drawing: {made.title}. {made.description}"
    display({"text/html": made.svg(), "text/plain": plain}, raw=True)
