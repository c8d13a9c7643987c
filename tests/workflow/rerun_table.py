"""What has to run again after an edit, and nothing else: rows for any executor.

Each row edits a finished smoke run and names the jobs that follow.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.workflow.workplace import Workplace

MODELS = ("tiny", "tiny_regular")
SEEDS = {"train": (0, 1), "validation": (0,), "test": (0,)}
FURTHER = {"other_salt": ("star",)}
"""Splits beside these, each with its families; of one seed."""


def model_onward(*models: str) -> set[str]:
    """Jobs from the training of some models to the report."""
    jobs = {"leaderboard", "report"}
    for model in models:
        jobs |= {f"cost {model}", f"certify {model}"}
        jobs |= {f"train {model}", f"predict {model} test", f"analyse {model}"}
        jobs |= {f"predict {model} {split}" for split in FURTHER}
    return jobs


def split_onward(split: str, *families: str) -> set[str]:
    """Jobs from the shards of a further split onward: no training, and of the three nothing but certificates."""
    samples = {f"sample {split} {family} 0" for family in families}
    predictions = {f"predict {model} {split}" for model in MODELS}
    certified = {f"certify {model}" for model in MODELS}
    return samples | {f"merge {split}"} | predictions | certified | {"leaderboard", "report"}


def family_onward(*families: str) -> set[str]:
    """Jobs from the shards of some families to the report, without the freezing."""
    jobs = {
        f"sample {split} {family} {seed}"
        for split, seeds in SEEDS.items()
        for family in families
        for seed in seeds
    }
    for split, members in FURTHER.items():
        jobs |= {f"sample {split} {family} 0" for family in families if family in members}
        jobs |= {f"merge {split}" for family in families if family in members}
    return (
        jobs
        | {f"merge {split}" for split in SEEDS}
        | {"floor test"}
        | model_onward(*MODELS)
        | penalty_onward(*families)
    )


def penalty_onward(*families: str) -> set[str]:
    """Jobs from the penalty studies of some families to the report."""
    return {f"penalty_family {family}" for family in families} | {"penalty_study", "report"}


def freeze_physics(*families: str) -> set[str]:
    """Freezing of everything that solves: shards and penalty studies of some families."""
    shards = {f"shards/{split}/{family}" for split in SEEDS for family in families}
    shards |= {
        f"shards/{split}/{family}"
        for split, members in FURTHER.items()
        for family in families
        if family in members
    }
    return freeze(*shards, *(f"penalty/{family}" for family in families))


def freeze(*names: str) -> set[str]:
    """Freezing of some slices."""
    return {f"freeze {name}" for name in names}


def append(path: Path, text: str) -> None:
    """Add a line to a file."""
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


@dataclass(frozen=True)
class Row:
    """A row of the table."""

    name: str
    edit: Callable[[Workplace], None]
    jobs: set[str]

    def __str__(self) -> str:
        return self.name


def _learning_rate(work: Workplace) -> None:
    work.config["models"]["tiny"]["training"]["learning_rate"] = 0.002


def _solver_code(work: Workplace) -> None:
    """Other samples: each has the fewest charges that it may have."""
    path = work.source / "physics" / "sampling.py"
    line = "count = int(random.integers(sampling.count[0], sampling.count[1] + 1))"
    text = path.read_text(encoding="utf-8")
    assert line in text
    path.write_text(text.replace(line, line + " * 0 + sampling.count[0]"), encoding="utf-8")


def _comments_and_docstrings(work: Workplace) -> None:
    for path in work.source.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        docstring = ast.get_docstring(ast.parse(text), clean=False)
        if docstring:
            text = text.replace(docstring, f"Edited. {docstring}", 1)
        path.write_text(f"# edited\n{text}\n# edited\n", encoding="utf-8")


def _bands(work: Workplace) -> None:
    work.config["analysis"]["bands"] = [-4, 0, 4]


def _two_more_seeds(work: Workplace) -> None:
    work.config["splits"]["train"]["seeds"] = {"disc": [0, 1, 2, 3], "star": [0, 1]}


def _family_added(work: Workplace) -> None:
    charges = work.config["families"]["disc"]["charges"]
    ellipse = {"kind": "ellipsoid", "semi_axis": [6.0, 8.0], "aspect": [0.7, 0.9], "charges": charges}
    work.config["families"]["ellipse"] = ellipse
    for split in SEEDS:
        work.config["splits"][split]["geometries"].append("ellipse")


def _ranges_of_a_family(work: Workplace) -> None:
    work.config["families"]["star"]["radius"] = [6.5, 8.0]


def _model_added(work: Workplace) -> None:
    work.config["models"]["third"] = work.config["models"]["tiny"]


def _split_added(work: Workplace) -> None:
    work.config["splits"]["more"] = {"geometries": ["disc"], "seeds": [0], "samples_per_shard": 2}


def _medium_of_a_split(work: Workplace) -> None:
    work.config["splits"]["other_salt"]["medium"] = {"debye_length": 6.0}


def _shard_deleted(work: Workplace) -> None:
    work.result("shards/train/disc/seed1.nc").unlink()


def _shard_corrupted(work: Workplace) -> None:
    """The first run finds it, moves it aside and fails; the row is about the next."""
    shard = work.result("shards/test/star/seed0.nc")
    shard.write_bytes(shard.read_bytes()[:5000])
    failed = work.snakemake()
    assert failed.returncode != 0
    assert work.result("shards/test/star/seed0.nc.corrupt")
    log = work.result("logs/merge/test.log").read_text(encoding="utf-8")
    assert "debye: error: results/shards/test/star/seed0.nc" in log


FAMILY_ADDED = freeze(
    *(f"{stage}" for split in SEEDS for stage in (f"shards/{split}/ellipse", f"merge/{split}")),
    "penalty",
    "penalty/ellipse",
)

ROWS = [
    Row("learning rate of one model", _learning_rate, freeze("models/tiny") | model_onward("tiny")),
    Row(
        "solver code",
        _solver_code,
        freeze("floor", "solver_cost", "certificate")
        | freeze_physics("disc", "star")
        | family_onward("disc", "star"),
    ),
    Row("comments and docstrings", _comments_and_docstrings, set()),
    Row(
        "analysis bands",
        _bands,
        freeze("analysis", "leaderboard") | {"analyse tiny", "analyse tiny_regular", "leaderboard", "report"},
    ),
    Row(
        "two more seeds of one family",
        _two_more_seeds,
        freeze("merge/train")
        | {"sample train disc 2", "sample train disc 3", "merge train"}
        | model_onward(*MODELS),
    ),
    Row("family added", _family_added, FAMILY_ADDED | family_onward("ellipse")),
    Row("ranges of a family", _ranges_of_a_family, freeze_physics("star") | family_onward("star")),
    Row("model added", _model_added, freeze("models/third", "leaderboard") | model_onward("third")),
    Row(
        "split added",
        _split_added,
        freeze("shards/more/disc", "merge/more", "certificate", "leaderboard") | split_onward("more", "disc"),
    ),
    Row(
        "medium of a split",
        _medium_of_a_split,
        freeze("shards/other_salt/star") | split_onward("other_salt", "star"),
    ),
    Row("shard deleted", _shard_deleted, {"sample train disc 1", "merge train"}),
    Row("shard corrupted", _shard_corrupted, {"sample test star 0", "merge test"}),
]
