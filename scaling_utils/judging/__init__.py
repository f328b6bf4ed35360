"""Judging models: scores with their uncertainty, and what can go wrong with a score.

Needs NumPy and SciPy; only ``asked`` needs torch, where a model is asked.

- ``estimates``: a mean and a difference with their standard errors, clustered and paired
- ``intervals``: Wilson's interval, the bootstrap of a mean, McNemar's exact test
- ``power``: how many items a difference needs, and what documents cost
- ``calibration``: the expected calibration error, and what chance alone makes of it
- ``scoring``: exact match, multiple choice with lengths and ties
- ``bits``: bits per byte, and the token that spans a join
- ``overlap``: items that occur in a training text
- ``asked``: what a byte-level model says of answers
- ``suite``: a few tasks in the format of lm-evaluation-harness
- ``harness``: the suite, run by it; needs ``lm_eval``

>>> from scaling_utils import judging
>>> low, high = judging.wilson(310, 500)  # 62 %
>>> f"{low:.3f} to {high:.3f}"
'0.577 to 0.661'
"""

from scaling_utils._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "asked": ("Answer", "answers", "choice_nats", "completions"),
        "bits": ("Join", "bits_per_byte", "join"),
        "calibration": ("Calibration", "calibrated_ece", "ece", "measure_calibration"),
        "estimates": ("Estimate", "difference", "mean"),
        "harness": ("Report", "run_harness"),
        "intervals": ("bootstrap_mean", "mcnemar", "wilson"),
        "overlap": ("seen_shares",),
        "power": ("design_effect", "items_needed", "power_of"),
        "scoring": ("chosen_right", "exact_match"),
        "suite": ("cloze_items", "write_suite"),
    },
)
