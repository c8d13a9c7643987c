# The checked configuration, and the functions that the rules ask for their inputs and parameters.

import os
import shlex
import signal
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

try:
    from debye.config import MAIN_SPLITS, Config
    from debye.errors import ConfigError, DebyeError
    from debye.frozen import slices
    from debye.preflight import check_start
    from debye.provenance import origin
except ImportError as error:
    raise WorkflowError(
        f"the package debye cannot be imported by {sys.executable} ({error}); "
        "run `make setup` and `source .venv/bin/activate`, or `pip install .`"
    )

try:
    CONFIG = Config(**config)
except ConfigError as error:
    raise WorkflowError(
        f"configuration: {error} (config/README.md describes every key)"
    )

# Where merge and analysis work. In the rules' resources, not their params: it is no reason to run anything again.
DASK = CONFIG.dask

# What envs/debye.post-deploy.sh adds to an environment that Snakemake makes.
os.environ.update(DEBYE_ORIGIN=origin())

# `.venv/bin/snakemake` without an activated environment finds the `debye` beside it.
BESIDE = shlex.quote(str(Path(sys.executable).parent))
# A prefix takes the place of Snakemake's own `set -euo pipefail`, without which a job that ends in `| tee {log}`
# would succeed whatever `debye` says. Braces are doubled because Snakemake formats the prefix.
shell.prefix(
    'set -euo pipefail; PATH="$PATH":%s; '
    % BESIDE.replace("{", "{{").replace("}", "}}")
)


# Shortly before a time limit Slurm may signal all processes of a job (`--signal=USR1@…`). It is meant for `debye`, which
# listens; Snakemake, the shell and `tee` would die of it.
if not workflow.is_main_process:
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)


onstart:
    # Only a run that starts asks, no dry run and no job.
    if workflow.is_main_process:
        try:
            check_start(Path.cwd())
        except DebyeError as error:
            raise WorkflowError(f"debye: error: {error}")


wildcard_constraints:
    split="|".join(CONFIG.sampled),
    geometry="[a-z][a-z0-9_]*",
    model="[a-z][a-z0-9_]*",
    seed=r"\d+",


# What every job behind the merges takes as input, see dataset.smk. The splits beside these three are for predictions
# alone: a further one must not touch what is behind the three.
DIGESTS = [f"results/dataset/{split}.digest" for split in MAIN_SPLITS]

# The splits on which the networks are compared.
COMPARED = ["test", *CONFIG.further_splits]

# Splits that the ablation's networks see in the place of each of the three: itself, and the same problems on other grids.
ABLATED = {
    split: list(
        dict.fromkeys(
            CONFIG.ablation.split_of(split, variant)
            for variant in CONFIG.ablation.names
        )
    )
    for split in (MAIN_SPLITS if CONFIG.ablation else ())
}


def growing(least):
    """A resource of which a job gets more each time that it is tried again."""

    def wanted(wildcards, attempt):
        return least * attempt

    return wanted


@cache
def frozen_texts():
    """Texts of all frozen slices by name; not made before a `freeze` asks: Snakemake reads this file in every job."""
    return {name: part.text() for name, part in slices(CONFIG).items()}


def frozen_text(wildcards):
    """Text of a frozen slice, as configuration and code call for it now."""
    return frozen_texts()[wildcards.name]


def force_if_stale(wildcards):
    """No input at all, but the job is made to run where the frozen file is not the text that is called for.

    Snakemake's own trigger, a changed parameter, sleeps where .snakemake was lost or under
    `--rerun-triggers mtime`; then a changed configuration would silently keep the old results.
    """
    path = Path("results/frozen") / f"{wildcards.name}.json"
    if workflow.is_main_process and path.exists():
        if path.read_text(encoding="utf-8", errors="replace") != frozen_text(wildcards):
            workflow.dag.forcefiles.add(str(path))
    return []


def shards_of(split):
    """Shards that make a split."""
    return [
        f"results/shards/{split}/{geometry}/seed{seed}.nc"
        for geometry, seed in CONFIG.sampled[split].shards()
    ]


def digests_of_prediction(wildcards):
    """Digests of the splits that a prediction feels: its own, and two through the network."""
    splits = dict.fromkeys(["train", "validation", wildcards.split])
    return [f"results/dataset/{split}.digest" for split in splits]


def network_at_start(wildcards):
    """Checkpoint of the network that this one starts from."""
    start = CONFIG.models[wildcards.model].start
    return [] if start is None else f"results/models/{start}/checkpoint.safetensors"


def medium_option(wildcards):
    """A split beside the three may be in another medium than the networks were trained in."""
    return "" if wildcards.split in MAIN_SPLITS else "--any-medium"


def shards_to_merge(wildcards):
    """Shards of the split that is merged."""
    return shards_of(wildcards.split)


def all_shards(wildcards):
    """Shards of every split, those of the ablation on other grids too."""
    return [shard for split in CONFIG.sampled for shard in shards_of(split)]


def folder_made(wildcards, output):
    """Folder of a rule's outputs."""
    return str(Path(output[0]).parent)


def folder_shown(name):
    """A parameter: the folder of the results that the report shows under this name of its input."""

    def folder(wildcards, input):
        return str(Path(input[name][0]).parent)

    return folder


def ablated(split, ending):
    """An input: data set or digest of the split that a variant of the ablation sees in the place of one of the three."""

    def file(wildcards):
        return f"results/dataset/{CONFIG.ablation.split_of(split, wildcards.variant)}.{ending}"

    return file


def ablation_option(wildcards, input):
    """The report has a section for an ablation where there is one."""
    return f"--ablation {Path(input.ablation[0]).parent}" if CONFIG.ablation else ""
