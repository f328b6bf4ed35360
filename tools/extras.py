"""The packages that a cell may ask for by its tag, and that not every machine has."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass


@dataclass(frozen=True)
class Package:
    """A package of one of the project's extras."""

    module: str  # as it is imported
    name: str  # as it is installed
    extra: str
    role: str  # as the summary of a run calls it


PACKAGES = {
    "needs-peft": Package("peft", "peft", "lora", "peft"),
    "needs-lm-eval": Package("lm_eval", "lm-eval", "evaluation", "the harness"),
}
# Tags of cells that not every machine can run.
SKIPPABLE = {"gpu", "needs-data", *PACKAGES}


def missing(tag: str) -> str | None:
    """Return why the package that a tag asks for cannot be used, or None where it is installed."""
    package = PACKAGES[tag]
    if importlib.util.find_spec(package.module):
        return None
    return f"{package.name} is not installed: pip install 'scaling-utils[{package.extra}]'"
