"""What runs in a pod as a real container of a real image, where an engine runs.

The container shares this computer's network: the pod's ports and the emulator are where they are told.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from threading import Thread
from typing import Any

import docker
from docker.errors import APIError, NotFound
from docker.types import Mount

from tests.emulators.runpod.containers import Place


class EngineContainer:
    """One start of an image's own command, or of `argv`. `say` gets its lines."""

    def __init__(
        self,
        image: str,
        argv: Sequence[str],
        env: Mapping[str, str],
        place: Place,
        say: Callable[[str], None],
        *,
        mounts: Sequence[Any] = (),
    ) -> None:
        self._client = docker.from_env(timeout=120)
        place.volume.chmod(0o777)  # a container may run as somebody else
        try:
            self._container = self._client.containers.run(
                image,
                list(argv) or None,
                detach=True,
                environment=dict(env),
                network_mode="host",
                mounts=[Mount(place.mount_path, str(place.volume), type="bind"), *mounts],
                labels={"tunewright.emulated-pod": place.pod_id},
            )
        except (APIError, NotFound) as error:
            raise OSError(str(error)) from None
        self._reader = Thread(target=self._read, args=(say,), daemon=True)
        self._reader.start()

    def wait(self) -> int:
        code = int(self._container.wait(timeout=None)["StatusCode"])
        self._reader.join(10)
        self.kill()
        return code

    def kill(self) -> None:
        """All of it, and nothing is left of it."""
        with suppress(APIError):  # it has gone meanwhile
            self._container.remove(force=True)

    def _read(self, say: Callable[[str], None]) -> None:
        rest = b""
        with suppress(APIError):
            for piece in self._container.logs(stream=True, follow=True):
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    say(line.decode(errors="replace").rstrip("\r"))
