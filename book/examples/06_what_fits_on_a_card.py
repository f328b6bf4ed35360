# Ask what fits on a card
from scaling_utils import counting, memory, shapes
from scaling_utils.units import GIB

shape = shapes.get("llama1-7b")
parameters = counting.parameters(shape).total
for stage in (0, 1, 2):
    ledger = memory.ledger(
        memory.states(parameters, devices=8, stage=stage),
        memory.activations(shape, batch=1),
        memory.logits(shape, batch=1),
        micro_batches=4,
    )
    fits = ledger.peak < memory.available("A100-80-SXM")
    answer = "fits" if fits else "does not fit"
    print(f"{ledger.label}: {ledger.peak / GIB:.1f} GiB in the {ledger.peak_instant}, {answer}")
