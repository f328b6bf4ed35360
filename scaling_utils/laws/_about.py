"""What a published law says about itself, and how it says that a target is out of reach."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class About:
    """Where a law comes from and where it may be used.

    Attributes
    ----------
    source : str
        Paper, with the equation or table.
    units : str
        Units of the loss and of each argument.
    domain : str
        The runs that the constants were fitted on; anything beyond is extrapolation.
    note : str
        What a user has to know, or an empty string.
    """

    source: str
    units: str
    domain: str
    note: str = ""


class UnreachableLoss(ValueError):
    """The asked loss lies outside what the law can give; a ValueError.

    Attributes
    ----------
    target : float
        The loss that was asked for.
    floor : float
        The reachable losses lie above this value.
    ceiling : float
        The reachable losses lie below this value (infinite where there is no such limit).
    """

    def __init__(self, target: float, floor: float, ceiling: float, because: str):
        self.target, self.floor, self.ceiling = target, floor, ceiling
        upper = "" if ceiling == float("inf") else f" and below {ceiling:.6g}"
        super().__init__(
            f"loss {target:.6g} cannot be reached: {because}, so that reachable losses "
            f"lie above {floor:.6g}{upper}"
        )
