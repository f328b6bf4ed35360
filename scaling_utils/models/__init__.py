"""The small models that chapters train. This room needs torch."""

from scaling_utils._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "associative": ("AssociativeMemory",),
        "attention_only": ("AttentionOnly",),
        "gpt": ("GPT",),
        "lora": ("LoRALinear", "add_lora", "merge", "train_only", "trainable"),
        "lstm": ("LSTM",),
        "mixture": (
            "FeedForward",
            "Mixture",
            "Routing",
            "WindowModel",
            "balance_loss",
            "z_loss",
        ),
        "mixture_counts": (
            "MixtureCount",
            "PublishedMixture",
            "attention_parameters",
            "count_mixture",
            "published_mixtures",
        ),
        "mlp": ("MLPs",),
        "ngrams": ("NeuralNgrams",),
        "recall": ("Recall", "read"),
        "residual": ("Residuals",),
        "stored": ("Pretrained", "pretrained"),
    },
)
