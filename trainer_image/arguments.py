"""Our settings in the words of TRL and transformers."""

from pathlib import Path

from trl import SFTConfig

from trainer_image import schedule, sharding
from trainer_image.config import RunConfig
from trainer_image.models import Device


def training_arguments(
    config: RunConfig, device: Device, folder: Path, *, whole_batches: bool = False, recomputes: bool = False
) -> SFTConfig:
    """What is not named here is TRL's default. `recomputes`: activations are, whatever the config says.

    With `whole_batches` the loader hands out whole effective batches, which the collator splits.
    """
    warmed_constant = config.lr_scheduler == "constant" and (config.warmup_steps or config.warmup_ratio)
    return SFTConfig(
        output_dir=str(folder),
        num_train_epochs=config.num_epochs,
        max_steps=config.max_steps or -1,
        learning_rate=config.learning_rate,
        per_device_train_batch_size=config.effective_batch_size
        if whole_batches
        else config.per_device_batch_size,
        gradient_accumulation_steps=1 if whole_batches else config.gradient_accumulation_steps,
        lr_scheduler_type="constant_with_warmup" if warmed_constant else config.lr_scheduler,
        warmup_steps=config.warmup_steps,
        optim=schedule.OPTIMIZERS[config.optimizer],
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        seed=config.seed,
        data_seed=config.seed,
        bf16=device.bfloat16,
        use_cpu=device.kind == "cpu",
        gradient_checkpointing=config.gradient_checkpointing and not sharding.is_on(config),
        save_strategy="steps",
        save_steps=config.save_steps,
        save_only_model=not config.save_full_state,
        logging_steps=1,
        logging_nan_inf_filter=False,  # it replaces a loss that is not a number by an older one
        max_length=None,  # longer rows were left out, with their line numbers
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
        dataloader_pin_memory=device.kind == "cuda",
        report_to="none",
        disable_tqdm=True,
        **sharding.arguments(config, recomputes=recomputes or config.gradient_checkpointing),
    )
