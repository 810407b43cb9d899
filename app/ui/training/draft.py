"""The half-filled training form: everything a person chose or typed, exactly as they left it."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal

import flet as ft

from app.domain import presets
from app.domain.presets import AUTO_SET, NAMES, PRESETS, QUICK_LOCAL_TEST, Method, preset_values
from app.domain.questions import Answers
from app.domain.runs import DockerOptions, RunId, Target
from app.domain.sessions import Session
from app.domain.setups import BUNDLED_MODEL, Setup, Skill
from app.services.settings import LeftForm
from app.ui.inference.export_window import ExportWindow
from app.ui.training import draft_setup, incomplete, typed_numbers
from app.ui.training.beginner import auto_form
from app.ui.training.beginner.state import PINS, AutoState
from app.ui.training.inference.draft import ChatDraft
from app.ui.training.job_draft import JobDraft
from app.ui.training.options import (
    ROWS,
    BaseBits,
    LrScheduler,
    Optimizer,
    Precision,
    Source,
    TargetModules,
)
from app.ui.training.pod_draft import PodDraft
from app.ui.training.selection import RunSelection
from app.ui.training.spread_draft import SpreadDraft
from app.ui.training.taking_back import Reset, taken_back
from app.ui.training.typed_numbers import NUMBERS
from trainer_image.config import FileDataset, Lora, Osft, RunConfig, Sft

CUSTOM: Final = "Custom"


def _first_rows() -> dict[str, Any]:
    return {name: RunConfig.model_fields[name].default for name in ROWS}


_NOT_TYPED: Final = frozenset(
    {
        "selection",
        "chat",
        "exports",
        "row_counts",
        "session_names",
        "chosen_setup",
        "before_reset",
        "undoable",
        "sought",
        "only_changed",
        "offline_reason",
        "setups_version",
        "is_restored",
        "was_started_before",
        "looks_at_rows",
    }
)
"""Fields of the draft that are not the person's."""


