from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from debye.errors import BusyError
from debye.locks import only_writer

HOLDER = """
import sys
from pathlib import Path
from debye.locks import only_writer

with only_writer(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(target: Path, **environment: str) -> subprocess.Popen[str]:
    """A process that holds a target until its standard input ends."""
    pipe = subprocess.PIPE
    environment = os.environ | environment
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(target)], stdin=pipe, stdout=pipe, text=True, env=environment
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_live_writer_is_named_and_not_disturbed(tmp_path: Path) -> None:
    target = tmp_path / "folder" / "shard.nc"
    with holder(target, SLURM_JOB_ID="17") as process:
        with (
            pytest.raises(
                BusyError, match=rf"shard.nc: found it is being made by process {process.pid} on .*job 17"
            ),
            only_writer(target),
        ):
            pytest.fail("two writers")
        # The lock is still there, and still held.
        with pytest.raises(BusyError), only_writer(target):
            pass
        process.communicate("")
    with only_writer(target):
        pass
    assert list(target.parent.iterdir()) == []


def test_a_killed_writer_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    target = tmp_path / "shard.nc"
    with holder(target) as process:
        process.send_signal(signal.SIGKILL)
    assert (tmp_path / ".shard.nc.lock").exists()
    with only_writer(target):
        pass
    assert list(tmp_path.iterdir()) == []


def test_all_or_none_of_several(tmp_path: Path) -> None:
    free, taken = tmp_path / "free", tmp_path / "taken"
    with only_writer(taken):
        with pytest.raises(BusyError), only_writer(free, taken):
            pass
        with only_writer(free):
            pass


def test_a_link_and_its_file_are_one_result(tmp_path: Path) -> None:
    (tmp_path / "link.nc").symlink_to(tmp_path / "file.nc")
    with only_writer(tmp_path / "file.nc"), pytest.raises(BusyError), only_writer(tmp_path / "link.nc"):
        pass


def test_many_at_once_one_at_a_time(tmp_path: Path) -> None:
    """Holders come and go while others ask: a lock on a file just removed is no lock."""
    target, inside, most, done = tmp_path / "shard.nc", 0, 0, []
    guard = threading.Lock()

    def work() -> None:
        nonlocal inside, most
        mine = 0
        while mine < 50:
            try:
                with only_writer(target):
                    with guard:
                        inside += 1
                        most = max(most, inside)
                    with guard:
                        inside -= 1
                    mine += 1
            except BusyError:
                pass
        done.append(mine)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert done == [50] * 4
    assert most == 1


def test_a_file_system_without_locks_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with only_writer(tmp_path / "shard.nc"):
        pass
    assert "has no locks" in caplog.text


def test_a_process_that_is_forked_off_holds_nothing(tmp_path: Path) -> None:
    """Readers of samples outlive a training that was killed by some seconds."""
    target = tmp_path / "shard.nc"
    forking = HOLDER.replace(
        'print("held", flush=True)',
        # The one that was forked off tells, else its holder could be killed before it had let go.
        'import os, time\n    if os.fork() == 0: print("held", flush=True)\n    time.sleep(60)',
    )
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", forking, str(target)],
        stdin=pipe,
        stdout=pipe,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        process.kill()
        process.wait(30)
        with only_writer(target):
            pass
        os.killpg(process.pid, signal.SIGKILL)


def test_a_full_disk_is_said_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, text: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left") as caught, only_writer(tmp_path / "shard.nc"):
        pass
    assert caught.value.filename == str(tmp_path / ".shard.nc.lock")
    assert list(tmp_path.iterdir()) == []


def test_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("kept")
    (tmp_path / ".shard.nc.lock").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError), only_writer(tmp_path / "shard.nc"):  # noqa: PT011
        pass
    assert (tmp_path / "precious").read_text() == "kept"
