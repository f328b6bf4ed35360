"""Which question a plan answers: what was given, whether it suffices, and whether it agrees."""

from __future__ import annotations

from dataclasses import dataclass, field

from scaling_utils._check import number
from scaling_utils.units import PF_DAY

BUDGETS = ("flops", "money", "device_hours", "kg_co2e")
LEAST_FLOPS = 1e9  # fewer are a slip: PF-days, or a figure in TFLOPs
LEAST_SIZE = 1e3  # parameters; fewer are a slip such as 7 for 7e9
LEAST_TOKENS = 1e3
BEST = "optimal"
SUFFICIENT = (
    "parameters and tokens (either may be 'optimal'); one of them and a budget or a loss; a budget "
    "alone (flops, money with a price, device_hours, kg_co2e, or deadline with devices); or a loss"
)


@dataclass(frozen=True)
class Question:
    """What was given, checked one by one.

    Attributes
    ----------
    mode : str
        What determines size and tokens: "size and tokens", "size", "tokens" or "free" (with a
        budget), "best tokens", "best size", or "loss", "loss and size", "loss and tokens".
    parameters, tokens, loss : float or None
        Where given.
    budget : str or None
        Which budget sets the FLOPs, one of ``BUDGETS`` or "deadline".
    amount : float or None
        Of the budget, in its unit; hours on the clock times devices for "deadline".
    rivals : dict of float
        What was given besides, although the FLOPs are determined already: budgets, or a loss.
    """

    mode: str
    parameters: float | None = None
    tokens: float | None = None
    loss: float | None = None
    budget: str | None = None
    amount: float | None = None
    rivals: dict = field(default_factory=dict)


def question_of(
    *,
    parameters=None,
    tokens=None,
    loss=None,
    devices=None,
    deadline=None,
    price=None,
    power_known=True,
    **budgets,
) -> Question:
    """Return the question that the arguments of a plan ask.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, if the arguments do not suffice (the message says what is
        missing), or if two of them determine the same thing.
    """
    size = _count("parameters", parameters, LEAST_SIZE, "7e9 for 7B")
    seen = _count("tokens", tokens, LEAST_TOKENS, "1.4e12 for 1.4T")
    loss = None if loss is None else number("loss", loss, above=0)
    given = {name: _amount(name, x) for name, x in budgets.items() if x is not None}
    if "money" in given and price is None:
        raise ValueError("money needs a price per device-hour and its price_date, got none")
    if "kg_co2e" in given and not power_known:
        raise ValueError("kg_co2e needs power in watts a device, which no vendor rates here")
    clock = devices is not None and deadline is not None
    if size is not None and seen is not None:
        return _both(size, seen, loss, given)
    if loss is not None:
        if BEST in (size, seen):
            raise ValueError(
                f"loss alone already gives the best size and tokens: leave {BEST!r} out"
            )
        mode = "loss and size" if size else "loss and tokens" if seen else "loss"
        return Question(mode, size, seen, loss, rivals=given)
    if not given and clock:
        given = {"deadline": float(deadline) * devices}
    if not given or BEST in (size, seen):
        raise ValueError(_missing(size, seen, given, devices, deadline))
    (name, amount), *others = given.items()
    mode = "size" if size else "tokens" if seen else "free"
    return Question(mode, size, seen, None, name, amount, dict(others))


def _both(size, seen, loss, given) -> Question:
    if size == BEST and seen == BEST:
        raise ValueError(f"parameters and tokens cannot both be {BEST!r}: give a budget or a loss")
    rivals = given if loss is None else {"loss": loss, **given}
    if size == BEST or seen == BEST:
        mode, size, seen = (
            ("best tokens", size, None) if seen == BEST else ("best size", None, seen)
        )
        return Question(mode, size, seen, rivals=rivals)
    return Question("size and tokens", size, seen, rivals=rivals)


def _count(name: str, value, least: float, example: str):
    if value is None or (isinstance(value, str) and value == BEST):
        return value
    value = number(name, value, above=0)
    if value < least:
        raise ValueError(
            f"{name} must be counted one by one, {least:g} or above ({example}), got {value:g}"
        )
    return value


def _amount(name: str, value) -> float:
    value = number(name, value, above=0)
    if name == "flops" and value < LEAST_FLOPS:
        raise ValueError(
            f"flops must be in FLOPs, such as 1e24, and {LEAST_FLOPS:g} or above, got {value:g}; "
            f"{value:g} PF-days are {value * PF_DAY:.4g} FLOPs"
        )
    return value


def _missing(size, seen, given, devices, deadline) -> str:
    have = {"parameters": size, "tokens": seen, "devices": devices, "deadline": deadline, **given}
    named = ", ".join(name for name, x in have.items() if x is not None) or "nothing"
    lacks = "a budget, a loss, or parameters and tokens"
    if size is not None:
        lacks = f"tokens ({BEST!r} for those that the law finds best), a budget, or a loss"
    elif seen is not None:
        lacks = f"parameters ({BEST!r} for those that the law finds best), a budget, or a loss"
    elif deadline is not None:
        lacks = "devices, which with a deadline make a budget"
    elif devices is not None:
        lacks = "deadline, which with devices makes a budget, or another budget"
    return (
        f"{named} alone does not determine a plan; missing: {lacks}. Sufficient are: {SUFFICIENT}"
    )
