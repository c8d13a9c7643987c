"""How interactive figures get into the page: as JSON, beside one copy of Bokeh's browser library."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from bokeh.embed import json_item
from bokeh.plotting import figure
from bokeh.resources import Resources


def as_json(figures: Mapping[str, figure]) -> str:
    """Figures as JSON for a script element: id of the place in the page → what Bokeh embeds there.

    Bokeh numbers its objects through the life of a process; here they are numbered anew, so that equal data give an
    equal page.
    """
    text = json.dumps({place: json_item(shown, place) for place, shown in figures.items()}, allow_nan=False)
    numbers: dict[str, str] = {}
    text = re.sub(r'"p\d+"', lambda found: numbers.setdefault(found[0], f'"p{len(numbers)}"'), text)
    # Inside a script element nothing but its end is read.
    return text.replace("</", "<\\/")


def library() -> str:
    """Bokeh's browser library without widgets, tables and formulas: one script of some 1.3 MB."""
    return "\n".join(Resources(mode="inline", components=["bokeh"], log_level="error").js_raw)
