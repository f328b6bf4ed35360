"""Under `make kernels` the linear algebra really runs with the loops that were asked for."""

from __future__ import annotations

import os

import pytest
import standins

ASKED = os.environ.get("OPENBLAS_CORETYPE")


@pytest.mark.skipif(not ASKED, reason="OPENBLAS_CORETYPE is not set: see make kernels")
def test_openblas_runs_as_it_was_told():
    import numpy as np
    import scipy.linalg  # noqa: F401

    threadpoolctl = pytest.importorskip("threadpoolctl")
    np.linalg.inv(np.eye(2))
    libraries = threadpoolctl.threadpool_info()
    used = {one["architecture"] for one in libraries if one["internal_api"] == "openblas"}
    if not used or used <= {"armv8", "neoversen1", "neoverse_n1", "VORTEX"}:
        pytest.skip(f"{ASKED} has no counterpart here: {sorted(used) or 'no OpenBLAS'}")
    assert used == {standins.SAME_LOOPS.get(ASKED, ASKED)}
