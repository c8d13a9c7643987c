"""What the penalty study says, in words: every number in them comes from its findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

AUTO = "auto"

RULE = (
    "among the penalties proved definite in every case of this study, never seen indefinite and with which every solve "
    "converged, the one with the smallest product of error and multigrid iterations"
)

NEAR_ZERO = 0.1
"""A smallest eigenvalue below this share of the recommended penalty's is named beside an error above its double."""


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
    needed = "; ".join(
        f"{worst:.2g} at {contrast}" for contrast, (_, worst) in found["sufficient"].items() if worst is not None
    )  # fmt: skip
    if label is None:
        return f"{_none(found)} The largest σ that any facet needs is {needed}."
    cases = found["penalties"][label]["cases"]
    what = (
        "Recommended penalty: auto, on each facet the least σ with which the two simplices' energies outweigh the "
        "facet's terms."
        if label == AUTO
        else f"Recommended penalty: σ = {label} on every facet."
    )
    grids = found["scope"]["cells"]
    counts = "; ".join(
        f"{contrast}: {', '.join('–' if count is None else f'{count:.0f}' for count in most)}"
        for contrast, most in found["iterations"].items()
    )
    return (
        f"{what} The rule: {RULE} (geometric mean over all {cases} cases). The largest σ that any facet needs "
        f"is {needed}. Most iterations of CG under algebraic multigrid to a relative residual of 1e-8 at "
        f"N = {', '.join(str(n) for n in grids)}, by contrast ε_solute:ε_solvent: {counts}."
    )


def _none(found: Mapping[str, Any]) -> str:
    """Why no penalty is recommended."""
    proved = {label: one for label, one in found["penalties"].items() if one["proved"]}
    reasons = "; ".join(
        f"{_name(label)}: indefinite in {one['indefinite']} and without convergence in {one['failed']} of "
        f"{one['cases']} cases"
        for label, one in proved.items()
    )
    seen = f" The proved ones: {reasons}." if proved else " None was proved definite in every case."
    return f"No penalty is recommended. The rule: {RULE}; here there is none.{seen}"


def _constants(found: Mapping[str, Any]) -> str:
    """The best that one number for all facets does against the recommendation."""
    if found["recommended"] is None:
        return ""
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
    end = (
        "conjugate gradients and Newton's method have no ground to stand on there, and nothing in the equation says "
        "so beforehand. What a penalty buys is certainty, and it should cost no more than that"
        if bad
        else "it was definite in all of them, but that is proved for none"
    )
    return " ".join(
        [
            f"Without a penalty (σ = 0) the matrix is indefinite in {counts}: {end}.",
            *_zero_errors(found, zero),
        ]
    )


def _zero_errors(found: Mapping[str, Any], zero: Mapping[str, Any]) -> list[str]:
    """Sentences on the error at σ = 0 where it is definite; only what its cases show."""
    if found["recommended"] is None:
        return []
    known = {contrast: one for contrast, one in zero.items() if one["error_all"][0] is not None}
    if not known:
        return []
    errors = "; ".join(f"{_times(one['error_all'])} at {contrast}" for contrast, one in known.items())
    definite = sum(one["cases"] - one["indefinite"] for one in known.values())
    smallest = sum(one["smallest"] for one in known.values())
    texts = [
        f"Where it is definite, its error, over that of the recommended penalty, is {errors} in the median; it is "
        f"smaller than at any other penalty in {smallest} of these {definite} cases."
    ]
    contrast, worst = max(known.items(), key=lambda item: float(item[1]["error_all"][1]))
    if worst["error_all"][1] > 2 and worst["eigenvalue"] is not None and worst["eigenvalue"] < NEAR_ZERO:
        texts.append(
            f"In the worst case, at {contrast}, an eigenvalue is near zero: the smallest is {worst['eigenvalue']:.2g} "
            "times that of the recommended penalty."
        )
    return texts


def _often(found: Mapping[str, Any]) -> str:
    label = found["often_used"]
    if label is None or label == found["recommended"]:
        return ""
    one = found["penalties"][label]
    bad, failed, cases, ratios = one["indefinite"], one["failed"], one["cases"], one["ratios"]
    start = f"The often used σ = {label}"
    if ratios is None:
        return f"{start} is indefinite in {bad} of {cases} cases, and {failed} solves did not converge."
    figures = (
        f"error × {_times(ratios['error_all'])}, near the interface × {_times(ratios['error_interface'])}, multigrid "
        f"iterations × {_times(ratios['multigrid_iterations'])}, plain CG iterations × "
        f"{_times(ratios['plain_iterations'])} as far as they were counted, condition number × "
        f"{_times(ratios['condition'])}"
    )
    if bad or failed:
        return (
            f"{start} is not safe: the matrix is indefinite in {bad} of {cases} cases, and {failed} solves did not "
            f"converge. Where it is definite, against the recommended penalty: {figures}."
        )
    # As it is shown: 1.001 is no dearer than 1.
    medians = (ratios[name][0] for name in ("error_all", "multigrid_iterations"))
    dear = any(float(f"{median:.3g}") > 1 for median in medians if median is not None)
    return (
        f"{start} is safe {'and dear' if dear else 'and no dearer than the recommended penalty'}: {figures}."
    )


def _variants(found: Mapping[str, Any]) -> str:
    texts = []
    for name, one in found["variants"].items():
        bad = sum(one["indefinite"].values())
        if one["penalty"] is None:
            texts.append(
                f"the {name} form converged at no penalty; its symmetric part is indefinite in {bad} cases of all "
                "penalties"
            )
            continue
        texts.append(
            f"the {name} form, at its best penalty ({_name(one['penalty'])}), has an error × "
            f"{_times(one['error_all'])} and takes × {_times(one['multigrid_iterations'])} iterations (of GMRES, to "
            f"the same residual); its symmetric part is indefinite in {bad} cases of all penalties"
        )
    if not texts:
        return ""
    cells = next(iter(found["variants"].values()))["cells"]
    return f"Against the symmetric form at the recommended penalty, at N = {cells}: {'; '.join(texts)}."


def _scope(found: Mapping[str, Any]) -> str:
    scope = found["scope"]
    if found["recommended"] is None:
        return f"What was studied: {_studied(scope)}."
    definite = (
        "That auto is definite holds beyond it, for every shape, contrast and grid, by its construction; error and "
        "iterations do not."
        if found["recommended"] == AUTO
        else "Beyond it neither definiteness nor error nor iterations are vouched for."
    )
    return f"The recommendation ends where the study does: {_studied(scope)}. {definite}"


def _studied(scope: Mapping[str, Any]) -> str:
    """What was studied."""
    counts = ", ".join(
        f"{number} at N = {cells}" for number, cells in zip(scope["geometries"], scope["cells"], strict=True)
    )
    return (
        f"{_listed(scope['families'])} ({counts} random solutes in all), "
        f"contrasts {_listed(scope['contrasts'])}, N = {_listed([str(n) for n in scope['cells']])} cells on a box of "
        f"half width {scope['half_width']:g} Å, {scope['dim']}-D, linear ions of Debye length "
        f"{scope['debye_length']:g} Å"
    )
