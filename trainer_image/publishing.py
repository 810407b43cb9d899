"""The result on the Hugging Face Hub, with a card that says what it is; private unless told otherwise.

A push that fails is no failure of the run: the result is on disk, and the notice says how to try again.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from trainer_image.config import HubDataset, RunConfig
from trainer_image.problems import RunFailedError, bad_config
from trainer_image.reporting import Reporter

_FRONT: Final = """\
---
library_name: {library}
pipeline_tag: text-generation
base_model: {base_model}
{datasets}tags:
- {kind}
---
"""
_CARD: Final = """
# {name}

{base_model}, fine-tuned by {method} on {data}.

| | |
|---|---|
| Rows | {rows} |
| Steps | {steps} of {batch} examples |
| Loss | {first_loss} at the first step, {final_loss} at the last |
| Learning rate | {learning_rate}, {lr_scheduler} |
| Longest row | {max_seq_len} tokens |
| Seed | {seed} |

Made with {versions}.
"""


def require_push_possible(config: RunConfig) -> None:
    """Raise RunFailedError in the first second for what would fail after hours."""
    if config.push is None:
        return
    if config.offline:
        raise bad_config(
            "The run is to push its result to the Hub, and offline mode is on.",
            "Turn 'offline' off, or take 'push' out.",
        )
    from huggingface_hub import get_token  # noqa: PLC0415 a third of a second

    if not get_token():
        raise RunFailedError(
            "The run is to push its result to the Hub, and there is no token.",
            "Set HF_TOKEN to a token that may write (in Docker: let it be passed on), or take 'push' out.",
        )


def model_card(config: RunConfig, *, curve: Mapping[str, Any], versions: Mapping[str, str]) -> str:
    """`curve` has `rows`, `steps`, `first_loss` and `final_loss`."""
    hub = config.dataset.repo if isinstance(config.dataset, HubDataset) else None
    adapter = config.method.kind == "lora"
    values = config.model_dump(include={"base_model", "learning_rate", "lr_scheduler", "max_seq_len", "seed"})
    return (_FRONT + _CARD).format(
        **values | {"base_model": _public_name(config.base_model)},
        library="peft" if adapter else "transformers",
        datasets=f"datasets:\n- {hub}\n" if hub else "",
        kind=config.method.kind,
        name=config.push.repo_id.rpartition("/")[2] if config.push else "",
        method={"lora": "LoRA", "sft": "training all weights"}.get(config.method.kind, config.method.kind),
        data=f"[{hub}](https://huggingface.co/datasets/{hub})" if hub else "a data set that is not public",
        batch=config.effective_batch_size,
        **{name: f"{value:.4f}" if isinstance(value, float) else value for name, value in curve.items()},
        versions=", ".join(f"{name} {version}" for name, version in versions.items()),
    )


def push(folder: Path, config: RunConfig, card: str, reporter: Reporter) -> None:
    """Upload the result folder; whatever goes wrong is a warning with the command that tries again."""
    if config.push is None:
        return
    from huggingface_hub import HfApi  # noqa: PLC0415

    repo = config.push.repo_id
    try:
        (folder / "README.md").write_text(card, encoding="utf-8")
        hub = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
        address = hub.create_repo(repo, private=config.push.private, exist_ok=True)
        hub.upload_folder(repo_id=repo, folder_path=folder, commit_message="Upload the result of a run")
    except Exception as error:  # the result is safe on disk, whatever it was
        reporter.notice(
            f"The result could not be pushed to {repo}: {type(error).__name__}: {str(error)[:200]}. "
            f"It is whole in the run's folder '{folder.name}'. To try again: hf upload {repo} {folder.name}",
            level="warning",
        )
        return
    reporter.notice(f"The result is on the Hub: {address}")


def _public_name(base_model: str) -> str:
    """A model's name on the Hub; of a folder only the last part, because paths are nobody's business."""
    return Path(base_model).name if os.path.isabs(base_model) else base_model
