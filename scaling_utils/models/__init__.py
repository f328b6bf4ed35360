"""The small models that chapters train. This room needs torch."""

from scaling_utils._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "attention_only": ("AttentionOnly",),
        "gpt": ("GPT",),
        "lstm": ("LSTM",),
        "mlp": ("MLPs",),
        "ngrams": ("NeuralNgrams",),
        "residual": ("Residuals",),
    },
)
