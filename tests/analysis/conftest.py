"""Made-up predictions, label floors and histories for the tests of the analysis."""

import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from tests.analysis.made_up import ABLATION, family_study, leaderboard_files

from debye import provenance, schema, store
from debye.analysis.analyse import analyse
from debye.analysis.leaderboard import make_leaderboard
from debye.analysis.penalty import make_study
from debye.analysis.report import write_report
from debye.config import Analysis, Report
from debye.frozen import AnalysisSlice, PenaltyReportSlice, ReportSlice
from debye.parameters import Grid
from debye.seeds import generator

SETTINGS = Analysis(bands=(-8, -4, -2, -1, 0, 1, 2, 4, 8, 16), near_charge=2.0, interface_band=2.0)
IDENTITY = ["geometry", "seed", "index"]


@dataclass
class Files:
    """Paths of everything that `analyse` reads."""

    dataset: Path
    prediction: Path
    floor: Path
    history: Path

    def __iter__(self):
        return iter((self.prediction, self.dataset, self.floor, self.history))


def three_families(samples: int = 8, cells: int = 32) -> xr.Dataset:
    """Mock discs, ellipses and stars on one grid, in memory."""
    grid = Grid(cells=cells, half_width=12.0, dim=2)
    parts = [
        schema.mock(samples, grid, geometry=name, seed=i)
        for i, name in enumerate(("disc", "ellipse", "star"))
    ]
    whole = xr.concat(parts, dim="sample", join="exact", data_vars="all", coords="minimal", compat="override")
    whole.attrs = parts[0].attrs | {
        "geometry_parameters": json.dumps({"disc": [], "ellipse": [], "star": []})
    }
    whole["rejected_shapes"][:] = 1
    whole["warnings"][:2] = "boundary layer: made up"
    return schema.describe(whole)


def prediction_of(dataset: xr.Dataset, error, model: str = "small") -> xr.Dataset:
    """A file of predictions that are wrong by `error`."""
    predicted = dataset[["regular_potential", *IDENTITY]].copy()
    predicted["regular_potential"] = (predicted["regular_potential"] + error).astype("f4")
    predicted.attrs = {
        "model": model,
        "parameters": 123456,
        "target": "total",
        "best_epoch": 17,
        "configuration": json.dumps({"architecture": {"kind": "resnet", "channels": 8, "blocks": 2}}),
        "code_digest": "0123456789abcdef",
        "dataset_digest": dataset.attrs.get("content_digest", "none"),
        "seconds": 1.5,
    }
    return predicted


def write_files(folder: Path, dataset: xr.Dataset, error, model: str = "small", every: int = 4) -> Files:
    """Write data set, predictions, label floor (every so many samples) and history."""
    files = Files(*(folder / name for name in ("data.nc", f"{model}.nc", "floor.nc", f"{model}.csv")))
    store.write(dataset, files.dataset)
    store.write(prediction_of(dataset, error, model), files.prediction)
    floor = dataset[["regular_potential", "level_set", *IDENTITY]].isel(sample=slice(None, None, every))
    kink = 1e-3 * np.exp(-np.abs(floor["level_set"])) + 1e-5
    floor["reference_potential"] = (floor["regular_potential"] - kink).astype("f4")
    floor.attrs = {"refine": 4}
    store.write(floor, files.floor)
    rows = ["epoch,step,learning_rate,train_loss,validation_loss,best,seconds"]
    for epoch in range(1, 21):
        loss = 0.5 * np.exp(-epoch / 5) + 0.02
        rows.append(f"{epoch},{20 * epoch},{1e-3 * (1 - epoch / 21)},{loss},{loss * 1.3},1,2.5")
    files.history.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return files


def interface_error(dataset: xr.Dataset) -> xr.DataArray:
    """An error that is largest at the interface, with some noise of its own for every sample."""
    random = generator("interface error")
    size = xr.DataArray(random.uniform(0.5, 2.0, dataset.sizes["sample"]), dims="sample")
    noise = xr.DataArray(random.normal(size=dataset["level_set"].shape), dims=dataset["level_set"].dims)
    return size * (0.004 + 0.03 * np.exp(-np.abs(dataset["level_set"]) / 2)) * noise


@pytest.fixture(scope="session")
def made() -> SimpleNamespace:
    """Makers of data sets, predictions and files, for tests that need other ones than `files`."""
    return SimpleNamespace(
        three_families=three_families,
        prediction_of=prediction_of,
        write_files=write_files,
        interface_error=interface_error,
    )


@dataclass
class Analysed:
    """A finished analysis: what it read and the folder it wrote."""

    files: Files
    folder: Path


@pytest.fixture(scope="session")
def analysed(frozen, tmp_path_factory) -> Analysed:
    """Three families analysed once for all tests that only read."""
    root = tmp_path_factory.mktemp("analysed")
    dataset = three_families()
    files = write_files(root, dataset, interface_error(dataset))
    analyse(frozen, *files, root / "out")
    return Analysed(files, root / "out")


@pytest.fixture(scope="session")
def frozen() -> AnalysisSlice:
    """Frozen slice of an analysis with two samples a gallery."""
    return AnalysisSlice(code=provenance.code_digest("analysis"), analysis=SETTINGS, gallery=2)


@pytest.fixture
def files(tmp_path) -> Files:
    """Three families predicted with an error at the interface."""
    dataset = three_families()
    return write_files(tmp_path, dataset, interface_error(dataset))


@pytest.fixture(scope="session")
def folders(made, tmp_path_factory) -> list[Path]:
    """Analyses of two networks of different quality."""
    root = tmp_path_factory.mktemp("report")
    settings = Analysis(bands=(-4, -2, 0, 2, 4), near_charge=2.0)
    slices = AnalysisSlice(code=provenance.code_digest("analysis"), analysis=settings, gallery=2)
    dataset = made.three_families(samples=4, cells=24)
    for model, scale in (("small", 1.0), ("better", 0.25)):
        files = made.write_files(root, dataset, scale * made.interface_error(dataset), model=model)
        analyse(slices, *files, root / model)
    return [root / "small", root / "better"]


@pytest.fixture(scope="session")
def whole_report(folders, made, tmp_path_factory) -> Path:
    """A page with every section that there can be."""
    root = tmp_path_factory.mktemp("page")
    code = provenance.code_digest("analysis")
    board = leaderboard_files(made, root, {"small": (0.01, 0.03), "better": (0.005, 0.05)})
    make_leaderboard(*board.arguments)
    store.write(family_study(), root / "disc.nc")
    make_study(PenaltyReportSlice(code=code, families=("disc",)), [root / "disc.nc"], root / "penalty")
    store.write_text(root / "ablation" / "ablation.json", json.dumps(ABLATION))
    frozen = ReportSlice(code=code, report=Report(title="Errors at the interface", gallery=1))
    write_report(
        frozen, folders, root / "index.html", root / "penalty", board.out, ablation=root / "ablation"
    )
    return root / "index.html"
