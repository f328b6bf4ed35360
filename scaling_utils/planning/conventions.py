"""How a plan counts, in words: what every planner ought to print, and most leave out."""

from __future__ import annotations

from scaling_utils.planning.draws import Draws


def conventions_of(draws: Draws, shape=None) -> dict[str, str]:
    """Return the conventions of a plan by name, one sentence each."""
    machine, limits, family = draws.machine, draws.limits, draws.family
    found = {
        "flops": "6 N per token (forward 2, backward 4), attention left out",
        "attention": "not counted",
        "parameters": "as the law counts them, embeddings included"
        if family.name != "kaplan-joint"
        else "without embeddings",
        "peak": f"dense {machine.dtype} peak of {machine.device.name}, "
        f"{machine.peak / 1e12:.1f} TFLOP/s; not the rate with sparsity",
        "mfu": "model FLOPs utilisation: recomputation does not count (that would be HFU)",
        "hours": "of training alone: queues, failures and evaluation are not counted, except as "
        "far as the MFU of published runs has them",
        "loss": "nats per token of the law's own tokeniser and text; another's are not comparable",
        "ranges": "10, 50 and 90 % of seeded draws; shares of variance are first-order Sobol "
        "indices of the logarithm",
        "law": "within one law by its resamples; between laws answers are kept apart",
    }
    if shape is not None:
        found |= shape.conventions
    if "power" in machine.ranges:
        power = machine.ranges["power"]
        found["power"] = f"of one device, without host and network: {power.source or 'given'}"
        found["energy"] = "kwh has the PUE inside, device_kwh has not"
        found["emissions"] = (
            "operation alone, by the grid's mean; making the devices is not counted"
        )
    if machine.footprint is not None:
        made = machine.footprint
        found["embodied"] = (
            f"{made.per_hour:.3g} kg CO2e a device-hour over {made.life_years:g} years: "
            f"{made.covers} ({made.source})"
        )
    if "price" in machine.ranges:
        when = f"as of {machine.price_date}" if machine.price_date else "without a date"
        found["cost"] = f"device-hours times the price, {when}; storage, people and tries excluded"
    if limits.unique is not None:
        found["repetition"] = (
            f"tokens beyond {limits.unique:g} are seen again, worth as in Muennighoff et al. "
            f"(2023), R_D* = {family.R_D_star:.3g}, R_N* = {family.R_N_star:.3g}"
        )
    if limits.served:
        found["serving"] = (
            f"{limits.served:g} served tokens at 2 N FLOPs each; a budget pays for training and "
            "serving together, as if both used the machine equally well"
        )
    return found
