"""What a chapter calls from its cells: the setup, claims, sentences with numbers, figures.

A chapter prints no number by hand. ``say`` puts computed values into a sentence,
``claim`` states what the chapter has shown and raises when it does not hold, and
``figure`` shows a matplotlib figure together with a description for readers who
cannot see it. ``axes``, ``log_axis`` and ``end_labels`` make figures that are legible on a
phone, ``drawing`` and ``steps`` show a mechanism, and ``in_short`` and ``takeaway`` say what
to keep.
All need only IPython and matplotlib, and work the same in JupyterLab, in Colab and in the
rendered book.
"""

from scaling_utils._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "_setup": ("REPOSITORY", "UNSET", "setup", "write_setup_cell"),
        "_claims": ("CLAIM_MIME", "SEEN_FIRST", "Claim", "ClaimError", "claim", "claim_texts"),
        "_registered": ("VERDICT_MIME", "Prediction", "Verdict", "registered", "verdict"),
        "_predictions": ("predictions",),
        "_shown": ("figure", "say", "table"),
        "_summary": ("IN_SHORT", "TAKEAWAY", "in_short", "takeaway"),
        "_colours": ("COLOURS", "contrast", "ink", "shades"),
        "_axes": ("axes", "end_labels", "error_bars", "log_axis", "note", "plain"),
        "_plots": ("residuals", "signed_map", "valley"),
        "_drawing": ("Drawing", "drawing"),
        "_steps": ("steps",),
    },
)
