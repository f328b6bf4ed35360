# A power law with a floor
import numpy as np

from scaling_utils.fitting import fit_power_law

x = np.geomspace(1e3, 1e7, 9)
y = 1.5 + 20 * x**-0.35
fit = fit_power_law(x, y)
print(fit.law)
