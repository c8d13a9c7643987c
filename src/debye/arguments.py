"""Arguments that several commands share: files to read and to write, devices, and where the work is done."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from debye.errors import ConfigError, FormatError, explain

FILE = click.Path(path_type=Path)

OTHERS = [
    *(".png", ".pdf", ".svg", ".jpg", ".jpeg", ".eps", ".tif"),
    *(".yaml", ".yml", ".json", ".csv", ".txt", ".md", ".html", ".py", ".ipynb"),
    *(".npz", ".safetensors", ".onnx", ".pt2"),
    *(".gz", ".bz2", ".xz", ".zst", ".zip"),
]
"""Extensions that no netCDF file has, or none that is written here: nothing is compressed as a whole."""


class Target(click.Path):
    """A file to write: refused before any work if it is a folder or a device."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Path of the file, fit to be written."""
        from debye.store import check_target

        name = os.fsdecode(super().convert(value, param, ctx))
        if name.endswith(os.sep):
            raise FormatError(explain(name, "a folder", "a file", "name a file to write"))
        path = Path(name)
        check_target(path)
        return path


class NetcdfTarget(Target):
    """A netCDF file to write: refused where its name says that it is something else."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Path of the file, fit to be written."""
        path = super().convert(value, param, ctx)
        if path.suffix.lower() in OTHERS:
            remedy = "name it .nc; pictures are drawn with --plot, where the command has it"
            raise ConfigError(explain(str(path), f"extension {path.suffix!r}", "a netCDF file", remedy))
        return path


class Where(click.ParamType[Any]):
    """Short form of the configuration's section `dask`."""

    name = "where"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Settings of `dask`; a default that is settings already stays as it is."""
        from debye.placement import Dask

        return Dask.parse(value) if isinstance(value, str) else value


TARGET = Target()
NETCDF = NetcdfTarget()
DEVICES = click.Choice(["auto", "cpu", "cuda"])
DASK = click.option(
    "--dask",
    type=Where(),
    default="in-process",
    show_default=True,
    metavar="WHERE",
    help="Where the work is done, with the same bytes: in-process, local:N (N processes here), slurm:N (N Slurm "
    "jobs); then ,memory=MB,runtime=MINUTES,patience=MINUTES of a worker.",
)


def differ(**paths: Path | None) -> None:
    """Refuse to write one file over another of the same call.

    Parameters
    ----------
    **paths : Path or None
        Every file of the call by its name in messages; None where it was not given.

    Raises
    ------
    ConfigError
        If two are one file.

    Examples
    --------
    >>> differ(problem=Path("problem.yaml"), out=Path("out.nc"), plot=None)
    """
    given = {name: path.resolve() for name, path in paths.items() if path is not None}
    for name, path in given.items():
        for other in list(given)[: list(given).index(name)]:
            if given[other] == path:
                raise ConfigError(explain(name, path, f"another file than {other}", "choose another name"))


def named_files(option: str, given: Sequence[str]) -> dict[str, Path]:
    """Files that an option names, as `NAME=FILE`.

    Raises
    ------
    ConfigError
        If one is not of that form, or a name stands twice.

    Examples
    --------
    >>> named_files("test", ["molecules=data/molecules.nc"])
    {'molecules': PosixPath('data/molecules.nc')}
    """
    files: dict[str, Path] = {}
    for text in given:
        name, equals, path = text.partition("=")
        if not (name and equals and path):
            raise ConfigError(explain(f"--{option}", repr(text), "NAME=FILE", "write it so"))
        if name in files:
            raise ConfigError(explain(f"--{option}", f"{name} twice", "each name once", "rename one"))
        files[name] = Path(path)
    return files
