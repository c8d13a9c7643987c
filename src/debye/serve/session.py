"""One browser's session: what the page asks goes to the desk, what the desk has goes to the page."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

from bokeh.document import Document
from bokeh.models import ColumnDataSource

from debye.errors import DebyeError
from debye.serve.asked import commands
from debye.serve.delivery import delivery
from debye.serve.desk import Desk
from debye.serve.handles import handles
from debye.serve.outlines import outline
from debye.serve.picture import Difference, Picture, Profile
from debye.serve.told import told

log = logging.getLogger("debye")

OURS = "the server failed at this: an error of Debye's, told in its terminal; change something or load the page again"


class Session:
    """Pictures of one session, and its two channels.

    The page sends one message at a time: the next only when it was told the outcome of the last, with all that was
    dragged meanwhile. So no queue builds up, however fast a pointer moves.

    Parameters
    ----------
    document : bokeh.document.Document
        Of the session.
    desk : Desk
    """

    def __init__(self, document: Document, desk: Desk) -> None:
        self.desk = desk
        self.picture = Picture(desk.answers.grid)
        self.profile = Profile()
        self.difference = Difference(desk.answers.grid)
        self.ask = ColumnDataSource({"text": []}, name="ask")
        self.tell = ColumnDataSource({"text": []}, name="tell")
        self.number = 0
        self._update([], (time.perf_counter(), time.process_time()))
        self.ask.on_change("data", self._asked)
        # Somewhere they must hang, and only what can be seen may be a root.
        self.picture.figure.tags = [self.ask, self.tell]
        for root in (self.picture.figure, self.profile.figure, self.difference.figure):
            document.add_root(root)

    def _asked(self, attribute: str, old: Any, new: Any) -> None:
        start = (time.perf_counter(), time.process_time())
        rows = new.get("text") if isinstance(new, dict) else None
        self._update(rows[:1] if isinstance(rows, list) else [None], start)

    def _update(self, texts: list[Any], start: tuple[float, float]) -> None:
        """Do what a message says, and tell what came of it; never raises.

        Parameters
        ----------
        texts : list
            The message, or nothing.
        start : (float, float)
            When it came: wall and processor time, s.
        """
        message, stale, file = "", True, None
        try:
            for command in (one for text in texts for one in commands(text)):
                self.desk.do(command)
        except DebyeError as error:
            message = str(error)
        except Exception:
            log.exception("debye serve: a command failed")
            message = OURS
        # Now or never: nothing may be delivered later, unasked.
        wanted, self.desk.wanted = self.desk.wanted, ""
        try:
            self._show_drawing()
            self.desk.look()
            self._show_answer()
            stale = False
            file = self._file(wanted)
        except DebyeError as error:
            message = message or str(error)
        except Exception:
            log.exception("debye serve: an answer failed")
            message = OURS
        if wanted and file is None:
            message = f"not saved: {message}"
        self.number += 1
        content = told(self.desk, message, stale) | {"number": self.number, "file": file}
        content["milliseconds"] = round(1e3 * (time.perf_counter() - start[0]), 2)
        # On a busy machine the two differ.
        content["processor"] = round(1e3 * (time.process_time() - start[1]), 2)
        self.tell.data = {"text": [json.dumps(content)]}

    def _show_drawing(self) -> None:
        """Show what was drawn, also where it is no problem: it must be there to be dragged back."""
        desk = self.desk
        self.picture.show_charges(desk.drawing.charges, desk.charge)
        self.picture.show_handles(handles(desk.drawing.solute), desk.handle)
        self.picture.show_outline(outline(desk.drawing.solute, desk.reach))
        self.picture.show_line(desk.line)

    def _show_answer(self) -> None:
        desk, answer = self.desk, self.desk.answer
        if answer is None:
            return
        self.picture.show(answer.field)
        solved = desk.pair[1].field if desk.pair is not None and desk.source == "network" else None
        self.profile.show(answer.field, desk.line, solved)
        difference = desk.difference()
        if difference is not None:
            self.difference.show(difference["field"], outline(desk.drawing.solute, desk.reach))

    def _file(self, kind: str) -> dict[str, str] | None:
        """File that was asked for."""
        return delivery(kind, self.desk.answer) if kind and self.desk.answer is not None else None
