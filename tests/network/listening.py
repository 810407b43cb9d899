"""Hears what every Python process of a test asks the network for, whatever library asks."""

import os
from pathlib import Path

_HEAR = """
import os, sys

def hear(event, args, file={file!r}):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        what = repr(args[1][0]) if isinstance(args[1], tuple) and args[0].family in (2, 10) else ""
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        what = repr(args[0])
    elif event == "sys.addaudithook":
        what = "guarded"
    else:
        return
    if what:
        line = f"{{os.getpid()}} {{event}} {{what}}\\n"
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, line.encode())
        os.close(descriptor)

sys.addaudithook(hear)
"""


class Ear:
    """Put `environment(...)` around a program: its hook is the first, so nothing is refused unheard."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "heard.txt"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "sitecustomize.py").write_text(_HEAR.format(file=str(self._file)))

    def environment(self, before: dict[str, str]) -> dict[str, str]:
        path = os.pathsep.join(filter(None, [str(self._folder), before.get("PYTHONPATH")]))
        return {**before, "PYTHONPATH": path}

    def heard(self) -> list[str]:
        """ "event what" of each call, without the processes' numbers."""
        lines = self._file.read_text().splitlines() if self._file.exists() else []
        return [line.partition(" ")[2] for line in lines]

    def processes(self) -> int:
        """How many of them closed their network."""
        lines = self._file.read_text().splitlines() if self._file.exists() else []
        return len({line.split()[0] for line in lines if line.endswith("guarded")})
