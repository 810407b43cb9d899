"""Auto Set over real previews or none, with GPUs and models as a test says."""

import json
from pathlib import Path

from app.adapters.computer_memory import computer_memory
from app.adapters.model_configs import FoundModelConfigs
from app.domain.errors import StudioError
from app.domain.gpus import GIB, Gpu
from app.domain.previews import PreviewError
from app.services.auto_setting import AutoSettingService

CONFIGS = json.loads((Path(__file__).parents[1] / "trainer/model_configs.json").read_text())
CARD = Gpu("NVIDIA RTX 4070", 12 * GIB, 12 * GIB)


class Unseen:
    """Previews where rows are counted, and cannot be looked at: nothing has to be started for it."""

    def __init__(self, previews):
        self.source_of = previews.source_of

    def known_or_sampled(self, source, config):
        raise PreviewError("Rows cannot be looked at here.")


def auto(services, *gpus, models=None, previews=None, trains_on_gpus=True, history=Path("none"), offline=""):
    return AutoSettingService(
        lambda: gpus,
        models or FoundModelConfigs(lambda: None),
        previews or Unseen(services.previews),
        computer_memory=computer_memory,
        history=history,
        bundled_model=Path("assets/tiny-model").resolve(),
        offline=lambda: offline,
        trains_on_gpus=lambda: trains_on_gpus,
    )


class Shelf:
    """Configs of models by name; of any other it says that there is none."""

    asked_offline: bool | None = None

    def of(self, model, *, offline):
        self.asked_offline = offline
        if model not in CONFIGS:
            raise StudioError(f"{model} could not be had.", "Check the network.")
        return CONFIGS[model]
