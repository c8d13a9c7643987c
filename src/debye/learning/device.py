"""Where a network runs, and with which kernels."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import nn

from debye.errors import ConfigError, explain
from debye.provenance import processor

NAMES = ("auto", "cpu", "cuda")
"""What devices are called; which GPU, the environment says (CUDA_VISIBLE_DEVICES)."""


def choose_device(name: str) -> torch.device:
    """Device of that name; "auto" is the GPU if there is one.

    Raises
    ------
    ConfigError
        If it is none of `NAMES`, or "cuda" and absent.
    """
    if name not in NAMES:
        raise ConfigError(explain("device", name, " or ".join(NAMES), "name one of them"))
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError(explain("device", "no CUDA device", "cuda as asked for", "use auto or cpu"))
    return torch.device(name)


def choose_devices(name: str) -> list[torch.device]:
    """All devices of that name: every visible GPU, or the CPU.

    Raises
    ------
    ConfigError
        As `choose_device`.
    """
    chosen = choose_device(name)
    if chosen.type != "cuda":
        return [chosen]
    return [torch.device("cuda", number) for number in range(torch.cuda.device_count())]


def place(model: nn.Module, device: torch.device) -> nn.Module:
    """Put a network on a device, in the memory layout in which convolutions of few channels are quickest.

    Measured on a CPU: a step of the small networks takes three quarters of the time.
    """
    placed: nn.Module = model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return placed


def described(device: torch.device, processes: int = 1) -> str:
    """What kind of device this is, for people: the GPU's name, or the processor's and the threads of a process."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        threads = torch.get_num_threads()
        name = f"{processor()}, {threads} thread{'s' if threads > 1 else ''}"
    return name if processes == 1 else f"{processes} × {name}"


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """Convolutions in float32 as it says: torch has a GPU round their factors to 10 bits (TF32) unless told not to.

    A prediction would differ by 1e-3 between a GPU and a CPU, which is as much as the networks are wrong.
    """
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


@contextlib.contextmanager
def reproducible(device: torch.device) -> Iterator[None]:
    """Deterministic kernels on a CPU, all of float32 on a GPU; the caller's random stream and settings come back."""
    before = torch.are_deterministic_algorithms_enabled()
    # On a GPU some kernels have no deterministic form, and nothing is promised.
    torch.use_deterministic_algorithms(before or device.type == "cpu")
    try:
        with full_precision(), torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            yield
    finally:
        torch.use_deterministic_algorithms(before)
