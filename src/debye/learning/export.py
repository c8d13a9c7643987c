"""A trained network for programs that know nothing of Debye: ONNX, or torch's exported program.

Only the network is exported: from its channels, shape (b, channels, x, y), float32, to its normalised output, shape
(b, 1, x, y), for any number b of samples on the grid that it was trained on. What makes the channels of a shape and
charges, and a potential in kT/e of the output, is not in the file (`debye.learning.encode` does both). What a reader
must know for that stands in the file's metadata, as text:

========  =============================================================================================
channels  JSON list of the names of the input's channels, in order (`debye.learning.channels` defines them)
output    what the output is: total, regular or compact (`debye.networks.Network`)
debye     JSON record of the checkpoint: grid, medium, scales, configuration, provenance
========  =============================================================================================

With the record's `normalization`, charge channel k is divided by `charge_channels[k]`, and the output multiplied by
`target`; and with a `charge_normalization` other than none, the charges are divided and the output multiplied by the
sample's own factor besides (`debye.learning.batch.charge_factor`).

An `.onnx` file runs in ONNX Runtime and its like; a `.pt2` file with `torch.export.load(path).module()`, without the
classes of the network.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from debye.errors import ConfigError, MissingExtra, explain
from debye.learning import checkpoint
from debye.store import atomic

INPUT, OUTPUT = "channels", "output"
"""Names of the tensors in an ONNX file."""


def export(source: Path, out: Path) -> None:
    """Write the network of a checkpoint, whole or not at all.

    Parameters
    ----------
    source : Path
        The checkpoint.
    out : Path
        File to write; its suffix, `.onnx` or `.pt2`, chooses the format.

    Raises
    ------
    ConfigError
        If the suffix is another one, or the format cannot hold this network.
    MissingExtra
        If a package for the format, or for the network, is not installed.
    FormatError
        If the checkpoint is not one.
    """
    write = _writer(out)
    record, model = checkpoint.load(source)
    if write is _write_onnx and record.network.architecture.kind == "fno":
        raise ConfigError(
            explain(
                f"{out}",
                "a Fourier neural operator, whose numbers are complex",
                "a network of real numbers: torch's exporter to ONNX has no rules for others",
                "export it as .pt2",
            )
        )
    sees = record.network.images
    metadata = {
        "channels": json.dumps(sees),
        "output": record.network.target,
        "debye": record.model_dump_json(),
    }
    # Of one sample the exporter would take the number for fixed.
    image = torch.zeros(2, len(sees), *record.grid.shape)
    with atomic(out) as temporary, _quietly():
        write(model.requires_grad_(False), image, temporary, metadata)


Writer = Callable[[nn.Module, torch.Tensor, Path, dict[str, str]], None]


def _writer(out: Path) -> Writer:
    """What writes a file of this name."""
    writers: dict[str, Writer] = {".onnx": _write_onnx, ".pt2": _write_program}
    if out.suffix not in writers:
        raise ConfigError(
            explain(
                str(out),
                f"suffix {out.suffix!r}",
                "a suffix that says the format: .onnx or .pt2",
                "name such a file",
            )
        )
    if out.suffix == ".onnx":
        _require_onnx()
    return writers[out.suffix]


def _require_onnx() -> None:
    """Refuse what would fail in the midst of torch's exporter."""
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise MissingExtra(
            explain(
                "export to ONNX",
                str(error),
                "the packages onnx and onnxscript",
                "pip install 'debye[export]'",
            )
        ) from None


def _dynamic() -> tuple[dict[int, Any]]:
    """The axes of the network's one input that may have another length than in the example."""
    return ({0: torch.export.Dim("batch")},)


def _write_onnx(model: nn.Module, image: torch.Tensor, path: Path, metadata: dict[str, str]) -> None:
    program: Any = torch.onnx.export(
        model,
        (image,),
        dynamo=True,
        dynamic_shapes=_dynamic(),
        input_names=[INPUT],
        output_names=[OUTPUT],
        verbose=False,
    )
    program.model.metadata_props.update(metadata)
    # One file: weights beside it would be lost in the renaming, and ONNX's two gigabytes are far off.
    program.save(path, external_data=False)


def _write_program(model: nn.Module, image: torch.Tensor, path: Path, metadata: dict[str, str]) -> None:
    program = torch.export.export(model, (image,), dynamic_shapes=_dynamic(), strict=False)
    torch.export.save(program, path, extra_files=dict(metadata))


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the exporter's remarks on packages that are not installed, its own steps and deprecations."""
    logs = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)
