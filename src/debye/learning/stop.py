"""Being asked to stop: the state is saved at the next step, and the training goes on later from there.

| signal | sent by | what becomes of the training |
|---|---|---|
| SIGTERM | `scancel`, `kill`, a time limit that is reached | saved; exit status 143 |
| SIGUSR1 | Slurm's `--signal=USR1@seconds`, before a time limit | saved; in a Slurm job requeued; exit status 75 |

Slurm signals every process of a job at once. The `tee` that reads our log may be dead by now: saving does not
depend on a word getting out (`logging` swallows what it cannot write).
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from types import FrameType
from typing import Any, NoReturn, Self

from debye.learning.launch import ERROR_FILE
from debye.learning.world import World

log = logging.getLogger("debye")

TRY_AGAIN = os.EX_TEMPFAIL
"""Exit status of a training that was asked to make room and is to be continued: 75."""
ENDED = 128 + signal.SIGTERM
"""Exit status of one that was told to end: 143, as of every `debye` command."""
REQUEUE_SECONDS = 60.0
"""Longest wait for scontrol to answer."""
END_SECONDS = 600.0
"""Longest wait for Slurm to end a job that it has put back into its queue."""


def deaf(_: int) -> None:
    """Make this process, a reader of samples, ignore the signals: it is needed until the state is saved.

    torch would let SIGTERM end it, and stop the training in the middle of something because of that.
    """
    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)


class Stop:
    """Notes SIGTERM and SIGUSR1 while it is entered; signals that come twice are one.

    Attributes
    ----------
    savable : bool
        Set by the training as soon as there is something to save. Until then SIGTERM does what it did before.
    to_make_room : bool
        Whether SIGUSR1 has come.
    """

    def __init__(self) -> None:
        self.savable = self.to_make_room = False
        self._terminated = False
        self._parent = os.getppid()
        self._before: dict[int, Any] = {}

    @property
    def told_to_end(self) -> bool:
        """Whether SIGTERM has come, or the process that started this one among several was killed."""
        # Another training may have begun in its place, with the same state.
        orphaned = ERROR_FILE in os.environ and os.getppid() != self._parent
        return self._terminated or orphaned

    def __enter__(self) -> Self:
        # Python allows handlers in the main thread alone.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGUSR1):
                self._before[number] = signal.signal(number, self._note)
            # `launch` blocks it until there is somebody to note it.
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGUSR1:
            self.to_make_room = True
            return
        self._terminated = True
        if not self.savable:
            before = self._before[number]
            if callable(before):
                before(number, frame)
            sys.exit(ENDED)

    def leave(self, world: World, end: bool) -> NoReturn:
        """End the process, as the signal calls for, after the state is on disk; all processes call this together.

        Parameters
        ----------
        world : World
            The processes of the training; the first one talks to Slurm.
        end : bool
            Whether any of them was told to end; otherwise they were asked to make room.

        Raises
        ------
        SystemExit
            With status 143 if the training was told to end, by now, and 75 if it was to make room.
        """
        job = os.environ.get("SLURM_JOB_ID", "")
        if not end and job:
            (requeued,) = world.from_first(float(world.first and _requeue(job)))
            if requeued:
                self._wait()
        # Nobody leaves before the first process has saved: whoever started us ends the rest when one ends.
        world.sum(0.0)
        sys.exit(ENDED if end or self.told_to_end else TRY_AGAIN)

    def _wait(self) -> None:
        log.info("waiting for Slurm to end this run of the job")
        until = time.monotonic() + END_SECONDS
        while not self.told_to_end and time.monotonic() < until:
            time.sleep(0.1)


def _requeue(job: str) -> bool:
    """Ask Slurm to end this job and start it again, under the same number."""
    command = ["scontrol", "requeue", job]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=REQUEUE_SECONDS)
        reason = "" if done.returncode == 0 else done.stderr.strip() or f"exit status {done.returncode}"
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = str(error)
    if reason:
        log.warning("%s failed: %s; the state is saved, run the job again", " ".join(command), reason)
    else:
        log.info("job %s is back in Slurm's queue and will go on from the saved state", job)
    return not reason
