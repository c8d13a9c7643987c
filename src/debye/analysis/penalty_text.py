"""What the penalty study says, in words: every number in them comes from its findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

AUTO = "auto"


def paragraphs(found: Mapping[str, Any]) -> list[str]:
    """The recommendation, its evidence, σ = 0, the often used constant, the other variants, and where it ends."""
    return [
        text
        for text in (
            _recommendation(found),
            _constants(found),
            _zero(found),
            _often(found),
            _variants(found),
            _scope(found),
        )
        if text
    ]


def markdown(texts: Sequence[str]) -> str:
    """Text of `recommendation.md`."""
    return "\n\n".join(texts) + "\n"


def _name(label: str) -> str:
    return "auto" if label == AUTO else f"σ = {label}"


def _times(pair: Sequence[float | None]) -> str:
    """Median and worst ratio in words.

    Examples
    --------
    >>> _times([1.234, 5.0])
    '1.23 (worst case 5)'
    """
    median, worst = pair
    if median is None or worst is None:
        return "no number"
    return f"{median:.3g} (worst case {worst:.3g})"


def _listed(names: Sequence[str]) -> str:
    """Names with commas and "and".

    Examples
    --------
    >>> _listed(["disc", "ellipse", "star"])
    'disc, ellipse and star'
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _recommendation(found: Mapping[str, Any]) -> str:
    label = found["recommended"]
    cases = found["penalties"][label]["cases"]
    what = (
        "Recommended penalty: auto, on each facet the least σ with which the two simplices' energies outweigh the "
        "facet's terms."
        if label == AUTO
        else f"Recommended penalty: σ = {label} on every facet."
    )
    needed = "; ".join(
        f"{worst:.2g} at {contrast}" for contrast, (_, worst) in found["sufficient"].items() if worst is not None
    )  # fmt: skip
    grids = found["scope"]["cells"]
    counts = "; ".join(
        f"{contrast}: {', '.join('–' if count is None else f'{count:.0f}' for count in most)}"
        for contrast, most in found["iterations"].items()
    )
    return (
        f"{what} The rule: among the penalties proved definite in every case of this study and with which every solve "
        "converged, the one with the smallest product of error and multigrid iterations (geometric mean over all "
        f"{cases} cases). The largest σ that any facet needs is {needed}. Most iterations of CG under algebraic "
        f"multigrid to a relative residual of 1e-8 at N = {', '.join(str(n) for n in grids)}, by contrast "
        f"ε_solute:ε_solvent: {counts}."
    )


def _constants(found: Mapping[str, Any]) -> str:
    """The best that one number for all facets does against the recommendation."""
    texts = []
    proved, smallest = found["smallest_proved_constant"], found["smallest_definite_constant"]
    for label, say in (
        (proved, "proved definite in every case"),
        (smallest, "never seen indefinite, though not proved definite,"),
    ):
        if label is None or label == found["recommended"] or (label == proved and say.startswith("never")):
            continue
        ratios = found["penalties"][label]["ratios"]
        texts.append(
            f"The smallest constant of the study that was {say} is σ = {label}: its error is "
            f"{_times(ratios['error_all'])} times that of the recommended penalty, its multigrid iterations "
            f"{_times(ratios['multigrid_iterations'])} times."
        )
    return " ".join(texts)


def _zero(found: Mapping[str, Any]) -> str:
    zero = found["zero"]
    if zero is None:
        return ""
    counts = _listed(
        [f"{one['indefinite']} of {one['cases']} cases at {contrast}" for contrast, one in zero.items()]
    )
    bad = sum(one["indefinite"] for one in zero.values())
    errors = "; ".join(
        f"{_times(one['error_all'])} at {contrast}"
        for contrast, one in zero.items()
        if one["error_all"][0] is not None
    )
    end = (
        "conjugate gradients and Newton's method have no ground to stand on there, and nothing in the equation says "
        "so beforehand"
        if bad
        else "in these cases nothing is lost, but nothing is proved either"
    )
    return (
        f"Without a penalty (σ = 0) the matrix is indefinite in {counts}: {end}. Where it happens to be definite, its "
        f"error, over that of the recommended penalty, is {errors} in the median: often the smallest of all, but large "
        "where an eigenvalue comes near zero. What a penalty buys is certainty, and it should cost no more than that."
    )


def _often(found: Mapping[str, Any]) -> str:
    label = found["often_used"]
    if label is None or label == found["recommended"]:
        return ""
    ratios = found["penalties"][label]["ratios"]
    return (
        f"The often used σ = {label} is safe and dear: error × {_times(ratios['error_all'])}, near the interface × "
        f"{_times(ratios['error_interface'])}, multigrid iterations × {_times(ratios['multigrid_iterations'])}, plain "
        f"CG iterations × {_times(ratios['plain_iterations'])} as far as they were counted, condition number × "
        f"{_times(ratios['condition'])}."
    )


def _variants(found: Mapping[str, Any]) -> str:
    texts = []
    for name, one in found["variants"].items():
        bad = sum(one["indefinite"].values())
        texts.append(
            f"the {name} form, at its best penalty ({_name(one['penalty'])}), has an error × "
            f"{_times(one['error_all'])} and takes × {_times(one['multigrid_iterations'])} iterations (GMRES); its "
            f"symmetric part is indefinite in {bad} cases of all penalties"
        )
    if not texts:
        return ""
    cells = next(iter(found["variants"].values()))["cells"]
    return f"Against the symmetric form at the recommended penalty, at N = {cells}: {'; '.join(texts)}."


def _scope(found: Mapping[str, Any]) -> str:
    scope = found["scope"]
    counts = ", ".join(
        f"{number} at N = {cells}" for number, cells in zip(scope["geometries"], scope["cells"], strict=True)
    )
    definite = (
        "That auto is definite holds beyond it, for every shape, contrast and grid, by its construction; error and "
        "iterations do not."
        if found["recommended"] == AUTO
        else "Beyond it neither definiteness nor error nor iterations are vouched for."
    )
    return (
        f"The recommendation ends where the study does: {_listed(scope['families'])} ({counts} random solutes in all), "
        f"contrasts {_listed(scope['contrasts'])}, N = {_listed([str(n) for n in scope['cells']])} cells on a box of "
        f"half width {scope['half_width']:g} Å, {scope['dim']}-D, linear ions of Debye length "
        f"{scope['debye_length']:g} Å. {definite}"
    )
