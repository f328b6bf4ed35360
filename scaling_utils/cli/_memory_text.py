"""What ``scaling-utils memory`` prints for people."""

from __future__ import annotations

from scaling_utils.cli._numbers import shown
from scaling_utils.cli._tables import Table, pairs
from scaling_utils.units import GIB


def footprint_in_words(kept) -> list:
    """Return the footprint of one layout as lines and tables."""
    low, _, high = kept.needed
    rows = [
        ("layout", f"{kept.layout}; {kept.layout.devices} devices"),
        ("bytes a parameter", kept.label),
        ("highest", f"{_gib(kept.peak)} GiB at {kept.peak_instant!r}, {_stage(kept)}"),
        ("with the reserve", f"{_gib(low)} to {_gib(high)} GiB"),
    ]
    if kept.device is not None:
        usable = _gib(kept.device.usable_memory())
        rows.append(("fits", f"{kept.fits}: {kept.device.name} has {usable} GiB usable"))
    ledger = kept.ledger
    parts = [part for part in ledger.parts if any(ledger.at(i)[part] for i in ledger.instants)]
    table = Table(
        ("GiB", *ledger.instants),
        [
            *((part, *(_gib(ledger.at(i)[part]) for i in ledger.instants)) for part in parts),
            ("together", *(_gib(size) for size in ledger.totals)),
        ],
    )
    return [pairs(rows), table, *_counting(kept)]


def search_in_words(search, whole: bool = True) -> list:
    """Return what a search has found as lines and tables.

    Not the ``whole`` of it leaves out why others do not fit, and the best one's ledger.
    """
    parts = [
        f"{search.fitting:,} of {search.tried:,} layouts of {search.devices} devices fit; the "
        f"fewest devices on which one does: {search.smallest_devices or 'none'}"
    ]
    if search.best:
        rows = [
            (
                str(place),
                _gib(kept.peak),
                f"{_gib(kept.needed[0])}-{_gib(kept.needed[2])}",
                kept.fits,
                shown(seconds, 3),
                str(kept.layout),
            )
            for place, (kept, seconds) in enumerate(
                zip(search.best, search.step_seconds, strict=True), start=1
            )
        ]
        heads = ("best", "GiB", "with reserve", "fits", "s a step", "layout")
        parts += [Table(heads, rows, prose=(5,)), f"ranked by: {search.merit}"]
    if not whole:
        return [*parts, *(_reserve(kept) for kept in search.best[:1])]
    if search.refused:
        rows = [(each.code, f"{each.count:,}", each.sentence) for each in search.refused]
        parts.append(Table(("refused for", "layouts", "because"), rows, prose=(0, 2)))
    if search.best:
        parts += footprint_in_words(search.best[0])
    return parts


def theirs_in_words(told) -> list:
    """Return what another planner says, and the way from our number to theirs."""
    theirs = told.theirs
    rows = [(f"{_gib(told.ours.peak)}", f"ours, at {told.ours.peak_instant!r}")]
    rows += [(f"{step.size / GIB:+.2f}", step.cause) for step in told.steps]
    rows.append((_gib(theirs.total), f"{theirs.name}: {theirs.convention}"))
    rows += [
        (_gib(size), f"computed and not added: {why}") for why, size in theirs.left_out.items()
    ]
    title = f"from our number to that of {theirs.name} ({theirs.source})"
    return [Table(("GiB", "why"), rows, prose=(1,), title=title)]


def _counting(kept) -> list:
    return [f"counted: {'; '.join(kept.conventions)}", _reserve(kept)]


def _reserve(kept) -> str:
    low, _, high = (_gib(size) for size in kept.reserve)
    return f"not counted, but in the reserve of {low} to {high} GiB: {'; '.join(kept.not_counted)}"


def _stage(kept) -> str:
    return f"stage {kept.stage + 1} of {kept.layout.pipeline}"


def _gib(size: float) -> str:
    return f"{size / GIB:.2f}"
