"""Would a training work without network? Tried in small, and looked up for the setup that is meant."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from app.domain.errors import StudioError
from app.domain.ports import Launchers
from app.domain.rehearsals import Rehearsal, Rehearser
from app.domain.runs import DockerOptions, Target
from app.domain.setups import BUNDLED_MODEL, Setup
from app.domain.typed_paths import expanded, is_file
from app.services.doctor import Finding
from app.services.library import LibraryService
from trainer_image.config import HubDataset

_BUNDLE: Final = "`tunewright bundle make` on a computer with network brings it along."


class OfflineDoctor:
    """Blocking; the rehearsal takes some seconds."""

    def __init__(
        self,
        rehearser: Rehearser,
        launchers: Launchers,
        library: LibraryService,
        *,
        bundled_model: Path,
        rows: Path,
    ) -> None:
        self._rehearser = rehearser
        self._launchers = launchers
        self._library = library
        self._bundled_model = bundled_model
        self._rows = rows

    def findings(self, setup: Setup | None) -> Sequence[Finding]:
        """The rehearsal first; then, for a setup, each thing that it would need from the network."""
        target = setup.target if setup else Target.LOCAL
        found = []
        if problems := self._launchers[Target.LOCAL].problems(setup.docker if setup else DockerOptions()):
            found.append(Finding("Packages", "problem", f"{' '.join(problems)} {_BUNDLE}"))
        else:
            rehearsal = self._rehearser.rehearse(self._bundled_model, self._rows)
            found += [Finding("Packages", "ok", "Everything for training is installed."), _said(rehearsal)]
        if setup is not None:
            found += [self._target(setup, target), *self._model(setup, target), self._data(setup)]
            if setup.config.push is not None:
                found.append(
                    Finding("Push", "problem", "The result is to be pushed to the Hub: take it out.")
                )
        return found

    def _target(self, setup: Setup, target: Target) -> Finding:
        if target.needs_network:
            text = f"{target.label} needs the network: choose a target on this computer."
            return Finding("Target", "problem", text)
        problems = self._launchers[target].problems(setup.docker)
        if not problems:
            return Finding("Target", "ok", f"{target.label} is ready.")
        return Finding(
            "Target", "problem", f"{' '.join(problems)} {_BUNDLE if target is Target.DOCKER else ''}"
        )

    def _model(self, setup: Setup, target: Target) -> Sequence[Finding]:
        name = setup.config.base_model
        if name == BUNDLED_MODEL:
            return [Finding("Model", "ok", "The tiny model comes with Tunewright.")]
        missing = self._rehearser.missing_of_model(name, in_docker=target is Target.DOCKER)
        if not missing:
            return [Finding("Model", "ok", f"{name} is on this computer, with its tokenizer and weights.")]
        return [Finding("Model", "problem", f"{text} {_BUNDLE}") for text in missing]

    def _data(self, setup: Setup) -> Finding:
        if isinstance(setup.config.dataset, HubDataset):
            text = f"{setup.config.dataset.repo} is read from the Hub: import it into a session first."
            return Finding("Data", "problem", text)
        if setup.session:
            try:
                session = self._library.find(setup.session)
            except StudioError as error:
                return Finding("Data", "problem", f"{error.message} {_BUNDLE}")
            return Finding("Data", "ok", f"The session {session.name} is on this computer.")
        file = Path.home() / expanded(setup.file or setup.config.dataset.path)
        if not is_file(file):
            return Finding("Data", "problem", f"The data file {file} is not on this computer.")
        return Finding("Data", "ok", f"The data file {file} is on this computer.")


def _said(rehearsal: Rehearsal) -> Finding:
    name = "Rehearsal"
    if not rehearsal.works:
        return Finding(name, "problem", f"A small training without network failed: {rehearsal.text}")
    if rehearsal.cut == "namespace":
        return Finding(name, "ok", "A small training ran, cut off by the system from every network.")
    return Finding(
        name,
        "warning",
        "A small training ran with the network refused by Tunewright's own guard. The system could not "
        f"cut it off ({rehearsal.why_guard}), so native code was only told to stay offline.",
    )
