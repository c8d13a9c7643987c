"""Commands that the rules of the workflow call, one for each stage; `debye.cli` puts them beside those for people.

As there, a command parses its arguments, calls its layer and decides nothing; the layer is imported inside.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from debye.arguments import DASK, DEVICES, FILE, NETCDF, TARGET, differ, named_files
from debye.ending import say
from debye.locks import only_writer

if TYPE_CHECKING:
    from debye.placement import Dask


@click.command()
@click.option("--frozen", type=FILE, required=True, help="Frozen slice of the shard's split and family.")
@click.option("--seed", type=int, required=True, help="Seed of the shard.")
@click.option("-o", "--out", type=NETCDF, required=True, help="Shard to write.")
def sample(frozen: Path, seed: int, out: Path) -> None:
    """Draw and solve the samples of one shard."""
    from debye.frozen import ShardSlice
    from debye.physics.sampling import make_shard

    with only_writer(out):
        make_shard(ShardSlice.load(frozen), seed, out)


@click.command()
@click.option("--frozen", type=FILE, required=True, help="Frozen slice of the split's merge.")
@click.option("--shards", type=FILE, required=True, help="Folder with {geometry}/seed{seed}.nc.")
@click.option("-o", "--out", type=NETCDF, required=True, help="Data set to write.")
@click.option("--digest", type=TARGET, help="Also write the digest of its content into this file.")
@DASK
def merge(frozen: Path, shards: Path, out: Path, digest: Path | None, dask: Dask) -> None:
    """Merge the shards of a split into one data set."""
    from debye.cluster import workers
    from debye.frozen import MergeSlice
    from debye.merging import merge as merge_shards
    from debye.store import write_text

    part = MergeSlice.load(frozen)
    title = f"Debye samples, {part.split} split"
    with only_writer(out), workers(dask) as each:
        content = merge_shards(part.shards(shards), out, title=title, code_digest=part.code, each=each)
        if digest is not None:
            write_text(digest, content + "\n")


@click.command()
@click.argument("dataset", type=FILE)
@click.option("--frozen", type=FILE, required=True, help="Frozen slice of the label floor.")
@click.option("-o", "--out", type=NETCDF, required=True, help="netCDF file to write.")
def floor(dataset: Path, frozen: Path, out: Path) -> None:
    """Solve a subset of a data set again on a finer grid: the labels' own error."""
    from debye.frozen import FloorSlice
    from debye.physics.floor import make_floor

    differ(dataset=dataset, frozen=frozen, out=out)
    with only_writer(out):
        make_floor(FloorSlice.load(frozen), dataset, out)


@click.command()
@click.option("--frozen", type=FILE, required=True, help="Frozen slice of the network.")
@click.option("--train", "train_split", type=FILE, required=True, help="Training split.")
@click.option("--validation", type=FILE, required=True, help="Validation split.")
@click.option("--start", type=FILE, help="Checkpoint of the network that this one starts from, if it does.")
@click.option("--state", type=TARGET, required=True, help="File of the resumable state; made and read.")
@click.option("--device", type=DEVICES, default="auto", show_default=True)
@click.option(
    "--processes",
    default="auto",
    show_default=True,
    envvar="DEBYE_PROCESSES",
    show_envvar=True,
    metavar="auto|N",
    help="Processes that share every batch; auto is one for each visible GPU, and one on a CPU.",
)
@click.option(
    "-o", "--out", type=FILE, required=True, help="Folder for checkpoint.safetensors and history.csv."
)
def train(
    frozen: Path,
    train_split: Path,
    validation: Path,
    start: Path | None,
    state: Path,
    device: str,
    processes: str,
    out: Path,
) -> None:
    """Train one network; goes on where a killed training stopped.

    SIGTERM saves the state and ends with status 143; SIGUSR1 saves it, has Slurm requeue its job, and ends with
    status 75.
    """
    from debye.learning.launch import launch, processes_for, writes

    number = processes_for(processes, device)
    if number > 1:
        status, error = launch(number, sys.argv[1:])
        if error:
            say(error, status)
        sys.exit(status)

    from debye.frozen import NetworkSlice
    from debye.learning.train import train as train_network

    with only_writer(*((state, out) if writes() else ())):
        train_network(NetworkSlice.load(frozen), train_split, validation, state, out, device, start)


