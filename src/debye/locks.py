"""One writer for a result at a time, on every node that shares its folder.

Snakemake locks its own folder, but a run that was killed outright leaves jobs behind that go on writing, and the next
run would start the same ones beside them. So each command that makes a result holds a lock beside it while it works.
The lock is the kernel's (`flock`; over NFS the server's), so it ends with its process, however that ends; the file is
only where it lies, and says who holds it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from debye.errors import BusyError, explain

log = logging.getLogger("debye")

NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK, errno.EINVAL)
"""What a file system answers that has no locks (Lustre mounted without `flock`)."""


@contextlib.contextmanager
def only_writer(*targets: Path) -> Iterator[None]:
    """Hold the right to write `targets` while the block runs.

    Parameters
    ----------
    *targets : Path
        Files or folders that the block makes; their parents are made if they are missing.

    Raises
    ------
    BusyError
        If another live process holds one of them. Nothing was touched then.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "shard.nc"
    >>> with only_writer(target):
    ...     sorted(path.name for path in target.parent.iterdir())
    ['.shard.nc.lock']
    >>> list(target.parent.iterdir())
    []
    """
    with contextlib.ExitStack() as stack:
        for target in targets:
            stack.enter_context(_held(target))
        yield


@contextlib.contextmanager
def _held(target: Path) -> Iterator[None]:
    # Links are followed: two names of one file are one result.
    target = target.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    path = target.with_name(f".{target.name}.lock")
    descriptor = _locked(path, target)
    _mine.add(descriptor)
    try:
        _sign(descriptor, path)
        yield
    finally:
        # While it is held, so that nobody's lock is removed but ours.
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        _mine.discard(descriptor)
        os.close(descriptor)


_mine: set[int] = set()
"""Descriptors of the locks that this process holds."""


def _let_go() -> None:
    """Close them in a process that was forked off, as torch's readers are: a lock ends with its holder."""
    while _mine:
        os.close(_mine.pop())


os.register_at_fork(after_in_child=_let_go)


def _sign(descriptor: int, path: Path) -> None:
    """Write into the lock file who holds it."""
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, who().encode())
    except OSError as error:
        # As of a full disk: a descriptor has no name that a message could give.
        error.filename = str(path)
        raise


def _locked(path: Path, target: Path) -> int:
    """Descriptor of the lock file, locked; of the file that has the name now, not of one just removed by its holder."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in NO_LOCKS:
                log.warning(
                    "%s: this file system has no locks (%s): start no second run here", path.parent, error
                )
                return descriptor
            holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip()
            os.close(descriptor)
            if not isinstance(error, BlockingIOError):
                raise
            raise BusyError(
                explain(
                    str(target),
                    f"it is being made by {holder or 'another process'}",
                    "nobody else at work on it",
                    "wait until that process has ended, or end it, and run this again",
                )
            ) from None
        try:
            current = os.stat(path).st_ino == os.fstat(descriptor).st_ino
        except FileNotFoundError:
            current = False
        if current:
            return descriptor
        os.close(descriptor)


def who() -> str:
    """Name this process to a person: number, host, and the job of Slurm's that it belongs to."""
    job = os.environ.get("SLURM_JOB_ID")
    return f"process {os.getpid()} on {socket.gethostname()}" + (f", Slurm job {job}" if job else "")
