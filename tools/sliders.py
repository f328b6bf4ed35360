"""The pages with sliders: their constants, controls and first answers, and their script.

Constants come from the package's own objects, as JSON. A browser imports no ES module from another
file where a page is opened from a disk. So each page has its own module in it, and what the three
share, book/sliders/controls.js, becomes a plain script beside the pages.
"""

from __future__ import annotations

import json
import re
from hashlib import sha256
from html import escape
from pathlib import Path

import numpy as np
import slider_answers as answers
import slider_charts as charts
from bookdata import Book
from slider_controls import ADDITIVE, CONTROLS, DEVICES, MODELS, first
from slider_words import PICTURES, ROWS, SAME, SAYS, SAYS_NOT

from scaling_utils import architectures, hardware, planning
from scaling_utils.memory import RESERVE, RESERVE_RANGE, logits
from scaling_utils.memory.activation import RECOMPUTE
from scaling_utils.memory.conventions import CONVENTIONS
from scaling_utils.memory.instants import PARTS
from scaling_utils.planning.families import CONSTANTS
from scaling_utils.planning.kept import layer_activations
from scaling_utils.planning.portions import layer_portion, vocabulary_portion
from scaling_utils.planning.reserves import room
from scaling_utils.planning.rules import limits

IMPORT = re.compile(r"^import (.*) from .*;\n", flags=re.M)
EXPORT = re.compile(r"^export \w+ (\w+)", flags=re.M)
EXPORT_WORD = re.compile(r"^export ", flags=re.M)
FOR_WRITERS = re.compile(r"^ *(?://.*\n)?", flags=re.M)  # indentation, and lines of comment
SPACES = re.compile(r"[ \n]?([{},]|;(?! }))[ \n]?|; (?=})|(?<=:) ")  # of styles, without meaning
SHARED = "sliders/controls.js"  # its address in the rendered book
LONGEST = 131_072  # tokens of a sequence, which all presets can be asked for
INSTANTS = ("forward", "backward", "later forward", "later backward", "last layer", "step")


def _laws(names) -> dict[str, list]:
    """Return the rows [E, A, B, alpha, beta] of each law, and where it is not 1 the exponent q."""
    families = {name: planning.family_of(name) for name in names}
    columns = {n: (*CONSTANTS, *("q" if (f.q != 1).any() else "")) for n, f in families.items()}
    return {
        name: np.stack([getattr(one, c) for c in columns[name]], axis=1).tolist()
        for name, one in families.items()
    }


def _kind(a, mixed: bool, t: int) -> list:
    """Return a layer's parameters, common and routed, and its bytes per token by recomputation."""
    kept = []
    for recompute in RECOMPUTE:
        run = planning.Layout(tensor=t, sequence_parallel=t > 1, recompute=recompute)
        kept.append(layer_activations(a, run, mixed, 1, 1, t).per_layer)
    return [_short(value) for value in (*layer_portion(a, mixed, t, 1), *kept)]


def _short(value) -> int | float:
    """Return a number that JSON writes without a zero behind the point."""
    return int(value) if float(value).is_integer() else float(value)


def _tensor(a, t: int) -> dict:
    """Return what one device of ``t`` holds of a model, bytes of activations per token."""
    style = planning.Layout(tensor=t, sequence_parallel=t > 1)
    broken = limits(a, style, LONGEST)
    if broken:
        return {"refused": broken[0].sentence}
    embedding, head, rest = vocabulary_portion(a, t)
    one = layer_activations(a, style, False, 1, 1, t)
    out = logits(a.shape, 1, 1, tensor_parallel=t)
    keys = max(a.shape.n_kv_head / t, 1)
    cached = a.latent.cached if a.latent else 2 * keys * a.shape.d_head
    return {
        "kinds": [_kind(a, mixed, t) for mixed in ((False, True) if a.experts else (False,))],
        "embedding": _short(embedding),
        "head": _short(head),
        "rest": _short(rest),
        "outside": _short(one.outside),
        "logits": [_short(out.stored), _short(out.peak)],
        "buffer": _short(cached * style.bytes_per_value),
    }


def _refusals(a, field: str, degrees: tuple[int, ...]) -> dict[int, str]:
    """Return why a model refuses some degrees of a kind of parallelism, by degree."""
    fields = [{field: n} | ({"data": n} if field == "expert" else {}) for n in degrees]
    found = [limits(a, planning.Layout(**each), LONGEST) for each in fields]
    return {n: broken[0].sentence for n, broken in zip(degrees, found, strict=True) if broken}


def _model(name: str) -> dict:
    a = architectures.get(name)
    if a.multi_token:
        raise ValueError(f"the page counts no module for later tokens, and {name} has one")
    found = {
        "tied": a.shape.tied,
        "layers": a.shape.n_layer,
        "dense": a.shape.n_layer - a.mixture_layers,
        "tensor": {t: _tensor(a, t) for t in (1, 2, 4, 8)},
        "pipeline": _refusals(a, "pipeline", (1, 2, 4, 8, 16)),
    }
    if a.experts:
        found["experts"] = _refusals(a, "expert", (1, 2, 4, 8, 16, 32, 64))
    return found


