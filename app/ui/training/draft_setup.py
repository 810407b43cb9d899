"""From the half-filled form to a setup, and back."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.domain.auto_set import NO_WISHES
from app.domain.presets import AUTO_SET, NAMES
from app.domain.runs import DockerOptions
from app.domain.setups import Setup
from app.ui.training import typed_numbers
from app.ui.training.expert import binding
from app.ui.training.expert.catalogue import SECTIONS, Setting, settings
from app.ui.training.job_draft import JobDraft
from app.ui.training.options import LISTED_MODELS, ROWS, Source
from app.ui.training.pod_draft import PodDraft
from app.ui.training.spread_draft import SpreadDraft
from app.ui.training.typed_numbers import NUMBERS
from trainer_image.config import FileDataset, HubDataset, Logging, Lora, Osft, Push, RunConfig, Sft

if TYPE_CHECKING:
    from app.ui.training.draft import TrainingDraft


def setup_of(draft: "TrainingDraft", config: type[RunConfig] = RunConfig) -> Setup:
    """Raises ValueError if the draft's `missing()` has something to say."""
    others, push, spread = _others(draft, config), push_of(draft), draft.spread.values()
    is_file = draft.source is Source.FILE and draft.file.strip()
    return Setup(
        skill=draft.skill,
        preset=preset_of(draft),
        target=draft.target,
        session=draft.session if draft.source is Source.SESSION else None,
        session_name=draft.session_names.get(draft.session, "") if draft.source is Source.SESSION else "",
        file=Path(draft.file.strip()) if is_file else None,
        output_name=draft.output_name.strip(),
        docker=docker_of(draft),
        pod=draft.pod.options(),
        job=draft.job.options(),
        answers=draft.answers,
        config=config(
            base_model=draft.base_model,
            dataset=_dataset(draft),
            method=method_of(draft).model_dump() | others["method"],
            lr_scheduler=draft.lr_scheduler,
            optimizer=draft.optimizer,
            **spread | {"distributed": spread["distributed"].model_dump() | others["distributed"]},
            precision=draft.precision,
            gradient_checkpointing=draft.gradient_checkpointing,
            on_oom_shorten=draft.on_oom_shorten,
            max_tokens_per_gpu=draft.token_bound(),
            probe_memory=draft.probe_memory,
            save_full_state=draft.save_full_state,
            push=push and push.model_dump() | others["push"],
            logging={name: text.strip() or None for name, text in draft.logging.items()} | others["logging"],
            offline=draft.offline,
            **_rows(draft),
            **_values(draft, RunConfig),
            **others[""],
        ),
    )


def fill(draft: "TrainingDraft", setup: Setup) -> None:
    """So that `setup_of` gives the same setup again."""
    config = setup.config
    draft.skill = setup.skill
    draft.target = setup.target
    draft.output_name = setup.output_name
    draft.answers = setup.answers
    _fill_data(draft, setup)
    draft.is_model_typed = config.base_model not in LISTED_MODELS
    if draft.is_model_typed:
        draft.typed_model = config.base_model
    else:
        draft.listed_model = config.base_model
    _fill_docker(draft, setup.docker)
    draft.pod = PodDraft.of(setup.pod)
    draft.job = JobDraft.of(setup.job)
    draft.lr_scheduler = config.lr_scheduler
    draft.optimizer = config.optimizer
    draft.spread = SpreadDraft.of(config)
    draft.precision = config.precision
    draft.gradient_checkpointing = config.gradient_checkpointing
    draft.on_oom_shorten = config.on_oom_shorten
    draft.max_tokens = str(config.max_tokens_per_gpu or "")
    draft.probe_memory = config.probe_memory
    draft.save_full_state = config.save_full_state
    _fill_push(draft, config.push)
    known = config.logging.model_dump(include=set(Logging.model_fields))
    draft.logging = {name: text for name, text in known.items() if text}
    draft.offline = config.offline
    draft.rows = {name: getattr(config, name) for name in ROWS}
    draft.method = config.method.kind
    _fill_numbers(draft, config, RunConfig)
    draft.others = {
        setting.path: binding.as_kept(setting, _value_at(config, setting))
        for setting in settings(draft.method, type(config))
        if binding.is_other(setting)
    }
    if isinstance(config.method, Lora):
        _fill_lora(draft, config.method)
    elif isinstance(config.method, Osft):
        draft.osft_patterns = " ".join(config.method.target_patterns)
        draft.train_rest = config.method.train_rest
        _fill_numbers(draft, config.method, Osft)


def preset_of(draft: "TrainingDraft") -> str:
    """Its name; empty where wishes of one's own went into it, which it would not bring back."""
    own = draft.preset == AUTO_SET and draft.auto.wishes != NO_WISHES
    return draft.shown_preset if draft.shown_preset in NAMES and not own else ""


