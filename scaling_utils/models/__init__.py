"""The small models that chapters train. This room needs torch."""

from scaling_utils.models.gpt import GPT
from scaling_utils.models.lstm import LSTM
from scaling_utils.models.mlp import MLPs
from scaling_utils.models.ngrams import NeuralNgrams

__all__ = ["GPT", "LSTM", "MLPs", "NeuralNgrams"]
