"""What differs from one method of fine-tuning to the next: the same functions in each module.

To add one: a section with a new `kind` in `config.py`, a module here, a line in `METHODS`. Other packages add
theirs by an entry point (`plugins.py`).
"""

from pathlib import Path
from typing import Any, Final, Literal, Protocol

from trainer_image import plugins
from trainer_image.config import RunConfig
from trainer_image.methods import lora, osft, sft


class Method(Protocol):
    """What a method's module offers."""

    @property
    def OUTPUT_KIND(self) -> Literal["adapter", "weights"]: ...

    @property
    def FLOAT32_WEIGHTS(self) -> bool:
        """Whether the base weights must be in float32 also where the GPU computes in bfloat16."""

    def prepare(self, model: Any, settings: Any) -> Any:
        """Make the model trainable by this method; `settings` is the method's section of the config."""

    def describe(self, model: Any, settings: Any) -> list[str]:
        """Sentences on what of the prepared model learns."""

    def attach(self, loop: Any) -> None:
        """Add to the training loop, once it is built, what the method needs at each step."""

    def save(self, model: Any, folder: Path, *, base_model: str, dtype: Any) -> None:
        """Write what was learned, loadable by the usual library; the model is not trained on afterwards."""


def of(config: RunConfig) -> Method:
    """The method of a run, ours or another package's. Raises RunFailedError if that is no good."""
    if config.method_plugin:
        plugged: Method = plugins.PluggedMethod(plugins.find("method", config.method_plugin))
        return plugged
    return METHODS[config.method.kind]


METHODS: Final[dict[str, Method]] = {"sft": sft, "lora": lora, "osft": osft}
