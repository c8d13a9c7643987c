"""Files that the page offers to save: the problem, the answer, its picture."""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path

from debye.analysis.figures import draw_solution
from debye.serve.answers import Answer
from debye.serve.drawing import as_yaml
from debye.store import write

KINDS = {
    "yaml": ("problem.yaml", "application/yaml"),
    "netcdf": ("potential.nc", "application/x-netcdf"),
    "png": ("potential.png", "image/png"),
}
"""Kinds of files, as the page asks for them: name and type."""


def delivery(kind: str, answer: Answer) -> dict[str, str]:
    """A file as the page's script takes it: name, type, and content in base64.

    Parameters
    ----------
    kind : {"yaml", "netcdf", "png"}
    answer : Answer
        What is on the page.
    """
    name, mime = KINDS[kind]
    if kind == "yaml":
        content = as_yaml(answer.problem).encode("utf-8")
    else:
        with tempfile.TemporaryDirectory(prefix="debye-serve-") as folder:
            path = Path(folder) / name
            dataset = answer.dataset()
            write(dataset, path) if kind == "netcdf" else draw_solution(dataset, path)
            content = path.read_bytes()
    return {"name": name, "type": mime, "content": base64.b64encode(content).decode("ascii")}