def docker_of(draft: "TrainingDraft") -> DockerOptions:
    """The Docker settings as they stand, complete or not."""
    return DockerOptions(
        image=draft.image.strip(),
        data_dir=Path(draft.data_dir.strip()) if draft.data_dir.strip() else None,
        use_gpu=draft.use_gpu,
        pass_hf_token=draft.pass_hf_token,
        container_name=draft.container_name.strip(),
    )


def method_of(draft: "TrainingDraft") -> Lora | Osft | Sft:
    if draft.method == "sft":
        return Sft()
    if draft.method == "osft":
        return Osft(target_patterns=draft.patterns, train_rest=draft.train_rest, **_values(draft, Osft))
    return Lora(
        target_modules=draft.target_modules,
        target_patterns=draft.patterns,
        use_rslora=draft.use_rslora,
        use_dora=draft.use_dora,
        load_in_4bit=draft.base_bits == "4",
        load_in_8bit=draft.base_bits == "8",
        **_values(draft, Lora),
    )


def push_of(draft: "TrainingDraft") -> Push | None:
    """Raises ValueError if the repository's name is no good."""
    repo = draft.push_repo.strip()
    if not repo:
        return None
    return Push(repo_id=repo, private=draft.push_private, every_save=draft.push_every_save)


def _fill_lora(draft: "TrainingDraft", method: Lora) -> None:
    draft.target_modules = method.target_modules
    draft.lora_patterns = " ".join(method.target_patterns)
    draft.use_rslora, draft.use_dora = method.use_rslora, method.use_dora
    draft.base_bits = "4" if method.load_in_4bit else "8" if method.load_in_8bit else ""
    _fill_numbers(draft, method, Lora)


def _fill_data(draft: "TrainingDraft", setup: Setup) -> None:
    dataset = setup.config.dataset
    draft.file_dataset = dataset if isinstance(dataset, FileDataset) else FileDataset()
    if isinstance(dataset, HubDataset):
        draft.source = Source.HUB
        draft.hub_repo, draft.hub_split = dataset.repo, dataset.split
        draft.hub_config = dataset.config or ""
    elif setup.session:
        draft.source, draft.session = Source.SESSION, setup.session
        draft.session_names = {**draft.session_names, setup.session: setup.session_name}
    else:
        draft.source, draft.file = Source.FILE, str(setup.file) if setup.file else ""


def _fill_docker(draft: "TrainingDraft", docker: DockerOptions) -> None:
    draft.image = docker.image
    draft.data_dir = str(docker.data_dir) if docker.data_dir else ""
    draft.use_gpu = docker.use_gpu
    draft.pass_hf_token = docker.pass_hf_token
    draft.container_name = docker.container_name


def _fill_push(draft: "TrainingDraft", push: Push | None) -> None:
    draft.push_repo = push.repo_id if push else ""
    draft.push_private = push.private if push else True
    draft.push_every_save = push.every_save if push else False


def _fill_numbers(draft: "TrainingDraft", section: Any, owner: type[Any]) -> None:
    for name, number in NUMBERS.items():
        if number.owner is owner:
            draft.numbers[name] = typed_numbers.as_text(getattr(section, name))


def _others(draft: "TrainingDraft", config: type[RunConfig]) -> dict[str, dict[str, Any]]:
    """Settings of the schema that the form has no field of its own for, by section; "" for those in none."""
    found: dict[str, dict[str, Any]] = {section: {} for section in ("", "method", *SECTIONS)}
    for setting in settings(draft.method, config):
        if binding.is_other(setting):
            found[setting.path.rpartition(".")[0]][setting.name] = binding.read(draft, setting)
    return found


def _value_at(config: RunConfig, setting: Setting) -> Any:
    """The default in a section that a config does not have."""
    section = setting.path.rpartition(".")[0]
    owner = getattr(config, section) if section else config
    return getattr(owner, setting.name, setting.default)


def _dataset(draft: "TrainingDraft") -> FileDataset | HubDataset:
    if draft.source is not Source.HUB:
        return draft.file_dataset
    return HubDataset(
        repo=draft.hub_repo.strip(),
        split=draft.hub_split.strip(),
        config=draft.hub_config.strip() or None,
    )


def _rows(draft: "TrainingDraft") -> dict[str, Any]:
    file = (draft.rows["validation_file"] or "").strip() or None
    column = draft.rows["document_column_name"].strip()
    column = column or RunConfig.model_fields["document_column_name"].default
    values = {**draft.rows, "validation_file": file, "document_column_name": column}
    if values["is_pretraining"]:  # their switches are not shown: documents are learnt whole
        values |= {"packing": False, "unmask_messages": False}
    return values


def _values(draft: "TrainingDraft", owner: type[Any]) -> dict[str, Any]:
    return {
        name: typed_numbers.read(name, draft.numbers[name])
        for name, number in NUMBERS.items()
        if number.owner is owner
    }
