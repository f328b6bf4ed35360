"""Laws of other kinds of data: Henighan et al. (2020), https://arxiv.org/abs/2010.14701."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from importlib.resources import files

from scaling_utils.laws._about import About
from scaling_utils.laws.power import PowerLaw, Trend

_NOTE = "no law printed for compute or allocation where the field is None"


@dataclass(frozen=True)
class DomainLaws:
    """One row of Table 1 of Henighan et al. (2020), https://arxiv.org/abs/2010.14701.

    Attributes
    ----------
    domain : str
        Kind of data, e.g. ``"image-32x32"``.
    size : PowerLaw
        L(N) in nats per token, N in parameters without embeddings.
    compute : PowerLaw or None
        L(C) in nats per token, with C in PF-days; None where none is printed.
    allocation : Trend or None
        N_opt(C) = (C / C_0)^b with C in PF-days; None where none is printed.
    about : About, optional
        Source, units and domain.
    """

    domain: str
    size: PowerLaw
    compute: PowerLaw | None
    allocation: Trend | None
    about: About | None = field(default=None, compare=False, repr=False)


def _read(row: dict[str, str]) -> DomainLaws:
    value = {
        key: float(text) for key, text in row.items() if key not in ("domain", "note") and text
    }

    def law(kind: str, unit: str = "") -> PowerLaw | None:
        if f"{kind}_exponent" not in value:
            return None
        scale, exponent = value[f"{kind}_scale{unit}"], value[f"{kind}_exponent"]
        return PowerLaw(scale, exponent, value[f"{kind}_offset"])

    allocation = None
    if "allocation_exponent" in value:
        exponent = value["allocation_exponent"]
        allocation = Trend(value["allocation_scale_pf_days"] ** -exponent, exponent)
    return DomainLaws(
        domain=row["domain"],
        size=law("size"),
        compute=law("compute", "_pf_days"),
        allocation=allocation,
        about=About(
            source="Henighan et al. (2020), https://arxiv.org/abs/2010.14701, Table 1",
            units="nats per token (image or video tokens there); C in PF-days",
            domain=f"autoregressive transformers on {row['domain']}",
            note=row["note"] or _NOTE,
        ),
    )


def _table() -> dict[str, DomainLaws]:
    path = files("scaling_utils").joinpath("data", "henighan_table_1.csv")
    with path.open(encoding="utf-8", newline="") as stream:
        return {row["domain"]: _read(row) for row in csv.DictReader(stream)}


HENIGHAN = _table()
