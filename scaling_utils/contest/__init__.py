"""A contest on your own CPU: a budget, three rounds, a prediction, one final run.

>>> from scaling_utils.contest import RULES, Sweep
>>> sweep = Sweep(1e9, width=[20, 26], rate=[1.0, 3.0])
>>> f"{len(sweep)} runs, {sum(map(RULES.price, sweep)):.4g} FLOPs"  # for a lab that is new
'4 runs, 4.281e+09 FLOPs'
"""

from scaling_utils._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "checking": ("Verdict", "verify"),
        "lab": ("Lab",),
        "ledger": ("LedgerError",),
        "report": ("Report",),
        "rules": ("RULES", "Rules", "Run"),
        "scoring": ("interval_score", "loss_points", "prediction_points"),
        "sweep": ("TRIAL", "Sweep"),
        "table": ("Runs",),
    },
)
