"""What a chapter calls from its cells: the setup, claims, sentences with numbers, figures.

A chapter prints no number by hand. ``say`` puts computed values into a sentence,
``claim`` states what the chapter has shown and raises when it does not hold, and
``figure`` shows a matplotlib figure together with a description for readers who
cannot see it. All three need only IPython and matplotlib, and work the same in
JupyterLab, in Colab and in the rendered book.
"""

from scaling_utils._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "_setup": ("COLOURS", "REPOSITORY", "UNSET", "setup", "write_setup_cell"),
        "_claims": ("CLAIM_MIME", "SEEN_FIRST", "Claim", "ClaimError", "claim", "claim_texts"),
        "_registered": ("VERDICT_MIME", "Prediction", "Verdict", "registered", "verdict"),
        "_shown": ("figure", "say", "table"),
    },
)
