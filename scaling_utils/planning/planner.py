"""``plan``: from any sufficient set of inputs to a plan whose every answer has a range."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scaling_utils._check import number, whole
from scaling_utils.planning import defaults, shares
from scaling_utils.planning.advice import remarks_of
from scaling_utils.planning.agreement import check_possible, check_rivals, implied_mfu
from scaling_utils.planning.answers import Answer, Plan
from scaling_utils.planning.conventions import conventions_of
from scaling_utils.planning.draws import LAW, UNITS, Draws
from scaling_utils.planning.families import RESAMPLED, Family, family_of
from scaling_utils.planning.inputs import Question, question_of
from scaling_utils.planning.machine import Machine, machine_of
from scaling_utils.planning.ranges import Range, as_range
from scaling_utils.planning.solve import Limits

LEAST_DRAWS = 100  # for a 10 % quantile
MOST_DRAWS = 1_000_000
SHARED = 2000  # draws of each sample for the shares; there are two more samples than inputs
SHARED_REPEATED = 400  # the same where each draw is a search along a budget


def plan(
    architecture=None,
    *,
    parameters=None,
    tokens=None,
    flops=None,
    money=None,
    device_hours=None,
    kg_co2e=None,
    deadline=None,
    devices=None,
    loss=None,
    law=RESAMPLED,
    device="H100-SXM",
    dtype="bf16",
    mfu=None,
    price=None,
    price_date=None,
    currency="USD",
    power=None,
    pue=None,
    grid=None,
    unique_tokens=None,
    largest=None,
    served_tokens=None,
    batch_tokens=None,
    embodied=None,
    context=None,
    attention="causal",
    n=2000,
    seed=0,
) -> Plan:
    """Return a plan of a training run, each answer with its 10, 50 and 90 %.

    Give what you know. Sufficient are: size and tokens; one of them with a budget or a loss; a
    budget alone; or a loss alone. Ranged inputs are a number, (10 %, 90 %), (10 %, 50 %, 90 %) or
    a ``Range``.

    Parameters
    ----------
    architecture : str, dict, Architecture or shapes.Transformer, optional
        Gives the size, and exact FLOPs per token in place of 6 N.
    parameters, tokens : float or "optimal", optional
        Size and training tokens, counted one by one.
    flops, money, device_hours, kg_co2e : float, optional
        Budgets: training FLOPs; money, with ``price``; hours of one device; kg CO2e of operation.
    deadline : float, optional
        Hours on the clock. With ``devices`` and nothing else that sets the work, a budget;
        otherwise a limit.
    devices : int, optional
        How many run side by side.
    loss : float, optional
        Target in nats per token.
    law : str, law, Fit, Resamples, or a list of these
        See ``family_of``. Of several, each has its own answers.
    device, dtype : str
        A name of ``hardware.devices()`` and the number format of its dense peak.
    mfu : ranged, optional
        Model FLOPs utilisation, a share of the dense peak. Left out: what published runs reached.
    price : ranged or path, optional
        Money per device-hour, or a table of prices (see ``prices.read``); there is no default.
    price_date : str, optional
        When the price was read. Of a table, only the rows of that day count.
    currency : str
        Of ``money`` and ``price``; printed, never converted. A table's own goes first.
    power : ranged, optional
        Watts of one device. Left out: shares of its rated power.
    pue : ranged, optional
        Energy of the data centre per energy of its devices.
    grid : ranged, str or Intensity, optional
        g CO2e per kWh, or a place that ``carbon.grid`` knows.
    unique_tokens : float, optional
        Fresh tokens that exist; more are seen again, and are worth less (Muennighoff et al., 2023).
    largest : float, optional
        Parameters of the largest model that can be deployed.
    served_tokens : float, optional
        Tokens that the model serves in its life. A budget in FLOPs then pays for training and
        serving together; for a loss the sum of both is least (Sardana et al., 2024).
    batch_tokens : ranged, optional
        Tokens per optimiser step.
    embodied : str or carbon.Footprint, optional
        Adds the emissions of making the devices, by a name of ``carbon.footprints()``.
    context, attention
        Of the architecture, for its FLOPs: tokens, and "causal" or "dense".
    n, seed : int
        Draws, 100 or more, and the seed of numpy's default generator.

    Returns
    -------
    Plan

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range; if the inputs do not suffice, contradict each other, or ask
        for what cannot be done. The message names them, and what would help.
    """
    n, seed = whole("n", n, at_least=LEAST_DRAWS), whole("seed", seed, at_least=0)
    number("n", n, at_most=MOST_DRAWS)
    machine = machine_of(
        device,
        dtype,
        mfu,
        price,
        price_date,
        currency,
        power,
        pue,
        grid,
        devices,
        deadline,
        embodied,
    )
    shape = None
    if architecture is not None:
        from scaling_utils.planning.shaped import shaped

        shape = shaped(architecture, parameters, context, attention)
        parameters = shape.parameters
        machine.remarks.extend(shape.remarks)
    limits = Limits(
        *(
            None if x is None else number(name, x, above=0)
            for name, x in (("largest", largest), ("unique_tokens", unique_tokens))
        ),
        number("served_tokens", served_tokens or 0.0, at_least=0),
        None if shape is None else shape.flops_per_token,
    )
    question = question_of(
        parameters=parameters,
        tokens=tokens,
        loss=loss,
        devices=devices,
        deadline=deadline,
        price=price,
        power_known="power" in machine.ranges,
        flops=flops,
        money=money,
        device_hours=device_hours,
        kg_co2e=kg_co2e,
    )
    _check_largest(question, limits)
    machine = _with_implied(question, machine, limits, mfu)
    batch, rule = _batch(batch_tokens)
    many = isinstance(law, (list, tuple))
    families = [_ordered(family_of(one)) for one in (law if many else [law])]
    if not families:
        raise ValueError("law must be one law or a list of laws, got an empty list")
    names = _named(families)
    plans = {}
    for name, family in zip(names, families, strict=True):
        draws = Draws(question, machine, limits, family, batch, rule)
        plans[name] = _one(name, draws, shape, n, seed, search=not plans)
    return _joined(plans) if many and len(plans) > 1 else next(iter(plans.values()))


def _one(name: str, draws: Draws, shape, n: int, seed: int, search: bool) -> Plan:
    """Return the plan by one law."""
    inputs = draws.inputs
    rng = np.random.default_rng(seed)
    levels = shares.hypercube(rng, n, len(inputs)) if inputs else np.zeros((1, 0))
    check_rivals(draws, levels)
    found = draws(levels)
    check_possible(draws, levels, found)
    units = {**UNITS, "cost": draws.machine.currency}
    answers = {q: Answer.of(values, units[q]) for q, values in found.items()}
    middle = [answers[q].middle for q in ("parameters", "tokens", "flops")]
    decades = draws.family.seen.decades(*middle)
    most = SHARED if draws.limits.unique is None else SHARED_REPEATED
    layout = None
    if shape is not None and search:
        layout = shape.layout(draws.machine, answers, draws.rule is not None)
    return Plan(
        answers=answers,
        shares=shares.first_order(draws, inputs, min(n, most), seed),
        tornado=shares.tornado(draws, inputs),
        extrapolation=decades,
        conventions=conventions_of(draws, shape),
        inputs=_inputs(draws),
        remarks=remarks_of(draws, found, answers, decades, layout),
        law=name,
        layout=layout,
    )


def _joined(plans: dict[str, Plan]) -> Plan:
    """Return the first law's plan with the answers of all, and the spread between them."""
    first = next(iter(plans.values()))
    by_law = {name: one.answers for name, one in plans.items()}
    between = {}
    for quantity in first.answers:
        middles = [found[quantity].middle for found in by_law.values()]
        if all(x is not None for x in middles):
            between[quantity] = (min(middles), max(middles))
    return replace(first, by_law=by_law, between=between)


