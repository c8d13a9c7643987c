"""Loops compiled to machine code: numba with the choices that all of Debye's kernels share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a loop at its first call; the machine code is kept on disk for later processes.

    No fast-math: a sum is added up in the order in which it is written, so that a sample does not depend on the
    machine's vector length. Where no folder for the cache can be written (numba looks beside the source, then in the
    user's cache folder, or in NUMBA_CACHE_DIR), the function is compiled anew in each process. Machine code is kept by
    the function's own file: a loop calls no compiled loop of another file (tests/physics/test_compiled.py), or a change
    there would go unseen.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:
        return numba.njit(**options)(function)
