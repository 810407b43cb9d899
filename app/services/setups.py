"""Saved setups: save, load, rename, delete; what one of them misses on this computer."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from app.domain.errors import StudioError, UnknownSessionError
from app.domain.ports import ConfigStore
from app.domain.presets import PRESETS
from app.domain.runs import RunRequest
from app.domain.saved_setups import SavedSetup, SetupNameTakenError, StoredConfig, UnknownSetupError
from app.domain.sessions import Session, SessionId
from app.domain.setup_secrets import without_secrets
from app.domain.setups import Setup
from app.domain.targets import Target
from app.domain.typed_paths import expanded, is_file, is_folder, looks_like_path
from app.services.library import LibraryService
from app.services.setup_files import (
    first_mistake,
    parse_setup,
    read_setup,
    setup_text,
    with_files_in,
    write_setup,
)
from app.services.training import TrainingService

log = logging.getLogger(__name__)

LONGEST_NAME: Final = 100


class SetupService:
    """What the saved setups can be asked for. Blocking: the UI calls it off the event loop."""

    def __init__(self, store: ConfigStore, library: LibraryService, training: TrainingService) -> None:
        self._store = store
        self._library = library
        self._training = training

    def saved(self, target: Target | None = None) -> Sequence[SavedSetup]:
        """All, or those for a target, by name. What cannot be read belongs to every target."""
        every = [_read(stored) for stored in self._store.all()]
        return [one for one in every if target is None or one.target in {None, target}]

    def get(self, name: str) -> SavedSetup:
        """Raises UnknownSetupError."""
        for stored in self._store.all():
            if stored.name == name:
                return _read(stored)
        raise UnknownSetupError(f"There is no saved setup “{name}”.", "`tunewright setups list` names them.")

    def load(self, name: str) -> Setup:
        """Raises UnknownSetupError, or StudioError if this version cannot read it."""
        saved = self.get(name)
        if saved.setup is None:
            raise StudioError(saved.problem, "It is kept as it is.")
        return saved.setup

    def save(self, name: str, setup: Setup, *, replace: bool = False) -> SavedSetup:
        """Keep a setup under a name, without secrets, with its session by id.

        Raises SetupNameTakenError if there is one of that name and `replace` is not set, and StudioError for
        a name that is none.
        """
        name = checked_name(name)
        kept, left_out = without_secrets(self._with_session_by_id(setup))
        if not self._store.save(name, kept.model_dump_json(), replace=replace):
            raise _taken(name)
        saved = self.get(name)
        return SavedSetup(saved.name, saved.saved_at, saved.setup, left_out=left_out)

    def rename(self, name: str, new_name: str) -> SavedSetup:
        """Raises UnknownSetupError and SetupNameTakenError."""
        new_name = checked_name(new_name)
        self.get(name)
        if name != new_name and not self._store.rename(name, new_name):
            raise _taken(new_name)
        return self.get(new_name)

    def delete(self, name: str) -> SavedSetup:
        """Returns what was deleted. Raises UnknownSetupError."""
        saved = self.get(name)
        self._store.delete(name)
        return saved

    def export(self, name: str, path: Path, *, overwrite: bool = False) -> None:
        """Write a .toml or .json file. Raises StudioError."""
        write_setup(self._for_a_file(name), path, overwrite=overwrite)

    def exported(self, name: str, file_name: str) -> str:
        """What `export` would write into a file of this name. Raises StudioError."""
        return setup_text(self._for_a_file(name), file_name)

    def _for_a_file(self, name: str) -> Setup:
        """In a file a relative path counts from there; as typed in the form it counts from home."""
        return with_files_in(self.load(name), Path.home())

    def import_file(self, path: Path, name: str = "", *, replace: bool = False) -> SavedSetup:
        """Raises StudioError, also for a name that is taken."""
        setup = with_files_in(read_setup(path), path.absolute().parent)
        return self.save(name or path.stem, setup, replace=replace)

    def import_text(self, text: str, file_name: str, name: str = "", *, replace: bool = False) -> SavedSetup:
        """The same from what a browser handed over. Raises StudioError."""
        return self.save(name or Path(file_name).stem, parse_setup(text, file_name), replace=replace)

    def suggested_name(self, setup: Setup) -> str:
        """A name nothing has yet, from the model, the method and the data."""
        data = setup.file.stem if setup.file else self._session_name(setup)
        data = data or getattr(setup.config.dataset, "repo", "").rpartition("/")[2]
        model = setup.config.base_model.rstrip("/").rpartition("/")[2]
        parts = (data, model, {"lora": "LoRA", "osft": "OSFT", "sft": "SFT"}[setup.config.method.kind])
        wanted = ", ".join(part for part in parts if part)[: LONGEST_NAME - 5]
        taken = {stored.name for stored in self._store.all()}
        numbered = (f"{wanted} {number}" for number in range(2, len(taken) + 3))
        return wanted if wanted not in taken else next(name for name in numbered if name not in taken)

    def missing(self, setup: Setup) -> Sequence[str]:
        """What the setup names and is not here any more, each as a sentence. May take a few seconds."""
        found = [self._missing_data(setup), _missing_model(setup), _missing_preset(setup)]
        request = RunRequest(setup.config, setup.target, docker=setup.docker)
        try:
            found += self._training.target_problems(request)
        except StudioError as error:
            found.append(str(error))
        return [sentence for sentence in found if sentence]

    def _missing_data(self, setup: Setup) -> str:
        aside = setup.config.validation_file if setup.config.validation == "file" else None
        if aside and Path(aside).is_absolute() and not is_file(Path(aside)):
            return f"The validation file {aside} is not there."
        if setup.session and self._session(setup) is None:
            name = setup.session_name or setup.session
            return f"The session “{name}” is no longer here: choose another one."
        if setup.file and not is_file(Path.home() / expanded(setup.file)):
            return f"The data file {setup.file} is not there."
        return ""

    def _session(self, setup: Setup) -> Session | None:
        """By its id only, once it was saved with one: another of that name is another session."""
        try:
            if setup.session and setup.session_name:
                return self._library.get(SessionId(setup.session))
            return self._library.find(setup.session) if setup.session else None
        except UnknownSessionError:
            return None

    def _session_name(self, setup: Setup) -> str:
        session = self._session(setup)
        return session.name if session else setup.session_name

    def _with_session_by_id(self, setup: Setup) -> Setup:
        session = self._session(setup)
        if session is None:
            return setup
        return setup.model_copy(update={"session": str(session.id), "session_name": session.name})


def checked_name(name: str) -> str:
    """Raises StudioError for what is no name."""
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise StudioError(
            "That is no name for a setup.", f"Type one line of at most {LONGEST_NAME} characters."
        )
    return name


def _read(stored: StoredConfig) -> SavedSetup:
    try:
        setup = Setup.model_validate_json(stored.document)
    except ValidationError as error:
        log.info("The setup %r cannot be read: %s", stored.name, first_mistake(error))
        problem = f"The setup “{stored.name}” cannot be read: {first_mistake(error)}."
        return SavedSetup(stored.name, stored.saved_at, None, problem)
    return SavedSetup(stored.name, stored.saved_at, setup)


def _taken(name: str) -> SetupNameTakenError:
    return SetupNameTakenError(f"There is a setup “{name}” already.", "Replace it, or choose another name.")


def _missing_model(setup: Setup) -> str:
    model = setup.config.base_model
    is_gone = looks_like_path(model) and not is_folder(expanded(model))
    return f"The folder of the base model, {model[:200]}, is not there." if is_gone else ""


def _missing_preset(setup: Setup) -> str:
    if not setup.preset or setup.preset in PRESETS:
        return ""
    return f"This version has no preset “{setup.preset}”; its values are all the same in the form."
