"""Frozen slices: what one stage of the workflow may see of the configuration, with the digest of its code.

Snakemake sees the shell text of a rule, not the package. So every job takes a small JSON file as input that holds
exactly the part of the configuration that can change its result, a digest of the code that it runs, and the versions
of the libraries that it computes with. The file is written by the workflow's local rule `freeze` only when one of the
three changed, and a job refuses to run when the installed code or libraries are not those that were frozen.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from debye.ablation import BASE, Ablation
from debye.config import Analysis, Config, Floor, PenaltyStudy, Report
from debye.errors import ConfigError, FormatError, explain
from debye.families import Family
from debye.networks import Network
from debye.parameters import Grid, Medium, Model, Name, Solver
from debye.provenance import code_digest, library_versions

Layer = Literal["physics", "learning", "surrogate", "analysis"]


class Frozen(Model):
    """Base of the slices."""

    layer: ClassVar[Layer | None] = None
    """Layer of code that the stage runs; None for the ground alone."""

    code: str = Field(description="digest of the code that could influence the stage")
    libraries: dict[str, str] = Field(
        default_factory=dict,
        description="versions of the libraries that the stage computes with: those installed when it is made",
    )

    @model_validator(mode="before")
    @classmethod
    def _installed(cls, values: Any) -> Any:
        return {"libraries": library_versions(cls.layer)} | values if isinstance(values, dict) else values

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a slice and make sure that the installed code and libraries are those it was frozen with.

        Raises
        ------
        FormatError
            If the file cannot be read or is a slice of another stage.
        ConfigError
            If the code or the version of a library has changed since.
        """
        try:
            content = Path(path).read_bytes()
            frozen = cls.model_validate_json(content)
        except (OSError, ValueError) as error:
            found = " ".join(str(error).split())
            raise FormatError(
                explain(str(path), found, f"a frozen {cls.__name__}", "run the workflow again")
            ) from None
        current = code_digest(cls.layer)
        if frozen.code != current:
            raise ConfigError(
                explain(
                    str(path),
                    f"code {current}",
                    f"code {frozen.code}",
                    "the code changed: run the workflow again",
                )
            )
        # From the file itself: where it names no versions, the slice has those of here and now.
        cls._check_libraries(str(path), json.loads(content).get("libraries", {}))
        return frozen

    @classmethod
    def _check_libraries(cls, path: str, frozen: dict[str, str]) -> None:
        installed = library_versions(cls.layer)
        names = [name for name in installed | frozen if installed.get(name) != frozen.get(name)]
        if names:
            raise ConfigError(
                explain(
                    path,
                    ", ".join(f"{name} {installed.get(name, 'not asked for')}" for name in names),
                    ", ".join(f"{name} {frozen.get(name, '(no version in the file)')}" for name in names),
                    "the libraries changed: run the workflow again, in one environment for Snakemake and its jobs",
                )
            )

    def text(self) -> str:
        """JSON text of the slice, as written to its file."""
        return self.model_dump_json(indent=1) + "\n"


class Equation(Model):
    """Everything that turns a shape and charges into a solution."""

    grid: Grid
    medium: Medium
    boundary: Literal["debye-huckel", "zero"]
    solver: Solver


class ShardSlice(Frozen):
    """What the samples of one split and family depend on."""

    layer: ClassVar[Layer | None] = "physics"

    root_seed: str | int
    split: str
    geometry: Name
    family: Family
    equation: Equation
    charges_per_shape: int
    max_draws: int
    samples: int


class MergeSlice(Frozen):
    """Which shards make a split, and the code of the format."""

    split: str
    members: dict[Name, tuple[int, ...]] = Field(description="family → its seeds in the split")

    def shards(self, folder: Path) -> list[Path]:
        """Paths of the shards below `folder`, as the workflow names them."""
        return [
            folder / geometry / f"seed{seed}.nc" for geometry, seeds in self.members.items() for seed in seeds
        ]


class FloorSlice(Frozen):
    """What the label floor depends on beside the test split."""

    layer: ClassVar[Layer | None] = "physics"

    equation: Equation
    floor: Floor


class SolverCostSlice(Frozen):
    """What the time of a solve depends on beside the machine and the test split."""

    layer: ClassVar[Layer | None] = "physics"

    equation: Equation


class PenaltySlice(Frozen):
    """What the penalty study of one family depends on; grids, permittivities and ions are the study's own."""

    layer: ClassVar[Layer | None] = "physics"

    root_seed: str | int
    geometry: Name
    family: Family
    half_width: float
    dim: Literal[2, 3]
    debye_length: float
    temperature: float
    max_draws: int
    study: PenaltyStudy


class PenaltyReportSlice(Frozen):
    """What figure and recommendation of the penalty study depend on beside its data."""

    layer: ClassVar[Layer | None] = "analysis"

    families: tuple[Name, ...]


class NetworkSlice(Frozen):
    """What training and prediction of one network depend on beside the data."""

    layer: ClassVar[Layer | None] = "learning"

    name: Name
    network: Network


class CertificateSlice(Frozen):
    """What the certificate of a network depends on beside checkpoint and data: the solver, and how it is calibrated."""

    layer: ClassVar[Layer | None] = "surrogate"

    splits: tuple[Name, ...] = Field(description="splits on which it is measured")


