"""A private Slurm cluster on this host: controller, accounting, CPU nodes and a node with pretended GPUs.

Everything lies in one folder: keys, sockets, state, records, logs; ports are free ones of the moment. Nothing of the
system's configuration is read or changed, so several clusters run side by side and beside a real one. The daemons stay
in the foreground as our children and are ended by the process that started them.

Without cgroups (a test has none to give away): processes are followed by their parents, memory is watched by the
accounting plugin every second, and a job over its memory ends as FAILED instead of OUT_OF_MEMORY.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

PROGRAMS = (
    "slurmctld",
    "slurmd",
    "slurmdbd",
    "munged",
    "mariadbd",
    "mariadb-install-db",
    "sbatch",
    "sacct",
    "srun",
)
"""Debian's packages slurm-wlm, slurmdbd, munge and mariadb-server have them."""

SBIN = "/usr/sbin:/sbin"
CPU_NODES = ("cn1", "cn2", "cn3", "cn4")
GPU_NODE = "gn1"
GPUS = 2
KILL_WAIT = 5
"""Seconds between SIGTERM and SIGKILL at a time limit."""

SLURM_CONF = """\
ClusterName=debye
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[controller]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
# A job that is requeued waits as long as its credential could live: two minutes by default.
AuthInfo=socket={folder}/munge/socket,cred_expire={credential}
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdSpoolDir={folder}/spool/%n
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdLogFile={folder}/slurmd-%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
# Jobs spread over the nodes, so that one that is set down takes one job with it.
SelectTypeParameters=CR_Core_Memory,CR_LLN
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={ports[accounting]}
AccountingStoragePass={folder}/munge/socket
AccountingStorageTRES=gres/gpu
AccountingStoreFlags=job_comment
SchedulerParameters=bf_interval=2,sched_interval=2,batch_sched_delay=0,sched_min_interval=0
SlurmctldTimeout=30
SlurmdTimeout=30
ReturnToService=2
MinJobAge=600
KillWait={kill_wait}
InactiveLimit=0
GresTypes=gpu
{nodes}
NodeName={gpu_node} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[gn1]} CPUs=16 RealMemory=64000 \
    Gres=gpu:h200:{gpus}
PartitionName=cpu Nodes={cpu_nodes} Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes={gpu_node} MaxTime=INFINITE State=UP
"""

SLURMDBD_CONF = """\
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={ports[accounting]}
SlurmUser=root
PidFile={folder}/slurmdbd.pid
LogFile={folder}/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={ports[database]}
StorageUser=slurm
StoragePass={password}
StorageLoc=slurm
"""


def why_not() -> str | None:
    """Why no cluster can be started here; None if one can."""
    if os.name != "posix" or not Path("/proc/self").exists():
        return "needs Linux"
    if os.geteuid() != 0:
        return "needs root: slurmd starts jobs as their owners"
    path = os.pathsep.join([os.environ.get("PATH", ""), SBIN])
    missing = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    if missing:
        return f"needs {', '.join(missing)}: apt-get install slurm-wlm slurmdbd munge mariadb-server"
    return None


def wait_for(what: str, ready: Callable[[], object], seconds: float = 90.0, pause: float = 0.2) -> None:
    """Ask until the answer is true, or fail with the name of what did not come."""
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, f"{what}: not within {seconds:g} s"
        time.sleep(pause)


@dataclass
class Job:
    """What Slurm's accounting says of a job."""

    number: str
    rule: str
    """Rule and wildcards, as `sample train_disc_0`, from the comment that Snakemake's plugin gives."""
    state: str
    partition: str
    node: str
    resources: dict[str, str]
    memory_mb: int
    minutes: int
    """Time limit."""
    exit_code: str


