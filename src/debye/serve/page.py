"""The page around the pictures: HTML, style and script of `templates/`, on the report's own style sheet."""

from __future__ import annotations

import html
from importlib import resources
from pathlib import Path

from bokeh.document import Document
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from debye import provenance
from debye.serve.answers import Answers
from debye.serve.drawing import LARGEST_CHARGE, RANGES

TEMPLATES = Path(str(resources.files("debye.serve"))) / "templates"
REPORT = Path(str(resources.files("debye.analysis"))) / "templates" / "report.css"
TITLE = "Debye: draw a solute"


def page(document: Document, answers: Answers) -> None:
    """Put a session's pictures into the page."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    document.title = TITLE
    document.template = environment.get_template("page.html.j2")
    document.template_variables.update(
        style=REPORT.read_text(encoding="utf-8") + (TEMPLATES / "page.css").read_text(encoding="utf-8"),
        script="".join((TEMPLATES / name).read_text(encoding="utf-8") for name in ("pointer.js", "page.js")),
        network=answers.name,
        grid=answers.grid,
        medium=answers.medium,
        version=provenance.version(),
        ranges=RANGES,
        largest_charge=LARGEST_CHARGE,
    )


def full(document: Document, most: int) -> None:
    """Say that there is no room for another session."""
    text = (
        f"debye serve: {most} pages are open already, the most it serves; close one and load this one again."
    )
    document.title = TITLE
    document.template = Environment(autoescape=True).from_string(
        '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>{{ title }}</title>'
        f"<body><p>{html.escape(text)}</p></body></html>"
    )
