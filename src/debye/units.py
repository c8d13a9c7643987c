"""Units and physical constants: lengths in Å, charges in e, potentials in kT/e (reduced, without unit)."""

from __future__ import annotations

import math

from scipy import constants

ANGSTROM = 1e-10
"""One ångström in metres."""

STANDARD_TEMPERATURE = 298.15
"""Default temperature in kelvin."""


def coupling(temperature: float = STANDARD_TEMPERATURE) -> float:
    """Coupling constant C = e²/(ε0 kT) of the reduced Poisson-Boltzmann equation, in Å.

    Parameters
    ----------
    temperature : float
        Absolute temperature in kelvin.

    Returns
    -------
    float
        C in Å, from the CODATA values that scipy ships.

    Examples
    --------
    >>> round(coupling(298.15), 2)
    7042.94
    """
    joule_metre = constants.e**2 / constants.epsilon_0
    return joule_metre / (constants.k * temperature) / ANGSTROM


def debye_length(
    ionic_strength: float, eps_solvent: float = 80.0, temperature: float = STANDARD_TEMPERATURE
) -> float:
    """Debye length λ_D = sqrt(ε⁺ε0 kT / 2 N_A e² I) of a 1:1 salt.

    Parameters
    ----------
    ionic_strength : float
        I in mol/L; zero gives `inf`.
    eps_solvent : float
        Relative permittivity of the solvent.
    temperature : float
        Absolute temperature in kelvin.

    Returns
    -------
    float
        λ_D in Å.

    Examples
    --------
    >>> round(debye_length(0.1), 2)
    9.71
    """
    if ionic_strength == 0.0:
        return math.inf
    number_density = 2 * constants.N_A * ionic_strength * 1e3
    squared = (
        eps_solvent * constants.epsilon_0 * constants.k * temperature / (number_density * constants.e**2)
    )
    return math.sqrt(squared) / ANGSTROM
