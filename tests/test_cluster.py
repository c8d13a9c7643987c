"""Starting and ending workers: nothing is left over, nothing is waited for in vain.

Slurm is stood in for by three shell scripts, `sbatch`, `squeue` and `scancel`, that run jobs as processes.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import dask
import psutil
import pytest

from debye import cluster, schema, store, worker_jobs
from debye.cluster import _Watch, workers
from debye.errors import ClusterError, ConfigError
from debye.frozen import MergeSlice
from debye.placement import Dask
from debye.provenance import code_digest
from debye.workers import ready

# Its defaults have to be there before a test changes one of them for a while.
worker_jobs.dask_jobqueue()

SBATCH = """#!/bin/bash
cp "$1" "{folder}/$$.sh"
log="$(sed -n 's/^#SBATCH --output="\\(.*\\)"/\\1/p' "$1")"
setsid bash "{folder}/$$.sh" > "${{log//%j/$$}}" 2>&1 < /dev/null &
echo $! > "{folder}/$$.pid"
echo "Submitted batch job $$"
"""
SQUEUE = """#!/bin/bash
IFS=, read -ra jobs <<< "${{@: -1}}"
for job in "${{jobs[@]}}"; do kill -0 "$(cat "{folder}/$job.pid")" 2> /dev/null && echo "$job RUNNING"; done
exit 0
"""
SCANCEL = """#!/bin/bash
for job in "$@"; do [ -e "{folder}/$job.pid" ] && kill -- "-$(cat "{folder}/$job.pid")" 2> /dev/null; done
exit 0
"""


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder in which the stand-in for Slurm keeps its jobs: `{id}.sh` and `{id}.pid`."""
    folder, programs = tmp_path / "jobs of a queue", tmp_path / "bin"
    folder.mkdir()
    programs.mkdir()
    for name, text in (("sbatch", SBATCH), ("squeue", SQUEUE), ("scancel", SCANCEL)):
        (programs / name).write_text(text.format(folder=folder), encoding="utf-8")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "work here").mkdir()
    monkeypatch.chdir(tmp_path / "work here")
    return folder


def left_over(folder: Path) -> list[int]:
    """Processes of jobs that still run, after some seconds to end in."""
    processes = [int(path.read_text()) for path in folder.glob("*.pid")]
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and any(psutil.pid_exists(one) for one in processes):
        time.sleep(0.1)
    return [one for one in processes if psutil.pid_exists(one)]


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """A folder with a frozen slice and the shards it names, as `debye merge` takes them."""
    part = MergeSlice(code=code_digest(), split="train", members={"disc": (0, 1)})
    store.write_text(tmp_path / "merge.json", part.text())
    for path, seed in zip(part.shards(tmp_path / "shards"), (0, 1), strict=True):
        store.write(schema.mock(seed=seed), path)
    return tmp_path


def command(folder: Path, out: Path, where: str) -> list[str]:
    merge = [sys.executable, "-m", "debye.cli", "merge", "--frozen", str(folder / "merge.json")]
    return [*merge, "--shards", str(folder / "shards"), "-o", str(out), "--dask", where]


def ended(job: subprocess.Popen[bytes], number: signal.Signals) -> int:
    """Exit status of a process that is told to end, twice if need be: Python loses a Ctrl-C that meets a callback."""
    job.send_signal(number)
    try:
        return job.wait(20)
    except subprocess.TimeoutExpired:
        job.send_signal(number)
    try:
        return job.wait(20)
    finally:
        job.kill()


