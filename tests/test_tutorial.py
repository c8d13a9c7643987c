"""The tutorial: executed as a reader would, and the outputs that the repository shows are those of its code."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

TUTORIAL = Path(__file__).parent.parent / "docs" / "tutorial.ipynb"


@pytest.fixture
def notebook() -> nbformat.NotebookNode:
    return nbformat.read(TUTORIAL, as_version=4)


@pytest.mark.workflow
def test_the_tutorial_runs(
    notebook: nbformat.NotebookNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The folder of the workflow that it runs goes where the test's files go.
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    NotebookClient(
        notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(TUTORIAL.parent)}}
    ).execute(env={**os.environ, "MPLBACKEND": "module://matplotlib_inline.backend_inline"})
    printed = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    assert "trained and certified" in printed
    assert "prediction is worse than any there" in printed
    assert printed.count("wrong by") == 3
    assert (
        sum(
            output.output_type == "display_data"
            for cell in notebook.cells
            for output in cell.get("outputs", [])
        )
        == 2
    )


def test_the_tutorial_is_kept_with_its_outputs(notebook: nbformat.NotebookNode) -> None:
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not any(output.output_type == "error" for cell in cells for output in cell.outputs)
    # Without what is this machine's alone.
    assert "/tmp/" not in str([cell.outputs for cell in cells])
