"""Loops compiled to machine code: numba with the choices that all of Debye's kernels share."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable
from typing import Any

import numba
from numba.core.caching import FunctionCache

log = logging.getLogger("debye")

OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
"""How loops are compiled. Machine code on disk does not know of a change here: delete it by hand (`__pycache__`)."""

UNWRITABLE = (
    "compiled loops are not kept on disk (%s): each process compiles anew; name a folder in NUMBA_CACHE_DIR"
)

_said: set[str] = set()


def _say(reason: str) -> None:
    """Warn once a process."""
    if not _said:
        log.warning(UNWRITABLE, reason)
    _said.add(reason)


class Cache(FunctionCache):  # type: ignore[misc]
    """Numba's cache on disk, but a damaged or full one is a loss of time, not of the result."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Machine code for a signature, or None."""
        try:
            return super().load_overload(sig, target_context)
        except (OSError, EOFError, ValueError, pickle.UnpicklingError):
            # A file cut short by a crash: with an empty index all of it is made anew.
            self._try(self.flush)
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep machine code for a signature."""
        self._try(lambda: super(Cache, self).save_overload(sig, data))

    def _try(self, write: Callable[[], None]) -> None:
        try:
            write()
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            _say(str(error))


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a loop at its first call; the machine code is kept on disk for later processes.

    No fast-math: a sum is added up in the order in which it is written, so that a sample does not depend on the
    machine's vector length. Where no folder for the cache can be written (numba looks beside the source, then in the
    user's cache folder, or in NUMBA_CACHE_DIR), the function is compiled anew in each process. Machine code is kept by
    the function's own file: a loop calls no compiled loop of another file (tests/physics/test_compiled.py), or a change
    there would go unseen.
    """
    loop = numba.njit(**OPTIONS)(function)
    try:
        loop._cache = Cache(function)
    except RuntimeError as error:
        _say(str(error))
    return loop