def _named(families: list[Family]) -> list[str]:
    """Return a name for each law, with a number where two are alike."""
    names = [family.name for family in families]
    return [
        name if names.count(name) == 1 else f"{name} {names[: i + 1].count(name)}"
        for i, name in enumerate(names)
    ]


def _ordered(family: Family) -> Family:
    """Return the resamples by the size that they find best, so that their quantiles mean much."""
    low, high = family.seen.C
    at = np.sqrt(low * high) if low and high else 1e22
    return family.take(np.argsort(family.optimal(at)[0], kind="stable"))


def _with_implied(question: Question, machine: Machine, limits: Limits, mfu) -> Machine:
    """Return the machine with the MFU that follows where both work and hours were given."""
    if question.mode == "size and tokens":
        flops = float(limits.per_token(question.parameters)) * question.tokens
    elif question.budget == "flops":
        flops = question.amount
    else:
        return machine
    share = implied_mfu(question, machine, flops, mfu is not None)
    if share is None:
        return machine
    machine.remarks[:] = [r for r in machine.remarks if r.code != "mfu-assumed"]
    return machine.with_mfu(share)


def _check_largest(question: Question, limits: Limits) -> None:
    size, largest = question.parameters, limits.largest
    if size is not None and largest is not None and size > largest:
        raise ValueError(
            f"parameters = {size:g} and largest = {largest:g} contradict each other: the first "
            "implies a larger model than the second allows; leave one of them out"
        )


def _batch(batch_tokens) -> tuple[Range, object]:
    if batch_tokens is not None:
        return as_range("batch_tokens", batch_tokens, "tokens"), None
    return defaults.batch_range(), defaults.batch_rule


def _inputs(draws: Draws) -> dict[str, dict]:
    """Return the range and source of each input."""
    found = {name: r.as_dict() for name, r in draws.ranges.items()}
    machine, family = draws.machine, draws.family
    found[LAW] = {"source": family.source, "rows": len(family), "runs": family.seen.source}
    found["device"] = {
        "source": machine.device.source,
        "name": machine.device.name,
        "dense_peak": machine.peak,
        "dtype": machine.dtype,
    }
    if machine.price_date:
        found["price"]["date"] = str(machine.price_date)
    return found
