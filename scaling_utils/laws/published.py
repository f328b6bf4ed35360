"""The published laws by name, and Chinchilla's three sets of constants.

``laws.KAPLAN_SIZE`` and ``laws.get("kaplan-size")`` are the law of
``scaling_utils/data/laws/kaplan-size.toml``; see ``_tables.py`` for what such a table holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from scaling_utils import _lazy
from scaling_utils._check import member
from scaling_utils.laws._tables import law


def _henighan() -> Mapping:
    """The rows of Table 1 of Henighan et al. (2020), which no other law needs."""
    from scaling_utils.laws.domains import HENIGHAN

    return HENIGHAN


class _Published(Mapping):
    """All published laws, by name. Listing them builds none."""

    def __getitem__(self, name: str):
        if isinstance(name, str) and name.startswith("henighan-"):
            return _henighan()[name.removeprefix("henighan-")]
        if name not in _lazy.stems("laws"):
            raise KeyError(name)
        return law(name)

    def __iter__(self) -> Iterator[str]:
        return iter([*_lazy.stems("laws"), *(f"henighan-{domain}" for domain in _henighan())])

    def __len__(self) -> int:
        return sum(1 for _ in self)


PUBLISHED: Mapping[str, object] = _Published()


def get(name: str):
    """Return the published law called ``name``.

    Parameters
    ----------
    name : str
        One of ``laws.PUBLISHED``: "kaplan-size", "henighan-image-32x32".

    Returns
    -------
    object
        A law of this room; its ``about`` says source, units and domain.

    Raises
    ------
    ValueError
        For an unknown name; the message names the nearest and lists the known ones.
    """
    return PUBLISHED[member("name", name, PUBLISHED)]


_CHINCHILLA = {
    "unrounded": "chinchilla",
    "rounded": "chinchilla-rounded",
    "three-digit": "chinchilla-three-digit",
}


def Chinchilla(constants: str = "unrounded"):
    """The law of Hoffmann et al. (2022) with one of its three sets of constants.

    Why unrounded is the default: the paper states that at Gopher's budget, 5.76e23 FLOPs,
    the law's best model has 40B parameters (caption of Fig. 4). The unrounded constants
    give 40.4B. The printed ones give 32.2B, since a budget to the power 0.4516 instead of
    0.4565 is a long extrapolation: rounding in the exponent's third digit moves the
    optimum by a fifth.

    Parameters
    ----------
    constants : {"unrounded", "rounded", "three-digit"}
        ``unrounded``: the digits in the TeX source of the paper. ``rounded``: Eq. 10 as
        printed. ``three-digit``: exponents 0.336 and 0.283, chosen by de Vries (2023) so
        that the law fits Table A3, and used by Sardana et al. (2024).

    Returns
    -------
    ParametricLaw
        Loss in nats per token, N in parameters, D in tokens.

    Raises
    ------
    ValueError
        For another name.
    """
    return law(_CHINCHILLA[member("constants", constants, _CHINCHILLA)])
