"""One thread a process.

Debye's work is spread over processes, a shard each, and the pieces of linear algebra in a solve are small: a second
BLAS thread costs a quarter more processor time and saves none, and with a worker on every core it takes another's.
Compiled loops have one thread as well (`debye.physics.compiled`). Only torch, which trains and predicts, uses several.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import dask
import scipy.linalg  # noqa: F401  numpy and scipy bring a BLAS each: both are there before anybody asks which there are
from threadpoolctl import ThreadpoolController

ASKED_FOR = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
"""Where a person or Snakemake says how many threads a process may have."""


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()


def one_thread() -> AbstractContextManager[Any]:
    """Hold BLAS to one thread inside a block; the caller's own setting comes back afterwards.

    Examples
    --------
    >>> from threadpoolctl import threadpool_info
    >>> with one_thread():
    ...     {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}
    {1}
    """
    held: AbstractContextManager[Any] = _libraries().limit(limits=1, user_api="blas")
    return held


def one_thread_from_now_on() -> None:
    """Hold BLAS and dask to one thread until the process ends, where the environment does not ask for another number.

    For programs, not for a library in somebody else's process. dask reads netCDF files, which the library lets only
    one thread do at a time; each further thread would hold a further block in memory.
    """
    if not any(os.environ.get(name) for name in ASKED_FOR):
        _libraries().limit(limits=1, user_api="blas")
    if dask.config.get("scheduler", None) is None:
        dask.config.set(scheduler="synchronous")
