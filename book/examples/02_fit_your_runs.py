# Fit a law to your own runs
import numpy as np

from scaling_utils import fitting, laws

# Your table comes here: parameters, tokens and loss of each run. This one is simulated from a
# known law with 1 % noise, so that you can see what the fit gives back.
rng = np.random.default_rng(0)
N, D = (grid.ravel() for grid in np.meshgrid(np.geomspace(1e7, 1e9, 6), np.geomspace(1e9, 1e11, 6)))
loss = laws.BESIROGLU.loss(N, D) * np.exp(0.01 * rng.standard_normal(N.size))  # (36,)

fit = fitting.fit_parametric(N, D, loss)
print(f"converged: {fit.converged}")
for name in ("E", "alpha", "beta"):
    print(f"{name:6} true {getattr(laws.BESIROGLU, name):.3f}, fitted {getattr(fit.law, name):.3f}")