@click.command()
@click.argument("checkpoint", type=FILE)
@click.option("--dataset", type=FILE, required=True, help="A split that is predicted while the clock runs.")
@click.option("--device", type=DEVICES, default="auto", show_default=True, help="auto: one GPU, or the CPU.")
@click.option("-o", "--out", type=TARGET, required=True, help="JSON file to write.")
def cost(checkpoint: Path, dataset: Path, device: str, out: Path) -> None:
    """Measure what a network costs: its size, its training, and its time for one sample and for many, here."""
    from debye.learning.cost import write_cost

    differ(checkpoint=checkpoint, dataset=dataset, out=out)
    with only_writer(out):
        write_cost(checkpoint, dataset, out, device=device)


@click.command()
@click.argument("checkpoint", type=FILE)
@click.option("--frozen", type=FILE, help="Frozen slice of the certificate; the workflow gives it.")
@click.option("--validation", type=FILE, required=True, help="Split that the interval is calibrated on.")
@click.option("--train", "train_split", type=FILE, help="Split that the ranges of the inputs are from.")
@click.option(
    "--test",
    "tests",
    multiple=True,
    metavar="NAME=FILE",
    help="Split on which coverage and width of the interval are measured; may be given several times.",
)
@click.option("--device", type=DEVICES, default="auto", show_default=True, help="auto: one GPU, or the CPU.")
@click.option("-o", "--out", type=TARGET, required=True, help="JSON file to write.")
def certify(
    checkpoint: Path,
    frozen: Path | None,
    validation: Path,
    train_split: Path | None,
    tests: tuple[str, ...],
    device: str,
    out: Path,
) -> None:
    """Calibrate the certificate of a network's predictions, and measure on test splits what it is worth.

    `debye predict` finds the result beside the checkpoint: checkpoint.certificate.json for checkpoint.safetensors.
    """
    from debye.frozen import CertificateSlice
    from debye.surrogate.certify import certify_network, summary

    splits = named_files("test", tests)
    differ(checkpoint=checkpoint, frozen=frozen, validation=validation, out=out)
    differ(**{f"test {name}": path for name, path in splits.items()}, out=out)
    if frozen is not None:
        CertificateSlice.load(frozen)
    with only_writer(out):
        made = certify_network(checkpoint, validation, splits, out, train_split, device)
    click.echo(f"{out}: {summary(made)}")


@click.command()
@click.argument("dataset", type=FILE)
@click.option("--frozen", type=FILE, required=True, help="Frozen slice of the solver's cost.")
@click.option("-o", "--out", type=TARGET, required=True, help="JSON file to write.")
def solver_cost(dataset: Path, frozen: Path, out: Path) -> None:
    """Measure what the solver needs for samples of a data set on one thread, here."""
    from debye.frozen import SolverCostSlice
    from debye.physics.cost import write_solver_cost

    differ(dataset=dataset, frozen=frozen, out=out)
    with only_writer(out):
        write_solver_cost(SolverCostSlice.load(frozen), dataset, out)


@click.command()
@click.option("--frozen", type=FILE, required=True, help="Frozen slice of the leaderboard.")
@click.option("--predictions", type=FILE, required=True, help="Folder with {model}/{split}.nc.")
@click.option("--datasets", type=FILE, required=True, help="Folder with {split}.nc.")
@click.option("--costs", type=FILE, required=True, help="Folder with {model}/network.json and solver.json.")
@click.option("-o", "--out", type=FILE, required=True, help="Folder for tables and figure.")
def leaderboard(frozen: Path, predictions: Path, datasets: Path, costs: Path, out: Path) -> None:
    """Compare all networks on all test sets: errors, size, and time beside the solver's."""
    from debye.analysis.leaderboard import make_leaderboard
    from debye.frozen import LeaderboardSlice

    with only_writer(out):
        make_leaderboard(LeaderboardSlice.load(frozen), predictions, datasets, costs, out)


