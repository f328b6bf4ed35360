"""``scaling-utils laws``: the published laws, and what one of them says."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

import click

from scaling_utils import laws
from scaling_utils.cli._names import Listed, known, matching
from scaling_utils.cli._numbers import Number, shown
from scaling_utils.cli._out import emit, output_options
from scaling_utils.cli._tables import Table, pairs
from scaling_utils.laws import DomainLaws
from scaling_utils.units import PF_DAY

UNITS = {
    "C": "FLOPs",
    "N": "parameters",
    "D": "tokens",
    "unique": "tokens",
    "loss": "nats per token",
    "batch": "tokens",
    "B": "tokens",
    "S": "steps",
    "M": "FLOPs per token",
}


@click.command(
    "laws",
    epilog="""\b
Examples:
  scaling-utils laws
  scaling-utils laws --find kaplan
  scaling-utils laws chinchilla --budget 5.76e23
  scaling-utils laws chinchilla --N 70B --D 1.4T
  scaling-utils laws muennighoff --N 1B --D 100B --unique 25B
  scaling-utils laws kaplan-size --x 1.5B""",
)
@click.argument("name", required=False, type=Listed(lambda: laws.PUBLISHED))
@click.option("--find", metavar="WORD", help="List only laws whose name or source has it.")
@click.option("--budget", type=Number("work"), help="Optimum for so many training FLOPs.")
@click.option("--N", "N", type=Number(), help="Loss at so many parameters (with --D).")
@click.option("--D", "D", type=Number(), help="Loss at so many tokens (with --N).")
@click.option("--unique", type=Number(), help="Unique tokens, where the law has repetition.")
@click.option("--x", type=Number(), help="Value of a law in one variable, in the law's unit.")
@output_options
def command(name, find, budget, N, D, unique, x, as_json, strict) -> int:
    """List the published laws, or show one: constants, units, the runs it was fitted on.

    N counts parameters, D tokens and the budget FLOPs (C = 6 N D), unless the units of the law
    say otherwise.
    """
    asked = {"--budget": budget, "--N": N, "--D": D, "--unique": unique, "--x": x}
    asked = {option: value for option, value in asked.items() if value is not None}
    if name is None:
        if asked:
            raise ValueError(f"{next(iter(asked))} asks a law; name one, such as chinchilla")
        result = {"laws": [about(each) for each in _listed(find)]}
        return emit("laws", result, lambda: [_many(result)], as_json=as_json, strict=strict)
    if find is not None:
        raise ValueError("name a law or filter the list, not both")
    name = known("law", name, laws.PUBLISHED, "scaling-utils laws")
    answers = _answers(laws.get(name), name, budget, N, D, unique, x)
    result = about(name) | {"answers": answers, "answer_units": UNITS}
    return emit("laws", result, lambda: _one(result), as_json=as_json, strict=strict)


def _listed(find: str | None) -> list[str]:
    if find is None:
        return list(laws.PUBLISHED)
    described = {name: f"{name} {laws.get(name).about.source}" for name in laws.PUBLISHED}
    return matching("law", find, described)


def about(name: str) -> dict:
    """Return what is known of a law: its form, its constants and where they come from."""
    law = laws.get(name)
    return {
        "name": name,
        "form": type(law).__name__,
        "constants": constants(law),
        "units": law.about.units,
        "domain": law.about.domain,
        "source": law.about.source,
        "note": law.about.note,
    }


def constants(law, before: str = "") -> dict:
    """Return the numbers of a law; those of a law inside it have its name before theirs."""
    found = {}
    for field in fields(law):
        value = getattr(law, field.name)
        if field.name == "about" or value is None or isinstance(value, str):
            continue
        inner = is_dataclass(value)
        found |= (
            constants(value, f"{before}{field.name}.") if inner else {before + field.name: value}
        )
    return found


def _answers(law, name: str, budget, N, D, unique, x) -> list[dict]:
    """What the law says to each question."""
    answers = []
    if budget is not None:
        answers.append({"question": {"C": budget}} | _optimum(law, name, budget, unique))
    if N is not None or D is not None:
        answers.append({"question": {"N": N, "D": D}} | _loss(law, name, N, D, unique))
    if x is not None:
        answers.append({"question": {"x": x}, "value": _value(law, name, x)})
    elif unique is not None and not answers:
        raise ValueError("--unique belongs to --N and --D, or to --budget")
    return answers


def _optimum(law, name: str, budget: float, unique) -> dict:
    if isinstance(law, DomainLaws):
        _no_unique(name, unique)
        return _domain_optimum(law, name, budget)
    if isinstance(law, laws.DataConstrainedLaw):
        if unique is None:
            raise ValueError(f"{name} knows repeated data; say how many are unique: --unique")
        best = law.optimal(budget, unique)
    elif isinstance(law, laws.DeepSeekRules):
        M, tokens = float(law.M.at(budget)), float(law.D.at(budget))
        return {
            "M": M,
            "D": tokens,
            "batch": float(law.batch.at(budget)),
            "learning_rate": float(law.learning_rate.at(budget)),
        }
    elif hasattr(law, "optimal"):
        _no_unique(name, unique)
        best = law.optimal(budget)
    else:
        raise ValueError(f"{name} has no optimum of a budget; it is a {type(law).__name__}")
    names = [field.name for field in fields(best) if field.name != "inference_tokens"]
    kept = {each: float(getattr(best, each)) for each in names}
    return kept | {"tokens_per_parameter": best.tokens_per_parameter}


def _domain_optimum(law: DomainLaws, name: str, budget: float) -> dict:
    if law.compute is None:
        raise ValueError(f"{name} has a law of size only; --N asks it")
    days = budget / PF_DAY
    return {"N": float(law.allocation.at(days)), "loss": float(law.compute.loss(days))}


def _loss(law, name: str, N, D, unique) -> dict:
    if isinstance(law, DomainLaws) and N is not None and D is None:
        _no_unique(name, unique)
        return {"loss": float(law.size.loss(N))}
    pair = laws.ParametricLaw | laws.KaplanJoint | laws.CoupledLaw | laws.DataConstrainedLaw
    if not isinstance(law, pair):
        if isinstance(law, laws.StepLaw) and None not in (N, D):
            _no_unique(name, unique)
            rate, batch = law.learning_rate(N, D), law.batch_tokens(D)
            return {"learning_rate": float(rate), "batch": float(batch)}
        raise ValueError(f"{name} has no loss at N and D; it is a {type(law).__name__}")
    if N is None or D is None:
        raise ValueError("a loss needs both --N and --D")
    if isinstance(law, laws.DataConstrainedLaw):
        return {"unique": D if unique is None else unique,
                "loss": float(law.loss(N, D, D if unique is None else unique))}  # fmt: skip
    _no_unique(name, unique)
    return {"loss": float(law.loss(N, D))}


def _no_unique(name: str, unique) -> None:
    if unique is not None:
        raise ValueError(f"--unique is not known to {name}; muennighoff has repeated data")


def _value(law, name: str, x: float) -> float:
    if isinstance(law, laws.PowerLaw):
        return float(law.loss(x))
    if isinstance(law, laws.Trend):
        return float(law.at(x))
    if isinstance(law, laws.CriticalBatch):
        return float(law.tokens(x))
    raise ValueError(f"{name} is no law in one variable; it is a {type(law).__name__}")


def _many(result: dict) -> Table:
    rows = [
        (entry["name"], entry["form"], _short(entry["constants"]), entry["domain"], entry["source"])
        for entry in result["laws"]
    ]
    heads = ("law", "form", "constants", "fitted on", "source")
    return Table(heads, rows, prose=(2, 3, 4))


def _short(numbers: dict) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in numbers.items())


def _one(result: dict) -> list:
    rows = [("form", result["form"])]
    rows += [(f"  {name}", f"{value:.8g}") for name, value in result["constants"].items()]
    rows += [(key, result[key]) for key in ("units", "source", "note") if result[key]]
    rows.append(("fitted on", result["domain"]))
    parts = [pairs(rows, title=result["name"])]
    for answer in result["answers"]:
        asked = {key: value for key, value in answer["question"].items() if value is not None}
        told = {key: value for key, value in answer.items() if key not in ("question", *asked)}
        title = "at " + ", ".join(f"{key} {_with_unit(key, value)}" for key, value in asked.items())
        rows = [(f"  {key}", _with_unit(key, value)) for key, value in told.items()]
        parts.append(pairs(rows, title=title))
    return parts


def _with_unit(name: str, value: float) -> str:
    return f"{shown(value, 5)} {UNITS.get(name, '')}".rstrip()
