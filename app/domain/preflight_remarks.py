"""What is said of what the checks before a run find: each remark with what to do."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from app.domain.money import credit, money
from app.domain.preflight import ActiveLogger, DiskNeed, Download, MemoryNeed, Remark
from app.domain.preflight_ports import Account
from app.domain.renting import CostPlan
from app.domain.sizes import sized
from trainer_image.config import RunConfig
from trainer_image.look_protocol import Ability
from trainer_image.variants import base_model_hint

LOST_WORTH_A_WORD: Final = 0.1
"""Share of the rows that is lost from which on it is a warning."""
LESS_MEMORY: Final = (
    "In this order: fewer examples at once, a shorter longest example, gradient checkpointing, "
    "LoRA in 4 bits, a lower rank, a smaller model."
)


def memory_remarks(need: MemoryNeed | None) -> Sequence[Remark]:
    """Never an error: an estimate may be wrong, and a run that runs out of memory tries smaller batches."""
    if need is None or need.free is None or need.high <= need.free:
        return ()
    likely = "may" if need.expected <= need.free else "will probably"
    likely = "will very likely" if need.low > need.free else likely
    message = (
        f"Memory {likely} run out: {sized(need.expected)} expected, up to {sized(need.high)}, and "
        f"{sized(need.free)} are free on {need.device_name}."
    )
    return (Remark("Memory", "warning", message, LESS_MEMORY),)


def disk_remarks(need: DiskNeed | None, download: Download | None) -> Sequence[Remark]:
    """As `train.py` decides, before it is started: not even one checkpoint is an error, not all a warning."""
    found = []
    if need and need.checkpoint > need.free:
        message = (
            f"A checkpoint takes about {sized(need.checkpoint)}, and {sized(need.free)} are free at "
            f"{need.folder}."
        )
        hint = "Free some space, choose another folder, train an adapter, or turn “full state” off."
        found.append(Remark("Disk", "error", message, hint, may_pass=True))
    elif need and need.most > need.free:
        message = (
            f"The disk may become full: checkpoints and result take up to {sized(need.most)}, and "
            f"{sized(need.free)} are free at {need.folder}."
        )
        found.append(Remark("Disk", "warning", message, "Keep fewer checkpoints, or free some space."))
    if download and download.free is not None and download.left > download.free:
        message = (
            f"The model's download takes {sized(download.left)}, and {sized(download.free)} are free "
            "where it goes."
        )
        hint = "Free some space, or choose a smaller model."
        found.append(Remark("Disk", "error", message, hint, may_pass=True))
    return found


def of_a_plan(plan: CostPlan) -> tuple[Remark, ...]:
    """What speaks against renting: no money, or a budget that the run will not fit into."""
    said = []
    if plan.balance is not None and plan.balance < plan.offer.price_per_hour:
        message = (
            f"The Runpod account has {credit(plan.balance)}, an hour costs "
            f"{money(plan.offer.price_per_hour)}: "
            "Runpod starts nothing that cannot be paid for an hour."
        )
        said.append(Remark("Cost", "error", message, "Add credit in the Runpod console."))
    elif plan.balance is not None and plan.balance < plan.most:
        message = (
            f"The Runpod account has {credit(plan.balance)}, and the run may cost up to {money(plan.most)}."
        )
        said.append(Remark("Cost", "warning", message, "Add credit, or lower the budget."))
    if plan.seconds is not None and plan.seconds > plan.hours * 3600:
        message = (
            f"The run takes about {plan.seconds / 3600:.1f} hours, and budget and deadline leave "
            f"{plan.hours:.1f}: it would be stopped before its end."
        )
        said.append(Remark("Cost", "warning", message, "Raise the budget or the deadline, or train less."))
    return tuple(said)


def loss_remarks(lost: float, most: float) -> Sequence[Remark]:
    """Of the share of the rows that will not be learnt; beyond `most` `train.py` itself refuses."""
    message = f"{lost:.0%} of the rows will not be learnt"
    hint = "“Preview data” lists them with the reasons."
    if lost > most:
        return (Remark("Data", "error", f"{message}, and the run is to refuse more than {most:.0%}.", hint),)
    return (Remark("Data", "warning", f"{message}.", hint),) if lost >= LOST_WORTH_A_WORD else ()


def of_a_base_model(config: RunConfig) -> tuple[Remark, ...]:
    hint = "" if config.is_pretraining else base_model_hint(config.base_model)
    if not hint:
        return ()
    message, _, rest = hint.partition(". ")
    return (Remark("Model", "warning", f"{message}.", rest),)


def of_validation_file(path: Path) -> Remark:
    message = f"The validation file {path} cannot be read."
    return Remark("Data", "error", message, "Check its path, or keep a share of the rows aside instead.")


def of_a_broken_folder(folder: Path, lacks: str) -> Remark:
    message = f"The base model in {folder} is not whole: {lacks}."
    hint = "Get it again, or choose the folder with config.json, weights and tokenizer."
    return Remark("Model", "error", message, hint)


def of_no_download(name: str, lacks: str, why_not: str) -> Remark:
    state = f"is not whole on this computer ({lacks})" if lacks else "is not on this computer"
    message = f"The base model {name} {state}, and nothing may be downloaded. {why_not}"
    hint = "Turn offline mode off once to download it, or choose a model that is on this computer."
    return Remark("Model", "error", message, hint)


def of_no_push(repo: str, why_not: str, *, is_held_back: bool) -> Remark:
    """`is_held_back`: there may be a token, and the container is not given it."""
    if why_not:
        message = f"The result is to be pushed to {repo}, and nothing may be sent. {why_not}"
        return Remark("Push", "error", message, "Empty the repository to push to, or turn offline mode off.")
    hint = "Turn “Pass HF token” on." if is_held_back else "Set HF_TOKEN, or empty the repository to push to."
    return Remark("Token", "error", f"Pushing to {repo} needs a Hugging Face token; the run has none.", hint)


def of_an_account(account: Account, repo: str) -> tuple[Remark, ...]:
    if not account.may_write:
        message = f"The Hugging Face token of {account.name} may only read, and the result is to be pushed."
        hint = "Make one that may write at https://huggingface.co/settings/tokens, or do not push."
        return (Remark("Token", "error", message, hint),)
    owner, is_named, _ = repo.partition("/")
    if not is_named or owner in {account.name, *account.organisations}:
        return ()
    message = f"The token is {account.name}'s, who is not known to belong to {owner}."
    hint = f"Push to {account.name}/…, or make sure that you may write there. A failed push loses nothing."
    return (Remark("Push", "warning", message, hint),)


def of_a_logger(logger: ActiveLogger) -> Remark:
    """As `train.py` does: what the config asks for must be there, an environment variable only warns."""
    if logger.origin == "the config":
        message = f"The run is to log to {logger.label}, which is not installed here."
        hint = "Install its package where Tunewright runs, or leave its field empty."
        return Remark("Logging", "error", message, hint)
    message = (
        f"{logger.origin} is set, and {logger.label} is not installed here: nothing will be logged to it."
    )
    return Remark("Logging", "warning", message, "Install its package, or unset the variable.")


def of_what_cannot_run(config: RunConfig, abilities: Sequence[Ability]) -> list[Remark]:
    method = config.method
    name: str = method.kind
    if method.kind == "lora" and (method.load_in_4bit or method.load_in_8bit):
        name = "qlora_4bit" if method.load_in_4bit else "qlora_8bit"
    needed = {("methods", name), ("backends", config.backend)}
    hint = "Choose another method or backend, or install what is missing."
    return [
        Remark("Target", "error", f"This run cannot be trained here. {each.why_not}", hint)
        for each in abilities
        if (each.group, each.name) in needed and each.why_not
    ][:1]
