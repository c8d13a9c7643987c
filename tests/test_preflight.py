"""Jobs that a killed run left behind; `squeue` is played by a script here, and real in tests/workflow/slurm."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from debye.errors import BusyError, DebyeError
from debye.preflight import check_start, jobs_left, refuse_jobs_left, refuse_unwritable


def squeue(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a `squeue` on the path."""
    program = folder / "bin" / "squeue"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")


def test_only_jobs_of_the_workflow_in_this_folder_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (tmp_path / "link").symlink_to(here)
    lines = [
        f"17|RUNNING|rule_sample_wildcards_train_disc_0|{here}",
        f"18|PENDING|rule_report|{tmp_path}/link",
        f"19|RUNNING|rule_sample_wildcards_train_disc_0|{tmp_path}",
        f"20|RUNNING|(null)|{here}",
        "",
        "slurm says something",
    ]
    only_ours = f'case "$*" in *--user={os.getuid()}*) ;; *) exit 1;; esac\n'
    not_text = "printf '21|RUNNING|rule_x|/a\\377b\\n'\n"
    monkeypatch.setenv("LOGNAME", "somebody")
    squeue(tmp_path, monkeypatch, only_ours + not_text + "cat <<X\n" + "\n".join(lines) + "\nX")
    assert jobs_left(here) == ["17 RUNNING sample_train_disc_0", "18 PENDING report"]
    with pytest.raises(BusyError, match=r"2 jobs of an earlier run .*17 RUNNING sample.*\(scancel 17 18\)"):
        refuse_jobs_left(here)
    refuse_jobs_left(tmp_path / "elsewhere")
    with pytest.raises(BusyError, match=r"found 1 job of an earlier run .*19 RUNNING"):
        refuse_jobs_left(tmp_path)


def test_a_queue_that_does_not_answer_is_no_reason_to_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    squeue(tmp_path, monkeypatch, "exit 1")
    refuse_jobs_left(tmp_path)
    assert "was not read" in caplog.text


def test_no_slurm_no_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert jobs_left(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_refused_before_any_job(tmp_path: Path) -> None:
    refuse_unwritable(tmp_path / "results")
    assert list((tmp_path / "results").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(DebyeError, match=r"file/results: found it cannot be written \(Not a directory\)"):
        check_start(tmp_path / "file")
