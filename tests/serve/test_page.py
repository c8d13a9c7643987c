"""The page in headless Chromium, from a server in this process: it answers the pointer, the keys and the buttons."""

import asyncio
import http.client
import logging
import os
import re
import threading
import urllib.request

import numpy as np
import pytest
from bokeh.protocol.exceptions import ProtocolError
from click.testing import CliRunner
from tests.browser import Window, needs_chromium

from debye import load_problem, open_dataset
from debye.cli import cli
from debye.errors import ConfigError
from debye.serve import server
from debye.serve.answers import Answers
from debye.serve.desk import first_drawing
from debye.serve.drawing import as_yaml
from debye.serve.server import serve, start

MOST_MILLISECONDS = 100.0


@pytest.fixture(scope="module")
def address():
    """A server in a thread of its own."""
    ready, running = threading.Event(), []

    def run():
        asyncio.set_event_loop(asyncio.new_event_loop())
        running.append(start(Answers(), first_drawing(), "127.0.0.1", 0))
        ready.set()
        running[0].io_loop.start()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(60)
    loop = running[0].io_loop
    yield f"http://127.0.0.1:{running[0].port}/"
    loop.add_callback(running[0].stop)
    loop.add_callback(loop.stop)
    thread.join(20)
    assert not thread.is_alive()


class Shown(Window):
    """The page in a window."""

    def __init__(self, browser, address, width, **how):
        super().__init__(browser, width, **how)
        self.page.set_default_timeout(20000)
        self.page.goto(address)
        self.page.wait_for_function("() => document.documentElement.dataset.ready === 'yes'")

    @property
    def number(self):
        """Number of the last outcome that was told."""
        return int(self.page.evaluate("document.documentElement.dataset.number"))

    def after(self, act):
        """Do something, wait until the page was told the outcome; milliseconds of the server, of its processor."""
        before = self.number
        act()
        self.page.wait_for_function(
            "(number) => Number(document.documentElement.dataset.number) > number", arg=before
        )
        data = self.page.evaluate("({...document.documentElement.dataset})")
        return float(data["milliseconds"]), float(data["processor"])

    def column(self, source, name):
        """A column of a figure's data, as an array."""
        code = "([source, name]) => Array.from(Bokeh.documents[0].get_model_by_name(source).get(name))"
        return np.array(self.page.evaluate(code, [source, name]), dtype=float)

    def image(self, name="picture"):
        """The image of a figure, flat."""
        code = "(name) => Array.from(Bokeh.documents[0].get_model_by_name(`${name} image`).get('image')[0])"
        return np.array(self.page.evaluate(code, name), dtype=float).ravel()

    def pixel(self, x, y):
        """Where a place of the box, Å, is seen in the window."""
        self.page.eval_on_selector("#picture", "(one) => one.scrollIntoView({block: 'center'})")
        return self.page.evaluate(
            """([x, y]) => {
              const view = Bokeh.index.get_by_id(Bokeh.documents[0].get_model_by_name("picture").id);
              const box = view.canvas_view.el.getBoundingClientRect();
              return [box.x + view.frame.x_scale.compute(x), box.y + view.frame.y_scale.compute(y)];
            }""",
            [x, y],
        )

    def drag(self, start, *stops):
        """Drag from a place of the box to others; what the server took for each."""
        mouse = self.page.mouse
        mouse.move(*self.pixel(*start))
        self.after(mouse.down)
        took = [self.after(lambda stop=stop: mouse.move(*self.pixel(*stop))) for stop in stops]
        mouse.up()
        return took

    def saved(self, button):
        """Path of the file that a button saves."""
        with self.page.expect_download() as caught:
            self.page.click(f"#{button}")
        return caught.value

    @property
    def errors(self):
        return [one for one in self.said if one[0] in ("error", "warning")]


@pytest.fixture
def shown(chromium, address):
    """Opens the page; closes every window at the end, when nothing may have gone wrong."""
    opened = []

    def opens(width=1280, **how):
        opened.append(Shown(chromium, address, width, **how))
        return opened[-1]

    yield opens
    for one in opened:
        one.page.close()
        assert one.errors == []


