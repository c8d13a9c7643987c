"""What `debye predict` does: problems into one file with their certificates, or the samples of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from debye.errors import ConfigError, DebyeError, explain
from debye.learning.predict import predict_dataset
from debye.parameters import Solver
from debye.physics.problem import Problem, load_problem
from debye.store import written
from debye.surrogate.datasets import dataset_of
from debye.surrogate.samples import Labelled
from debye.surrogate.surrogate import Surrogate

if TYPE_CHECKING:
    from debye.surrogate.polish import Polished
    from debye.surrogate.prediction import Prediction

YAML = (".yaml", ".yml")


def require_one_kind(
    what: Sequence[Path], *, certify: bool, plot: Path | None, polish: float | None, certificate: bool
) -> bool:
    """Whether the files are one data set, and not problems.

    Raises
    ------
    ConfigError
        If they are both or several data sets, or an option does not go with them.
    """
    data = [path for path in what if path.suffix not in YAML]
    if not data:
        if certify:
            raise ConfigError(
                explain("--certify", "problems", "a data set", "leave it out: problems are certified anyway")
            )
        if plot is not None and len(what) > 1:
            raise ConfigError(
                explain("--plot", f"{len(what)} problems", "one", "predict the one that is to be drawn alone")
            )
        return False
    if len(what) > 1:
        found = ", ".join(str(path) for path in what)
        raise ConfigError(
            explain("what", found, "one data set, or problems in YAML files", "predict each data set alone")
        )
    given = {"--plot": plot is not None, "--polish": polish is not None, "--no-certificate": not certificate}
    for option, there in given.items():
        if there:
            raise ConfigError(
                explain(option, f"the data set {data[0]}", "problems in YAML files", "leave it out")
            )
    return True


def predict_samples(
    checkpoint: Path, dataset: Path, out: Path, device: str, any_medium: bool, certify: bool
) -> None:
    """Predict every sample of a data set, see `debye.learning.predict.predict_dataset`."""
    certificates = Labelled(dataset, Surrogate.load(checkpoint)).certificates if certify else None
    predict_dataset(checkpoint, dataset, out, device, any_medium, certificates)


def predict_problems(
    checkpoint: Path,
    files: Sequence[Path],
    out: Path,
    device: str,
    *,
    any_medium: bool,
    plot: Path | None,
    polish: float | None,
    certificate: bool,
) -> tuple[list[str], list[str]]:
    """Predict the problems in YAML files into one file, all of it or nothing.

    Returns
    -------
    lines, warnings : list of str
        For a person.
    """
    if plot is not None:
        from debye.analysis.figures import check_extension, draw_solution

        check_extension(plot)
    if polish is not None:
        polish = Solver(rtol=polish).rtol
    problems = [_loaded(file, several=len(files) > 1) for file in files]
    surrogate = Surrogate.load(checkpoint)
    names = [str(file) for file in files]
    if polish is not None:
        # The first call of a network takes ten times as long as any other, and times are compared below.
        surrogate.predict(problems, device, certify=False, any_medium=any_medium, names=names)
    predictions = surrogate.predict(problems, device, certify=certificate, any_medium=any_medium, names=names)
    polished = [] if polish is None else [one.polish(polish, compare=True) for one in predictions]
    dataset = dataset_of(predictions, [one.solution for one in polished])
    with written(dataset, out):
        if plot is not None:
            draw_solution(dataset, plot)
    return _lines(files, predictions, polished), _warnings(files, predictions, polished)


def _loaded(file: Path, several: bool) -> Problem:
    """Problem in a file; of several, a message names the file."""
    try:
        return load_problem(file)
    except DebyeError as error:
        if not several or str(file) in str(error):
            raise
        raise type(error)(f"{file}: {error}") from None


def _lines(
    files: Sequence[Path], predictions: Sequence[Prediction], polished: Sequence[Polished]
) -> list[str]:
    lines = []
    for number, (file, prediction) in enumerate(zip(files, predictions, strict=True)):
        lines.append(f"{file}: {prediction.certificate or 'predicted, without a certificate'}")
        if polished:
            lines.append(f"{file}: {polished[number]}")
    return lines


def _warnings(
    files: Sequence[Path], predictions: Sequence[Prediction], polished: Sequence[Polished]
) -> list[str]:
    if polished:
        # What is in the file is the solver's.
        return [
            f"{file}: warning: {warning}"
            for file, one in zip(files, polished, strict=True)
            for warning in one.solution.report.warnings
        ]
    return [
        f"{file}: warning: {flag}"
        for file, one in zip(files, predictions, strict=True)
        if one.certificate is not None
        for flag in one.certificate.flags
    ]
