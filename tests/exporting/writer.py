"""Stands for the exporting process where only what is around it is looked at."""

import threading
from collections.abc import Callable
from pathlib import Path

from app.domain.exports import Certificate, Check, ExportJob, Made, PushWish, Replacing, Told


class Writer:
    def __init__(
        self,
        *,
        fails: BaseException | None = None,
        passes: bool = True,
        lacks: str = "",
        says: str = "Letter 3 differs.",
        untried: str = "",
    ) -> None:
        self.fails, self.passes, self.missing = fails, passes, lacks
        self.says, self.untried = says, untried
        self.jobs: list[ExportJob] = []
        self.pushed: list[tuple[Path, str, PushWish, str]] = []
        self.there: Replacing | None = None
        self.began = threading.Event()
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def lacks(self, format, quantization) -> str:
        return self.missing

    def make(self, job: ExportJob, tell: Callable[[Told], None]) -> Made:
        self.jobs.append(job)
        self.began.set()
        (job.staging / "model.gguf").write_bytes(b"x" * 1000)
        while True:
            tell(Told("Writing", 0.5))
            if self.may_go_on.wait(0.01):
                break
        if self.fails:
            raise self.fails
        checks = (Check("Same text", self.passes, "Alike." if self.passes else self.says),)
        return Made(Certificate("a stand-in", checks, untried=self.untried))

    def replacing(self, folder, wish, *, token) -> Replacing | None:
        return self.there

    def push(self, folder, card, wish, *, token, tell) -> str:
        while not self.may_go_on.wait(0.01):
            tell(Told("Uploading file 1 of 2", 0.5))
        self.pushed.append((folder, card, wish, token))
        return f"https://hub/{wish.repo}"
