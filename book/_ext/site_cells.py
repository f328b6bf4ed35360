"""What a folded cell is called: by its own label, or by what it is and shows.

A cell says it itself in its metadata, ``"label": "Show the code of this table"``. Otherwise a
solution is a solution, and a folded cell that reports is named after what lies under it.
"""

from __future__ import annotations

from docutils import nodes

SOLUTION = "Show the solution"


def label(metadata: dict, output: nodes.Node | None) -> str:
    """Return the words on a folded cell.

    Parameters
    ----------
    metadata : the metadata of the cell.
    output : what the cell shows, if anything.
    """
    if metadata.get("label"):
        return str(metadata["label"])
    if "solution" in metadata.get("tags", []):
        return SOLUTION
    return f"Show the code of this {_kind(output)}" if output is not None else "Show the code"


def _kind(output: nodes.Node) -> str:
    if list(output.findall(nodes.image)):
        return "figure"
    if any('class="claim"' in raw.astext() for raw in output.findall(nodes.raw)):
        return "claim"
    if list(output.findall(nodes.table)):
        return "table"
    return "result"


def name_folds(app, doctree):
    """Put its label on each folded cell."""
    for cell in doctree.findall(nodes.container):
        if cell.get("nb_element") == "cell_code" and cell.get("hide_mode"):
            parts = [part for part in cell.children if part.get("nb_element") == "cell_code_output"]
            show = label(cell["cell_metadata"], parts[0] if parts else None)
            cell["prompt_show"] = show
            cell["prompt_hide"] = show.replace("Show", "Hide", 1)
