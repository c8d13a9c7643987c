"""The same network in less time, and what makes sure that it is the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from debye.errors import ConfigError
from debye.learning.swift import compiled, graphed

ALONE = partial(nn.Module.requires_grad_, requires_grad=True)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Conv2d(3, 1, 3))


def compiled_by(backend: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Callable[[Tensor], Tensor]:
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    return compiled(network(), ALONE)


def test_a_compiled_network_gives_what_the_network_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    images = torch.randn(2, 2, 9, 9)
    quick = compiled_by(lambda graph, _: graph.forward, monkeypatch)
    assert torch.equal(quick(images), network()(images))


def test_a_compiler_that_loses_a_gradient_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Inductor of torch 2.13 does on a CPU with the learned multigrid."""

    def backend(graph: torch.fx.GraphModule, _: Sequence[Tensor]) -> Any:
        def forward(*inputs: Tensor) -> Any:
            # The first weight goes in as a number.
            lost = next(i for i, one in enumerate(inputs) if isinstance(one, nn.Parameter))
            return graph.forward(*(one.detach() if i == lost else one for i, one in enumerate(inputs)))

        return forward

    with pytest.raises(ConfigError, match=r"a gradient of 0\.weight that differs by 1 of its norm"):
        compiled_by(backend, monkeypatch)(torch.randn(2, 2, 9, 9))


def test_code_of_the_compiler_that_does_not_run_is_an_error_of_the_configuration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def backend(graph: torch.fx.GraphModule, _: Sequence[Tensor]) -> Any:
        def forward(*inputs: Tensor) -> Any:
            raise UnboundLocalError("buf195")

        return forward

    with pytest.raises(ConfigError, match=r"code that does not run \(buf195\)"):
        compiled_by(backend, monkeypatch)(torch.randn(2, 2, 9, 9))


def test_whole_batches_are_replayed_and_smaller_ones_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded: list[int] = []

    def record(module: nn.Module, sample: tuple[Tensor]) -> Callable[[Tensor], Tensor]:
        recorded.append(len(sample[0]))
        return lambda images: module(images) + 1

    monkeypatch.setattr(torch.cuda, "make_graphed_callables", record)
    quick, plain = graphed(network(), 4), network()
    for size, more in ((4, 1), (3, 0), (4, 1)):
        images = torch.randn(size, 2, 9, 9)
        assert torch.equal(quick(images), plain(images) + more)
    assert recorded == [4]
