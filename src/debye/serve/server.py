"""The server: one page, on the loopback by default, for a few sessions at a time."""

from __future__ import annotations

import ipaddress
import logging
import socket
import webbrowser
from pathlib import Path

import numpy as np
from bokeh.application import Application
from bokeh.application.handlers.function import FunctionHandler
from bokeh.document import Document
from bokeh.protocol.exceptions import ProtocolError
from bokeh.server.server import Server

from debye.errors import ConfigError, explain
from debye.physics.problem import load_problem
from debye.serve.answers import Answers
from debye.serve.desk import Desk, first_drawing
from debye.serve.drawing import Drawing, from_problem
from debye.serve.page import full, page
from debye.serve.session import Session

log = logging.getLogger("debye")

LOOPBACK = "127.0.0.1"
MOST_SESSIONS = 8
"""Pages open at a time; each holds two fields and its pictures, some megabytes."""
UNUSED = 5000
"""Milliseconds after which a page that is closed, or was never opened in full, is forgotten."""
LARGEST_MESSAGE = 64 * 1024
"""Bytes of a message from a browser; the page's own are smaller by far."""


def serve(
    model: Path | None = None,
    problem: Path | None = None,
    host: str = LOOPBACK,
    port: int = 5006,
    browser: bool = True,
) -> None:
    """Serve the page until interrupted.

    Parameters
    ----------
    model : Path, optional
        `checkpoint.safetensors` of a training; the package's own network if left out.
    problem : Path, optional
        Problem file to start from, on the network's grid.
    host : str
        Address to listen on.
    port : int
        0 takes a free one.
    browser : bool
        Open the page in the user's browser.

    Raises
    ------
    DebyeError
        If the model or the problem cannot be used, or the address cannot be listened on.
    """
    if ":" in host:
        raise ConfigError(explain("--host", host, "a name or an IPv4 address", "give one of these"))
    answers = Answers(model)
    drawing = first_drawing() if problem is None else _read(problem, answers)
    # Theirs tell of every session and every request.
    for name in ("bokeh", "tornado.access"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # Nor is a closed page a warning, or a stranger's websocket a traceback.
    logging.getLogger("bokeh.server.views.ws").setLevel(logging.ERROR)
    logging.getLogger("tornado.application").addFilter(_ours)
    server = start(answers, drawing, host, port)
    address = f"http://{host}:{server.port}/"
    if not is_loopback(host):
        log.warning(
            "debye serve: listening on %s: whoever reaches this machine can use the page, without a password or "
            "encryption; leave --host out to serve this machine alone", host,
        )  # fmt: skip
    # Loops are compiled or read from disk now, not under the user's first drag.
    log.info("debye serve: getting ready; the first time takes a minute")
    _warm_up(answers)
    log.info("debye serve: %s (Ctrl-C ends it)", address)
    if browser:
        webbrowser.open(address)
    try:
        server.io_loop.start()
    except KeyboardInterrupt:
        log.info("debye serve: ended")
    finally:
        server.stop()


def start(answers: Answers, drawing: Drawing, host: str, port: int) -> Server:
    """Server that listens, and answers once its loop runs; `stop` ends it.

    Raises
    ------
    ConfigError
        If the address cannot be listened on.
    """

    def open_page(document: Document) -> None:
        context = document.session_context
        if context is not None and len(context.server_context.sessions) >= MOST_SESSIONS:
            full(document, MOST_SESSIONS)
            return
        Session(document, Desk(answers, drawing))
        page(document, answers)

    try:
        port = port or _free_port(host)
        server = Server(
            {"/": Application(FunctionHandler(open_page))},
            address=host,
            port=port,
            # Pages of other sites may not talk to this server, whatever name they give it.
            allow_websocket_origin=_origins(host, port),
            # A closed page makes room for another one soon.
            unused_session_lifetime_milliseconds=UNUSED,
            check_unused_sessions_milliseconds=1000,
            websocket_max_message_size=LARGEST_MESSAGE,
            http_server_kwargs={"max_buffer_size": LARGEST_MESSAGE, "max_body_size": LARGEST_MESSAGE},
        )
    except OSError as error:
        found = error.strerror or str(error)
        remedy = "choose another --port (0: a free one) or --host"
        raise ConfigError(explain(f"{host}:{port}", found, "an address to listen on", remedy)) from None
    # From now on closed pages are forgotten.
    server.start()
    return server


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own.

    Examples
    --------
    >>> [is_loopback(host) for host in ("127.0.0.1", "localhost", "0.0.0.0", "example.org")]
    [True, True, False, False]
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _ours(record: logging.LogRecord) -> bool:
    """Whether a record is of anything but a connection that does not speak Bokeh's protocol."""
    return not (record.exc_info and isinstance(record.exc_info[1], ProtocolError))


def _origins(host: str, port: int) -> list[str]:
    """Addresses under which the page may have been opened."""
    names = {host}
    if is_loopback(host):
        names |= {"localhost", LOOPBACK}
    else:
        names |= {socket.gethostname(), socket.getfqdn()}
    return sorted(f"{name}:{port}" for name in names)


def _free_port(host: str) -> int:
    """A port that is free now: the origins must be known before the server listens."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _read(path: Path, answers: Answers) -> Drawing:
    problem = load_problem(path)
    if problem.grid != answers.grid:
        raise ConfigError(
            explain(
                f"{path}: grid", problem.grid, f"{answers.grid} of the network", "change the problem's grid"
            )
        )
    return from_problem(problem)


def _warm_up(answers: Answers) -> None:
    desk = Desk(answers)
    desk.do(("solve", ()))
    desk.look()
    for answer in desk.pair or ():
        answer.field.at(np.zeros((1, 2)))
