"""What a run of the workflow makes sure of before it starts a job.

`kill -9` of Snakemake, or a log-in node that restarts, leaves its jobs queued and running. The next run would submit
the same jobs again, and an old one that starts late would remove what the new run has made. And a folder that nobody
can write to would fail every job one by one.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from debye.errors import BusyError, DebyeError, explain

log = logging.getLogger("debye")

SECONDS = 60
"""Longest wait for the queue's answer."""


def jobs_left(folder: Path) -> list[str]:
    """Jobs that an earlier run of the workflow has in Slurm's queue for a folder.

    Parameters
    ----------
    folder : Path
        Where Snakemake works (`--directory`).

    Returns
    -------
    list of str
        One number and state a job, as `17 RUNNING sample_train_disc_0`; empty where there is no Slurm, or no answer.
    """
    squeue = shutil.which("squeue")
    if squeue is None:
        return []
    # By number: names come from LOGNAME, which a container may have made up. Hidden partitions as well.
    command = [squeue, "--noheader", "--all", f"--user={os.getuid()}", "--format=%i|%T|%k|%Z"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="surrogateescape", check=True, timeout=SECONDS
        )
    except (OSError, subprocess.SubprocessError) as error:
        log.warning("Slurm's queue was not read (%s): make sure that no job of an earlier run is left", error)
        return []
    found = []
    for line in done.stdout.splitlines():
        number, state, comment, place = (*line.strip().split("|", 3), "", "", "")[:4]
        # Snakemake's plugin writes the rule and its wildcards into the comment.
        if comment.startswith("rule_") and place and Path(place).resolve() == folder.resolve():
            name = comment.removeprefix("rule_").replace("_wildcards_", "_")
            found.append(f"{number} {state} {name}")
    return found


def check_start(folder: Path) -> None:
    """Refuse to start a run in a folder where it would do harm or come to nothing.

    Parameters
    ----------
    folder : Path
        Where Snakemake works (`--directory`); results go to `results` below it.

    Raises
    ------
    BusyError
        If jobs of an earlier run are left in Slurm's queue.
    DebyeError
        If `results` cannot be written.
    """
    refuse_unwritable(folder / "results")
    refuse_jobs_left(folder)


def refuse_unwritable(folder: Path) -> None:
    """Make a folder if it is missing, and try to write into it.

    Raises
    ------
    DebyeError
        If that cannot be done: no permission, mounted read-only, full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"debye")
    except OSError as error:
        raise DebyeError(
            explain(
                str(folder),
                f"it cannot be written ({error.strerror})",
                "a folder for results",
                "mend its permissions, mount or quota, or work in another --directory",
            )
        ) from None


def refuse_jobs_left(folder: Path) -> None:
    """Refuse to start a run beside the jobs of an earlier one.

    Raises
    ------
    BusyError
        Naming the jobs and how to end them.
    """
    found = jobs_left(folder)
    if found:
        numbers = " ".join(line.split()[0] for line in found)
        raise BusyError(
            explain(
                str(folder),
                f"{len(found)} job{'s'[: len(found) > 1]} of an earlier run in Slurm's queue ({', '.join(found[:5])}"
                f"{', …' if len(found) > 5 else ''})",
                "none",
                f"wait until they have ended, or end them (scancel {numbers}), and run this again",
            )
        )
