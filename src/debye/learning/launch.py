"""Starting a training in several processes of this machine, one for each GPU, and answering for them.

torchrun does the same and may do it instead (`docs/slurm.md`): the processes find each other by the same
variables. This is not torchrun because of what a job of a workflow is asked for: an exit status that says
what happened, one line for a user's error, SIGUSR1 passed on, a second SIGTERM that ends nobody before the
state is saved, and no name of this machine that would have to be looked up.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from debye.errors import ConfigError, TrainingError, explain
from debye.threads import ASKED_FOR

LAUNCHED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
"""What torchrun, as we do, tells each process of a training. Slurm's own counts of tasks say nothing about a
training and are not looked at."""

ERROR_FILE = "DEBYE_ERROR_FILE"
"""Variable that names the file into which a started process writes the error that it ends with, for us to tell:
what the others say is mostly that they lost the first one that failed."""

GRACE = 5.0
"""Seconds that the other processes have to end by themselves when one has failed, and again when they are told to;
they may be waiting for it for ever."""
POLL = 0.1
REPEAT = 2.0
"""Seconds between two deliveries of SIGUSR1: a process that is still loading its libraries ignores it."""


def launched() -> bool:
    """Whether this process is one of a training's, started by torchrun or by `launch`."""
    return all(name in os.environ for name in LAUNCHED)


def writes() -> bool:
    """Whether this process is the one of its training that writes: the only one, or the first."""
    return not launched() or os.environ["RANK"] == "0"


def processes_for(asked: str, device: str) -> int:
    """How many processes a training is to have that is not one of them already.

    Parameters
    ----------
    asked : str
        A number, or "auto": one for each GPU that this process sees, which under Slurm are those of the
        allocation; one on a CPU.
    device : {"auto", "cpu", "cuda"}
        Where the training is to run.

    Raises
    ------
    ConfigError
        If `asked` is neither, or more than there are GPUs, or if "auto" cannot keep its word because the
        allocation has further GPUs on other nodes.
    """
    if asked != "auto" and not (asked.isdecimal() and int(asked) > 0):
        raise ConfigError(explain("--processes", asked, "auto or a number from 1 on", "leave it at auto"))
    if launched():
        return 1
    gpus = 0 if device == "cpu" else _visible_gpus()
    if gpus and asked != "auto" and int(asked) > gpus:
        expected = f"one for each of {asked} processes"
        raise ConfigError(
            explain(
                "--processes", f"{gpus} CUDA devices", expected, "ask Slurm for more, or take --device cpu"
            )
        )
    nodes = int(os.environ.get("SLURM_JOB_NUM_NODES", "1"))
    if gpus and asked == "auto" and nodes > 1:
        found, remedy = (
            f"an allocation of {nodes} nodes",
            "ask for --nodes=1, or start debye by torchrun on each",
        )
        raise ConfigError(explain("--processes auto", found, "all GPUs on one node", remedy))
    return max(1, gpus) if asked == "auto" else int(asked)


def _visible_gpus() -> int:
    import torch

    return torch.cuda.device_count()


@dataclass
class _Processes:
    """The processes of a training, and what they were told."""

    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    told: set[int] = field(default_factory=set)
    spoken: float = 0.0

    def tell(self, number: int, frame: FrameType | None = None) -> None:
        """Pass a signal on; usable as a handler."""
        self.told.add(number)
        self.spoken = time.monotonic()
        for process in self.running:
            process.send_signal(number)

    def wait(self) -> None:
        """Wait until all have ended well, or the first one has not."""
        while None in (statuses := [process.poll() for process in self.running]) and not any(statuses):
            time.sleep(POLL)
            if signal.SIGUSR1 in self.told and time.monotonic() - self.spoken > REPEAT:
                self.tell(signal.SIGUSR1)

    def end(self) -> None:
        """End those that still run: first by themselves, as most do that lost another, then asked, then forced."""
        for step in (subprocess.Popen.poll, subprocess.Popen.terminate, subprocess.Popen.kill):
            for process in self.running:
                step(process)
            until = time.monotonic() + GRACE
            while None in [process.poll() for process in self.running] and time.monotonic() < until:
                time.sleep(POLL)


def launch(processes: int, arguments: Sequence[str]) -> tuple[int, str]:
    """Run `debye` with these arguments in several processes that train together.

    Parameters
    ----------
    processes : int
        Number of processes, each with its part of the threads that one would have.
    arguments : sequence of str
        Command line, without the program.

    Returns
    -------
    status : int
        0, or the exit status of the process that failed first.
    error : str
        What that process had to say; "" if nothing.

    Raises
    ------
    TrainingError
        If a process died without a word, as of SIGKILL.
    """
    import torch
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    threads = str(max(1, torch.get_num_threads() // processes))
    shared = {
        "WORLD_SIZE": str(processes),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(store.port),
        # The store of this process is the meeting place, not one that the first process would open.
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        **dict.fromkeys(ASKED_FOR, threads),
    }
    with tempfile.TemporaryDirectory() as folder, _forwarding() as group:
        errors = [Path(folder) / f"error{rank}" for rank in range(processes)]
        for rank, error in enumerate(errors):
            own = {"RANK": str(rank), "LOCAL_RANK": str(rank), ERROR_FILE: str(error)}
            command = [sys.executable, "-m", "debye.cli", *arguments]
            group.running.append(subprocess.Popen(command, env=os.environ | shared | own))
        signal.signal(signal.SIGUSR1, group.tell)
        try:
            group.wait()
            failed = {rank: one.returncode for rank, one in enumerate(group.running) if one.returncode}
        finally:
            group.end()
        return _verdict(failed, errors, group)


@contextlib.contextmanager
def _forwarding() -> Iterator[_Processes]:
    """Pass SIGTERM and SIGUSR1 on to the processes while they run; SIGUSR1 is ignored by those that start."""
    group = _Processes()
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN), signal.signal(signal.SIGTERM, group.tell)
    try:
        yield group
    finally:
        signal.signal(signal.SIGUSR1, before[0])
        signal.signal(signal.SIGTERM, before[1])


def _verdict(failed: dict[int, int], errors: list[Path], group: _Processes) -> tuple[int, str]:
    """Exit status and error of a training, from what its processes left behind.

    `failed` are the statuses of those that had ended before the rest was told to: a process that lost another
    one complains as well, or aborts, but later.
    """
    if not failed:
        return 0, ""
    if signal.SIGTERM in group.told and -signal.SIGTERM in failed.values():
        # Told before it could take notice.
        return 128 + signal.SIGTERM, ""
    written = sorted((file.stat().st_mtime_ns, rank) for rank, file in enumerate(errors) if file.exists())
    died = [rank for rank, status in failed.items() if status < 0]
    if died and not (written and failed[died[0]] == -signal.SIGABRT):
        raise TrainingError(
            explain(
                "training",
                f"process {died[0] + 1} of {len(errors)} ended by {signal.Signals(-failed[died[0]]).name}",
                "all of them to go on",
                "if it had too little memory, give it more; run again, it goes on from its state",
            )
        )
    if not written:
        return max(failed.values()), ""
    rank = written[0][1]
    return max(1, group.running[rank].returncode), errors[rank].read_text()
