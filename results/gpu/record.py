"""Record what only a GPU can show: `make gpu`, or `python results/gpu/record.py --help`.

Five parts, in order of worth, each cell written down as it ends; README.md says what they are
and how to bring the results home. What is recorded already is skipped. Nothing is needed
beside Python, PyTorch, NumPy, SciPy and this checkout.
"""

# ruff: noqa: E402 - the checkout has to be found before anything of it is imported
from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import footprint
import formats
import keeping
import known_entropy
import machine
import roofline
import step
import torch

# Minutes of the eight, in order. What a part leaves over, those behind it have.
PARTS = {roofline: 0.5, step: 1.6, footprint: 0.7, formats: 1.0, known_entropy: 4.2}
MINUTES = 8.0
DEVICE_LOST = 3  # exit status


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    names = [part.NAME for part in PARTS]
    parser.add_argument("--minutes", type=float, default=MINUTES, help="for all parts (8)")
    parser.add_argument(
        "--share",
        action="append",
        default=[],
        metavar="PART=MINUTES",
        help="another share of the minutes for a part; 0 leaves it out",
    )
    parser.add_argument("--parts", nargs="+", choices=names, default=names, help="only these")
    parser.add_argument("--device", choices=("auto", "cuda", "cpu"), default="auto")
    parser.add_argument("--toy", action="store_true", help="tiny sizes, to try it on a CPU")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of the record")
    parser.add_argument("--commit", help="of this checkout, where there is no git")
    parser.add_argument("--keep-failed", action="store_true", help="do not try failed cells again")
    parser.add_argument("--begun", type=float, help=argparse.SUPPRESS)  # on the monotonic clock
    args = parser.parse_args(words)
    args.shares = {part.NAME: share for part, share in PARTS.items() if part.NAME in args.parts}
    for word in args.share:
        name, _, minutes = word.partition("=")
        if name not in names:
            parser.error(f"--share must name one of {', '.join(names)}, got {word!r}")
        try:
            args.shares[name] = float(minutes)
        except ValueError:
            parser.error(f"--share must be PART=MINUTES, got {word!r}")
    args.shares = {name: share for name, share in args.shares.items() if share > 0}
    if not args.minutes > 0 or not args.shares:
        parser.error("--minutes must be above 0, and at least one part have a share")
    return args


def record(
    args: argparse.Namespace,
    clock: Callable[[], float] = time.monotonic,
    say: Callable[[str], None] = lambda words: print(words, flush=True),
) -> int:
    """Record the parts; return 1 where a cell or a part failed, 0 where at most time was short."""
    args.out.mkdir(parents=True, exist_ok=True)
    here = machine.find_machine(args.device, args.toy)
    say(f"{here.name}: {here.why_no_chip or 'peaks as of ' + here.chip.name}")
    budget = keeping.Budget(60 * args.minutes, args.shares, clock, args.begun)
    common = machine.origin(here)
    common["commit"] = common["commit"] or args.commit
    summary, worst = args.out / "parts.jsonl", 0
    for part in PARTS:
        if part.NAME not in args.shares:
            continue
        about: keeping.Row
        try:
            origin = common | {"code_sha256": keeping.code_digest(Path(part.__file__))}
            kept = keeping.Part(args.out, part.NAME, origin, say)
            about = keeping.measure(
                kept,
                part.cells(here),
                budget,
                keep_failed=args.keep_failed,
                alive=lambda: alive(here),
                stamp=machine.now,
            )
        except keeping.DeviceLost:
            say(f"{part.NAME}: the device answers no more; all else needs a new process")
            return DEVICE_LOST
        except Exception as error:  # a part that is broken must not stop the next one
            about = {"status": "failed", "error": f"{type(error).__name__}: {error}"}
            say(f"{part.NAME}: failed, {about['error']}")
        worst |= about["status"] == "failed" or bool(about.get("cells_failed"))
        row = {"part": part.NAME, "seconds_left": budget.left(part.NAME), "date_utc": machine.now()}
        others = [one for one in keeping.read_rows(summary) if one["part"] != part.NAME]
        keeping.write_rows(summary, [*others, row | about | common])
    used = budget.clock() - budget.begun
    say(f"{used:.0f} of {budget.seconds:.0f} s; written to {args.out.name}/")
    return int(worst)


def alive(here: machine.Machine) -> bool:
    """Whether the device still computes, after something has failed on it."""
    try:
        here.free()
        return float(torch.ones(2, device=here.device).sum()) == 2.0
    except RuntimeError:
        return False


def main() -> int:
    """Record; where the device was lost, go on in a new process without the failed cell."""
    begun = time.monotonic()
    args = arguments()
    args.begun = begun if args.begun is None else args.begun
    status = record(args)
    if status == DEVICE_LOST:
        words = [word for word in sys.argv[1:] if word != "--keep-failed"]
        more = ["--keep-failed", f"--begun={args.begun!r}"]
        os.execv(sys.executable, [sys.executable, str(Path(__file__)), *words, *more])
    return status


if __name__ == "__main__":
    raise SystemExit(main())
