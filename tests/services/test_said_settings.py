"""Single settings over a setup, by their own names or by training_hub's."""

import pytest

from app.domain.errors import StudioError
from app.domain.setups import Setup
from app.services.setup_files import said_over
from trainer_image.config import FileDataset, Lora, Osft, RunConfig

SETUP = Setup(session="mine", config=RunConfig(base_model="owner/model", method=Lora()))
THE_GUIDES = {
    "model_path": "other/model", "data_path": "rows.jsonl", "ckpt_output_dir": "/data/outputs/one",
    "num_epochs": "3", "effective_batch_size": "128", "learning_rate": "5e-6", "max_seq_len": "512",
    "max_tokens_per_gpu": "2048", "warmup_steps": "10", "checkpoint_at_epoch": "true",
    "accelerate_full_state_at_epoch": "false", "validation_frequency": "9", "save_best_val_loss": "false",
    "val_loss_improvement_threshold": "0.01",
}  # fmt: skip


def test_every_name_of_training_hubs_functions_is_understood():
    said = [f"{name}={value}" for name, value in THE_GUIDES.items()]

    setup = said_over(SETUP, said)

    config = setup.config
    assert (config.base_model, str(setup.file), setup.session) == ("other/model", "rows.jsonl", None)
    assert (setup.output_name, config.num_epochs, config.learning_rate) == ("one", 3, 5e-6)
    assert config.effective_batch_size == 128
    assert (config.max_seq_len, config.max_tokens_per_gpu, config.warmup_steps) == (512, 2048, 10)
    assert (config.save_at_epoch, config.save_full_state) == (True, False)
    assert (config.eval_steps, config.load_best, config.min_improvement) == (9, False, 0.01)
    assert config.dataset == FileDataset()


@pytest.mark.parametrize(("batch", "at_once"), [(64, 4), (6, 3), (7, 1), (2, 2)])
def test_an_effective_batch_is_exact_and_takes_no_more_rows_at_once(batch: int, at_once: int):
    start = SETUP.model_copy(update={"config": SETUP.config.model_copy(update={"per_device_batch_size": 4})})

    config = said_over(start, [f"effective_batch_size={batch}"]).config

    assert (config.effective_batch_size, config.per_device_batch_size) == (batch, at_once)


def test_settings_of_a_section_are_said_by_their_place():
    setup = said_over(
        SETUP, ["method.kind=osft", "method.unfreeze_rank_ratio=0.25", "logging.trackio_project=a=b"]
    )

    assert setup.config.method == Osft(unfreeze_rank_ratio=0.25)
    assert setup.config.logging.trackio_project == "a=b"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("learning_rat=1", "no setting “learning_rat”; the nearest is “learning_rate”"),
        ("learning_rate", "write it as NAME=VALUE"),
        ("learning_rate=7", "config.learning_rate: it must be less than 1"),
        ("method.lora_q=7", "there is no setting of this name"),
        ("effective_batch_size=many", "is a whole number"),
        ("seed.x=1", "config.seed"),
    ],
)
def test_what_is_wrong_is_said_by_its_name(said: str, words: str):
    with pytest.raises(StudioError) as refused:
        said_over(SETUP, [said])

    assert words in f"{refused.value.message}"
