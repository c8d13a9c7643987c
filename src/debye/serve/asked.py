"""What a browser may ask: a list of commands as JSON, checked before anything is done."""

from __future__ import annotations

import json
import sys

from debye.errors import ConfigError, explain

LONGEST = 8192
"""Characters of a message."""
MOST = 64
"""Commands in a message."""

Command = tuple[str, tuple[int | float | str, ...]]

INDEX, NUMBER, WORD = int, float, str
COMMANDS: dict[str, tuple[type, ...]] = {
    "family": (WORD,),
    "charge": (INDEX, NUMBER, NUMBER),
    "value": (INDEX, NUMBER),
    "add": (NUMBER, NUMBER),
    "remove": (INDEX,),
    "select": (INDEX,),
    "handle": (INDEX, NUMBER, NUMBER),
    "pick": (INDEX,),
    "radius": (INDEX, NUMBER),
    "add_atom": (),
    "remove_atom": (INDEX,),
    "medium": (WORD, NUMBER),
    "ions": (WORD,),
    "line": (INDEX, NUMBER, NUMBER),
    "source": (WORD,),
    "solve": (),
    "download": (WORD,),
}
"""Each command and the kinds of what follows it; places in Å."""


def commands(text: object) -> list[Command]:
    """Read a message.

    Raises
    ------
    ConfigError
        If it is none.

    Examples
    --------
    >>> commands('[["charge", 0, 3, 1.5], ["solve"]]')
    [('charge', (0, 3.0, 1.5)), ('solve', ())]
    """
    try:
        if not isinstance(text, str) or len(text) > LONGEST:
            raise ValueError(f"not a text of at most {LONGEST} characters")
        rows = json.loads(text)
        if not isinstance(rows, list) or len(rows) > MOST:
            raise ValueError(f"not a list of at most {MOST} commands")
        return [_command(row) for row in rows]
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            explain("message of the page", error, "commands of the page", "load the page again")
        ) from None


def _command(row: object) -> Command:
    if not isinstance(row, list) or not row or not isinstance(row[0], str) or row[0] not in COMMANDS:
        raise ValueError("an unknown command")
    name, kinds = row[0], COMMANDS[row[0]]
    if len(row) - 1 != len(kinds):
        raise ValueError(f"{len(row) - 1} values after {name}")
    return name, tuple(_value(value, kind) for value, kind in zip(row[1:], kinds, strict=True))


def _value(value: object, kind: type) -> int | float | str:
    if kind is WORD and isinstance(value, str) and len(value) <= 32:
        return value
    if kind is INDEX and isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1000:
        return value
    # Not NaN either, and no integer too long for a float; what is too large is told by what it is too large for.
    if (
        kind is NUMBER
        and isinstance(value, (int, float))
        and not isinstance(value, bool)
        and abs(value) <= sys.float_info.max
    ):
        return float(value)
    raise ValueError("a value of the wrong kind")