@needs_chromium
@pytest.mark.parametrize("width", [1280, 400])
def test_it_is_there_and_readable(shown, address, width):
    window = shown(width)
    assert window.page.title() == "Debye: draw a solute"
    assert [url for url in window.asked if not url.startswith((address, "data:"))] == []
    for figure in ("picture", "profile"):
        shape = window.page.evaluate(
            f"""() => {{
              const one = Bokeh.documents[0].get_model_by_name("{figure}");
              const box = Bokeh.index.get_by_id(one.id).el.getBoundingClientRect();
              return [box.width, box.height];
            }}"""
        )
        assert min(shape) > 200, figure
    window.after(lambda: window.page.click("#solve"))
    assert window.page.evaluate("() => document.documentElement.scrollWidth") <= width
    outside = window.page.evaluate(
        """(width) => [...document.querySelectorAll("main *")]
          .filter((one) => one.getBoundingClientRect().right > width).map((one) => one.outerHTML.slice(0, 80))""",
        width,
    )
    assert outside == []
    assert window.page.locator("#text_source").inner_text().startswith("Network, ")
    assert "relative residual" in window.page.locator("#facts").inner_text()


@needs_chromium
def test_dark_and_light_follow_the_reader(shown):
    window = shown(color_scheme="dark")
    ink = "() => Bokeh.documents[0].get_model_by_name('picture').below[0].axis_label_text_color"
    assert window.page.evaluate(ink) == "#e6e8ea"
    window.page.emulate_media(color_scheme="light")
    window.page.wait_for_function(f"() => ({ink})() === '#1d2126'")


@needs_chromium
def test_the_picture_follows_a_dragged_charge(shown):
    window = shown()
    before, line = window.image(), window.column("profile shown", "u")
    took = window.drag((3.0, 1.5), (2.5, 1.0), (2.0, 0.5), (2.0, 0.0), (2.0, -0.5), (2.0, -1.0), (2.0, -1.5))
    # The rest is told when the last place was served.
    assert window.column("charges", "x")[0] == pytest.approx(2.0, abs=0.05)
    assert window.column("charges", "y")[0] == pytest.approx(-1.5, abs=0.05)
    after = window.image()
    assert np.abs(after - before).max() > 1.0
    assert np.abs(window.column("profile shown", "u") - line).max() > 1.0
    # The peak is where the charge is.
    across = round(len(after) ** 0.5)
    row, column = divmod(int(np.argmax(after)), across)
    step = 32.0 / (across - 1)
    places = np.array([window.column("charges", axis) for axis in "xy"]).T
    peak = np.array([column * step - 16.0, row * step - 16.0])
    assert np.linalg.norm(places - peak, axis=1).min() < 2 * step
    # The best of several, and where others compute too the processor's time: a core of one's own would take that.
    elapsed, processor = np.array(took).min(axis=0)
    assert processor < MOST_MILLISECONDS, took
    if os.getloadavg()[0] < 1.0:
        assert elapsed < MOST_MILLISECONDS, took
    assert float(window.page.locator("#charge_x").input_value()) == pytest.approx(2.0, abs=0.05)
    assert window.page.locator("#served").inner_text().endswith(" ms")


@needs_chromium
def test_dragging_the_outline_changes_the_star(shown):
    window = shown()
    before, outline = window.image(), window.column("outline", "x").max()
    handle = [window.column("handles", axis)[1] for axis in "xy"]
    window.drag(handle, (handle[0] + 1.0, handle[1]), (handle[0] + 2.0, handle[1] + 0.5))
    assert window.column("outline", "x").max() > outline + 1.0
    assert np.abs(window.image() - before).max() > 0.1
    # It lies on the outline again, not where the pointer let go.
    (x, y) = (window.column("handles", axis)[1] for axis in "xy")
    distance = np.hypot(window.column("outline", "x") - x, window.column("outline", "y") - y)
    assert distance.min() < 0.2
    assert window.page.locator("#handle").input_value() == "1"


@needs_chromium
def test_a_charge_outside_is_told_and_comes_back(shown):
    window = shown()
    before, seen = window.image(), window.pixel(0.0, 0.0)
    window.drag((3.0, 1.5), (12.0, 12.0))
    message = window.page.locator("#message")
    assert "charge 0" in message.inner_text()
    assert "outside the solute" in message.inner_text()
    assert message.get_attribute("role") == "alert"
    assert "Traceback" not in window.page.content()
    # Nothing moves under the pointer.
    assert window.pixel(0.0, 0.0) == seen
    assert "stale" in window.page.evaluate("document.documentElement.className")
    # The last good picture stays.
    assert np.array_equal(window.image(), before)
    assert window.column("charges", "x")[0] == pytest.approx(12.0, abs=0.05)
    window.drag((12.0, 12.0), (2.0, 1.0))
    assert not message.is_visible()
    assert "stale" not in window.page.evaluate("document.documentElement.className")
    assert np.abs(window.image() - before).max() > 1.0


