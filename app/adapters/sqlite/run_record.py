"""A run as a record of the table `runs`, and back."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from sqlalchemy import RowMapping

from app.domain.renting import Order, PodOptions
from app.domain.runs import DockerOptions, Run, RunStatus, Target
from trainer_image.config import RunConfig


def to_record(run: Run) -> dict[str, Any]:
    """Every field under its own name; what is no plain value becomes text."""
    record = {name: getattr(run, name) for name in run.__dataclass_fields__}
    return record | {
        "target": run.target.value,
        "status": run.status.value,
        "config": run.config.model_dump_json(),
        "docker": json.dumps(asdict(run.docker), default=str),
        "pod": json.dumps(asdict(run.pod)),
        "folder": str(run.folder),
    }


def from_record(record: RowMapping) -> Run:
    fields = dict(record)
    fields.pop("number", None)
    return Run(
        **fields
        | {
            "target": Target(record["target"]),
            "status": RunStatus(record["status"]),
            "config": RunConfig.model_validate_json(record["config"]),
            "docker": _docker(json.loads(record["docker"])),
            "pod": _pod(json.loads(record["pod"])),
            "folder": Path(record["folder"]),
        }
    )


def _docker(options: dict[str, Any]) -> DockerOptions:
    data_dir = options.get("data_dir")
    return DockerOptions(**options | {"data_dir": Path(data_dir) if data_dir else None})


def _pod(options: dict[str, Any]) -> PodOptions:
    told = PodOptions(**options)
    return replace(told, gpus=tuple(told.gpus), order=Order(told.order))