@pytest.mark.usefixtures("fixed_time")
def test_the_command_line_merges_by_slurm_jobs_with_the_same_bytes(slurm: Path, shards: Path) -> None:
    outs = {
        where: shards / f"{number}.nc" for number, where in enumerate(("in-process", "slurm:2,runtime=90"))
    }
    for where, out in outs.items():
        done = subprocess.run(
            command(shards, out, where), capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "distributed" not in done.stderr
    alone, together = (out.read_bytes() for out in outs.values())
    assert alone == together
    scripts = [path.read_text(encoding="utf-8") for path in slurm.glob("*.sh")]
    assert len(scripts) == 2
    for script in scripts:
        assert "#SBATCH -t 01:30:00\n" in script
        assert "#SBATCH --mem=2G\n" in script
        assert sys.executable in script
    assert not left_over(slurm)
    assert not list(Path().iterdir())


def test_a_merge_in_process_starts_nothing(shards: Path) -> None:
    code = (
        "import sys; from debye import cli; sys.argv[0] = 'debye'\ntry: cli.main()\nexcept SystemExit as end:"
        " assert not end.code\nassert 'distributed' not in sys.modules and 'dask_jobqueue' not in sys.modules"
    )
    arguments = command(shards, shards / "out.nc", "in-process")[3:]
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, timeout=120)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 2)])
def test_a_job_that_is_told_to_end_while_it_waits_for_workers_leaves_none(
    slurm: Path, shards: Path, number: signal.Signals, status: int
) -> None:
    with (
        dask.config.set(),
        subprocess.Popen(
            command(shards, shards / "out.nc", "slurm:2"),
            env=os.environ | {"DASK_JOBQUEUE__SLURM__JOB_SCRIPT_PROLOGUE": '["sleep 600"]'},
        ) as job,
    ):
        deadline = time.monotonic() + 60
        while len(list(slurm.glob("*.pid"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert len(list(slurm.glob("*.pid"))) == 2
        assert ended(job, number) == status
    assert not left_over(slurm)
    assert not list(Path().iterdir())
    assert not (shards / "out.nc").exists()


def test_a_job_that_is_told_to_end_leaves_no_process_of_its_own(shards: Path) -> None:
    with subprocess.Popen(command(shards, shards / "out.nc", "local:2")) as job:
        parent, deadline = psutil.Process(job.pid), time.monotonic() + 60
        while len(parent.children(recursive=True)) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        children = parent.children(recursive=True)
        assert len(children) >= 2
        assert ended(job, signal.SIGTERM) == 143
    _, alive = psutil.wait_procs(children, timeout=15)
    assert not alive
    assert not (shards / "out.nc").exists()


@pytest.mark.usefixtures("slurm")
def test_jobs_that_end_before_a_worker_comes_are_told_with_their_last_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker_jobs, "ASK", 1.0)
    with (
        dask.config.set({"jobqueue.slurm.job-script-prologue": ["echo no such module >&2", "exit 3"]}),
        pytest.raises(ClusterError, match=r"dask workers: found their jobs .* ended \(no such module\)"),
        workers(Dask(cluster="slurm", workers=2)) as each,
    ):
        list(each(ready(abs), [1]))
    assert not list(Path().iterdir())


def test_a_refusal_of_sbatch_is_told(slurm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sbatch = slurm.parent / "bin" / "sbatch"
    sbatch.write_text("#!/bin/bash\necho invalid partition >&2; exit 1\n", encoding="utf-8")
    with (
        pytest.raises(ClusterError, match=r"found a refusal of sbatch \(invalid partition\)"),
        workers(Dask(cluster="slurm", workers=2)) as each,
    ):
        list(each(ready(abs), [1]))
    assert not list(Path().iterdir())


def test_work_that_ends_every_worker_is_an_error() -> None:
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        pytest.raises(ClusterError, match=r"ended every worker.*dask\.memory"),
        workers(Dask(cluster="local", workers=1)) as each,
    ):
        list(each(ready(os._exit), [1]))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that a test sets."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(cluster, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_without_any_worker_patience_ends(clock: SimpleNamespace) -> None:
    scheduler = SimpleNamespace(workers={})
    watch = _Watch(SimpleNamespace(scheduler=scheduler), patience=60.0)
    for _ in range(60):
        watch()
        clock.now += 1
    scheduler.workers = {"one": 1}
    watch()
    scheduler.workers = {}
    for _ in range(60):
        clock.now += 1
        watch()
    clock.now += 1
    with pytest.raises(ClusterError, match=r"dask workers: found none for 1 min, expected one at least"):
        watch()


def test_a_worker_may_have_come_and_gone_while_nobody_asked(clock: SimpleNamespace) -> None:
    watch = _Watch(SimpleNamespace(scheduler=SimpleNamespace(workers={})), patience=60.0)
    watch()
    clock.now += 3600
    watch()


def test_signals_wait_until_the_end_of_a_clean_up() -> None:
    cleaned = []

    def clean_up() -> None:
        with cluster._undisturbed():
            signal.raise_signal(signal.SIGINT)
            cleaned.append(True)

    with pytest.raises(KeyboardInterrupt):
        clean_up()
    assert cleaned
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("slurm:none", "workers: found 'none'"),
        ("local:0", "workers: found '0'"),
        ("cloud", "cluster: found 'cloud', expected 'in-process', 'local' or 'slurm'"),
        ("slurm:2,mem=3", "mem: unknown key"),
        ("slurm:2,", "unknown key"),
        ("local:2,cluster=slurm", "expected each key once"),
        ("local:2,workers=3", "expected each key once"),
        ("in-process:4", "none beside in-process"),
    ],
)
def test_what_is_no_short_form_is_refused(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=r"in-process, local:WORKERS or slurm:WORKERS") as caught:
        Dask.parse(text)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "section",
    [Dask(), Dask(cluster="local", workers=3), Dask(cluster="slurm", memory=700, runtime=5, patience=1)],
    ids=Dask.text,
)
def test_the_short_form_says_everything_that_counts(section: Dask) -> None:
    assert Dask.parse(section.text()) == section