@needs_chromium
def test_all_of_it_by_keyboard(shown):
    window = shown()
    page, before = window.page, window.image()
    # In the order in which it is read, and every control has a name.
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
        if reached[-1] == "charge_q":
            break
    expected = [
        "picture",
        "family",
        "handle",
        "handle_x",
        "handle_y",
        "charge",
        "charge_x",
        "charge_y",
        "charge_q",
    ]
    assert reached == expected
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("input, select, button")]
          .filter((one) => !(one.labels?.length || one.ariaLabel || one.textContent.trim())).map((one) => one.id)"""
    )
    assert nameless == []
    page.keyboard.press("Control+a")
    window.after(lambda: page.keyboard.type("-0.09"))
    page.wait_for_function(
        "() => document.getElementById('charge').selectedOptions[0].text.includes('-0.09')"
    )
    assert (window.image() < -20.0).sum() > 1.5 * (before < -20.0).sum()
    # The picture itself takes arrow keys.
    page.focus("#picture")
    window.after(lambda: page.keyboard.press("ArrowLeft"))
    assert window.column("charges", "x")[0] == pytest.approx(2.75)
    window.after(lambda: page.keyboard.press("Delete"))
    assert len(window.column("charges", "x")) == 2


@needs_chromium
def test_deleting_what_is_dragged_ends_the_drag(shown):
    window = shown()
    mouse = window.page.mouse
    mouse.move(*window.pixel(3.0, 1.5))
    window.after(mouse.down)
    window.after(lambda: mouse.move(*window.pixel(2.0, 1.0)))
    window.after(lambda: window.page.keyboard.press("Delete"))
    before, left = window.number, window.column("charges", "x")
    assert left.tolist() == [-3.0, -1.0]
    # The next charge has its number now, and stays where it is.
    mouse.move(*window.pixel(1.0, 0.0))
    window.page.wait_for_timeout(300)
    mouse.up()
    assert window.number == before
    assert np.array_equal(window.column("charges", "x"), left)
    # The last one in the list, whose number then is none.
    window.drag((-1.0, 3.5), (0.0, 3.0))
    mouse.down()
    window.after(lambda: window.page.evaluate("document.getElementById('remove').click()"))
    mouse.move(*window.pixel(1.0, 2.0))
    window.page.wait_for_timeout(300)
    mouse.up()
    assert window.column("charges", "x").tolist() == [-3.0]
    assert not window.page.locator("#message").is_visible()


@needs_chromium
def test_numbers_that_cannot_be(shown):
    window = shown()
    field = window.page.locator("#charge_q")
    field.fill("")
    field.blur()
    assert field.input_value() == "0.08"
    assert window.number == 1
    field.fill("1e99")
    window.after(field.blur)
    assert (
        window.page.locator("#message").inner_text().startswith("charge: found 1e+99 e/Å, expected -1 to 1; ")
    )
    assert field.input_value() == "0.08"


@needs_chromium
def test_solving_shows_the_difference(shown):
    window = shown()
    assert not window.page.locator("#compared").is_visible()
    window.after(lambda: window.page.click("#solve"))
    assert window.page.locator("#compared").is_visible()
    text = window.page.locator("#text_difference").inner_text()
    assert "Relative L2 difference of u 0." in text
    assert 0 < np.abs(window.image("difference")).max() < 5
    assert len(window.column("profile solved", "u")) == len(window.column("profile shown", "u"))
    # The same twice is asked twice.
    window.after(lambda: window.page.click("#solve"))
    # Of another problem it says nothing.
    window.after(lambda: window.page.select_option("#family", "ellipsoid"))
    assert not window.page.locator("#compared").is_visible()
    window.after(lambda: window.page.select_option("#source", "solver"))
    assert window.page.locator("#text_source").inner_text().startswith("Solver, ")
    assert "converged" in window.page.locator("#facts").inner_text()


@needs_chromium
def test_molecules_and_media(shown):
    window = shown()
    page = window.page
    window.after(lambda: page.select_option("#family", "molecule"))
    window.after(lambda: page.click("#add_atom"))
    assert len(window.column("handles", "x")) == 4
    window.after(lambda: page.fill("#radius", "3"))
    before = window.image()
    window.after(lambda: page.fill("#debye_length", "5"))
    page.wait_for_function("() => document.getElementById('text_salt').textContent.startsWith('0.37')")
    assert np.abs(window.image() - before).max() > 0.01
    assert "debye_length" in page.locator("#warnings").inner_text()
    window.after(lambda: page.select_option("#ions", "linear"))
    assert page.locator("#text_source").inner_text().startswith("Solver, ")
    assert "the network refuses" in page.locator("#warnings").inner_text()


@needs_chromium
def test_a_finger_drags_and_double_click_adds(shown):
    window = shown(400, has_touch=True, is_mobile=True)
    window.page.mouse.dblclick(*window.pixel(0.0, -4.0))
    window.page.wait_for_function("() => document.getElementById('charge').options.length === 4")
    session = window.page.context.new_cdp_session(window.page)

    def swiped(x, y):
        """How far the page scrolls when a finger goes 60 pixels up from a place of the picture."""
        left, top = window.pixel(x, y)
        before = window.page.evaluate("scrollY")
        for step in range(11):
            kind, point = "touchMove" if step else "touchStart", {"x": left, "y": top - 6 * step}
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
            window.page.wait_for_timeout(20)
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        window.page.wait_for_timeout(300)
        return window.page.evaluate("scrollY") - before

    assert swiped(-3.0, -2.0) == 0
    window.page.wait_for_function("() => Number(document.getElementById('charge_y').value) > 3")
    assert window.column("charges", "y")[1] > 3
    # Elsewhere in the picture it scrolls.
    assert swiped(-12.0, -12.0) > 20


@needs_chromium
def test_what_is_saved_can_be_read(shown, tmp_path):
    window = shown()
    window.after(lambda: window.page.fill("#charge_x", "2.5"))
    for button, name in (("yaml", "problem.yaml"), ("netcdf", "potential.nc"), ("png", "potential.png")):
        file = window.saved(button)
        assert file.suggested_filename == name
        file.save_as(tmp_path / name)
    problem = load_problem(tmp_path / "problem.yaml")
    assert problem.charges.positions[0].tolist() == [2.5, 1.5]
    with open_dataset(tmp_path / "potential.nc") as dataset:
        assert dataset.sizes["sample"] == 1
        assert dataset.attrs["title"].startswith("Prediction")
        assert dataset["charge_position"].values[0, 0].tolist() == [2.5, 1.5]
    assert (tmp_path / "potential.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("origin", "status"), [(None, 101), ("http://example.org", 403)])
def test_pages_of_other_sites_may_not_talk_to_it(address, origin, status):
    place = address.removeprefix("http://").rstrip("/")
    (token,) = re.findall(r'"token":"([^"]+)"', urllib.request.urlopen(address).read().decode())
    connection = http.client.HTTPConnection(place, timeout=20)
    headers = {
        "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": f"bokeh, {token}",
        "Origin": origin or address.rstrip("/"),
    }  # fmt: skip
    connection.request("GET", "/ws", headers=headers)
    assert connection.getresponse().status == status
    connection.close()


def test_so_many_pages_and_no_more(address, monkeypatch):
    """Counted as the server counts, so that a busy machine forgets no page before the last one is asked for."""
    monkeypatch.setattr(server, "MOST_SESSIONS", 2)
    texts = [urllib.request.urlopen(address).read().decode() for _ in range(4)]
    assert "pages are open already" in texts[-1]


def test_where_it_may_listen():
    with pytest.raises(ConfigError, match="IPv4"):
        serve(host="::1", browser=False)
    found = CliRunner().invoke(cli, ["serve", "--help"])
    assert found.exit_code == 0
    assert "127.0.0.1" in found.output


def test_it_starts_from_a_problem_on_its_grid_and_ends_with_ctrl_c(tmp_path, monkeypatch):
    path = tmp_path / "problem.yaml"
    path.write_text(as_yaml(first_drawing().valued(0, 0.03).problem(Answers().grid)), encoding="utf-8")
    started = []

    class Interrupted:
        port, io_loop = 1, property(lambda self: self)

        def start(self):
            raise KeyboardInterrupt

        def stop(self):
            started.append("stopped")

    monkeypatch.setattr(server, "start", lambda *given: started.append(given) or Interrupted())
    serve(problem=path, browser=False)
    assert started[0][1].charges[0].q == 0.03
    assert started[0][2:] == ("127.0.0.1", 5006)
    assert started[1] == "stopped"
    path.write_text(path.read_text(encoding="utf-8").replace("cells: 64", "cells: 32"), encoding="utf-8")
    with pytest.raises(ConfigError, match="grid"):
        serve(problem=path, browser=False)


def test_a_stranger_s_websocket_is_no_traceback():
    for error, kept in ((ProtocolError("no subprotocol"), False), (ValueError("other"), True)):
        how = ("tornado.application", logging.ERROR, "", 0, "Uncaught", (), (type(error), error, None))
        assert server._ours(logging.LogRecord(*how)) is kept


def test_a_port_that_is_taken(address):
    port = int(address.rstrip("/").rsplit(":", 1)[1])
    with pytest.raises(ConfigError, match="address to listen on"):
        start(Answers(), first_drawing(), "127.0.0.1", port)
