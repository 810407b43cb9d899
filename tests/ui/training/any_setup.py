"""Any setup a person may make in the form, drawn at random, with every field of it."""

from pathlib import Path

from hypothesis import strategies as st

from app.domain.jobs import JobOptions
from app.domain.renting import LEAST_HOURS, MOST_HOURS, Order, PodOptions
from app.domain.runs import DockerOptions, Target
from app.domain.setups import BUNDLED_MODEL, Setup
from trainer_image.config import (
    Distributed,
    FileDataset,
    HubDataset,
    Logging,
    Lora,
    Osft,
    Push,
    RunConfig,
    Sft,
)

names = st.text("abcdefgXYZ019-_./é字", min_size=1, max_size=30).map(lambda text: "n" + text)
maybe_names = st.one_of(st.just(""), names)
paths = names.map(Path)
shares = st.floats(min_value=0, max_value=1, exclude_max=True)
positives = st.floats(min_value=0, max_value=1, exclude_min=True, exclude_max=True)


def whole(most: int, least: int = 1):
    return st.integers(min_value=least, max_value=most)


patterns = st.lists(st.sampled_from(["q_proj", "mlp", r"layers\.[0-3]\.", "up|down", "字$"]), max_size=3).map(
    tuple
)
lora_targets = st.one_of(
    st.tuples(st.sampled_from(["auto", "all-linear", "attention"]), st.just(())),
    st.tuples(st.just("custom"), patterns.filter(bool)),
)
loras = st.builds(
    lambda targets, extras, **rest: Lora(
        target_modules=targets[0], target_patterns=targets[1], **extras, **rest
    ),
    lora_targets,
    st.sampled_from(
        [{}, {"load_in_4bit": True}, {"load_in_8bit": True}, {"use_dora": True, "load_in_4bit": True}]
    ),
    lora_r=whole(1024),
    lora_alpha=whole(4096),
    lora_dropout=shares,
    use_rslora=st.booleans(),
)
osfts = st.builds(
    Osft,
    unfreeze_rank_ratio=st.floats(min_value=0, max_value=1, exclude_min=True),
    target_patterns=patterns,
    train_rest=st.booleans(),
)


maybe = st.none
spreads = st.one_of(
    st.builds(
        Distributed,
        nproc_per_node=st.one_of(maybe(), whole(64), st.sampled_from(["gpu", "auto"])),
        nnodes=st.one_of(maybe(), whole(9)),
        node_rank=st.one_of(maybe(), whole(8, least=0)),
        strategy=st.sampled_from(["ddp", "fsdp"]),
        rdzv_id=st.one_of(maybe(), st.just("007"), names),
        rdzv_endpoint=st.one_of(maybe(), st.just("host:29400")),
    ),
    st.builds(Distributed, master_addr=names, master_port=whole(65535)),
    st.just(Distributed(enable_model_splitting=True)),
)
OTHERS = {"lora": "unsloth", "osft": "mini-trainer", "sft": "instructlab-training"}
ARGUMENTS = {
    "instructlab-training": {"use_liger": True, "log_level": "very loud", "adamw_eps": 1e-8},
    "mini-trainer": {
        "use_liger_kernels": True,
        "save_dtype": "very small",
        "val_loss_improvement_threshold": 1e-8,
    },
}
warmups = st.one_of(
    st.fixed_dictionaries({"warmup_steps": whole(10**7, least=0)}),
    st.fixed_dictionaries({"warmup_ratio": shares}),
)

documents = st.fixed_dictionaries(
    {"is_pretraining": st.just(True), "block_size": whole(1_048_576, least=2), "document_column_name": names}
)
conversations = st.fixed_dictionaries(
    {
        "block_size": st.one_of(st.none(), whole(1_048_576, least=2)),
        "unmask_messages": st.booleans(),
        "packing": st.booleans(),
    }
)
validations = st.one_of(
    st.fixed_dictionaries({"validation": st.sampled_from(["auto", "share", "off"])}),
    st.fixed_dictionaries({"validation": st.just("file"), "validation_file": names}),
)


@st.composite
def configs(draw, dataset):
    kind, validation = draw(st.one_of(documents, conversations)), draw(validations)
    warmup, method = draw(warmups), draw(st.one_of(loras, osfts, st.just(Sft())))
    backend = draw(st.sampled_from(["native", OTHERS[method.kind]]))
    arguments = draw(st.sampled_from([{}, ARGUMENTS[backend]])) if backend in ARGUMENTS else {}
    trainer = {"method": method, "backend": backend, "backend_args": arguments}
    return draw(plain_configs(dataset, **kind, **validation, **warmup, **trainer))


