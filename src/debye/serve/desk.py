"""What one user has before them: the drawing, what is selected in it, the answer that is shown; no browser in here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from debye.errors import ConfigError, explain
from debye.physics.molecule import Molecule
from debye.physics.problem import Problem
from debye.serve import handles
from debye.serve.answers import Answer, Answers
from debye.serve.asked import Command
from debye.serve.drawing import FAMILIES, Charge, Drawing, bounded
from debye.serve.fields import relative

FIRST = (Charge(3.0, 1.5, 0.08), Charge(-3.0, -2.0, -0.06), Charge(-1.0, 3.5, 0.05))
"""Charges with which the page starts."""


def first_drawing() -> Drawing:
    """Drawing with which the page starts."""
    return Drawing(handles.first_of("star"), FIRST)


@dataclass
class Desk:
    """Drawing, selection and answers of one session."""

    answers: Answers
    drawing: Drawing = field(default_factory=first_drawing)
    line: tuple[float, float, float, float] = (-14.0, -4.0, 14.0, 6.0)
    charge: int = 0
    handle: int = 0
    source: str = "network"
    answer: Answer | None = None
    """The last good one."""
    pair: tuple[Answer, Answer] | None = None
    """Network and solver of the drawing as it is, once the solver was asked."""
    wanted: str = ""
    """Kind of the file to be delivered, empty for none."""

    @property
    def reach(self) -> float:
        """Half width of the box, Å."""
        return self.answers.grid.half_width

    def do(self, command: Command) -> None:
        """Do as the page asks.

        Raises
        ------
        DebyeError
            If it cannot be done; the drawing is as before.
        """
        name, values = command
        before = self.drawing
        does: Callable[..., None] = getattr(self, f"_{name}")
        does(*values)
        if self.drawing != before:
            self.pair = None

    def look(self) -> None:
        """Answer for the drawing as it is.

        Raises
        ------
        DebyeError
            If it is no problem, or nobody can answer; the last good answer is kept.
        """
        problem = self.drawing.problem(self.answers.grid)
        if self.pair is not None:
            self.answer = self.pair[self.source == "solver"]
        elif self.source == "solver":
            self.answer = self.answers.solve(problem)
        else:
            self.answer = self._network_or_solver(problem)

    def _network_or_solver(self, problem: Problem) -> Answer:
        """The network's answer; the solver's, which says why, to a problem that the network refuses."""
        try:
            return self.answers.predict(problem)
        except ConfigError as refusal:
            answer = self.answers.solve(problem)
            why = f"the solver has answered, since the network refuses: {refusal}"
            return replace(answer, warnings=(why, *answer.warnings))

    def difference(self) -> dict[str, Any] | None:
        """Field and numbers of network minus solver; None where the drawing has not been solved."""
        if self.pair is None:
            return None
        network, solver = self.pair
        field = network.field.regular - solver.field.regular
        return {
            "field": field,
            "relative": relative(field, solver.field.potential),
            "largest": float(abs(field).max()),
            "seconds": (network.seconds, solver.seconds),
        }

    def _existing(self, what: str, number: int, count: int) -> int:
        if number >= count:
            raise ConfigError(explain(what, f"number {number}", f"0 to {count - 1}", "load the page again"))
        return number

    def _one_of(self, what: str, value: str, names: tuple[str, ...]) -> str:
        if value not in names:
            raise ConfigError(explain(what, repr(value), f"one of {', '.join(names)}", "choose one of these"))
        return value

    def _molecule(self) -> Molecule:
        solute = self.drawing.solute
        if not isinstance(solute, Molecule):
            raise ConfigError(
                explain("atoms", f"a {self.drawing.family}", "a molecule", "choose that family")
            )
        return solute

    def _family(self, name: str) -> None:
        family = next((one for one in FAMILIES if one == name), None)
        if family is None:
            raise ConfigError(explain("family", repr(name), ", ".join(FAMILIES), "choose one of these"))
        if family != self.drawing.family:
            self.drawing = replace(self.drawing, solute=handles.first_of(family))
            self.handle = 0

    def _charge(self, number: int, x: float, y: float) -> None:
        self.charge = self._existing("charge", number, len(self.drawing.charges))
        self.drawing = self.drawing.moved(number, x, y, self.reach)

    def _value(self, number: int, q: float) -> None:
        self.charge = self._existing("charge", number, len(self.drawing.charges))
        self.drawing = self.drawing.valued(number, q)

    def _add(self, x: float, y: float) -> None:
        self.drawing = self.drawing.added(Charge(x, y, 0.05), self.reach)
        self.charge = len(self.drawing.charges) - 1

    def _remove(self, number: int) -> None:
        self.drawing = self.drawing.removed(self._existing("charge", number, len(self.drawing.charges)))
        self.charge = min(self.charge, len(self.drawing.charges) - 1)

    def _select(self, number: int) -> None:
        self.charge = self._existing("charge", number, len(self.drawing.charges))

    def _handle(self, number: int, x: float, y: float) -> None:
        solute = self.drawing.solute
        self.handle = self._existing("handle", number, len(handles.handles(solute)))
        self.drawing = replace(self.drawing, solute=handles.dragged(solute, number, x, y, self.reach))

    def _pick(self, number: int) -> None:
        self.handle = self._existing("handle", number, len(handles.handles(self.drawing.solute)))

    def _radius(self, number: int, radius: float) -> None:
        solute = self._molecule()
        self.handle = self._existing("atom", number, len(solute.radii))
        self.drawing = replace(self.drawing, solute=handles.with_radius(solute, number, radius, self.reach))

    def _add_atom(self) -> None:
        solute = handles.with_atom(self._molecule())
        self.drawing, self.handle = replace(self.drawing, solute=solute), len(solute.radii) - 1

    def _remove_atom(self, number: int) -> None:
        solute = self._molecule()
        solute = handles.without_atom(solute, self._existing("atom", number, len(solute.radii)))
        self.drawing, self.handle = replace(self.drawing, solute=solute), 0

    def _medium(self, key: str, value: float) -> None:
        self._one_of("medium", key, ("eps_solute", "eps_solvent", "debye_length", "temperature"))
        self.drawing = self.drawing.in_medium(key, value)

    def _ions(self, kind: str) -> None:
        self.drawing = self.drawing.in_medium("ions", self._one_of("ions", kind, ("nonlinear", "linear")))

    def _line(self, end: int, x: float, y: float) -> None:
        self._existing("end of the line", end, 2)
        ends = list(self.line)
        ends[2 * end] = bounded("x", x, -self.reach, self.reach)
        ends[2 * end + 1] = bounded("y", y, -self.reach, self.reach)
        if ends[:2] == ends[2:]:
            raise ConfigError(explain("line", "two ends in one place", "two places", "move one end"))
        self.line = (ends[0], ends[1], ends[2], ends[3])

    def _source(self, name: str) -> None:
        self.source = self._one_of("source", name, ("network", "solver"))

    def _solve(self) -> None:
        problem = self.drawing.problem(self.answers.grid)
        self.pair = (self.answers.predict(problem), self.answers.solve(problem))

    def _download(self, kind: str) -> None:
        self.wanted = self._one_of("file", kind, ("yaml", "netcdf", "png"))
