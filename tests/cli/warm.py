"""A process that has imported the app and forks one for each words of a command line, which start at once.

For tests of what verbs do; those of how the program is started and interrupted start a real one.
"""

# ruff: noqa: PLC0415 - the pytest process imports none of it

import atexit
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 240


class WarmProgram:
    """Runs `tunewright` words as `python -m app` would, in an environment of the caller's.

    As in a Python in which the packages `missing` are not installed.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], missing: Sequence[str] = ()) -> None:
        self._said = [folder / "stdout", folder / "stderr"]
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.warm", *missing],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def run(self, words: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str, str]:
        """Exit code, standard output, standard error. What is not done after four minutes is killed: -14."""
        assert self._server.stdin
        assert self._server.stdout
        order = {"words": words, "environment": dict(environment), "said": list(map(str, self._said))}
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        code = int(self._server.stdout.readline())
        out, err = (path.read_text(encoding="utf-8") for path in self._said)
        return code, out, err

    def close(self) -> None:
        self._server.kill()
        self._server.communicate()


class Missing:
    """Finds no package of these names."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = frozenset(names)

    def find_spec(self, name: str, *_: object) -> None:
        if name.partition(".")[0] in self._names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def serve(missing: Sequence[str]) -> None:
    sys.meta_path.insert(0, Missing(missing))
    import app.bootstrap
    import app.cli.verbs

    if missing:  # the window has to do without them, too
        import app.ui.root  # noqa: F401

    answers = os.fdopen(os.dup(1), "w", buffering=1)
    orders = os.fdopen(os.dup(0))
    for line in orders:
        order = json.loads(line)
        pid = os.fork() or _obey(order)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), file=answers)


def _obey(order: dict) -> int:
    """In the child; never returns."""
    code = 70
    try:
        signal.alarm(PATIENCE_SECONDS)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.setsid()
        os.environ.clear()
        os.environ.update(order["environment"])
        time.tzset()
        sys.argv[1:] = order["words"]
        _stream(0, "/dev/null", os.O_RDONLY)
        for number, (name, path) in enumerate(zip(("stdout", "stderr"), order["said"], strict=True), 1):
            _stream(number, path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            raw = io.FileIO(number, "w", closefd=False)
            errors = "strict" if number == 1 else "backslashreplace"
            setattr(sys, name, io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", errors))
        from app.__main__ import program

        code = program()
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(bool(leaving.code))
    finally:
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def _stream(number: int, path: str, flags: int) -> None:
    file = os.open(path, flags, 0o600)
    os.dup2(file, number)
    os.close(file)


if __name__ == "__main__":
    serve(sys.argv[1:])
