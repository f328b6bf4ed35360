# What two laws say about the same run
from scaling_utils import laws

GOPHER = {"N": 280e9, "D": 300e9}
for name, law in {"Chinchilla": laws.CHINCHILLA, "refit": laws.BESIROGLU}.items():
    print(f"{name:10} predicts {law.loss(**GOPHER):.3f} nats per token")
