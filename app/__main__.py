"""Flags → window, browser, or a verb of the command line."""

import logging
import logging.handlers
import os
import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from app.cli.output import Output, never_choke
from app.cli.window_words import window_words
from app.domain.errors import StoreError, StudioError
from app.paths import Paths

if TYPE_CHECKING:
    import argparse

    from app.services.everything import Services

log = logging.getLogger(__name__)


def program() -> int:
    """`main` as a process of its own.

    Who looks at a dataset of the Hub leaves its stream before the end. Arrow's threads may then still read
    ahead, and an interpreter that ends under them aborts now and then (huggingface/datasets#7566): so it does
    not end, it is left.
    """
    code = main()
    if "datasets" not in sys.modules:
        return code
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # a pipe that nobody reads any more, a stream closed already
            stream.flush()
    os._exit(code)


def main(argv: list[str] | None = None) -> int:
    """Returns the exit code: 0 done, 1 failed, 2 wrong words, 3 a followed run was stopped."""
    args = window_words(argv) or _words_of_verbs(argv)
    never_choke()
    output = Output(as_json=getattr(args, "json", False))
    if args.version:
        from importlib.metadata import version  # noqa: PLC0415 - only here

        output.say(f"tunewright {version('tunewright')}")
        return 0
    try:
        paths = Paths.from_environment()
    except StoreError as error:
        output.fail(error)
        return 1
    try:
        _stay_offline_if_told(paths)
        _prepare(paths)
        if args.verb is None:
            from app.ui.window import run_window  # noqa: PLC0415 - verbs need no Flet

            build = partial(_services_of_window, paths)
            run_window(build, paths, web=args.web, port=args.port, open_browser=not args.no_browser)
            return 0
        from app.cli.verbs import VERBS  # noqa: PLC0415 - not for --help

        services = _services(paths)
        services.library.ensure_sample()
        return VERBS[args.verb, getattr(args, "noun", None)](services, args, output)
    except StudioError as error:
        output.fail(error)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0
    except Exception:
        log.exception("Unexpected error in the command line")
        output.fail(
            StudioError("Something went wrong inside Tunewright.", f"The log has the details: {paths.logs}")
        )
    return 1


def _words_of_verbs(argv: list[str] | None) -> "argparse.Namespace":
    from app.cli.parser import make_parser  # noqa: PLC0415 - not for the window

    return make_parser().parse_args(argv)


def _services(paths: Paths) -> "Services":
    """Imported when called: the window is on the screen before the database is opened."""
    from app.bootstrap import build_services  # noqa: PLC0415

    return build_services(paths)


def _services_of_window(paths: Paths) -> "Services":
    from app.adapters.helper_process import HelperProcess  # noqa: PLC0415
    from app.bootstrap import build_services  # noqa: PLC0415

    return build_services(paths, HelperProcess(paths.home, paths.logs))


def _stay_offline_if_told(paths: Paths) -> None:
    """Before anything could use the network: the window's own client is fetched at the first start."""
    from app.adapters.process_network import was_switched_on  # noqa: PLC0415 - not for --help
    from app.domain.offline import BY_SWITCH  # noqa: PLC0415
    from trainer_image import network  # noqa: PLC0415

    network.obey_environment()
    if network.said_by_environment() is None and was_switched_on(paths.database):
        network.close(BY_SWITCH)


def _prepare(paths: Paths) -> None:
    """Make the folders and send the log to its file. Raises StoreError."""
    try:
        paths.make()
        handler = logging.handlers.RotatingFileHandler(
            paths.app_log, maxBytes=2_000_000, backupCount=3, encoding="utf-8"
        )
    except OSError as error:
        raise StoreError(
            f"The folder {paths.home} cannot be used: {error.strerror or error}.",
            "Make it writable, or set TUNEWRIGHT_HOME to another folder.",
        ) from error
    logging.raiseExceptions = False  # a disk too full for the log: no reason for a traceback on the screen
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("httpx").setLevel(logging.WARNING)  # its lines carry whole URLs


if __name__ == "__main__":
    sys.exit(program())
