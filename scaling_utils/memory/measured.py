"""What a call really allocates. The only part of this room that needs torch."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def peak_bytes(function: Callable[[], object]) -> int:
    """Return how far a call on the CPU raises the memory of torch's tensors, at its highest.

    The allocator itself is asked, by torch's profiler. So buffers that a fused kernel takes and
    gives back inside itself count; those of a library below it, such as a BLAS, do not. What was
    there before the call does not count, and its result does.

    Parameters
    ----------
    function : callable
        Called once, without arguments, on this thread.

    Returns
    -------
    int
        Bytes, at least 0.

    Raises
    ------
    TypeError
        If ``function`` cannot be called.
    """
    if not callable(function):
        raise TypeError(f"function must be callable without arguments, got {function!r}")
    from torch.profiler import ProfilerActivity, profile

    with _no_stderr(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        result = function()
    events = [one for one in seen.profiler.kineto_results.events() if one.name() == "[memory]"]
    events.sort(key=lambda one: one.start_ns())
    del result  # it had to live until the end
    return max(itertools.accumulate((one.nbytes() for one in events), initial=0))


@contextmanager
def _no_stderr() -> Iterator[None]:
    """Keep what the profiler's C++ says at every start out of a notebook."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
