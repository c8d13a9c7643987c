"""The command line: the commands for people, and beside them those of the workflow's rules (`debye.stages`).

A command parses its arguments, calls its layer and decides nothing; the layer is imported inside, so that
`debye --help` does not wait for torch.
"""

from __future__ import annotations

from pathlib import Path

import click

from debye import provenance
from debye.arguments import DEVICES, FILE, NETCDF, TARGET, differ
from debye.ending import run
from debye.locks import only_writer
from debye.progress import set_up_logging
from debye.stages import STAGES
from debye.threads import one_thread_from_now_on


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(provenance.version(), prog_name="debye")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def cli(quiet: bool) -> None:
    """Poisson-Boltzmann: solve, make data sets, train networks, analyse their errors."""
    set_up_logging(verbose=not quiet)
    one_thread_from_now_on()


@cli.command()
@click.argument("problem", type=FILE)
@click.option("-o", "--out", type=NETCDF, required=True, help="netCDF file to write.")
@click.option("--plot", type=TARGET, help="Also draw the potential into this PNG, PDF or SVG file.")
@click.option("--rtol", default=1e-8, show_default=True, help="Relative residual to reach.")
def solve(problem: Path, out: Path, plot: Path | None, rtol: float) -> None:
    """Solve the problem in a YAML file."""
    from debye.physics.problem import load_problem
    from debye.physics.solve import solve as solve_problem
    from debye.store import written

    differ(problem=problem, out=out, plot=plot)
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
@click.argument("what", type=FILE, nargs=-1, required=True)
@click.option(
    "--model", type=FILE, help="checkpoint.safetensors of a training; without it the package's own network."
)
@click.option("--device", type=DEVICES, default="auto", show_default=True, help="auto: all GPUs, or the CPU.")
@click.option(
    "--any-medium",
    is_flag=True,
    help="Take a medium that no scaling takes to the network's, with ions of the same kind.",
)
@click.option("-o", "--out", type=NETCDF, required=True, help="netCDF file to write.")
@click.option("--plot", type=TARGET, help="Also draw the potential of a single problem: PNG, PDF or SVG.")
@click.option(
    "--polish",
    type=float,
    metavar="RTOL",
    help="Problems: go on from the prediction to the solver's answer, and say what the prediction saved.",
)
@click.option(
    "--certificate/--no-certificate",
    default=True,
    show_default=True,
    help="Problems: say how wrong each prediction is.",
)
@click.option("--certify", is_flag=True, help="A data set: say so of each sample.")
def predict(
    what: tuple[Path, ...],
    model: Path | None,
    device: str,
    any_medium: bool,
    out: Path,
    plot: Path | None,
    polish: float | None,
    certificate: bool,
    certify: bool,
) -> None:
    """Predict the potential of problems, or of every sample of a data set.

    WHAT is one data set, or one or several problems as for `debye solve`, on one grid, which become the samples of one
    file. Of each problem a line says the residual of the discrete equation and the error with its interval.
    """
    from debye.learning.shipped import shipped
    from debye.surrogate.command import predict_problems, predict_samples, require_one_kind

    inputs = {f"input {number}": path for number, path in enumerate(what, 1)}
    differ(**inputs, model=model, out=out, plot=plot)
    checkpoint = shipped() if model is None else model
    if require_one_kind(what, certify=certify, plot=plot, polish=polish, certificate=certificate):
        with only_writer(out):
            predict_samples(checkpoint, what[0], out, device, any_medium, certify)
        return
    with only_writer(out):
        lines, warnings = predict_problems(
            checkpoint,
            what,
            out,
            device,
            any_medium=any_medium,
            plot=plot,
            polish=polish,
            certificate=certificate,
        )
    for line in lines:
        click.echo(line)
    for warning in warnings:
        click.echo(warning, err=True)


@cli.command()
@click.argument("problem", type=FILE, required=False)
@click.option(
    "--model", type=FILE, help="checkpoint.safetensors of a training; without it the package's own network."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=5006, show_default=True, type=click.IntRange(0, 65535), help="0: one that is free."
)
@click.option("--no-browser", is_flag=True, help="Do not open the page in the browser.")
def serve(problem: Path | None, model: Path | None, host: str, port: int, no_browser: bool) -> None:
    """Serve a page on which solutes are drawn and charges dragged, and the potential follows.

    It listens to this machine alone, unless --host says otherwise. PROBLEM is a problem to start from, as for
    `debye solve`.
    """
    from debye.serve.server import serve as serve_page

    serve_page(model, problem, host, port, browser=not no_browser)


@cli.command()
@click.argument("checkpoint", type=FILE)
@click.option("-o", "--out", type=TARGET, required=True, help="File to write: .onnx or .pt2 (torch.export).")
def export(checkpoint: Path, out: Path) -> None:
    """Write the network of a checkpoint for programs without Debye."""
    from debye.learning.export import export as export_network

    differ(checkpoint=checkpoint, out=out)
    with only_writer(out):
        export_network(checkpoint, out)


@cli.command()
@click.argument("checkpoint", type=FILE)
@click.option("--leaderboard", type=FILE, required=True, help="Folder of the leaderboard of its experiment.")
@click.option("--experiment", required=True, help="How to repeat it, for the card.")
@click.option("-o", "--out", type=TARGET, required=True, help="Markdown file to write.")
def card(checkpoint: Path, leaderboard: Path, experiment: str, out: Path) -> None:
    """Write the model card of a network, from its checkpoint and the leaderboard of its experiment."""
    from debye.analysis.card import write_card

    differ(checkpoint=checkpoint, out=out)
    with only_writer(out):
        write_card(checkpoint, leaderboard, experiment, out)


for stage in STAGES:
    cli.add_command(stage)


def main() -> None:
    """Run the command line; see `debye.ending.run` for its exit statuses."""
    run(cli)


if __name__ == "__main__":
    main()
