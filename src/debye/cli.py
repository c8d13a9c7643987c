"""The command line: one subcommand for each rule of the workflow, and a few for people.

A subcommand parses its arguments, calls its layer and decides nothing; the layer is imported inside, so that
`debye --help` does not wait for torch.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from debye import provenance
from debye.ending import run, say
from debye.errors import ConfigError, explain
from debye.locks import only_writer
from debye.progress import set_up_logging
from debye.threads import one_thread_from_now_on

if TYPE_CHECKING:
    from debye.placement import Dask

FILE = click.Path(path_type=Path)


class _Target(click.Path):
    """A file to write: refused before any work if it is a folder or a device."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        from debye.store import check_target

        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        check_target(path)
        return path


class _Where(click.ParamType[Any]):
    """Short form of the configuration's section `dask`."""

    name = "where"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from debye.placement import Dask

        return Dask.parse(value) if isinstance(value, str) else value


TARGET = _Target()
DEVICES = click.Choice(["auto", "cpu", "cuda"])
DASK = click.option(
    "--dask",
    type=_Where(),
    default="in-process",
    show_default=True,
    metavar="WHERE",
    help="Where the work is done, with the same bytes: in-process, local:N (N processes here), slurm:N (N Slurm "
    "jobs); then ,memory=MB,runtime=MINUTES,patience=MINUTES of a worker.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(provenance.version(), prog_name="debye")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def cli(quiet: bool) -> None:
    """Poisson-Boltzmann: solve, make data sets, train networks, analyse their errors."""
    set_up_logging(verbose=not quiet)
    one_thread_from_now_on()


@cli.command()
@click.argument("problem", type=FILE)
@click.option("-o", "--out", type=TARGET, required=True, help="netCDF file to write.")
@click.option("--plot", type=TARGET, help="Also draw the potential into this PNG, PDF or SVG file.")
@click.option("--rtol", default=1e-8, show_default=True, help="Relative residual to reach.")
def solve(problem: Path, out: Path, plot: Path | None, rtol: float) -> None:
    """Solve the problem in a YAML file."""
    from debye.physics.problem import load_problem
    from debye.physics.solve import solve as solve_problem
    from debye.store import written

    _differ(problem=problem, out=out, plot=plot)
    if plot is not None:
        from debye.analysis.figures import check_extension, draw_solution

        check_extension(plot)
    solution = solve_problem(load_problem(problem), rtol=rtol)
    dataset = solution.to_dataset()
    with written(dataset, out):
        if plot is not None:
            draw_solution(dataset, plot)
    click.echo(f"{out}: {solution.report}")
    for warning in solution.report.warnings:
        click.echo(f"{out}: warning: {warning}", err=True)


@cli.command()
@click.argument("file", type=FILE)
def info(file: Path) -> None:
    """Say what a shard, data set, checkpoint or other result file is and how it was made."""
    from debye.info import summary

    click.echo(summary(file))


@cli.command()
@click.argument("scenario", type=FILE, nargs=-1)
@click.option(
    "--configfile",
    "files",
    type=FILE,
    multiple=True,
    show_default="config.yaml",
    help="A whole configuration, as for Snakemake; of several, the last one's keys count.",
)
@click.option("--config", "entries", multiple=True, metavar="KEY=VALUE", help="A key on top of the file.")
@click.option("--shapes", default=4, show_default=True, type=click.IntRange(min=1), help="Timed in a family.")
@click.option(
    "--directory",
    type=click.Path(path_type=Path, exists=True, file_okay=False, writable=True),
    default=Path(),
    show_default="here",
    help="Folder on the disk of the results; temporary files are made there.",
)
@click.option("--json", "machine", is_flag=True, help="Print JSON: seconds, bytes, counts.")
def plan(
    scenario: tuple[Path, ...],
    files: tuple[Path, ...],
    entries: tuple[str, ...],
    shapes: int,
    directory: Path,
    machine: bool,
) -> None:
    """Say what the samples of a configuration will cost: time, disk, memory, jobs.

    SCENARIO is a configuration, the same as with --configfile.
    A small shard of each family and a small merge are timed here; nothing else is run.
    """
    from debye.config import merged_config
    from debye.planning.table import as_json, as_text
    from debye.planning.timing import timed_plan

    named = (*scenario, *files) or (Path("config.yaml"),)
    made = timed_plan(merged_config(named, entries), shapes, directory)
    click.echo(as_json(made) if machine else as_text(made))


@cli.command()
@click.option("--frozen", type=FILE, required=True, help="Frozen slice of the shard's split and family.")
@click.option("--seed", type=int, required=True, help="Seed of the shard.")
@click.option("-o", "--out", type=TARGET, required=True, help="Shard to write.")
def sample(frozen: Path, seed: int, out: Path) -> None:
    """Draw and solve the samples of one shard."""
    from debye.frozen import ShardSlice
    from debye.physics.sampling import make_shard

    with only_writer(out):
        make_shard(ShardSlice.load(frozen), seed, out)


@cli.command()
@click.option("--frozen", type=FILE, required=True, help="Frozen slice of the split's merge.")
@click.option("--shards", type=FILE, required=True, help="Folder with {geometry}/seed{seed}.nc.")
@click.option("-o", "--out", type=TARGET, required=True, help="Data set to write.")
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


@cli.command()
@click.argument("dataset", type=FILE)
@click.option("--frozen", type=FILE, required=True, help="Frozen slice of the label floor.")
@click.option("-o", "--out", type=TARGET, required=True, help="netCDF file to write.")
def floor(dataset: Path, frozen: Path, out: Path) -> None:
    """Solve a subset of a data set again on a finer grid: the labels' own error."""
    from debye.frozen import FloorSlice
    from debye.physics.floor import make_floor

    _differ(dataset=dataset, frozen=frozen, out=out)
    with only_writer(out):
        make_floor(FloorSlice.load(frozen), dataset, out)


@cli.command()
@click.option("--frozen", type=FILE, required=True, help="Frozen slice of the network.")
@click.option("--train", "train_split", type=FILE, required=True, help="Training split.")
@click.option("--validation", type=FILE, required=True, help="Validation split.")
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
    frozen: Path, train_split: Path, validation: Path, state: Path, device: str, processes: str, out: Path
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
        train_network(NetworkSlice.load(frozen), train_split, validation, state, out, device=device)


@cli.command()
@click.argument("what", type=FILE)
@click.option(
    "--model", type=FILE, help="checkpoint.safetensors of a training; without it the package's own network."
)
@click.option("--device", type=DEVICES, default="auto", show_default=True, help="auto: all GPUs, or the CPU.")
@click.option(
    "--any-medium", is_flag=True, help="Take data in another medium than the network was trained in."
)
@click.option("-o", "--out", type=TARGET, required=True, help="netCDF file to write.")
def predict(what: Path, model: Path | None, device: str, any_medium: bool, out: Path) -> None:
    """Predict the potential of every sample of a data set, or of the problem in a YAML file.

    WHAT is a data set, or a problem as for `debye solve`. How wrong a prediction may be, no one says yet: the model
    card and the leaderboard tell how wrong they were on test sets.
    """
    from debye.learning.predict import predict_dataset
    from debye.learning.shipped import predict_problem, shipped

    _differ(what=what, model=model, out=out)
    checkpoint = shipped() if model is None else model
    if what.suffix in (".yaml", ".yml"):
        from debye.physics.problem import load_problem
        from debye.physics.unsolved import unsolved
        from debye.store import write

        problem = load_problem(what)
        with only_writer(out):
            write(predict_problem(checkpoint, unsolved(problem), problem.boundary, device), out)
        return
    with only_writer(out):
        predict_dataset(checkpoint, what, out, device=device, any_medium=any_medium)


@cli.command()
@click.argument("checkpoint", type=FILE)
@click.option("--dataset", type=FILE, required=True, help="A split that is predicted while the clock runs.")
@click.option("--device", type=DEVICES, default="auto", show_default=True, help="auto: one GPU, or the CPU.")
@click.option("-o", "--out", type=TARGET, required=True, help="JSON file to write.")
def cost(checkpoint: Path, dataset: Path, device: str, out: Path) -> None:
    """Measure what a network costs: its size, its training, and its time for one sample and for many, here."""
    from debye.learning.cost import write_cost

    _differ(checkpoint=checkpoint, dataset=dataset, out=out)
    with only_writer(out):
        write_cost(checkpoint, dataset, out, device=device)


@cli.command()
@click.argument("dataset", type=FILE)
@click.option("--frozen", type=FILE, required=True, help="Frozen slice of the solver's cost.")
@click.option("-o", "--out", type=TARGET, required=True, help="JSON file to write.")
def solver_cost(dataset: Path, frozen: Path, out: Path) -> None:
    """Measure what the solver needs for samples of a data set on one thread, here."""
    from debye.frozen import SolverCostSlice
    from debye.physics.cost import write_solver_cost

    _differ(dataset=dataset, frozen=frozen, out=out)
    with only_writer(out):
        write_solver_cost(SolverCostSlice.load(frozen), dataset, out)


@cli.command()
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


@cli.command()
@click.argument("checkpoint", type=FILE)
@click.option("--leaderboard", type=FILE, required=True, help="Folder of the leaderboard of its experiment.")
@click.option("--experiment", required=True, help="How to repeat it, for the card.")
@click.option("-o", "--out", type=TARGET, required=True, help="Markdown file to write.")
def card(checkpoint: Path, leaderboard: Path, experiment: str, out: Path) -> None:
    """Write the model card of a network, from its checkpoint and the leaderboard of its experiment."""
    from debye.analysis.card import write_card

    _differ(checkpoint=checkpoint, out=out)
    with only_writer(out):
        write_card(checkpoint, leaderboard, experiment, out)


@cli.command()
@click.argument("checkpoint", type=FILE)
@click.option("-o", "--out", type=TARGET, required=True, help="File to write: .onnx or .pt2 (torch.export).")
def export(checkpoint: Path, out: Path) -> None:
    """Write the network of a checkpoint for programs without Debye."""
    from debye.learning.export import export as export_network

    _differ(checkpoint=checkpoint, out=out)
    with only_writer(out):
        export_network(checkpoint, out)


@cli.command()
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


@cli.command()
@click.option("--frozen", type=FILE, required=True, help="Frozen slice of the study of one family.")
@click.option("-o", "--out", type=TARGET, required=True, help="netCDF file to write.")
def penalty_family(frozen: Path, out: Path) -> None:
    """Measure what the interior penalty does to error, spectrum and iterations on solutes of one family."""
    from debye.frozen import PenaltySlice
    from debye.physics.penalty import make_sweep

    _differ(frozen=frozen, out=out)
    with only_writer(out):
        make_sweep(PenaltySlice.load(frozen), out)


@cli.command()
@click.argument("families", type=FILE, nargs=-1, required=True)
@click.option("--frozen", type=FILE, required=True, help="Frozen slice of the penalty study.")
@click.option("-o", "--out", type=FILE, required=True, help="Folder for data set, figure and recommendation.")
def penalty_study(families: tuple[Path, ...], frozen: Path, out: Path) -> None:
    """Put the families' penalty studies together: one data set, a figure and a recommendation."""
    from debye.analysis.penalty import make_study
    from debye.frozen import PenaltyReportSlice

    with only_writer(out):
        make_study(PenaltyReportSlice.load(frozen), list(families), out)


@cli.command()
@click.argument("analyses", type=FILE, nargs=-1, required=True)
@click.option("--frozen", type=FILE, required=True, help="Frozen slice of the report.")
@click.option("--penalty", type=FILE, help="Folder of the penalty study; without it the page has none.")
@click.option("--leaderboard", type=FILE, help="Folder of the leaderboard; without it the page has none.")
@click.option("-o", "--out", type=TARGET, required=True, help="HTML page to write.")
def report(
    analyses: tuple[Path, ...], frozen: Path, penalty: Path | None, leaderboard: Path | None, out: Path
) -> None:
    """Make the report: one self-contained HTML page from the folders of the analyses."""
    from debye.analysis.report import write_report
    from debye.frozen import ReportSlice

    with only_writer(out):
        write_report(ReportSlice.load(frozen), list(analyses), out, penalty, leaderboard)


def main() -> None:
    """Run the command line; see `debye.ending.run` for its exit statuses."""
    run(cli)


def _differ(**paths: Path | None) -> None:
    """Refuse to write one file over another of the same call."""
    given = {name: path.resolve() for name, path in paths.items() if path is not None}
    for name, path in given.items():
        for other in list(given)[: list(given).index(name)]:
            if given[other] == path:
                raise ConfigError(explain(name, path, f"another file than {other}", "choose another name"))


if __name__ == "__main__":
    main()
