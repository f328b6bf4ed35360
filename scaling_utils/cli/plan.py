"""``scaling-utils plan``: a training run from what is known, each answer with its range."""

from __future__ import annotations

import re
from dataclasses import replace

import click

from scaling_utils.cli._names import Listed, known, with_options
from scaling_utils.cli._numbers import Duration, Number, Ranged, Word
from scaling_utils.cli._out import emit, output_options

DTYPES = ("bf16", "fp16", "tf32", "fp32", "fp8", "fp4")
ATTENTION = ("causal", "dense")
DEVICE = "H100-SXM"
MOST_DRAWS = 1_000_000  # more would fill the memory


class Amount(Number):
    """A number, or the word "optimal"."""

    name = "x"

    def convert(self, value, param, ctx):
        """Return the number or the word."""
        return value if value == "optimal" else super().convert(value, param, ctx)


def _models():
    from scaling_utils.architectures import catalogue

    return catalogue()


def _published():
    from scaling_utils.laws import PUBLISHED

    return PUBLISHED


def _devices():
    from scaling_utils.hardware import devices

    return devices()


def _codes():
    from scaling_utils.carbon import places

    return places()


def _option(flag: str, name: str, kind, about: str, **more):
    return click.option(flag, name, type=kind, help=about, **more)


_OPTIONS = [
    _option("--params", "parameters", Amount(), "Size, or 'optimal' for what the law finds best."),
    _option("--tokens", "tokens", Amount(), "Training tokens, or 'optimal'."),
    _option("--loss", "loss", Number("plain"), "Target in nats per token."),
    _option("--model", "architecture", Listed(_models), "Published model or config.json."),
    _option("--flops", "flops", Number("work"), "Budget in training FLOPs: 1e24, 3640 PF-days."),
    _option("--money", "money", Number("money"), "Budget in the currency of --price."),
    _option("--device-hours", "device_hours", Number("hours"), "Budget in hours of one device."),
    _option("--kg", "kg_co2e", Number("mass"), "Budget in kg CO2e of operation."),
    _option("--deadline", "deadline", Duration(), "Time on the clock: 30d, 12h."),
    _option("--devices", "devices", Number(whole=True), "How many run side by side."),
    _option("--law", "law", Listed(_published), "Name of a law; may be given again.",
            multiple=True),
    _option("--fit", "fit", click.Path(), "A fit, as `scaling-utils fit --save` wrote it."),
    _option("--next", "purse", Number("work"),
            "FLOPs for three more runs: which narrow the size by --fit the most?"),
    _option("--device", "device", Listed(_devices), "What they are; see `scaling-utils hardware`.",
            default=DEVICE, show_default=True),
    _option("--dtype", "dtype", Word(DTYPES), "Of the matrix products.", default="bf16",
            show_default=True),
    _option("--mfu", "mfu", Ranged("share"), "Share of the dense peak: 0.4 or 0.3:0.4:0.5."),
    _option("--price", "price", Ranged("money"), "Money per device-hour; there is no default."),
    _option("--price-date", "price_date", None, "Day of the price, or of the rows of --prices."),
    _option("--currency", "currency", None, "Of the price.", default="USD", show_default=True),
    _option("--prices", "prices", click.Path(), "CSV with columns device, price and date."),
    _option("--power", "power", Ranged("plain"), "Watts of one device."),
    _option("--pue", "pue", Ranged("plain"), "The data centre's energy over its devices'."),
    _option("--grid", "grid", Listed(_codes), "Place, or g CO2e per kWh, also as a range."),
    _option("--unique-tokens", "unique_tokens", Number(), "Fresh tokens that exist."),
    _option("--largest", "largest", Number(), "Parameters of the largest model to deploy."),
    _option("--served-tokens", "served_tokens", Number(), "Tokens served in the model's life."),
    _option("--batch", "batch_tokens", Ranged(), "Tokens per optimiser step."),
    _option("--sequence", "context", Number(whole=True), "Tokens per sequence of --model."),
    _option("--attention", "attention", Word(ATTENTION), "How --model's attention is counted.",
            default="causal", show_default=True),
    _option("--n", "n", Number(whole=True, most=MOST_DRAWS), "Draws.", default=2000,
            show_default=True),
    _option("--seed", "seed", Number(whole=True, zero=True), "Of the draws.", default=0,
            show_default=True),
]  # fmt: skip


