"""Constants that are held at a value, or tied to one another.

The solver's parameters are linear in the logarithms of prefactors and in the exponents. So a
fixed constant, or two that are equal, is one linear equation, and the free parameters span
what the equations leave: theta = base + basis z.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_utils._check import number


@dataclass(frozen=True)
class Held:
    """What is fixed or tied.

    Attributes
    ----------
    basis : array, shape (parameters, free)
    gone, kept : arrays of int
        Places of the parameters that follow from the others, and of those others.
    base : array, shape (gone,)
        Their values where all kept ones are zero.
    names : tuple of str
        Of the free parameters; tied ones are named together.
    """

    basis: np.ndarray
    gone: np.ndarray
    kept: np.ndarray
    base: np.ndarray
    names: tuple[str, ...]

    def put(self, theta: np.ndarray) -> np.ndarray:
        """Return theta, (members, parameters), with what follows from the free ones put right."""
        out = np.array(theta)
        out[:, self.gone] = self.base + theta[:, self.kept] @ self.basis[self.gone].T
        return out


@dataclass(frozen=True)
class Scale:
    """How a constant follows from the parameters.

    ``log``: whether it is the logarithm that is linear. ``row``: the coefficients, by place.
    """

    place: int
    log: bool
    row: dict[int, float]


def hold(scales: dict[str, Scale], fixed: dict[str, float], tie: tuple[str, ...]) -> Held | None:
    """Return what is held; ``scales`` by name in the order of the parameters.

    Raises
    ------
    TypeError, ValueError
        If a name is not a constant of the law, a value is out of range, or a tie joins a
        prefactor with an exponent or a constant that is fixed.
    """
    count = len(scales)
    equations, values, gone, names = [], [], [], list(scales)

    def row_of(name: str) -> np.ndarray:
        out = np.zeros(count)
        for place, coefficient in scales[name].row.items():
            out[place] = coefficient
        return out

    for name, value in fixed.items():
        _known("fixed", name, scales)
        log = scales[name].log
        value = number(f"fixed[{name!r}]", value, **({"above": 0} if log else {}))
        equations.append(row_of(name))
        values.append(np.log(value) if log else value)
        gone.append(scales[name].place)
        names.remove(name)
    if tie:
        first, *others = tie
        for name in tie:
            _known("tie", name, scales)
            if name in fixed or scales[name].log != scales[first].log or tie.count(name) > 1:
                raise ValueError(
                    "tie must name two or more free constants of one kind, prefactors or "
                    f"exponents, each once; got {tie}"
                )
        if not others:
            raise ValueError(f"tie must name two or more constants, got {tie}")
        for name in others:
            equations.append(row_of(first) - row_of(name))
            values.append(0.0)
            gone.append(scales[name].place)
            names.remove(name)
        names[names.index(first)] = " = ".join(tie)
    if not equations:
        return None
    kept = np.setdiff1d(np.arange(count), gone)
    matrix, gone = np.array(equations), np.array(gone)
    inverse = np.linalg.inv(matrix[:, gone])
    basis = np.zeros((count, kept.size))
    basis[kept, np.arange(kept.size)] = 1.0
    basis[gone] = -inverse @ matrix[:, kept]
    return Held(basis, gone, kept, inverse @ np.array(values), tuple(names))


def _known(argument: str, name, scales) -> None:
    if name not in scales:
        named = ", ".join(repr(known) for known in scales)
        raise ValueError(f"{argument} must name constants of the law, {named}; got {name!r}")
