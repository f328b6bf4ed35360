"""``scaling-utils memory``: what a layout needs on each device, and which layouts fit."""

from __future__ import annotations

import click

from scaling_utils import architectures, hardware, planning
from scaling_utils._remarks import Remark
from scaling_utils.cli._memory_text import footprint_in_words, search_in_words, theirs_in_words
from scaling_utils.cli._names import Listed
from scaling_utils.cli._numbers import Number, Ranged, Word
from scaling_utils.cli._out import emit, output_options
from scaling_utils.cli.hardware import device_of
from scaling_utils.memory.activation import ATTENTION, RECOMPUTE
from scaling_utils.memory.conventions import CONVENTIONS

# Options that say how the devices are used; with one of them nothing is searched.
DEGREES = {
    "data": "Replicas that see different sequences  [from --devices]",
    "tensor": "Devices that share each layer.",
    "pipeline": "Stages that share the layers.",
    "interleave": "Pieces of the model on each stage.",
    "context_parallel": "Devices that share each sequence.",
    "expert_parallel": "Devices that share the experts.",
    "micro_batch": "Sequences that go through at once.",
    "micro_batches": "Such passes in one step.",
}
BATCH = 2.0**22


def _degree_options(function):
    for name, about in reversed(DEGREES.items()):
        option = click.option(f"--{name.replace('_', '-')}", type=Number(whole=True), help=about)
        function = option(function)
    return function


@click.command(
    "memory",
    epilog="""\b
Examples:
  scaling-utils memory llama-3-70b --devices 64 --device H100-SXM
  scaling-utils memory llama-2-7b --devices 8 --zero 1 --device A100-80-SXM
  scaling-utils memory llama-2-7b --devices 8 --zero 1 --convention cookbook
  scaling-utils memory deepseek-v3 --device H200-SXM --sequence 4096""",
)
@click.argument("model", type=Listed(architectures.catalogue))
@click.option("--devices", type=Number(whole=True), help="How many  [the fewest that do]")
@click.option(
    "--device", type=Listed(hardware.devices), default="H100-SXM", show_default=True,
    help="What they are.",
)  # fmt: skip
@_degree_options
@click.option("--zero", type=Word("0123"), help="Stage of ZeRO.")
@click.option("--recompute", type=Word(RECOMPUTE), help="What is computed again.")
@click.option("--sequence", type=Number(whole=True), help="Tokens per sequence  [the context]")
@click.option("--global-batch", type=Number(), help="Tokens of one step  [4,194,304]")
@click.option("--attention", type=Word(ATTENTION), default="flash", show_default=True)
@click.option(
    "--chunks",
    type=Number(whole=True),
    default=1,
    show_default=True,
    help="Parts in which the loss takes the logits.",
)
@click.option(
    "--bytes",
    "convention_of_bytes",
    type=Word(CONVENTIONS),
    default="zero",
    show_default=True,
    help="Bytes per parameter.",
)
@click.option(
    "--reserve",
    type=Ranged("bytes"),
    help="For what is not counted, low:middle:high  [1GiB:3GiB:6GiB]",
)
@click.option(
    "--convention", type=Word(planning.PLANNERS), help="Say what another planner would, and why."
)
@output_options
def command(model, devices, device, sequence, global_batch, reserve, convention, **options) -> int:
    """Memory of training MODEL, a published name or a Hugging Face config.json.

    With a layout (--tensor, --zero, ...) its footprint; without one the three best layouts that
    fit, why the others do not, and the fewest devices on which something fits.
    """
    as_json, strict = options.pop("as_json"), options.pop("strict")
    found = architectures.resolve(model)
    length = sequence or found.shape.context
    style = {
        "attention": options["attention"],
        "chunks": options["chunks"],
        "convention": options["convention_of_bytes"],
        "sequence_parallel": True,
    }
    chip = device_of(device)
    room = _room(reserve)
    given = {name: options[name] for name in (*DEGREES, "zero", "recompute")}
    given = {name: value for name, value in given.items() if value is not None}
    if given:
        layout = _layout(given, style, devices, global_batch, length)
        kept = planning.footprint(found, layout, context=length, device=chip, **room)
        result = {"model": model, "footprint": kept.as_dict()}
        parts, remarks = footprint_in_words(kept), _fits(kept)
    else:
        tokens = global_batch or max(BATCH, length)
        search = planning.search(
            found, devices, chip, context=length, global_batch_tokens=tokens,
            style=planning.Layout(**style), **room,
        )  # fmt: skip
        result = {"model": model, "global_batch_tokens": tokens, "search": search.as_dict()}
        parts, remarks = search_in_words(search), _found(search, chip.name)
        layout = search.layout
    result["units"] = {"sizes": "bytes on one device", "step_seconds": "seconds"}
    if convention:
        if layout is None:
            raise ValueError("no layout fits, so there is none to ask --convention about; give one")
        told = planning.explain(convention, found, layout, context=length)
        result["convention"] = told.theirs.as_dict() | {
            "layout": str(layout),
            "ours": told.ours.peak,
            "steps": [vars(step) for step in told.steps],
        }
        parts = [*parts, *theirs_in_words(told)]
    return emit("memory", result, lambda: parts, remarks, as_json=as_json, strict=strict)


def _layout(given: dict, style: dict, devices, global_batch, length: int) -> planning.Layout:
    """Return the layout that was described; the replicas follow from the devices."""
    names = {"context_parallel": "context", "expert_parallel": "expert"}
    fields = {names.get(name, name): value for name, value in given.items()}
    fields["zero"] = int(fields.get("zero", 0))
    inner = fields.get("tensor", 1) * fields.get("pipeline", 1) * fields.get("context", 1)
    if "data" not in fields:
        if devices is not None and devices % inner:
            raise ValueError(
                f"--devices must be a multiple of tensor x pipeline x context = {inner}, "
                f"got {devices}"
            )
        fields["data"] = (devices or inner) // inner
    elif devices is not None and devices != fields["data"] * inner:
        raise ValueError(
            f"--devices {devices} is not data x tensor x pipeline x context = "
            f"{fields['data'] * inner}; leave one of them out"
        )
    if global_batch is not None:
        if "micro_batches" in fields:
            raise ValueError("--global-batch gives the micro-batches; leave --micro-batches out")
        at_once = fields["data"] * fields.get("micro_batch", 1) * length
        fields["micro_batches"] = max(1, round(global_batch / at_once))
    return planning.Layout(**(style | fields))


def _room(reserve) -> dict:
    """The reserve as arguments of the functions."""
    if reserve is None:
        return {}
    if not isinstance(reserve, tuple):
        return {"reserve": reserve}
    low, high = reserve[0], reserve[-1]
    middle = reserve[1] if len(reserve) == 3 else (low + high) / 2
    return {"reserve": middle, "reserve_range": (low, high)}


def _fits(kept) -> list[Remark]:
    if kept.fits == "no":
        return [Remark("does-not-fit", "the layout does not fit even with the least reserve")]
    if kept.fits == "perhaps":
        return [
            Remark(
                "fits-perhaps",
                "the layout fits with the least reserve and not with the highest: measure a step",
            )
        ]
    return []


def _found(search, device: str) -> list[Remark]:
    if search.best:
        return _fits(search.best[0])
    if search.smallest_devices is None:
        return [Remark("nothing-fits", f"no number of {device} that was tried holds this model")]
    return [
        Remark("nothing-fits", f"no layout fits; {search.smallest_devices} {device} are the fewest")
    ]
