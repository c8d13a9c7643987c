"""The merge: shards of a split into one data set, read once: what they are first, then their values, block by block.

Shards are checked, and blocks read and checked, wherever `debye.workers` has it done; this process alone writes and
digests them, in order, so that the file has the same bytes.

Memory: one shard is open at a time and a block of one variable is held, `streaming.BLOCK_BYTES` long, so the peak does
not depend on the number of samples or of shards (`benchmarks/merge.py` measures it, and the speed beside a plain copy).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np

from debye import schema
from debye.errors import FormatError, explain
from debye.parameters import Grid
from debye.progress import track
from debye.store import ContentDigest, atomic, open_raw
from debye.streaming import create, rows, sample_bytes
from debye.workers import Each, in_process, ready

Identity = tuple[str, int, int]
Values = dict[str, np.ndarray]
"""Samples of some variables by name."""


@dataclass(frozen=True)
class Shard:
    """What the merge keeps of a shard between checking and copying it."""

    path: Path
    grid: Grid
    first: Identity
    last: Identity
    samples: int
    charges: int
    parameters: int
    configuration: str
    geometry_parameters: dict[str, list[str]]


@dataclass(frozen=True)
class Block:
    """Samples of some variables of a shard, and where in the data set they go."""

    path: Path
    names: tuple[str, ...]
    rows: slice
    position: int
    """Of the first of them in the data set."""


class UnusableShard(FormatError):
    """A shard that cannot be merged.

    Attributes
    ----------
    path : Path
        The shard.
    """

    path: Path

    @classmethod
    def of(cls, path: Path, error: FormatError) -> UnusableShard:
        """Name the shard that an error was found in; the path is no argument, so that pickle can carry the error."""
        unusable = cls(str(error))
        unusable.path = path
        return unusable


def merge(
    paths: Sequence[str | Path], out: str | Path, title: str, code_digest: str, each: Each = in_process
) -> str:
    """Merge shards into one data set, ordered by family, seed and index.

    Parameters
    ----------
    paths : sequence of path
        Shards of one split: on the same grid, each of one family and seed, those of a family from one configuration.
    out : path
        The data set; written whole or not at all.
    title, code_digest : str
        For its root attributes.
    each : Each
        Where shards are checked and read: here, one after another, or by the workers of `debye.cluster`.

    Returns
    -------
    str
        Content digest of the data set: equal for equal samples, whenever and wherever they were solved.

    Raises
    ------
    FormatError
        If a shard is truncated or invalid (it is moved aside as `….corrupt`, so that the next run makes it anew),
        lies on another grid, was made from another configuration, or holds a sample that another shard holds too.
    """
    if not paths:
        raise FormatError(explain("merge", "no shards", "at least one", "name the shards to merge"))
    with _moving_aside():
        checked = each(ready(_checked), map(Path, paths))
        shards = sorted(track(checked, len(paths), "checking shards"), key=lambda shard: shard.first)
    _refuse_other_grids(shards)
    _refuse_repetition(shards)
    configurations = _configurations(shards)
    parameters = {name: names for shard in shards for name, names in shard.geometry_parameters.items()}
    attributes = schema.root_attributes(title, json.dumps(configurations), code_digest, parameters)
    attributes["shards"] = json.dumps(["/".join(shard.path.parts[-2:]) for shard in shards])
    with (
        _moving_aside(),
        atomic(out) as temporary,
        netCDF4.Dataset(temporary, "w", format="NETCDF4") as merged,
    ):
        create(merged, shards[0].grid, _sizes(shards))
        digest = _copy(merged, shards, each)
        attributes["content_digest"] = digest.hexdigest(shards[0].grid, parameters)
        merged.setncatts(attributes)
    return attributes["content_digest"]


def _checked(path: Path) -> Shard:
    """What the merge needs to know of a shard, without its fields."""
    try:
        with open_raw(path, block=None) as dataset:
            grid = schema.validate(dataset, str(path), values=False)
            columns = (dataset[name].values.tolist() for name in ("geometry", "seed", "index"))
            identities: list[Identity] = list(zip(*columns, strict=True))
            if not identities or any(one >= two for one, two in pairwise(identities)):
                raise FormatError(
                    explain(
                        f"{path}: samples",
                        "none, or not in order",
                        "rising family, seed, index",
                        "make it anew",
                    )
                )
            return Shard(
                path=path,
                grid=grid,
                first=identities[0],
                last=identities[-1],
                samples=len(identities),
                charges=dataset.sizes["charge"],
                parameters=dataset.sizes["parameter"],
                configuration=str(dataset.attrs["configuration"]),
                geometry_parameters=schema.parameter_names(dataset),
            )
    except FormatError as error:
        if path.exists():
            raise UnusableShard.of(path, error) from None
        if _aside(path).exists():
            # A second try of the same job finds what the first one did, and its log is the one that is read.
            raise FormatError(
                f"{error} (a damaged one lies aside as {_aside(path).name}: run the workflow again)"
            ) from None
        raise


def _aside(path: Path) -> Path:
    """Where a shard is moved that cannot be merged."""
    return Path(f"{path}.corrupt")


@contextlib.contextmanager
def _moving_aside() -> Iterator[None]:
    """Move a shard that cannot be merged aside, so that the next run makes it anew, and say so.

    Not where it is found: another worker may be reading the same shard, and would miss it.
    """
    try:
        yield
    except UnusableShard as error:
        aside = _aside(error.path)
        error.path.replace(aside)
        raise FormatError(f"{error} (moved aside as {aside.name}: run the workflow again)") from None


def _refuse_other_grids(shards: Sequence[Shard]) -> None:
    first = shards[0]
    for shard in shards:
        if shard.grid != first.grid:
            found = f"{first.grid} as in {first.path}"
            raise FormatError(
                explain(
                    f"{shard.path}: grid", shard.grid, found, "merge shards of one grid; delete the other"
                )
            )


def _refuse_repetition(shards: Sequence[Shard]) -> None:
    for one, two in pairwise(shards):
        if one.last >= two.first:
            raise FormatError(
                explain(
                    "merge",
                    f"{one.path} up to sample {one.last} and {two.path} from {two.first}: a sample twice",
                    "each sample once",
                    "name each shard once",
                )
            )


def _configurations(shards: Sequence[Shard]) -> dict[str, Any]:
    """Configuration of each family; all its shards must share it, and all families the split."""
    configurations: dict[str, Any] = {}
    named: dict[str, dict[str, list[str]]] = {}
    for shard in shards:
        family, found = shard.first[0], json.loads(shard.configuration)
        if (
            configurations.setdefault(family, found) != found
            or named.setdefault(family, shard.geometry_parameters) != shard.geometry_parameters
        ):
            raise FormatError(
                explain(
                    f"{shard.path}: configuration",
                    "another than that of the shards before",
                    f"one for the family {family}",
                    "delete the shards made with the other and run the workflow again",
                )
            )
    splits = {str(one.get("split", "")) for one in configurations.values() if isinstance(one, dict)}
    if len(splits) > 1:
        raise FormatError(
            explain("merge", f"shards of the splits {sorted(splits)}", "one split", "merge each alone")
        )
    return configurations


def _sizes(shards: Sequence[Shard]) -> dict[str, int]:
    """Dimensions of the data set: all samples, and the longest rows."""
    return {
        "sample": sum(shard.samples for shard in shards),
        "charge": max(shard.charges for shard in shards),
        "parameter": max(shard.parameters for shard in shards),
    }


def _copy(merged: netCDF4.Dataset, shards: Sequence[Shard], each: Each) -> ContentDigest:
    """Copy the samples of all shards in order, ragged rows padded, and digest them on the way."""
    digest = ContentDigest()
    number = sum(1 for _ in _blocks(shards))
    read = track(each(_reading, _blocks(shards)), number, "merging blocks")
    for block, found in zip(_blocks(shards), read, strict=True):
        for name in block.names:
            target = merged[name]
            values = _padded(name, found.pop(name), target.shape[1:])
            target[block.position : block.position + len(values)] = values
            digest.update(name, values)
    return digest


def _blocks(shards: Sequence[Shard]) -> Iterator[Block]:
    """Blocks of all shards in the order of the file: the fields in step, sample by sample; then all that is small."""
    fields = [name for name, variable in schema.VARIABLES.items() if "grid" in variable.dims]
    others = tuple(name for name in schema.VARIABLES if name not in fields)
    position = 0
    for shard in shards:
        of_fields = sample_bytes(shard.grid, {})
        whole = sample_bytes(shard.grid, {"charge": shard.charges, "parameter": shard.parameters})
        for some in rows(0, shard.samples, of_fields // len(fields)):
            for name in fields:
                yield Block(shard.path, (name,), some, position + some.start)
        for some in rows(0, shard.samples, whole - of_fields):
            yield Block(shard.path, others, some, position + some.start)
        position += shard.samples


@contextlib.contextmanager
def _reading() -> Iterator[Callable[[Block], Values]]:
    """Reader of blocks, checked on the way; the shard that was read last stays open."""
    with contextlib.ExitStack() as opened:
        current: tuple[Path, netCDF4.Dataset] | None = None

        def read(block: Block) -> Values:
            nonlocal current
            if current is None or current[0] != block.path:
                opened.close()
                source = opened.enter_context(netCDF4.Dataset(block.path))
                source.set_auto_mask(False)
                current = block.path, source
            return {name: _read(current[1], name, block.rows, block.path) for name in block.names}

        yield read


def _read(source: netCDF4.Dataset, name: str, some: slice, path: Path) -> np.ndarray:
    """Samples of a variable of a shard, checked; only what goes wrong here is the shard's fault."""
    try:
        values = np.asarray(source[name][some])
        schema.refuse_not_finite(name, values, f"{path}: variable {name}")
    except (OSError, RuntimeError) as error:
        found = " ".join(str(error).split())
        unreadable = FormatError(
            explain(f"{path}: variable {name}", found, "readable values", "make it anew")
        )
        raise UnusableShard.of(path, unreadable) from None
    except FormatError as error:
        raise UnusableShard.of(path, error) from None
    return values


def _padded(name: str, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Rows made as long as the longest of the split: charges of no value at no place, parameters of no number."""
    if values.shape[1:] == shape:
        return values
    padded = np.full((len(values), *shape), 0.0 if name == "charge_value" else np.nan, dtype=values.dtype)
    padded[(slice(None), *(slice(0, size) for size in values.shape[1:]))] = values
    return padded
