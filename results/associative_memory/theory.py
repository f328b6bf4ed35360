"""What theory says of an associative memory before any network is trained.

    python results/associative_memory/theory.py            # prints the registered numbers
    python results/associative_memory/theory.py --visits   # simulates visits.csv first

Two exponents follow from the tail of the Zipf law. What is left of a context after its visits is
simulated for a context on its own (visits.csv), and summed over the source: that gives the data
exponent at a finite number of examples.
"""

# ruff: noqa: E402 - the package has to be found before it is imported
from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from scaling_utils.corpora.associations import Associations
from scaling_utils.corpora.visits import DataCurves, alone
from scaling_utils.sweeps.tables import write_csv

VISITS = 2.0 ** np.arange(-3, 12)
GS = (1.1, 1.2, 1.35, 1.5, 1.8)
ARM = 2.0 ** np.arange(14, 17)  # D of the arm that measures the data exponent
FITTED = 2.0 ** np.arange(14, 20)  # D of the fitted cells
STEPS = (1.0, 2.0, 4.0, 8.0, 16.0)
POWERS = (1.0, 3.0)
SOURCE = Associations(1.5, 36)  # the seed of the pool; g plays no part


def exponents(g: float) -> dict[str, float]:
    """Return the four exponents in the limit: of size, data, N* and the least excess in C."""
    alpha, beta = g - 1, 1 - 1 / g
    a = beta / (alpha + beta)
    return {"size": alpha, "data": beta, "N_opt": a, "excess": alpha * a}


def simulate() -> list[dict]:
    """Return f for every step and schedule."""
    rows = []
    for power in POWERS:
        for step in STEPS:
            for index, visits in enumerate(VISITS):
                contexts = 4096 if visits <= 4 else 1024 if visits <= 64 else 256
                left = alone(SOURCE, visits, step, power, contexts, seed=index)
                rows.append(
                    {
                        "power": power,
                        "step": step,
                        "visits": visits,
                        "contexts": contexts,
                        "left": round(float(left.mean()), 6),
                        "se": round(float(left.std(ddof=1) / contexts**0.5), 6),
                    }
                )
            print(f"power {power:g}, step {step:g}", flush=True)
    return rows


def data_curve(g: float, tokens, power: float = 1.0) -> np.ndarray:
    """Return the derived excess of an endless memory after D examples."""
    return DataCurves.read(HERE / "visits.csv", power).least(g, tokens)


def local_exponent(x, y) -> float:
    """Return b of y ~ x^-b, by least squares on logarithms."""
    return float(-np.polyfit(np.log(x), np.log(y), 1)[0])


def main() -> None:
    """Print what is registered."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--visits", action="store_true", help="simulate visits.csv first")
    if parser.parse_args().visits:
        write_csv(simulate(), HERE / "visits.csv")
    print(
        "| g | size | data | N* | least excess | data, 2^14 to 2^16 | the same, slow | N*, finite |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for g in GS:
        print("| " + " | ".join([f"{g:g}", *(f"{value:.4f}" for value in registered(g))]) + " |")


def registered(g: float) -> list[float]:
    """Return the row of the registration's table: seven numbers."""
    limit = exponents(g)
    linear, slow = (local_exponent(ARM, data_curve(g, ARM, power)) for power in POWERS)
    fitted = local_exponent(FITTED, data_curve(g, FITTED))
    return [*limit.values(), linear, slow, fitted / (limit["size"] + fitted)]


if __name__ == "__main__":
    main()
