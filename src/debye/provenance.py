"""Where a result comes from: program, versions, time, and a digest of the code that could influence it."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import json
import os
import platform
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from debye.errors import ConfigError, explain

PACKAGE = Path(__file__).parent
GROUND = (
    "errors.py",
    "units.py",
    "seeds.py",
    "progress.py",
    "threads.py",
    "provenance.py",
    "workers.py",
    "parameters.py",
    "config.py",
    "families.py",
    "splits.py",
    "frozen.py",
    "variables.py",
    "making.py",
    "schema.py",
    "store.py",
    "streaming.py",
    "merging.py",
)
"""What every layer stands on; every sample passes through `progress.py` and `workers.py`. `cli.py`, `stages.py`,
`arguments.py`, `consistency.py`, `ending.py`, `locks.py`, `preflight.py`, `placement.py`, `cluster.py`,
`worker_jobs.py`, `info.py`, `planning` and `serve` decide nothing. What `ablation.py` decides stands in the slices as a
whole: its networks, its splits."""

LAYERS = ("physics", "learning", "surrogate", "analysis")

BELOW: dict[str, tuple[str, ...]] = {"surrogate": ("physics", "learning")}
"""Layers that another one stands on."""

ALSO: dict[str | None, tuple[str, ...]] = {"learning": ("networks.py",)}
"""Modules beside a layer that only this layer looks into."""

LIBRARIES: dict[str | None, tuple[str, ...]] = {
    None: ("numpy", "xarray", "netCDF4"),
    "physics": ("numpy", "scipy", "numba", "pyamg"),
    "learning": ("numpy", "torch"),
    "surrogate": ("numpy", "scipy", "numba", "pyamg", "torch"),
    "analysis": ("numpy", "xarray"),
}
"""What each layer computes with (None: the ground). Another version may give other numbers."""


def version() -> str:
    """Version of the installed package."""
    return metadata.version("debye")


def origin() -> str:
    """Where the installed package is from: a folder, or else what pip has to be given for the same (PEP 610).

    Returns
    -------
    str
        Absolute path of a folder, `debye @ git+https://…@commit`, `debye @ https://…` or `debye==version`.
    """
    text = metadata.distribution("debye").read_text("direct_url.json")
    if text is None:
        return f"debye=={version()}"
    said = json.loads(text)
    if "dir_info" in said:
        return url2pathname(urlsplit(said["url"]).path)
    if "vcs_info" in said:
        return f"debye @ {said['vcs_info']['vcs']}+{said['url']}@{said['vcs_info']['commit_id']}"
    return f"debye @ {said['url']}"


def source() -> str:
    """Program and libraries with their versions, as written into every file."""
    names = dict.fromkeys(name for names in LIBRARIES.values() for name in names)
    return f"debye {version()} ({', '.join(f'{name} {library_version(name)}' for name in names)})"


@cache
def library_version(name: str) -> str:
    """Installed version of a library, or "none"; without a local label, as in `requirements.lock`.

    Examples
    --------
    >>> library_version("no such library")
    'none'
    """
    try:
        return metadata.version(name).partition("+")[0]
    except metadata.PackageNotFoundError:
        return "none"


def library_versions(layer: str | None = None) -> dict[str, str]:
    """Installed versions of the libraries that a layer computes with, by name.

    Parameters
    ----------
    layer : {"physics", "learning", "surrogate", "analysis"} or None
        None for the ground alone (merge).
    """
    return {name: library_version(name) for name in LIBRARIES[layer]}


def processor() -> str:
    """Name of this machine's processor, as a person knows it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def now() -> str:
    """Current time, ISO 8601 in UTC, to the second; that of SOURCE_DATE_EPOCH where the environment has one.

    The variable (seconds since 1970, https://reproducible-builds.org/specs/source-date-epoch) makes files that are made
    twice equal byte for byte.

    Raises
    ------
    ConfigError
        If the variable is no time.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        return datetime.now(UTC).replace(microsecond=0).isoformat()
    try:
        return datetime.fromtimestamp(int(epoch), UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        raise ConfigError(
            explain(
                "SOURCE_DATE_EPOCH", repr(epoch), "seconds since 1970, a whole number", "mend or unset it"
            )
        ) from None


def canonical_json(content: Any) -> str:
    """JSON with sorted keys and no spare blanks: equal content gives equal text."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def without_prose(code: str) -> str:
    r"""Syntax tree of Python source as text, without comments, docstrings and line numbers.

    Examples
    --------
    >>> without_prose('x = 1  # one') == without_prose('x  =  1')
    True
    >>> without_prose('def f():\n    "doc"\n    return 1') == without_prose('def f():\n    return 1')
    True
    """
    tree = ast.parse(code)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        # A bare string anywhere in a body documents what stands before it; it computes nothing.
        node.body = [  # type: ignore[attr-defined]
            item
            for item in body
            if not (
                isinstance(item, ast.Expr)
                and isinstance(item.value, ast.Constant)
                and isinstance(item.value.value, str)
            )
        ]
    return ast.dump(tree)


def code_digest(layer: str | None = None, root: Path = PACKAGE) -> str:
    """Digest of the code that a stage of the workflow runs: its layer and all below.

    Parameters
    ----------
    layer : {"physics", "learning", "surrogate", "analysis"} or None
        None for the ground alone (merge).
    root : Path
        Folder of the package; another one only in tests.

    Returns
    -------
    str
        First 16 hexadecimal digits of a SHA-256. Comments and docstrings do not count.
    """
    paths = [root / name for name in GROUND]
    for one in () if layer is None else (*BELOW.get(layer, ()), layer):
        paths += [root / name for name in ALSO.get(one, ())] + sorted((root / one).rglob("*"))
    digest = hashlib.sha256()
    for path in paths:
        if path.suffix == ".py":
            text = without_prose(path.read_text(encoding="utf-8"))
        elif path.suffix in {".html", ".css", ".js", ".j2"}:
            text = path.read_text(encoding="utf-8")
        else:
            continue
        digest.update(f"{path.relative_to(root).as_posix()}\0{text}\0".encode())
    return digest.hexdigest()[:16]
