"""The file of a trained network: tensors in safetensors, and in its header a typed record as JSON.

The header is plain JSON at the start of the file, so that `debye info` reads it without torch. Nothing in
the file is executed when it is read.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from debye.errors import ConfigError, FormatError, explain
from debye.learning.batch import Normalization
from debye.learning.encode import Encoding
from debye.learning.models import build
from debye.networks import Network
from debye.parameters import Grid, Medium, Model
from debye.store import atomic

KEY = "debye"
"""Key of the record in the metadata of the header."""
VERSION = "2"


class Record(Model):
    """What a trained network is and where it comes from."""

    version: str = Field(default=VERSION, description="version of this record")
    name: str = Field(description="name of the model in the configuration")
    network: Network = Field(description="its configuration")
    grid: Grid = Field(description="grid it was trained on")
    medium: Medium = Field(description="medium it was trained in")
    normalization: Normalization = Field(description="scales of its training split")
    parameters: int = Field(description="number of trainable parameters")
    multiply_adds: int = Field(description="multiply-adds of the convolutions for one sample, forward")
    best_epoch: int = Field(description="epoch whose weights these are, from 1: least validation loss")
    train_loss: float = Field(description="loss on the training split in that epoch")
    validation_loss: float = Field(description="loss on the validation split after that epoch")
    train_samples: int = Field(description="number of training samples")
    steps: int = Field(description="steps of the whole training")
    seconds: float = Field(description="time that its epochs took, validation included, s")
    data_wait: float = Field(description="share of that time in which the steps waited for samples, 0 to 1")
    device: str = Field(description="what computed when it ended: GPU or processor")
    train_digest: str = Field(description="digest of the content of the training split")
    validation_digest: str = Field(description="digest of the content of the validation split")
    code_digest: str = Field(description="digest of the code that trained it")
    source: str = Field(description="program and version")
    date_created: str = Field(description="when the training ended")

    def encoding(self) -> Encoding:
        """How problems are put to the network."""
        return Encoding(self.grid, self.medium, self.network, self.normalization)


def save(path: Path, record: Record, weights: dict[str, Tensor]) -> None:
    """Write a checkpoint whole or not at all; the same content gives the same bytes."""
    with atomic(path) as temporary:
        save_file(
            {name: weight.contiguous() for name, weight in weights.items()},
            temporary,
            metadata={KEY: record.model_dump_json()},
        )


def read_record(path: Path) -> Record:
    """Read the record of a checkpoint.

    Raises
    ------
    FormatError
        If the file is missing, truncated, or not a checkpoint of Debye.
    """
    remedy = "give the checkpoint.safetensors of a training, or train again"
    if not Path(path).is_file():
        raise FormatError(explain(str(path), "no such file", "a checkpoint", remedy))
    try:
        with safe_open(path, framework="numpy") as opened:
            metadata = opened.metadata() or {}
    except (SafetensorError, OSError) as error:
        found = " ".join(str(error).split())
        raise FormatError(explain(str(path), found, "a whole safetensors file", remedy)) from None
    if KEY not in metadata:
        raise FormatError(explain(str(path), "a safetensors file of another program", "a checkpoint", remedy))
    try:
        return Record.model_validate_json(metadata[KEY])
    except ValueError as error:
        found = " ".join(str(error).split())
        raise FormatError(
            explain(f"{path}: record", found, f"version {VERSION} of the record", remedy)
        ) from None


def load(path: Path) -> tuple[Record, nn.Module]:
    """Read a checkpoint and rebuild its network, on the CPU, ready to predict.

    Raises
    ------
    FormatError
        If the file is not a whole checkpoint, or its tensors do not fit the network of its record.
    """
    record = read_record(path)
    try:
        model = build(record.network, record.grid)
        model.load_state_dict(load_file(path))
    except (RuntimeError, SafetensorError, ConfigError) as error:
        found = " ".join(str(error).split())[:200]
        raise FormatError(explain(str(path), found, "the tensors of its network", "train again")) from None
    return record, model.eval()
