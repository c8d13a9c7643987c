"""Random streams by name: a stream is a function of a list of words, never of a sum of integers.

Adding integers to a root seed makes neighbouring streams collide (seed 1 sample 2 = seed 2 sample 1); hashing
the words cannot. See `numpy` "Parallel random number generation" for the sequence that is spawned from the hash.
"""

from __future__ import annotations

import hashlib

import numpy as np


def generator(*words: str | int) -> np.random.Generator:
    """Return the random generator that belongs to these words.

    Parameters
    ----------
    *words : str or int
        For a sample: root seed, split, family, seed, what is drawn, index.

    Returns
    -------
    numpy.random.Generator
        The same on every machine for the same words.

    Examples
    --------
    >>> float(generator("root", "train", "disc", 0, "shape", 7).random()) == float(
    ...     generator("root", "train", "disc", 0, "shape", 7).random())
    True
    >>> float(generator("a", 12).random()) == float(generator("a", 1, 2).random())
    False
    """
    named = "\x1f".join(f"{type(word).__name__}:{word}" for word in words)
    digest = hashlib.sha256(named.encode()).digest()
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(int.from_bytes(digest, "little"))))
