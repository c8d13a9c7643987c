"""What tests of several layers share."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from debye.cluster import workers
from debye.placement import Dask
from debye.workers import Each
from tests.browser import CHROMIUM, FLAGS

# A shell that runs the tests in the background has them, and all that they start, ignore Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def two_workers() -> Iterator[Each]:
    """Two worker processes on this machine, started once for all tests of a test process."""
    with workers(Dask(cluster="local", workers=2)) as each:
        yield each


@pytest.fixture
def fixed_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files made now say that they were made at another time, the same for all."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1600000000")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Headless Chromium, once for the tests of a module."""
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install debye[dev]"
    )
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()
