"""What all peers share: seconds by phase, and when Newton's method ends."""

import time

NEWTON = 1e-10
"""The last correction's energy over the first's. Newton converges quadratically: what is left then is below 1e-8."""


class Clock:
    """Seconds by phase; each call ends one."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def __call__(self, phase: str) -> None:
        """End a phase."""
        now = time.perf_counter()
        self.seconds[phase] = self.seconds.get(phase, 0.0) + now - self._last
        self._last = now
