"""Stands in for Flet's desktop client: connects as it does, and keeps the first page that arrives.

Arguments are those Flet gives: page address, file for the process id, assets folder. What came over the
wire is written as JSON to the file named by FAKE_CLIENT_OUT; the "window" is then closed.
"""

import json
import os
import socket
import struct
import sys
from pathlib import Path

import msgpack

PATIENCE_SECONDS = 30
REGISTER_CLIENT = 1


def main() -> None:
    address, pid_file = sys.argv[1], sys.argv[2]
    Path(pid_file).write_text(str(os.getpid()))
    connection = _connect(address)
    connection.settimeout(PATIENCE_SECONDS)
    page = {"route": "/", "platform": "linux", "width": 1200, "height": 800, "web": False}
    _send(connection, REGISTER_CLIENT, {"session_id": None, "page_name": "", "page": page})
    wanted = os.environ["FAKE_CLIENT_WAITS_FOR"]
    stream, heard = connection.makefile("rb"), ""
    while wanted not in heard:
        heard += json.dumps(_receive(stream), default=str)
    Path(os.environ["FAKE_CLIENT_OUT"]).write_text(json.dumps({"arguments": sys.argv[1:], "heard": heard}))


def _connect(address: str) -> socket.socket:
    if address.startswith("tcp://"):
        host, port = address.removeprefix("tcp://").split(":")
        return socket.create_connection((host, int(port)))
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(address)
    return connection


def _send(connection: socket.socket, action: int, body: dict) -> None:
    data = b"\0" + msgpack.packb([action, body])  # the first byte says: a message, not a stream of bytes
    connection.sendall(struct.pack("<I", len(data)) + data)


def _receive(stream) -> object:
    size = struct.unpack("<I", stream.read(4))[0]
    return msgpack.unpackb(stream.read(size)[1:], strict_map_key=False, ext_hook=lambda _, data: str(data))


if __name__ == "__main__":
    main()