@dataclass
class Cluster:
    """The daemons, and questions to them."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, credential: int = 10) -> None:
        """Bring everything up; about five seconds, most of it the database."""
        for name in ("munge", "state", "spool", "bin", "database", "run"):
            (self.folder / name).mkdir(parents=True)
        self.folder.chmod(0o755)
        names = ("controller", "accounting", "database", *CPU_NODES, GPU_NODE)
        ports = dict(zip(names, free_ports(len(names)), strict=True))
        password = secrets.token_hex(16)
        self._configure(ports, password, credential)
        self.environment = dict(os.environ) | {
            # `srun` and `sbatch` inside jobs have to find this cluster, not the host's.
            "SLURM_CONF": str(self.folder / "slurm.conf"),
            "PATH": os.pathsep.join([str(self.folder / "bin"), os.environ["PATH"], SBIN]),
        }
        for name in [name for name in self.environment if name.startswith(("SLURM_", "SBATCH_", "SRUN_"))]:
            if name != "SLURM_CONF":
                del self.environment[name]
        self._start_munge()
        self._start_database(ports["database"], password)
        self.spawn("slurmdbd", "slurmdbd", "-D")
        wait_for("slurmdbd", lambda: self.run("sacctmgr", "-n", "show", "cluster").returncode == 0)
        assert self.run("sacctmgr", "-i", "add", "cluster", "debye").returncode == 0
        self.spawn("slurmctld", "slurmctld", "-D", "-c", "-f", str(self.folder / "slurm.conf"))
        for node in (*CPU_NODES, GPU_NODE):
            self.start_node(node)
        wait_for("the nodes", lambda: set(self.nodes().values()) == {"idle"})

    def _configure(self, ports: dict[str, int], password: str, credential: int) -> None:
        host = socket.gethostname().partition(".")[0]
        nodes = "\n".join(
            f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[node]} CPUs=4 RealMemory=16000"
            for node in CPU_NODES
        )
        values = {
            "folder": self.folder, "host": host, "ports": ports, "nodes": nodes, "gpus": GPUS, "password": password,
            "cpu_nodes": ",".join(CPU_NODES), "gpu_node": GPU_NODE, "kill_wait": KILL_WAIT, "credential": credential,
        }  # fmt: skip
        devices = [self.folder / f"gpu{number}" for number in range(GPUS)]
        for device in devices:
            os.mknod(device, 0o600 | 0o020000, os.makedev(1, 3))
        texts = {
            "slurm.conf": SLURM_CONF.format(**values),
            "slurmdbd.conf": SLURMDBD_CONF.format(**values),
            "cgroup.conf": "CgroupAutomount=no\n",
            "gres.conf": "".join(
                f"NodeName={GPU_NODE} Name=gpu Type=h200 File={device}\n" for device in devices
            ),
        }
        for name, text in texts.items():
            (self.folder / name).write_text(text, encoding="utf-8")
        (self.folder / "slurmdbd.conf").chmod(0o600)
        # The plugin's job step drops every variable that begins with SLURM_, so also where the cluster is.
        wrapper = self.folder / "bin" / "srun"
        real = shutil.which("srun")
        wrapper.write_text(
            f'#!/bin/sh\nSLURM_CONF={self.folder}/slurm.conf exec {real} "$@"\n', encoding="utf-8"
        )
        wrapper.chmod(0o755)

    def _start_munge(self) -> None:
        munge = self.folder / "munge"
        key = munge / "key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o400)
        files = [f"--{name}={munge / name}" for name in ("socket", "pid-file", "log-file", "seed-file")]
        self.spawn("munged", "munged", "--foreground", "--force", f"--key-file={key}", *files)
        wait_for("munged", (munge / "socket").exists)

    def _start_database(self, port: int, password: str) -> None:
        data = self.folder / "database"
        install = [
            "mariadb-install-db",
            "--no-defaults",
            "--user=root",
            f"--datadir={data}",
            "--innodb-use-native-aio=0",
        ]
        done = self.run(*install, "--auth-root-authentication-method=socket", "--skip-test-db")
        assert done.returncode == 0, done.stdout + done.stderr
        sock = self.folder / "run" / "database.socket"
        setup = self.folder / "run" / "setup.sql"
        commands = ["CREATE DATABASE slurm"]
        for user in ("slurm@'%'", "slurm@localhost"):
            commands += [f"CREATE USER {user} IDENTIFIED BY '{password}'", f"GRANT ALL ON slurm.* TO {user}"]
        commands += ["CREATE TABLE slurm.ready (x INT)"]
        setup.write_text("".join(f"{line};\n" for line in commands), encoding="utf-8")
        self.spawn(
            "mariadbd", "mariadbd", "--no-defaults", "--user=root", f"--datadir={data}", f"--socket={sock}",
            "--bind-address=127.0.0.1", f"--port={port}", f"--pid-file={self.folder}/run/database.pid",
            "--innodb-use-native-aio=0", "--innodb-buffer-pool-size=32M", "--innodb-log-file-size=16M",
            "--innodb-flush-log-at-trx-commit=0",
            f"--init-file={setup}", "--skip-log-bin",
        )  # fmt: skip
        wait_for("mariadbd", (data / "slurm" / "ready.frm").exists)

    def start_node(self, node: str) -> None:
        """Start the daemon of a node."""
        self.spawn(f"slurmd-{node}", "slurmd", "-D", "-N", node, "-f", str(self.folder / "slurm.conf"))

    def spawn(self, name: str, *command: str) -> None:
        """Start a daemon as our child; it is killed when we die, however that happens: nothing here is to be kept."""
        log = (self.folder / f"{name}.out").open("ab")
        self.daemons[name] = subprocess.Popen(
            command,
            env=self.environment or None,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
        log.close()

    def stop(self) -> None:
        """End jobs and daemons, only ours."""
        if "slurmctld" in self.daemons:
            self.run("scancel", "--full", "--signal=KILL", "--user=root", "--quiet")
            self.run("scancel", "--user=root")
            with contextlib.suppress(AssertionError):
                wait_for("the last jobs", lambda: not self.queue(), seconds=KILL_WAIT + 10.0)
        for name in reversed(self.daemons):
            self.end(name)
        # Without cgroups a process of a job whose parent was killed is nobody's any more.
        for process in self._left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def _left(self) -> list[int]:
        """Processes that were started under this cluster's configuration and still run."""
        mine = f"SLURM_CONF={self.folder}/slurm.conf".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if mine in entry.read_bytes().split(b"\0"):
                    found.append(int(entry.parent.name))
        return found

    def end(self, name: str) -> None:
        """End a daemon and wait for it."""
        daemon = self.daemons[name]
        daemon.terminate()
        try:
            daemon.wait(20)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait(20)

    def run(self, *command: str, seconds: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run one of Slurm's commands; a probe that hangs counts as failed."""
        try:
            return subprocess.run(
                command,
                env=self.environment or None,
                capture_output=True,
                text=True,
                check=False,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(
                command, 124, "", f"{command[0]} did not answer in {seconds:g} s"
            )

    def nodes(self) -> dict[str, str]:
        """State of every node by name."""
        lines = self.run("sinfo", "-h", "-N", "-o", "%N %t", seconds=5.0).stdout.splitlines()
        return dict(line.split() for line in lines)

    def queue(self, folder: Path | None = None) -> dict[str, tuple[str, str]]:
        """(rule and wildcards, state) of every job that waits or runs, by number; those of a folder, or all."""
        lines = self.run("squeue", "-h", "-o", "%i|%k|%T|%Z", seconds=10.0).stdout.splitlines()
        rows = (line.split("|") for line in lines)
        return {
            number: (_rule(comment), state)
            for number, comment, state, place in rows
            if folder is None or place == str(folder)
        }

    def running(self, folder: Path, rule: str) -> list[str]:
        """Numbers of a folder's running jobs of a rule (`sample`), or of one job (`sample train_disc_0`)."""
        return [
            number
            for number, (name, state) in self.queue(folder).items()
            if state == "RUNNING" and f"{name} ".startswith(f"{rule} ")
        ]

    def jobs(self, folder: Path) -> list[Job]:
        """A folder's jobs in Slurm's records, in the order of their numbers; each start of a requeued one is a row."""
        columns = "JobIDRaw,Comment,State,Partition,NodeList,AllocTRES,ReqMem,TimelimitRaw,ExitCode,WorkDir"
        done = self.run("sacct", "-X", "-D", "-n", "-P", "-S", "now-1days", "-o", columns)
        assert done.returncode == 0, done.stderr
        found = []
        for line in done.stdout.splitlines():
            row = dict(zip(columns.split(","), line.split("|"), strict=True))
            if row["WorkDir"] != str(folder):
                continue
            found.append(
                Job(
                    number=row["JobIDRaw"],
                    rule=_rule(row["Comment"]),
                    state=row["State"].split()[0],
                    partition=row["Partition"],
                    node=row["NodeList"],
                    resources=dict(part.split("=") for part in row["AllocTRES"].split(",") if part),
                    memory_mb=_megabytes(row["ReqMem"]),
                    minutes=int(row["TimelimitRaw"] or 0),
                    exit_code=row["ExitCode"],
                )
            )
        return sorted(found, key=lambda job: int(job.number))


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _rule(comment: str) -> str:
    return comment.removeprefix("rule_").replace("_wildcards_", " ")


def _megabytes(text: str) -> int:
    units = {"K": 1 / 1024, "M": 1, "G": 1024}
    return round(float(text[:-1]) * units[text[-1]]) if text and text[-1] in units else 0


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, below those that connections from here are given."""
    found: list[int] = []
    for port in random.SystemRandom().sample(range(20_000, 32_000), 1000):
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise AssertionError(f"no {count} free ports")


@contextlib.contextmanager
def running_cluster(folder: Path, tries: int = 3) -> Iterator[Cluster]:
    """A cluster that is up inside the block and gone after it, whatever happens in between.

    Where it does not come up (a port was taken in the meantime, a busy machine was too slow), it is tried again.
    """
    for left in reversed(range(tries)):
        cluster = Cluster(folder / f"try{tries - left}")
        try:
            cluster.start()
        except AssertionError as error:
            cluster.stop()
            if not left:
                raise
            warnings.warn(f"{cluster.folder}: {error}", stacklevel=1)
            continue
        try:
            yield cluster
        finally:
            cluster.stop()
        return
