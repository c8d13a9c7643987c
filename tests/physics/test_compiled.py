"""What all compiled loops have to keep to."""

import importlib
import pkgutil

import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher

import debye.physics
from debye.physics.compiled import compiled

MODULES = [f"debye.physics.{module.name}" for module in pkgutil.iter_modules(debye.physics.__path__)]


def own_loops(name):
    """Compiled functions that a module defines."""
    module = importlib.import_module(name)
    found = {key: value for key, value in vars(module).items() if isinstance(value, Dispatcher)}
    return {key: value for key, value in found.items() if value.py_func.__module__ == name}


def test_there_are_compiled_loops_to_look_at():
    assert sum(len(own_loops(name)) for name in MODULES) > 40


@pytest.mark.parametrize("name", MODULES)
def test_compiled_loops_call_none_of_another_file(name):
    """Numba looks at a function's own file when it decides whether the machine code on disk is still good."""
    for key, loop in own_loops(name).items():
        there = loop.py_func.__globals__
        for used in loop.py_func.__code__.co_names:
            value = there.get(used)
            if isinstance(value, Dispatcher):
                assert value.py_func.__module__ == name, f"{key} calls {used} of {value.py_func.__module__}"


@pytest.mark.parametrize("name", MODULES)
def test_compiled_loops_keep_to_the_order_of_additions(name):
    for key, loop in own_loops(name).items():
        assert not loop.targetoptions.get("fastmath"), key
        assert not loop.targetoptions.get("parallel"), key


def test_a_loop_runs_where_no_cache_can_be_written():
    # A function without a source file has no place for its machine code: as in a folder that cannot be written.
    space = {"np": np}
    exec("def total(x):\n    s = 0.0\n    for v in x:\n        s += v\n    return s", space)
    assert compiled(space["total"])(np.arange(4.0)) == 6.0


def kept(folder):
    """A compiled loop with its cache in a folder, compiled and run, and what it gave."""
    source = folder / "loops.py"
    source.write_text("def total(x):\n    s = 0.0\n    for v in x:\n        s += v\n    return s\n")
    space = {}
    exec(compile(source.read_text(), str(source), "exec"), space)
    loop = compiled(space["total"])
    return loop, loop(np.arange(4.0))


def test_a_damaged_cache_costs_time_alone(tmp_path):
    for ending in ("nbi", "nbc"):
        assert kept(tmp_path)[1] == 6.0
        files = list(tmp_path.rglob(f"*.{ending}"))
        assert files
        for file in files:
            file.write_bytes(b"")
        assert kept(tmp_path)[1] == 6.0
        # Made anew, and good for the next.
        loop, found = kept(tmp_path)
        assert found == 6.0
        assert sum(loop.stats.cache_hits.values()) == 1


def test_a_full_disk_costs_time_alone(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numba.core.caching.IndexDataCacheFile._save_data", full)
    assert kept(tmp_path)[1] == 6.0
