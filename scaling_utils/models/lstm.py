"""A recurrent language model: an embedding, LSTM layers, and an output matrix of its own.

Letters in shape comments: B sequences, T tokens, h = width, V = vocab.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from scaling_utils._check import number, whole


class LSTM(nn.Module):
    """A language model of stacked LSTM layers, all of one width.

    With x the input of a layer at a place in the sequence, and h and c what it kept from the
    place before, a layer computes (* is taken element by element) ::

        i = sigmoid(Wi x + Ui h + bi)      what to write
        f = sigmoid(Wf x + Uf h + bf)      what to keep
        g = tanh(Wg x + Ug h + bg)         what would be written
        o = sigmoid(Wo x + Uo h + bo)      what to show
        c = f * c + i * g
        h = o * tanh(c)

    Each sequence starts from h = c = 0. The cell is that of Hochreiter and Schmidhuber (1997),
    https://doi.org/10.1162/neco.1997.9.8.1735, with the forget gate f of Gers et al. (2000),
    https://doi.org/10.1162/089976600300015015. The gates are stacked in the order i, f, g, o and
    have two biases each, whose sum is b above, as in ``torch.nn.LSTM``. Weights start as
    PyTorch starts them. Dropout works between layers and not in time, as in Zaremba et al.
    (2014), https://arxiv.org/abs/1409.2329, Sec. 3.2.

    Parameters
    ----------
    vocab : int
        V, number of tokens, at least 2.
    width : int
        h, of the embedding and of each layer, at least 1.
    layers : int
        LSTM layers on top of each other, at least 1.
    dropout : float
        Probability, 0 (default) up to but not 1.

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range.
    """

    def __init__(self, vocab: int, width: int, layers: int = 1, dropout: float = 0.0):
        super().__init__()
        self.vocab = whole("vocab", vocab, at_least=2)
        self.width = whole("width", width)
        self.layers = whole("layers", layers)
        dropout = number("dropout", dropout, at_least=0, below=1)
        self.embedding = nn.Embedding(self.vocab, self.width)
        self.drop = nn.Dropout(dropout)
        self.lstm = nn.LSTM(
            self.width,
            self.width,
            num_layers=self.layers,
            batch_first=True,
            dropout=dropout if self.layers > 1 else 0.0,  # torch's works between layers only
        )
        self.head = nn.Linear(self.width, self.vocab, bias=False)

    @property
    def matmul_parameters(self) -> int:
        """N, weights that multiply, the output matrix included; no embedding, no biases."""
        return 8 * self.layers * self.width**2 + self.width * self.vocab

    @property
    def non_embedding_parameters(self) -> int:
        """N of the layers alone, without a matrix of the vocabulary's size, in or out."""
        return self.layers * (8 * self.width**2 + 8 * self.width)

    @property
    def total_parameters(self) -> int:
        """All parameters, embedding, output and biases included."""
        return self.non_embedding_parameters + 2 * self.width * self.vocab

    @property
    def flops_per_token(self) -> int:
        """Training FLOPs (work) per token, all matrix products counted.

        Each weight of a product costs 2 FLOPs forward, 2 for its own gradient and 2 for the
        gradient of its input, at each token: 6 N. An implementation may save the gradient of
        the state before the first token, 8 layers width^2 FLOPs a sequence, which nobody needs.
        """
        return 6 * self.matmul_parameters

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the logits for the token after each of ``tokens``.

        Parameters
        ----------
        tokens : int64 tensor, shape (B, T)
            Of any length T.

        Returns
        -------
        tensor, shape (B, T, V)
            Logits, in nats up to a constant.

        Raises
        ------
        ValueError
            If the tokens have not two dimensions.
        """
        if tokens.dim() != 2:
            raise ValueError(f"tokens must have shape (B, T), got {tuple(tokens.shape)}")
        x = self.drop(self.embedding(tokens))  # (B, T, h)
        x, _ = self.lstm(x)  # (B, T, h)
        return self.head(self.drop(x))  # (B, T, V)

    def loss(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cross-entropy.

        Parameters
        ----------
        tokens, targets : int64 tensors, shape (B, T)
            Inputs, and the token that follows each; a target of -100 does not count.

        Returns
        -------
        tensor, shape ()
            Nats per token.

        Raises
        ------
        ValueError
            If the tokens have not two dimensions.
        """
        logits = self(tokens)  # (B, T, V)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())
