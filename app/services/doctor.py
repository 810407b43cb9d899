"""Look at this computer and say in plain sentences what works and what does not."""

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.domain.ports import Launchers, Secrets
from app.domain.runs import DockerOptions, Target

_GIB = 1024**3


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    state: Literal["ok", "warning", "problem"]
    text: str


class DoctorService:
    def __init__(
        self,
        home: Path,
        launchers: Launchers,
        secrets: Secrets,
        gpus: Callable[[], Sequence[str]],
        docker: DockerOptions,
        *,
        has_runpod_key: Callable[[], bool],
    ) -> None:
        self._home = home
        self._launchers = launchers
        self._secrets = secrets
        self._gpus = gpus
        self._docker = docker
        self._has_runpod_key = has_runpod_key

    def findings(self) -> list[Finding]:
        """Everything worth knowing before a first run. Takes up to a few seconds."""
        return [
            Finding("Python", "ok", f"{sys.version.split()[0]}"),
            self._disk(),
            self._gpu(),
            *(self._target(target) for target in self._launchers),
            self.token(),
        ]

    def _disk(self) -> Finding:
        free = shutil.disk_usage(self._home).free / _GIB
        text = f"{free:.1f} GB free for {self._home}"
        return Finding("Disk", "ok" if free > 5 else "warning", text)

    def _gpu(self) -> Finding:
        found = self._gpus()
        if found:
            return Finding("GPU", "ok", "; ".join(found))
        return Finding(
            "GPU", "warning", "No NVIDIA GPU found. Training runs on the processor: small models only."
        )

    def _target(self, target: Target) -> Finding:
        if target is Target.RUNPOD and not self._has_runpod_key():
            text = "No key. Only needed to rent GPUs: see Settings, or set RUNPOD_API_KEY before the start."
            return Finding(target.label, "ok", text)
        problems = self._launchers[target].problems(self._docker)
        if not problems:
            return Finding(target.label, "ok", "Ready.")
        state: Literal["warning", "problem"] = "problem" if target is Target.LOCAL else "warning"
        return Finding(target.label, state, " ".join(problems))

    def token(self) -> Finding:
        """Whether a Hugging Face token is at hand. Quick; never the token itself."""
        if self._secrets.hf_token():
            return Finding("Hugging Face token", "ok", "Found. It is never shown.")
        return Finding(
            "Hugging Face token",
            "ok",
            "None. Only needed for private or gated models: see Settings, or set HF_TOKEN before the start.",
        )
