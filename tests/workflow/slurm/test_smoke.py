"""The smoke scenario as a user runs it on a cluster, judged by Slurm's own records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from debye.config import load_config
from debye.planning.plan import jobs as jobs_planned
from tests.workflow.slurm.cluster import CPU_NODES, GPU_NODE
from tests.workflow.slurm.place import Place
from tests.workflow.workplace import SMOKE, Workplace, same_samples

ON_A_GPU = {"train", "predict", "cost"}


def test_every_rule_ran_as_jobs_in_its_partition(
    place: Callable[..., Place], smoke_config: dict[str, Any], undisturbed: Workplace
) -> None:
    here = place(smoke_config)
    done = here.snakemake()
    assert done.returncode == 0, done.stdout + done.stderr
    found = here.jobs()
    assert {job.state for job in found} == {"COMPLETED"}
    planned = jobs_planned(load_config(SMOKE))
    # `freeze` is a local rule: it copies a text.
    assert Counter(job.rule.split()[0] for job in found) == Counter(planned) - Counter(
        freeze=planned["freeze"]
    )
    for job in found:
        on_a_gpu = job.rule.split()[0] in ON_A_GPU
        assert job.partition == ("gpu" if on_a_gpu else "cpu"), job
        assert job.resources.get("gres/gpu") == ("1" if on_a_gpu else None), job
        assert job.node in ({GPU_NODE} if on_a_gpu else set(CPU_NODES)), job
        assert job.memory_mb >= 2000
        assert job.minutes >= 10
    assert len({job.node for job in found}) > 2
    assert here.result("report/index.html").stat().st_size > 0
    assert here.planned() == set()
    for split in smoke_config["splits"]:
        same_samples(here.result(f"dataset/{split}.nc"), undisturbed.result(f"dataset/{split}.nc"))
        digests = [work.result(f"dataset/{split}.digest").read_bytes() for work in (here, undisturbed)]
        assert digests[0] == digests[1]
