"""Headless Chromium for tests of pages; the fixture `chromium` is in conftest.py."""

import shutil

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


class Window:
    """A page, with what it said and asked for."""

    def __init__(self, browser, width, **how):
        self.said, self.asked = [], []
        self.page = browser.new_page(viewport={"width": width, "height": 900}, **how)
        self.page.on("console", lambda one: self.said.append((one.type, one.text)))
        self.page.on("pageerror", lambda error: self.said.append(("error", str(error))))
        self.page.on("request", lambda request: self.asked.append(request.url))
