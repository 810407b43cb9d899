"""Run a program where there is no network at all: `python -m app.worker.cut_off PROGRAM ARGUMENT…`.

On Linux, in a network namespace of its own, whose only device is the loopback. What the program starts is in
there too, whatever it is written in. Ends as the program ends, or with `NOT_POSSIBLE` where the system lets
nobody make a namespace: then nothing was run.
"""

import ctypes
import os
import socket
import struct
import sys
from pathlib import Path
from typing import Final

NOT_POSSIBLE: Final = 125
_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWNET: Final = 0x40000000
_SIOCGIFFLAGS: Final = 0x8913
_SIOCSIFFLAGS: Final = 0x8914
_IFF_UP: Final = 1


def main() -> None:
    program = sys.argv[1:]
    if reason := enter():
        print(f"This computer cannot cut a program off the network: {reason}.", file=sys.stderr)  # noqa: T201
        raise SystemExit(NOT_POSSIBLE)
    os.execvp(program[0], program)  # noqa: S606 - that program is the point


def enter() -> str:
    """Put this process into a namespace of its own; why that is not possible, or empty."""
    if not sys.platform.startswith("linux"):
        return "that needs Linux"
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        return os.strerror(ctypes.get_errno())
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        _bring_up("lo")
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _bring_up(device: str) -> None:
    import fcntl  # noqa: PLC0415 - Windows has none, and is answered above

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as its:
        request = struct.pack("16sH14x", device.encode(), 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(its, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(its, _SIOCSIFFLAGS, struct.pack("16sH14x", device.encode(), flags | _IFF_UP))


if __name__ == "__main__":
    main()