def data(page: str) -> dict:
    """Return the constants of a page, all from the package."""
    if page == "planner":
        laws = next(one.options for one in CONTROLS[page] if one.name == "law")
        cards = {name: hardware.get(name) for name in DEVICES}
        devices = {n: {"peak": c.peak("bf16"), "power": c.power} for n, c in cards.items()}
        seen = {name: planning.family_of(name).seen for name in laws}
        return {
            "laws": _laws(laws),
            "seen": {name: {"N": s.N, "D": s.D, "C": s.C} for name, s in seen.items()},
            "devices": devices,
            "ranges": {name: [r.low, r.high] for name, r in answers.RANGES.items()},
            "noPrice": answers.NO_PRICE,
            "unknown": answers.UNKNOWN,
        }
    if page == "valley":
        laws = {name: rows[0] for name, rows in _laws(ADDITIVE).items()}
        return {"laws": laws, "noBottom": answers.NO_BOTTOM}
    dense, both = architectures.get("llama-2-7b"), planning.Layout(zero=3, pipeline=2)
    alone = limits(dense, planning.Layout(data=2, expert=2), LONGEST)[0].sentence
    low, high = RESERVE_RANGE
    return {
        "models": {name: _model(name) for name in MODELS},
        "conventions": {
            name: {
                "weights": rule.weights,
                "gradients": rule.gradients,
                "master": rule.master + rule.gradient_copy,
                "moments": rule.moments,
            }
            for name, rule in CONVENTIONS.items()
        },
        "devices": {name: room(hardware.get(name)) for name in DEVICES},
        "reserve": [low, RESERVE, high],
        "recompute": RECOMPUTE,
        "zeroWithPipeline": limits(dense, both, LONGEST)[0].sentence,
        "noExperts": alone.removesuffix("2"),
    }


def _written(root: Path, name: str) -> str:
    """Return a module without what only its writers need."""
    return FOR_WRITERS.sub("", (root / "book" / "sliders" / f"{name}.js").read_text("utf-8"))


def _styles(root: Path, name: str) -> str:
    """Return a style sheet without what only its writers need."""
    return SPACES.sub(r"\1", (root / "book" / "sliders" / f"{name}.css").read_text("utf-8"))


def shared(root: Path) -> str:
    """Return controls.js as a script that leaves one name, which no other script can meet."""
    text = _written(root, "controls")
    names = ", ".join(EXPORT.findall(text))
    return f"var Sliders = (() => {{\n{EXPORT_WORD.sub('', text)}return {{ {names} }};\n}})();\n"


def script(root: Path, page: str) -> str:
    """Return the module of a page, which takes what it shares with others from that name."""
    return IMPORT.sub(r"const \1 = Sliders;\n", _written(root, page))


def _cell(found: dict[str, str], name: str) -> str:
    return f'<td data-answer="{name}">{escape(found.get(name, ""))}</td>'


def _table(head: list[str], rows: list[str]) -> str:
    heads = "".join(f'<th scope="col">{text}</th>' for text in head)
    return (
        '<div class="pst-scrollable-table-container"><table class="table"><thead><tr>'
        f"{heads}</tr></thead><tbody>\n" + "".join(rows) + "</tbody></table></div>\n"
    )


def tables(page: str, found: dict[str, str]) -> str:
    """Return the tables of a page, filled with its first answers."""
    rows = [
        f'<tr><th scope="row">{label}</th>{_cell(found, name)}</tr>\n'
        for name, label in ROWS[page].items()
    ]
    text = _table(["What", "Answer"], rows)
    if page != "memory":
        return text
    rows = [
        f'<tr><th scope="row">{part}</th>'
        + "".join(_cell(found, f"{instant}/{part}") for instant in INSTANTS)
        + "</tr>\n"
        for part in (*PARTS, "all")
    ]
    keys = "".join(
        '<li><svg viewBox="0 0 8 8" aria-hidden="true">'
        f'<rect class="part{k}" width="8" height="8"/></svg> {part}</li>'
        for k, part in enumerate(PARTS)
    )
    parts = f'<div class="ledger">{_table(["GiB", *INSTANTS], rows)}</div>'
    return f'<ul class="legend">{keys}</ul>\n{text}{parts}\n'


def _setting(page: str) -> str:
    """Write the first state in words."""
    one_by_one = ((one.label, one.first) for one in CONTROLS[page])
    return "; ".join(
        f"{label}: {value if isinstance(value, str) else f'{value:.12g}'}"
        for label, value in one_by_one
        if value != ""
    )


def page_html(root: Path, page: str) -> str:
    """Return the part of a page that moves."""
    found = getattr(answers, page)(first(page))
    version = sha256(shared(root).encode()).hexdigest()[:12]
    style = _styles(root, "sliders") + (_styles(root, page) if page == "memory" else "")
    said = answers.sentence(page, found)
    words = {
        "says": SAYS[page],
        "saysNot": SAYS_NOT[page],
    }
    constants = json.dumps(data(page) | words, separators=(",", ":")).replace("</", "<\\/")
    controls = "".join(one.html for one in CONTROLS[page])
    return (
        f'<style>{style}</style>\n<div class="sliders" id="sliders">\n'
        f'<form hidden autocomplete="off" aria-label="Settings">\n{controls}</form>\n'
        f"<noscript><p>The sliders need JavaScript. This is the answer to their first setting: "
        f"{escape(_setting(page))}.</p></noscript>\n"
        f'<p class="spoken" role="status" aria-live="polite">{escape(said, quote=False)}</p>\n'
        f'<figure><svg class="chart" viewBox="0 0 360 300" role="img" aria-label='
        f'"{escape(said)}">{getattr(charts, page)(first(page))}</svg>'
        f"<figcaption>{PICTURES[page]}</figcaption></figure>\n{tables(page, found)}"
        f'<p>{SAME[page]}</p><pre data-answer="command">{escape(found["command"])}</pre>\n'
        f'<script type="application/json">{constants}</script>\n</div>\n'
        f'<script defer src="../{SHARED}?v={version}"></script>\n'
        f'<script type="module">\n{script(root, page)}</script>\n'
    )


def parts(book: Book) -> dict[str, str | bytes]:
    """Return the generated files of the pages with sliders."""
    made = {f"sliders/{page}.html": page_html(book.root, page) for page in CONTROLS}
    return made | {f"beside/{SHARED}": shared(book.root)}
