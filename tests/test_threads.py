"""A process of Debye's has one thread, unless its environment says otherwise."""

import os
import subprocess
import sys

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from debye.threads import ASKED_FOR, one_thread

ASK = """
from debye import cli
cli.cli.callback(quiet=True)
import dask, threadpoolctl, debye.physics.solve
print(*{pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"})
print(dask.config.get("scheduler", "threads"))
"""


def threads():
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core has one thread anyway")
@pytest.mark.parametrize(
    ("asked", "blas", "dask"),
    [
        ({}, "1", "synchronous"),
        ({"OMP_NUM_THREADS": "2"}, "2", "synchronous"),
        ({"DASK_SCHEDULER": "threads"}, "1", "threads"),
    ],
)
def test_the_command_line_runs_with_one_thread(asked, blas, dask):
    environment = {name: value for name, value in os.environ.items() if name not in ASKED_FOR} | asked
    done = subprocess.run(
        [sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.split() == [blas, dask], done.stderr


def test_the_setting_of_the_caller_comes_back():
    with threadpool_limits(limits=2, user_api="blas"):
        before = threads()
        with one_thread():
            assert threads() == {1}
        assert threads() == before
