"""What `import debye` offers, and what it leaves alone until it is asked."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import debye


def test_names_are_found_where_the_imports_for_type_checkers_say():
    tree = ast.parse(Path(debye.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    said = {node.module: tuple(alias.name for alias in node.names) for node in block.body}
    assert said == debye._HOMES
    assert sorted(name for names in said.values() for name in names) == sorted(debye.__all__)


@pytest.mark.parametrize("home", debye._HOMES)
def test_names_are_those_of_their_modules(home):
    for name in debye._HOMES[home]:
        assert getattr(debye, name) is getattr(import_module(home), name)
        assert name in dir(debye)


def test_unknown_name():
    with pytest.raises(AttributeError, match="module 'debye' has no attribute 'slove'"):
        debye.slove  # noqa: B018


def test_configuration_needs_no_solver():
    """What the Snakefile imports, in each of its jobs: 0.3 s and 60 MB, not 1.3 s and 210 MB."""
    code = "import sys, debye.config, debye.frozen; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    heavy = {"numba", "pyamg", "scipy.sparse", "xarray", "pandas", "dask", "torch", "matplotlib", "h5py"}
    assert heavy.isdisjoint(done.stdout.split())
