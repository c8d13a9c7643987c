"""What runs again after an edit, as Slurm jobs: the rows that `tests/workflow/test_rerun.py` runs without Slurm."""

from __future__ import annotations

import pytest

from tests.workflow.rerun_table import ROWS, Row
from tests.workflow.slurm.place import Place


def joined(job: str) -> str:
    """Rule and wildcards with one sign between: Slurm's records do not tell `tiny_regular` from two wildcards."""
    return job.replace(" ", "_")


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_row_of_the_table(row: Row, finished_on_slurm: Place) -> None:
    here = finished_on_slurm
    row.edit(here)
    before = {job.number for job in here.jobs()}
    assert here.run() == row.jobs
    # By Slurm's own records: each job once, none beside them, and none but the copying of texts elsewhere.
    ran = [job.rule for job in here.jobs() if job.number not in before]
    assert sorted(map(joined, ran)) == sorted(joined(job) for job in row.jobs if not job.startswith("freeze"))
    assert here.planned() == set()
