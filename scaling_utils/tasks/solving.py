"""Networks with one hidden layer whose output weights are solved for, not trained."""

from __future__ import annotations

import numpy as np
import torch

from scaling_utils._check import whole
from scaling_utils.models.regressors import Regressors
from scaling_utils.tasks.waves import WaveTask


@torch.no_grad()
def solved_losses(task: WaveTask, model: Regressors, points: int | None = None) -> np.ndarray:
    """Return held-out losses with the output weights solved for, the hidden units kept.

    For given hidden units the best output weights are the solution of a least-squares problem.
    There is no output bias.

    Parameters
    ----------
    task : tasks.WaveTask
        Its S functions are learned.
    model : models.Regressors
        One hidden layer; its M members each serve every function.
    points : int, optional
        Training points of the problem, the first ones of the pool; all of them by default.

    Returns
    -------
    array, shape (M, S)
        Mean squared errors of each member on each function, in units of its variance.

    Raises
    ------
    TypeError, ValueError
        If the model has not one hidden layer, or ``points`` is not a whole number from 1 to the
        pool.
    """
    if len(model.widths) != 3:
        raise ValueError(f"model must have one hidden layer, got {len(model.widths) - 2}")
    pool = len(task.inputs)
    count = pool if points is None else whole("points", points)
    if count > pool:
        raise ValueError(f"points must be at most the pool's {pool}, got {count}")
    wanted = task.targets[:, :count].T.double().numpy()  # (count, S)
    truth = task.test_targets.T.double().numpy()  # (n, S)
    losses = []
    for weight, bias in zip(model.weights[0], model.biases[0], strict=True):  # one member
        units = torch.addmm(bias, task.inputs[:count], weight).relu()  # (count, h)
        output = np.linalg.lstsq(units.double().numpy(), wanted, rcond=None)[0]  # (h, S)
        units = torch.addmm(bias, task.test_inputs, weight).relu()  # (n, h)
        losses.append(np.mean((units.double().numpy() @ output - truth) ** 2, axis=0))
    return np.array(losses)
