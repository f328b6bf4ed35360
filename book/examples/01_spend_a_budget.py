# Spend a budget by a published law
from scaling_utils import laws

BUDGET = 1e21  # FLOPs
for name, law in {"published": laws.CHINCHILLA, "refit": laws.BESIROGLU}.items():
    best = law.optimal(BUDGET)
    print(f"{name:10} {best.N:.2e} parameters, {best.D:.2e} tokens, loss {best.loss:.3f} nats")