class AnalysisSlice(Frozen):
    """What the error analysis depends on beside predictions and labels."""

    layer: ClassVar[Layer | None] = "analysis"

    analysis: Analysis
    gallery: int = Field(ge=1, description="samples whose fields are kept for each gallery of the report")


class LeaderboardSlice(Frozen):
    """What the leaderboard depends on beside predictions, labels and costs."""

    layer: ClassVar[Layer | None] = "analysis"

    analysis: Analysis
    models: tuple[Name, ...]
    splits: dict[Name, str] = Field(
        description="name of each split compared → what it asks; `test` among them"
    )


class AblationVariant(Model):
    """A variant as the ablation's tables name it, and its test set."""

    about: str
    change: str = Field(description="what it has otherwise than the base")
    test: str = Field(description="name of the test split that its networks predict")


class AblationSlice(Frozen):
    """What the ablation's tables depend on beside predictions and labels."""

    layer: ClassVar[Layer | None] = "analysis"

    analysis: Analysis
    seeds: tuple[int, ...]
    variants: dict[Name, AblationVariant] = Field(description="name → variant; the base is the first")


class ReportSlice(Frozen):
    """What the report depends on beside the analyses."""

    layer: ClassVar[Layer | None] = "analysis"

    report: Report


def slices(config: Config) -> dict[str, Frozen]:
    """All frozen slices of a configuration by name.

    Returns
    -------
    dict
        Name → slice; the name is the path of the file below `results/frozen/`, without `.json`:
        `shards/{split}/{geometry}`, `merge/{split}`, `floor`, `solver_cost`, `models/{model}`, `certificate`,
        `analysis`, `leaderboard`, `penalty/{geometry}`, `penalty`, `report`; with an ablation
        `ablation/{variant}/seed{seed}` and `ablation`.
    """
    physics, learning, analysis = code_digest("physics"), code_digest("learning"), code_digest("analysis")

    def equation(medium: Medium, grid: Grid = config.grid) -> Equation:
        return Equation(grid=grid, medium=medium, boundary=config.boundary, solver=config.solver)

    frozen: dict[str, Frozen] = {
        f"shards/{name}/{geometry}": ShardSlice(
            code=physics,
            root_seed=config.seed,
            split=config.drawn_as(name),
            geometry=geometry,
            family=config.families[geometry],
            equation=equation(config.medium_of(name), config.grid_of(name)),
            charges_per_shape=config.charges_per_shape,
            max_draws=config.max_draws,
            samples=split.samples_per_shard,
        )
        for name, split in config.sampled.items()
        for geometry in split.geometries
    }
    for name, split in config.sampled.items():
        members = {geometry: split.seeds_of(geometry) for geometry in split.geometries}
        frozen[f"merge/{name}"] = MergeSlice(code=code_digest(), split=name, members=members)
    frozen["floor"] = FloorSlice(code=physics, equation=equation(config.medium), floor=config.floor)
    frozen["solver_cost"] = SolverCostSlice(code=physics, equation=equation(config.medium))
    for model, network in config.models.items():
        frozen[f"models/{model}"] = NetworkSlice(code=learning, name=model, network=network)
    frozen["certificate"] = CertificateSlice(
        code=code_digest("surrogate"), splits=("test", *config.further_splits)
    )
    frozen["analysis"] = AnalysisSlice(code=analysis, analysis=config.analysis, gallery=config.report.gallery)
    frozen["leaderboard"] = LeaderboardSlice(
        code=analysis,
        analysis=config.analysis,
        models=tuple(config.models),
        splits={name: config.splits[name].about for name in ("test", *config.further_splits)},
    )
    for geometry in config.studied:
        frozen[f"penalty/{geometry}"] = PenaltySlice(
            code=physics,
            root_seed=config.seed,
            geometry=geometry,
            family=config.families[geometry],
            half_width=config.grid.half_width,
            dim=config.grid.dim,
            debye_length=config.medium.debye_length,
            temperature=config.medium.temperature,
            max_draws=config.max_draws,
            # Which other families are studied is not this one's business.
            study=config.penalty.model_copy(update={"families": ()}),
        )
    frozen["penalty"] = PenaltyReportSlice(code=analysis, families=config.studied)
    frozen["report"] = ReportSlice(code=analysis, report=config.report)
    if config.ablation is not None:
        frozen |= _of_ablation(config.ablation, config.analysis, learning, analysis)
    return frozen


def _of_ablation(
    ablation: Ablation, settings: Analysis, learning: str, analysis: str
) -> dict[str, NetworkSlice | AblationSlice]:
    """Slices of an ablation's networks and of its tables, with the digests of both layers."""
    frozen: dict[str, NetworkSlice | AblationSlice] = {
        f"ablation/{variant}/seed{seed}": NetworkSlice(
            code=learning, name=f"{variant}_seed{seed}", network=ablation.network(variant, seed)
        )
        for variant in ablation.names
        for seed in ablation.seeds
    }
    variants = {
        name: AblationVariant(about=one.about, change=one.words(), test=ablation.split_of("test", name))
        for name, one in ablation.variants.items()
    }
    base = AblationVariant(about="", change="", test="test")
    return frozen | {
        "ablation": AblationSlice(
            code=analysis, analysis=settings, seeds=ablation.seeds, variants={BASE: base} | variants
        )
    }