@click.command()
@click.option("--frozen", type=FILE, required=True, help="Frozen slice of the analysis.")
@click.option("--prediction", type=FILE, required=True, help="Predictions of the network.")
@click.option("--dataset", type=FILE, required=True, help="The split that was predicted.")
@click.option("--floor", "floor_file", type=FILE, required=True, help="Label floor of the split.")
@click.option("--history", type=FILE, required=True, help="history.csv of the training.")
@click.option("-o", "--out", type=FILE, required=True, help="Folder for metrics and figures.")
@DASK
def analyse(
    frozen: Path, prediction: Path, dataset: Path, floor_file: Path, history: Path, out: Path, dask: Dask
) -> None:
    """Analyse the error of a network against the distance from the interface."""
    from debye.analysis.analyse import analyse as analyse_network
    from debye.cluster import workers
    from debye.frozen import AnalysisSlice

    part = AnalysisSlice.load(frozen)
    with only_writer(out), workers(dask) as each:
        analyse_network(part, prediction, dataset, floor_file, history, out, each)


@click.command()
@click.option("--frozen", type=FILE, required=True, help="Frozen slice of the study of one family.")
@click.option("-o", "--out", type=NETCDF, required=True, help="netCDF file to write.")
def penalty_family(frozen: Path, out: Path) -> None:
    """Measure what the interior penalty does to error, spectrum and iterations on solutes of one family."""
    from debye.frozen import PenaltySlice
    from debye.physics.penalty import make_sweep

    differ(frozen=frozen, out=out)
    with only_writer(out):
        make_sweep(PenaltySlice.load(frozen), out)


@click.command()
@click.argument("families", type=FILE, nargs=-1, required=True)
@click.option("--frozen", type=FILE, required=True, help="Frozen slice of the penalty study.")
@click.option("-o", "--out", type=FILE, required=True, help="Folder for data set, figure and recommendation.")
def penalty_study(families: tuple[Path, ...], frozen: Path, out: Path) -> None:
    """Put the families' penalty studies together: one data set, a figure and a recommendation."""
    from debye.analysis.penalty import make_study
    from debye.frozen import PenaltyReportSlice

    with only_writer(out):
        make_study(PenaltyReportSlice.load(frozen), list(families), out)


@click.command()
@click.option("--frozen", type=FILE, required=True, help="Frozen slice of the ablation.")
@click.option("--predictions", type=FILE, required=True, help="Folder with {variant}/seed{seed}/test.nc.")
@click.option("--datasets", type=FILE, required=True, help="Folder with {split}.nc.")
@click.option("-o", "--out", type=FILE, required=True, help="Folder for the tables.")
def ablation(frozen: Path, predictions: Path, datasets: Path, out: Path) -> None:
    """Compare the variants of an ablation with its base, over the seeds of their trainings."""
    from debye.analysis.ablation import make_ablation
    from debye.frozen import AblationSlice

    with only_writer(out):
        make_ablation(AblationSlice.load(frozen), predictions, datasets, out)


@click.command()
@click.argument("analyses", type=FILE, nargs=-1, required=True)
@click.option("--frozen", type=FILE, required=True, help="Frozen slice of the report.")
@click.option("--penalty", type=FILE, help="Folder of the penalty study; without it the page has none.")
@click.option("--leaderboard", type=FILE, help="Folder of the leaderboard; without it the page has none.")
@click.option(
    "--ablation", "ablated", type=FILE, help="Folder of the ablation; without it the page has none."
)
@click.option(
    "--models",
    type=FILE,
    help="Folder with {model}/checkpoint.certificate.json; without it the page has no certificates.",
)
@click.option("-o", "--out", type=TARGET, required=True, help="HTML page to write.")
def report(
    analyses: tuple[Path, ...],
    frozen: Path,
    penalty: Path | None,
    leaderboard: Path | None,
    ablated: Path | None,
    models: Path | None,
    out: Path,
) -> None:
    """Make the report: one self-contained HTML page from the folders of the analyses."""
    from debye.analysis.report import write_report
    from debye.frozen import ReportSlice

    with only_writer(out):
        write_report(ReportSlice.load(frozen), list(analyses), out, penalty, leaderboard, ablated, models)


STAGES: tuple[click.Command, ...] = (
    sample,
    merge,
    floor,
    train,
    cost,
    certify,
    solver_cost,
    leaderboard,
    analyse,
    penalty_family,
    penalty_study,
    ablation,
    report,
)