@ft.observable
@dataclass(eq=False)
class TrainingDraft:
    """State of the form. What is not shown for the chosen target, source or method is kept all the same."""

    skill: Skill = "beginner"
    target: Target = Target.LOCAL
    source: Source = Source.SESSION
    session: str = ""
    """Id or name of a session, as it was chosen or loaded."""
    session_names: dict[str, str] = field(default_factory=dict)
    """Session, by id and by name → what it is called, as far as it is known; stays when it is deleted."""
    hub_repo: str = ""
    hub_split: str = "train"
    hub_config: str = ""
    file: str = ""

    listed_model: str = BUNDLED_MODEL
    typed_model: str = ""
    is_model_typed: bool = False

    method: Method = "lora"
    target_modules: TargetModules = "all-linear"
    lora_patterns: str = ""
    """Regular expressions with blanks between them."""
    alpha_follows_rank: bool = True
    """Whether LoRA's alpha is twice the rank whatever is typed there; typing an alpha ends it."""
    use_rslora: bool = False
    use_dora: bool = False
    base_bits: BaseBits = ""
    osft_patterns: str = ""
    """Alike; empty for the usual layers."""
    train_rest: bool = False

    preset: str = QUICK_LOCAL_TEST
    numbers: dict[str, str] = field(default_factory=typed_numbers.first)
    """Field of the config → text as typed."""
    rows: dict[str, Any] = field(default_factory=_first_rows)
    """Field of the config, of `ROWS` → value."""
    lr_scheduler: LrScheduler = "cosine"
    optimizer: Optimizer = "adamw"
    precision: Precision = "auto"
    gradient_checkpointing: bool = False
    on_oom_shorten: bool = False
    max_tokens: str = ""
    """Of `max_tokens_per_gpu`: a number, auto, or empty."""
    probe_memory: bool = True
    save_full_state: bool = True
    push_repo: str = ""
    push_private: bool = True
    push_every_save: bool = False
    logging: dict[str, str] = field(default_factory=dict)
    """Field of the config's `logging` → text as typed."""
    offline: bool = False
    others: dict[str, Any] = field(default_factory=dict)
    """Place in the config → value as typed, of settings no other field here is for."""
    spread: SpreadDraft = field(default_factory=SpreadDraft)

    output_name: str = ""

    image: str = DockerOptions.image
    data_dir: str = ""
    use_gpu: bool = True
    pass_hf_token: bool = False
    container_name: str = ""
    pod: PodDraft = field(default_factory=PodDraft)
    job: JobDraft = field(default_factory=JobDraft)

    file_dataset: FileDataset = field(default_factory=FileDataset)
    """A file named inside a loaded config: not shown, passed on as it came."""
    setup_name: str = ""
    """The saved setup that was loaded or saved last."""
    chosen_setup: str = ""
    """The one chosen in the list of saved setups, loaded or not."""
    cloned_from: RunId | None = None
    """The run whose settings fill the form."""
    setups_version: int = 0
    """Rises when a setup was saved, renamed or deleted, so that lists of them are read again."""
    looks_at_rows: int = 0
    """Rises when all rows were looked at, so that what the run takes is worked out anew."""
    sought: str = ""
    """What the expert's form is searched for."""
    before_reset: Reset | None = None
    """Of the last time all settings were reset, while that can be undone."""
    undoable: Mapping[str, Any] | None = None
    """What `everything` gave last: only what filled the form last can be undone."""
    only_changed: bool = False
    """Whether it shows only what is not at its default."""
    offline_reason: str = ""
    """Why the network is not used now, as a sentence; empty if it is."""
    row_counts: dict[str, int] = field(default_factory=dict)
    """Session, by id and by name → its rows, for advice."""
    is_restored: bool = False
    """Whether the last used setup has been looked for."""
    was_started_before: bool = False
    answers: Answers = field(default_factory=Answers)
    """To the beginner's three questions."""
    auto: AutoState = field(default_factory=AutoState)
    effective_text: str = ""
    """The effective batch as typed, while it is no number or the product is still the same."""
    selection: RunSelection = field(default_factory=RunSelection)
    chat: ChatDraft = field(default_factory=ChatDraft)
    exports: ExportWindow = field(default_factory=ExportWindow)

    @property
    def base_model(self) -> str:
        return self.typed_model.strip() if self.is_model_typed else self.listed_model

    @property
    def effective_batch_size(self) -> int | None:
        """Examples behind one step; None while a factor is not a number."""
        factors = [self.number("per_device_batch_size"), self.number("gradient_accumulation_steps")]
        return int(factors[0] * factors[1]) if factors[0] and factors[1] else None

    @property
    def epochs(self) -> float | None:
        """None while it is not a number."""
        return self.number("num_epochs")

    def type_number(self, name: str, text: str) -> None:
        """Keep the text as typed; a value that leaves the preset makes the preset Custom.

        What Auto Set was to choose is from here on the person's own, and the rest follows it.
        """
        self.numbers[name] = text
        if self.preset == AUTO_SET and name in PINS:
            self.auto = self.auto.pinning(PINS[name])
        if name == "lora_r":
            self._let_alpha_follow()
        elif name == "lora_alpha":
            self.alpha_follows_rank = self._alpha_is_twice_the_rank()
        self.preset = self.shown_preset

    def link_alpha(self, follows: bool) -> None:
        """Let LoRA's alpha be twice the rank, or leave it as it is from here on."""
        self.alpha_follows_rank = follows
        self._let_alpha_follow()
        self.preset = self.shown_preset

    def _let_alpha_follow(self) -> None:
        rank = self.number("lora_r")
        if self.alpha_follows_rank and rank:
            self.numbers["lora_alpha"] = typed_numbers.as_text(2 * rank)

    def _alpha_is_twice_the_rank(self) -> bool:
        rank, alpha = self.number("lora_r"), self.number("lora_alpha")
        return rank is not None and alpha == 2 * rank

    def choose_target(self, target: Target) -> None:
        """The preset goes on where it is offered there too; else that place's first one starts.

        An expert's values stay as they are.
        """
        self.target = target
        offered = presets.offered_for(target)
        if self.preset in NAMES and self.skill == "beginner":
            self.apply_preset(self.preset if self.preset in offered else offered[0])

    def apply_preset(self, name: str) -> None:
        """Put the preset's values into the fields; Custom leaves them as they are."""
        if self.preset == AUTO_SET and name not in (AUTO_SET, CUSTOM):
            auto_form.take_back(self)
        self.preset = name
        self.effective_text = ""
        self.method = presets.method_of(name) or self.method
        self.pod = self.pod.as_preset(name)
        values = {**preset_values(name, self.method), **presets.method_values(name)}
        if values.pop("load_in_4bit", False):
            self.base_bits = "4"
        for field_name, value in values.items():
            if field_name in NUMBERS:
                self.numbers[field_name] = typed_numbers.as_text(value)
            else:
                setattr(self, field_name, value)
        self.alpha_follows_rank = self._alpha_is_twice_the_rank()

    @property
    def shown_preset(self) -> str:
        """The chosen preset, while the form still says what it sets."""
        return self.preset if self._holds(self.preset) else CUSTOM

    def choose_method(self, method: Method) -> None:
        """A preset's values depend on the method; own values stay as they are."""
        self.method = method
        is_for_it = presets.method_of(self.preset) in {None, method}
        self.apply_preset(self.preset if is_for_it else CUSTOM)

    def restore(self, left: LeftForm) -> None:
        """Begin where the person left off."""
        if left.setup is not None:
            self.load(left.setup)
        if left.answers not in {None, self.answers}:
            auto_form.answer_questions(self, left.answers or Answers())
        self.was_started_before = left.was_started
        self.is_restored = True

    def preselect(self, sessions: Sequence[Session]) -> None:
        """Before the very first run there is nothing to choose if there is only one session."""
        if self.is_restored and not self.was_started_before and not self.session and len(sessions) == 1:
            self.session = str(sessions[0].id)

    def note_rows(self, sessions: Sequence[Session]) -> None:
        """Remember how many rows each session has; nothing is touched if that is known."""
        counts = {key: s.row_count for s in sessions for key in (str(s.id), s.name)}
        if counts != self.row_counts:
            self.row_counts = counts
        names = {**self.session_names, **{str(s.id): s.name for s in sessions}}
        if names != self.session_names:
            self.session_names = names

    def go_offline(self, reason: str) -> None:
        """Follow offline mode: what needs the network is taken back, as often as it is asked for."""
        if reason != self.offline_reason:
            self.offline_reason = reason
        if reason and self.source is Source.HUB:
            self.source = Source.SESSION
        if reason and self.push_repo:
            self.push_repo = ""
        if reason and self.target.needs_network:
            self.target = Target.LOCAL

    @property
    def row_count(self) -> int | None:
        """Rows of the chosen session; None if another source is chosen, or it is not known."""
        return self.row_counts.get(self.session) if self.source is Source.SESSION else None

    def number_problem(self, name: str) -> str:
        return typed_numbers.problem(name, self.numbers[name])

    def missing(self) -> str:
        """The next thing to fill in or to wait for, as an order to the person; empty if a run can start."""
        return self.incomplete() or auto_form.problem(self)

    def incomplete(self) -> str:
        """The next thing to fill in; empty if nothing is missing but what takes time."""
        return incomplete.first_of(self)

    @property
    def patterns(self) -> tuple[str, ...]:
        """Those that count for the chosen method."""
        if self.method == "osft":
            return tuple(self.osft_patterns.split())
        if self.method == "lora" and self.target_modules == "custom":
            return tuple(self.lora_patterns.split())
        return ()

    def method_problem(self) -> str:
        """What is wrong with the chosen method's patterns and switches, as an order; empty if nothing is."""
        return incomplete.method_problem(self)

    def to_setup(self) -> Setup:
        """What the form says. Raises ValueError if `missing()` has something to say."""
        return draft_setup.setup_of(self)

    def spread_problem(self) -> str:
        """What is wrong with several GPUs and the backend; empty while the method itself is not right."""
        if self.method_problem() or any(self.number_problem(name) for name in self.active_numbers()):
            return ""
        return self.spread.problem(draft_setup.method_of(self))

    def token_bound(self) -> int | Literal["auto"] | None:
        """Raises ValueError if it is neither a number nor auto nor empty."""
        text = self.max_tokens.strip().lower()
        return "auto" if text == "auto" else int(text) if text else None

    def load(self, setup: Setup) -> None:
        """Fill the form from a setup, so that `to_setup` gives the same setup again."""
        draft_setup.fill(self, setup)
        self.cloned_from = self.before_reset = None
        self.alpha_follows_rank = self._alpha_is_twice_the_rank()
        self.auto, self.effective_text = AutoState(), ""
        is_said = setup.preset in NAMES and self._holds(setup.preset)
        self.preset = setup.preset if is_said else CUSTOM

    def recognise_preset(self) -> None:
        """Where none is said: the first that has the form's values. For runs, which keep no name of one."""
        if self.preset == CUSTOM:
            self.preset = next((name for name in PRESETS if self._holds(name)), CUSTOM)

    def everything(self) -> Mapping[str, Any]:
        """All that was chosen and typed, to be put back after something else was loaded."""
        self.undoable = self._everything()
        return self.undoable

    def can_undo(self, before: Mapping[str, Any]) -> bool:
        """Whether nothing else has filled the form since `everything` gave that."""
        return self.undoable is before

    def undo(self, before: Mapping[str, Any]) -> bool:
        """Put back what `everything` gave; False, and nothing done, if something else has filled it since."""
        if not self.can_undo(before):
            return False
        self.put_back(before)
        self.undoable = None
        return True

    def note_reset(self, before: Mapping[str, Any]) -> None:
        """All settings were reset just now; `everything` gave that before."""
        self.before_reset = Reset(before, self._everything())

    @property
    def can_undo_reset(self) -> bool:
        return self.before_reset is not None and self.can_undo(self.before_reset.before)

    def undo_reset(self) -> bool:
        """As `undo`, but what was typed since stays."""
        reset = self.before_reset
        if reset is None or not self.can_undo_reset:
            return False
        now = self._everything()
        self.put_back({name: taken_back(reset.before[name], reset.after[name], now[name]) for name in now})
        self.alpha_follows_rank = self.alpha_follows_rank and self._alpha_is_twice_the_rank()
        self.preset = self.shown_preset
        self.undoable = None
        return True

    def _everything(self) -> Mapping[str, Any]:
        names = [item.name for item in fields(self) if item.name not in _NOT_TYPED]
        return {name: copy(getattr(self, name)) for name in names}

    def put_back(self, everything: Mapping[str, Any]) -> None:
        """What `everything` gave."""
        for name, value in everything.items():
            setattr(self, name, copy(value))

    def docker_options(self) -> DockerOptions:
        """The Docker settings as they stand, complete or not."""
        return draft_setup.docker_of(self)

    def active_numbers(self) -> list[str]:
        """Names of the fields that hold a number and count for the chosen method."""
        owners = {RunConfig, {"lora": Lora, "osft": Osft, "sft": Sft}[self.method]}
        return [name for name, number in NUMBERS.items() if number.owner in owners]

    def number(self, name: str) -> float | None:
        """What is typed; None while it is no number."""
        return None if self.number_problem(name) else typed_numbers.read(name, self.numbers[name])

    def _holds(self, preset: str) -> bool:
        """Whether the form says what the preset sets."""
        if preset == AUTO_SET:
            return auto_form.holds(self)
        if presets.method_of(preset) not in {None, self.method}:
            return False
        wanted = {**preset_values(preset, self.method), **presets.method_values(preset)}
        return all(self._said(name) == value for name, value in wanted.items())

    def _said(self, name: str) -> Any:
        if name == "load_in_4bit":
            return self.base_bits == "4"
        return self.number(name) if name in NUMBERS else getattr(self, name)
