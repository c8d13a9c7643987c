"""The page in headless Chromium: nothing goes wrong, nothing is asked for, everything is seen and answers."""

import re

import pytest
from tests.browser import Window, needs_chromium

pytestmark = needs_chromium

WIDTHS = (1280, 400)
ELSEWHERE = ("debye_band", "charge_band", "curvature_band", "spectrum")
PLOTS = ("parameters", "distance", "family-0", "family-1", "family-2", *ELSEWHERE, "throughput", "training")

VIEW = """(name) => {
  const place = document.getElementById(`plot-${name}`);
  return [...Bokeh.index].find((one) => place.contains(one.el.getRootNode().host ?? one.el));
}"""


class Shown(Window):
    """The report in a window."""

    def __init__(self, browser, path, width, scheme="light"):
        super().__init__(browser, width, color_scheme=scheme)
        self.page.goto(path.as_uri())

    def draw(self, name):
        """Scroll to a figure and wait until it is drawn."""
        place = self.page.locator(f"#plot-{name}")
        place.evaluate("(place) => place.scrollIntoView({block: 'center'})")
        self.page.wait_for_function("(place) => place.dataset.drawn === 'yes'", arg=place.element_handle())
        # Two frames: the first lays out, the second paints.
        place.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )
        return place

    def draw_all(self):
        for name in PLOTS:
            self.draw(name)

    def view(self, name, code):
        """Value of JavaScript that knows Bokeh's `view` of a figure."""
        return self.page.evaluate(f"([name]) => {{ const view = ({VIEW})(name); {code} }}", [name])

    def colour(self, selector, style="backgroundColor"):
        """Brightness from 0 to 255 of a colour on the page."""
        value = self.page.eval_on_selector(selector, f"(one) => getComputedStyle(one).{style}")
        return sum(map(int, re.findall(r"\d+", value)[:3])) / 3


@pytest.fixture
def shown(chromium, whole_report):
    """Opens the page; closes every window at the end."""
    opened = []

    def opens(width=1280, scheme="light"):
        opened.append(Shown(chromium, whole_report, width, scheme))
        return opened[-1]

    yield opens
    for one in opened:
        one.page.close()


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_goes_wrong_and_nothing_is_asked_for(shown, whole_report, width):
    window = shown(width)
    window.draw_all()
    assert [one for one in window.said if one[0] in ("error", "warning")] == []
    assert [url for url in window.asked if not url.startswith("data:")] == [whole_report.as_uri()]


@pytest.mark.parametrize("width", WIDTHS)
def test_every_figure_is_drawn(shown, width):
    window = shown(width)
    assert window.page.locator(".plot").count() == len(PLOTS)
    for name in PLOTS:
        box = window.draw(name).bounding_box()
        assert box["width"] > 250, name
        assert box["height"] > 250, name
        # Something is painted where the lines are.
        painted = window.view(
            name,
            """const layer = view.canvas_view.primary.canvas;
            const pixels = layer.getContext("2d").getImageData(0, 0, layer.width, layer.height).data;
            const colours = new Set();
            for (let i = 0; i < pixels.length; i += 4) colours.add(pixels.slice(i, i + 4).join());
            return ["0,114,178,255", "213,94,0,255"].filter((one) => colours.has(one)).length;""",
        )
        # Both networks learned alike and take the same time: one line is above the other.
        assert painted == (1 if name in ("throughput", "training") else 2), name
    images = window.page.eval_on_selector_all(
        "img",
        "(all) => all.filter((one) => one.checkVisibility()).map((one) => [one.naturalWidth, one.width, one.height])",
    )
    # The open galleries of the best network, and the penalty study.
    assert len(images) == 3 + 1
    assert all(min(sizes) > 100 for sizes in images)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_is_readable(shown, width):
    window = shown(width)
    window.draw_all()
    window.page.evaluate("() => document.querySelectorAll('details').forEach((one) => one.open = true)")
    assert window.page.evaluate("() => document.documentElement.scrollWidth") <= width
    # Wide tables scroll by themselves.
    outside = window.page.evaluate(
        """(width) => [...document.querySelectorAll("main *")]
          .filter((one) => !one.closest(".scroll, .picture, pre") && one.getBoundingClientRect().right > width)
          .map((one) => one.outerHTML.slice(0, 80))""",
        width,
    )
    assert outside == []
    small = window.page.eval_on_selector_all(
        "main p, main td, main th, figcaption",
        "(all) => Math.min(...all.map((one) => parseFloat(getComputedStyle(one).fontSize)))",
    )
    assert small >= 12
    assert window.page.locator("nav a").first.is_visible()
    assert window.page.locator(".verdict p").count() == 3


def test_the_pointer_is_told_values(shown):
    window = shown()
    window.draw("distance")
    x, y, said = window.view(
        "distance",
        """const points = view.model.renderers.find((one) => one.name === "better" && one.glyph.type === "Scatter");
        const value = (key) => points.data_source.get(key)[1];
        const box = view.canvas_view.el.getBoundingClientRect();
        return [box.x + view.frame.x_scale.compute(value("x")), box.y + view.frame.y_scale.compute(value("y")),
                ["model", "said0", "said1", "said2"].map(value)];""",
    )
    assert said[0] == "better"
    assert said[1].endswith("h")
    assert said[2].endswith("kT/e")
    assert said[3].endswith("×")
    tip = window.page.locator(".bk-Tooltip")
    window.page.mouse.move(x - 40, y - 40)
    window.page.mouse.move(x, y)
    for text in said:
        tip.get_by_text(text, exact=True).wait_for(timeout=5000)


def test_dark_and_light_follow_the_reader(shown):
    window = shown(scheme="dark")
    window.draw("distance")
    ink = "return view.model.below[0].axis_label_text_color;"
    assert window.colour("body") < 50
    assert window.colour("#plot-distance") < 60
    assert window.colour("td", "color") > 180
    assert window.view("distance", ink) == "#e6e8ea"
    window.page.emulate_media(color_scheme="light")
    assert window.colour("body") > 200
    assert window.colour("#plot-distance") > 240
    assert window.view("distance", ink) == "#1d2126"


def test_a_network_can_be_taken_out_of_all_figures(shown):
    window = shown()
    window.draw("distance")
    hidden = "return view.model.renderers.filter((one) => !one.visible).map((one) => one.name);"
    assert window.view("distance", hidden) == []
    button = window.page.locator("#distance + .legend button[data-network=small]")
    button.click()
    assert set(window.view("distance", hidden)) == {"small"}
    # Also where the figure is drawn later, and on every button.
    window.draw("training")
    assert set(window.view("training", hidden)) == {"small"}
    pressed = "(all) => all.map((one) => one.ariaPressed)"
    assert set(window.page.eval_on_selector_all("button[data-network=small]", pressed)) == {"false"}
    button.click()
    assert window.view("distance", hidden) == []


def test_on_paper_pictures_stand_for_figures(shown):
    window = shown(scheme="dark")
    window.draw("distance")
    window.page.emulate_media(media="print")
    assert not window.page.locator("#plot-distance").is_visible()
    assert window.page.locator(".static img").count() == 4
    assert window.page.locator(".static img").first.is_visible()
    assert window.colour("body") == 255
    assert window.page.pdf().startswith(b"%PDF")


def test_without_scripts_pictures_stand_for_figures(chromium, whole_report):
    page = chromium.new_context(java_script_enabled=False).new_page()
    page.goto(whole_report.as_uri())
    assert page.locator(".static img").first.is_visible()
    assert not page.locator("#plot-distance").is_visible()
    page.context.close()
