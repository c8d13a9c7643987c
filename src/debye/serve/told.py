"""What the page is told beside the pictures: values of its controls, texts, numbers; only data, no HTML."""

from __future__ import annotations

from typing import Any

from debye.physics.molecule import Molecule
from debye.serve.desk import Desk
from debye.serve.handles import handles
from debye.units import debye_length


def told(desk: Desk, message: str, stale: bool = False) -> dict[str, Any]:
    """State of the page as JSON takes it.

    Parameters
    ----------
    desk : Desk
    message : str
        Error of the last command, empty where there was none.
    stale : bool
        The answer is not that of the drawing, but the last good one.
    """
    return {
        "message": message,
        "stale": stale,
        "values": _values(desk),
        "options": _options(desk),
        "texts": _texts(desk),
        "places": _places(desk),
        "facts": list(desk.answer.facts) if desk.answer else [],
        "warnings": list(desk.answer.warnings) if desk.answer else [],
        "family": desk.drawing.family,
        "solved": desk.pair is not None,
    }


def _values(desk: Desk) -> dict[str, float | str]:
    """Values of the controls by their names."""
    charge, medium = desk.drawing.charges[desk.charge], desk.drawing.medium
    _, x, y = handles(desk.drawing.solute)[desk.handle]
    values: dict[str, float | str] = {
        "family": desk.drawing.family, "source": desk.source, "ions": medium.ions,
        "charge": str(desk.charge), "charge_x": charge.x, "charge_y": charge.y, "charge_q": charge.q,
        "handle": str(desk.handle), "handle_x": x, "handle_y": y,
        "eps_solute": medium.eps_solute, "eps_solvent": medium.eps_solvent,
        "debye_length": medium.debye_length, "temperature": medium.temperature,
    }  # fmt: skip
    values |= dict(zip(("line_x0", "line_y0", "line_x1", "line_y1"), desk.line, strict=True))
    if isinstance(desk.drawing.solute, Molecule):
        values["radius"] = desk.drawing.solute.radii[desk.handle]
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()}


def _places(desk: Desk) -> dict[str, list[tuple[float, float]]]:
    """Where what can be dragged lies."""
    x0, y0, x1, y1 = desk.line
    return {
        "charge": [(charge.x, charge.y) for charge in desk.drawing.charges],
        "handle": [(x, y) for _, x, y in handles(desk.drawing.solute)],
        "line": [(x0, y0), (x1, y1)],
    }


def _options(desk: Desk) -> dict[str, list[str]]:
    """What can be selected."""
    # Counted from 0, as in messages and in the problem's file.
    charges = enumerate(desk.drawing.charges)
    return {
        "charge": [f"charge {number}: {charge.q:+.3g} e/Å" for number, charge in charges],
        "handle": [name for name, _, _ in handles(desk.drawing.solute)],
    }


def _texts(desk: Desk) -> dict[str, str]:
    medium, answer, difference = desk.drawing.medium, desk.answer, desk.difference()
    # λ_D falls like one over the root of the ionic strength.
    salt = (debye_length(1.0, medium.eps_solvent, medium.temperature) / medium.debye_length) ** 2
    texts = {"salt": f"{salt:.3g} mol/L of a 1:1 salt", "source": "", "difference": ""}
    if answer is not None:
        who = "Network" if answer.source == "network" else "Solver"
        texts["source"] = f"{who}, {1e3 * answer.seconds:.0f} ms"
    if difference is not None:
        network, solver = (1e3 * seconds for seconds in difference["seconds"])
        texts["difference"] = (
            f"Relative L2 difference of u {100 * difference['relative']:.3g} %, largest {difference['largest']:.3g} "
            f"kT/e. Network {network:.0f} ms, solver {solver:.0f} ms."
        )
    return texts
