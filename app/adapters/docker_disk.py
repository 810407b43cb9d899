"""Where an engine runs, and the disk it keeps images on: seen only if it is one of this very system."""

import platform
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import psutil

from app.domain.docker_care import EngineKind

_BY_SOCKET: Final = "http+docker://localhost"
"""What docker's SDK 7.2 makes of a Unix socket's address; by pipe, ssh or TCP it is another one."""


def kind_of(info: Mapping[str, Any], base_url: str) -> EngineKind:
    """By what `docker info` says. One in a virtual machine has a socket here, too, but its own kernel."""
    if str(info.get("OperatingSystem") or "").startswith("Docker Desktop"):
        return "desktop"
    is_here = base_url == _BY_SOCKET and info.get("KernelVersion") == platform.release()
    if not (sys.platform.startswith("linux") and is_here):
        return "elsewhere"
    if any("rootless" in str(option) for option in info.get("SecurityOptions") or ()):
        return "rootless"
    return "snap" if str(info.get("DockerRootDir") or "").startswith("/var/snap/") else "system"


def free_bytes(root: str, kind: EngineKind) -> int | None:
    """On the disk that really holds it; None where this computer cannot see it."""
    if not root or kind in ("desktop", "elsewhere"):
        return None
    try:
        # That of a folder which one may not enter is told all the same: /var/lib/docker is root's alone.
        return shutil.disk_usage(root).free
    except PermissionError:
        with suppress(OSError):
            mount = _mount_of(Path(root))
            return shutil.disk_usage(mount).free if mount else None
    except OSError:
        pass
    return None


def _mount_of(folder: Path) -> Path | None:
    """Where the disk is mounted that holds it, told without looking into any folder; None if nobody says."""
    mounts = (Path(partition.mountpoint) for partition in psutil.disk_partitions(all=True))
    above = (mount for mount in mounts if folder.is_relative_to(mount))
    return max(above, key=lambda mount: len(mount.parts), default=None)