def _with_options(function):
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@click.command(
    "plan",
    epilog="""\b
Examples:
  scaling-utils plan --flops 1e24 --devices 1024 --mfu 0.3:0.4:0.5
  scaling-utils plan --money 2.5M --price 2.5 --price-date 2026-11-01 --devices 512
  scaling-utils plan --model llama-3-8b --tokens 15T --devices 1024 --grid FR --pue 1.1
  scaling-utils plan --params 7B --deadline 30d --devices 256 --unique-tokens 500B
  scaling-utils plan --loss 2.0 --law chinchilla --law besiroglu --served-tokens 2T""",
)
@_with_options
@output_options
@click.pass_context
def command(ctx, prices, fit, purse, as_json, strict, **given) -> int:
    """Plan a training run from what you know; each answer with its 10, 50 and 90 %.

    Sufficient are --params and --tokens; one of them with a budget or a loss; a budget alone
    (--flops, --money, --device-hours, --kg, or --deadline with --devices); or --loss alone.
    Numbers are written 1e24, 70B, 15T, 2.5k; ranges low:middle:high.
    """
    from scaling_utils import planning

    given["law"] = _laws(given["law"], fit)
    given["device"] = _device(given["device"])
    given["grid"] = _grid(given["grid"])
    if prices is not None:
        if given["price"] is not None:
            raise ValueError("--prices has the price; leave --price out")
        given["price"] = prices
    plan = planning.plan(**given)
    remarks = [replace(r, sentence=with_options(r.sentence, ctx.command)) for r in plan.remarks]
    result = {"asked": _asked(given), "n": given["n"], "seed": given["seed"], **plan.as_dict()}
    more = _next_runs(fit, purse, plan)
    if more is not None:
        result["next_runs"] = more.as_dict()

    def text():
        from scaling_utils.cli._plan_text import in_words, next_in_words

        return in_words(plan) + ([] if more is None else next_in_words(more))

    return emit("plan", result, text, remarks, as_json=as_json, strict=strict)


def _next_runs(fit: str | None, purse: float | None, plan):
    """Return the runs that narrow the plan's size most; None where nobody asked."""
    if purse is None:
        return None
    if fit is None:
        raise ValueError("--next needs --fit: which runs to make follows from a fit's resamples")
    from scaling_utils.fitting import load
    from scaling_utils.planning import next_runs

    return next_runs(load(fit), purse, target=plan.answers["flops"].middle)


def _laws(names: tuple[str, ...], fit: str | None):
    """Return the laws to plan by: names, and a saved fit."""
    chosen = []
    for name in names:
        from scaling_utils import laws, planning

        chosen.append(
            known("law", name, [*laws.PUBLISHED, planning.RESAMPLED], "scaling-utils laws")
        )
    if fit is not None:
        from scaling_utils.fitting import load
        from scaling_utils.planning.saved import family_of_saved

        chosen.append(family_of_saved(load(fit), fit))
    if not chosen:
        from scaling_utils.planning import RESAMPLED

        return RESAMPLED
    return chosen[0] if len(chosen) == 1 else chosen


def _device(name: str) -> str:
    from scaling_utils.cli.hardware import device_of

    return device_of(name).name


def _grid(text: str | None):
    """Return grams of CO2e per kWh, one or a range, or the name of a place."""
    if text is None:
        return None
    if re.search(r"[A-Za-z]{2}", text):
        return text
    return Ranged("plain").convert(text, None, None)


def _asked(given: dict) -> dict:
    """What was asked, without the options that were left out; names as the library has them."""
    kept = {name: value for name, value in given.items() if value is not None}
    laws = kept["law"] if isinstance(kept["law"], list) else [kept["law"]]
    return kept | {"law": [each if isinstance(each, str) else each.name for each in laws]}