loggings = st.builds(
    Logging,
    **dict.fromkeys(Logging.model_fields, st.one_of(st.none(), names))
    | {"trackio_space_id": st.sampled_from([None, "me/it"])},
)


def plain_configs(dataset, **rows):
    return st.builds(
        RunConfig,
        **{name: st.just(value) for name, value in rows.items()},
        over_long=st.sampled_from(["drop", "truncate"]),
        drop_duplicates=st.booleans(),
        min_seq_len=whole(10**6),
        max_lost_share=shares,
        validation_share=positives,
        eval_steps=whole(10**7),
        eval_samples=st.one_of(st.none(), whole(10**7)),
        eval_at_epoch=st.booleans(),
        min_improvement=st.floats(min_value=0, max_value=99),
        load_best=st.booleans(),
        samples=whole(20, least=0),
        sample_tokens=whole(2048),
        early_stopping_patience=st.one_of(st.none(), whole(100)),
        base_model=st.one_of(st.just(BUNDLED_MODEL), names),
        dataset=dataset,
        num_epochs=whole(1000),
        max_steps=st.one_of(st.none(), whole(10**9)),
        learning_rate=positives,
        per_device_batch_size=whole(4096),
        gradient_accumulation_steps=whole(4096),
        max_seq_len=whole(1_048_576),
        lr_scheduler=st.sampled_from(["cosine", "linear", "constant"]),
        optimizer=st.sampled_from(["adamw", "adamw_8bit", "paged_adamw_8bit", "sgd"]),
        distributed=spreads,
        weight_decay=shares,
        max_grad_norm=st.floats(min_value=0, max_value=1e30, exclude_min=True),
        seed=whole(2**32 - 1, least=0),
        precision=st.sampled_from(["auto", "float32", "bfloat16"]),
        gradient_checkpointing=st.booleans(),
        on_oom_shorten=st.booleans(),
        probe_memory=st.booleans(),
        save_full_state=st.booleans(),
        save_at_epoch=st.booleans(),
        measure_first=st.booleans(),
        push=st.one_of(st.none(), st.builds(Push, repo_id=st.just("me/it"), private=st.booleans())),
        logging=loggings,
        save_steps=whole(10**7),
        keep_checkpoints=whole(100),
        offline=st.booleans(),
    )


docker = st.builds(
    DockerOptions,
    image=names,
    data_dir=st.one_of(st.none(), paths.map(lambda path: "/" / path)),
    use_gpu=st.booleans(),
    pass_hf_token=st.booleans(),
    container_name=maybe_names,
)
hubs = st.builds(HubDataset, repo=names, split=names, config=st.one_of(st.none(), names))
pods = st.builds(
    PodOptions,
    image=st.sampled_from(["a/b", "ghcr.io/me/trainer:1"]),
    gpus=st.lists(names, max_size=3, unique=True).map(tuple),
    order=st.sampled_from(Order),
    budget=st.floats(0.01, 1000),
    hours=st.floats(LEAST_HOURS, MOST_HOURS),
    highest_price=st.one_of(st.none(), st.floats(0.01, 100)),
    region=st.sampled_from(["", "EU-RO-1"]),
    volume=st.sampled_from(["", "2q9m7x4c"]),
    disk_gb=whole(1000),
    pass_hf_token=st.booleans(),
)
jobs = st.builds(
    JobOptions,
    flavor=st.sampled_from(["a10g-large", "a100-large", "h200"]),
    timeout=st.sampled_from(["6h", "90m", "1d"]),
    dollars_an_hour=st.none() | st.floats(0.1, 100),
)
common = {
    "target": st.sampled_from(Target),
    "output_name": maybe_names,
    "docker": docker,
    "pod": pods,
    "job": jobs,
}
setups = st.one_of(
    st.builds(Setup, session=names, config=configs(st.just(FileDataset())), **common),
    st.builds(Setup, file=paths, config=configs(st.just(FileDataset())), **common),
    st.builds(Setup, config=configs(hubs), **common),
    st.builds(Setup, config=configs(st.builds(FileDataset, path=names)), session=names, **common),
)
