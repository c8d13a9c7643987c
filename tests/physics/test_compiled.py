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
