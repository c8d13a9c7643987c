"""How a command ends: its exit status, its error in one line, and what a signal does to it."""

from __future__ import annotations

import contextlib
import signal
import sys
import traceback
from types import FrameType
from typing import NoReturn

import click

from debye.errors import DebyeError


def run(command: click.Command) -> None:
    """Run a command line; exit 0 when it is done, 2 for an error of the user's, 1 for ours, 143 if told to end.

    A training that is asked to make room ends with 75 (`debye.learning.stop`).
    """
    signal.signal(signal.SIGTERM, _end)
    try:
        status = command(standalone_mode=False)
    except click.ClickException as error:
        _fail(error.format_message())
    except click.Abort:
        _fail("interrupted")
    except DebyeError as error:
        _fail(str(error))
    except MemoryError as error:
        _fail(f"memory: {error or 'not enough'}; use fewer cells or a machine with more memory")
    except OSError as error:
        # The machine's own refusals (full disk, no permission, no such folder) are the user's to mend.
        _fail(
            f"{error.filename or 'file'}: {error.strerror or error}; check the path, its permissions and the disk"
        )
    except Exception:
        say(traceback.format_exc(), 1)
        sys.exit(1)
    else:
        sys.exit(status if isinstance(status, int) else 0)
    finally:
        # All clean-up is done. What is left is the interpreter's, and an exception would only disturb it.
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGTERM, lambda *_: None)


def _end(number: int, frame: FrameType | None) -> None:
    """End as a scheduler asks, but by way of everybody's clean-up: temporary files are removed, processes ended."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # An exception that a handler raises is lost where Python is called back (a destructor, a compiled loop being
    # loaded), so it is raised again as long as the process has not ended.
    signal.signal(signal.SIGALRM, _end)
    signal.setitimer(signal.ITIMER_REAL, 2.0)
    sys.exit(128 + signal.SIGTERM)


def _fail(message: str) -> NoReturn:
    say("debye: error: " + " ".join(message.split()) + "\n", 2)
    sys.exit(2)


def say(error: str, status: int) -> None:
    """Print an error; one of several processes leaves it to the one that started it, which prints one of them."""
    from debye.learning.launch import note_error

    # Whoever reads our errors may be dead already; that must not change the exit status.
    with contextlib.suppress(OSError):
        if not note_error(error, status):
            click.echo(error, err=True, nl=False)
