"""Starting a training in several processes of this machine, one for each GPU, and answering for them.

torchrun's own agent starts them and ends them when one has failed. Ours is what a job of a workflow is asked for:
an exit status that says what happened, one line for a user's error, and signals that are passed on.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from debye.errors import ConfigError, TrainingError, explain
from debye.threads import ASKED_FOR

if TYPE_CHECKING:
    from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

LAUNCHED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
"""What torchrun's agent tells each process of a training. Slurm's own counts of tasks say nothing about a training
and are not looked at."""

ERROR_FILE = "TORCHELASTIC_ERROR_FILE"
"""Variable in which the agent names the file into which a process writes the error that it ends with, for whoever
started it to tell: what the others say is mostly that they lost the first one that failed."""

AT_ONCE = 10.0
"""Seconds in which processes fail of one cause. The agent kills those that have not ended 30 s after one has failed:
that is no news."""


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


def note_error(error: str, status: int) -> bool:
    """Leave the error and the status that this process ends with to the one that started it; False if there is none."""
    if ERROR_FILE not in os.environ:
        return False
    noted = {"message": error, "timestamp": int(time.time()), "status": status}
    Path(os.environ[ERROR_FILE]).write_text(json.dumps(noted), encoding="utf-8")
    return True


def launch(processes: int, arguments: Sequence[str]) -> tuple[int, str]:
    """Run `debye` with these arguments in several processes that train together.

    For a program that ends after it: signals and environment stay as the processes need them.

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
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    # The agent's lines are about its own doings; what counts is told below.
    logging.getLogger("torch.distributed.elastic").propagate = False
    logging.getLogger("torch.distributed.elastic").addHandler(logging.NullHandler())
    _pass_signals_on()
    os.environ |= dict.fromkeys(ASKED_FOR, str(max(1, torch.get_num_threads() // processes)))
    with tempfile.TemporaryDirectory() as folder:
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=processes,
            run_id="debye",
            rdzv_backend="c10d",
            rdzv_endpoint="127.0.0.1:0",
            local_addr="127.0.0.1",
            max_restarts=0,
            logs_specs=DefaultLogsSpecs(log_dir=folder),
            # It would kill who has not saved 30 s after SIGTERM, and everybody when a terminal is closed.
            signals_to_handle="",
        )
        try:
            elastic_launch(config, sys.executable)("-m", "debye.cli", *arguments)
        except ChildFailedError as failed:
            return _verdict(failed.failures, processes)
    return 0, ""


def _pass_signals_on() -> None:
    """Pass SIGTERM and SIGUSR1 on to the processes that are started from now on, with SIGUSR1 blocked in them.

    It waits there until `debye.learning.stop` can note it, and ends nobody who is still loading.
    """
    own = os.getpid()

    def tell(number: int, frame: FrameType | None) -> None:
        started = Path(f"/proc/{own}/task/{own}/children").read_text().split()
        for process in started:
            os.kill(int(process), number)
        if number == signal.SIGTERM and not started:
            sys.exit(128 + number)

    signal.signal(signal.SIGTERM, tell)
    signal.signal(signal.SIGUSR1, tell)
    # Processes inherit what this thread blocks; another one hears the signal, and the handler runs in this one.
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})


def _verdict(failures: dict[int, ProcessFailure], processes: int) -> tuple[int, str]:
    """Exit status and error of a training, from the failures of its processes in the order of their discovery.

    A process that lost another one complains as well, or aborts; those that still ran were told to end.
    """
    first = next(iter(failures.values()))
    written = [failure for failure in failures.values() if Path(failure.error_file).exists()]
    aftermath = {signal.SIGTERM, signal.SIGABRT} if written else {signal.SIGTERM}
    for rank, failure in failures.items():
        at_once = failure.timestamp < first.timestamp + AT_ONCE
        if at_once and failure.exitcode < 0 and -failure.exitcode not in aftermath:
            found = f"process {rank + 1} of {processes} ended by {failure.signal_name()}"
            remedy = "if it had too little memory, give it more; run again, it goes on from its state"
            raise TrainingError(explain("training", found, "all of them to go on", remedy))
    if written:
        first = min(written, key=lambda failure: Path(failure.error_file).stat().st_mtime_ns)
        # Its exit code may be that of the SIGTERM that it got because another one was faster to end.
        return first.error_file_data["status"], first.message
    # Told before it could take notice.
    return 128 + signal.SIGTERM if first.exitcode == -signal.SIGTERM else first.exitcode, ""
