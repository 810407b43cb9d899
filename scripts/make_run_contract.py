"""Write docs/run-contract.md from the schemas, so that the page cannot differ from what the trainer does.

python scripts/make_run_contract.py [FILE]
"""

# ruff: noqa: E501 — a row of a Markdown table is one line

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from pydantic import BaseModel  # noqa: E402

from trainer_image import events  # noqa: E402
from trainer_image.config import (  # noqa: E402
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

PAGE = ROOT / "docs" / "run-contract.md"

FOLDER = """\
# The run contract

Made by `scripts/make_run_contract.py` from `trainer_image/config.py` and `trainer_image/events.py`; don't edit.

A run is a folder. Whoever starts a run puts `config.json` and the data in; the trainer does the rest:

    python trainer_image/train.py --run-dir DIR [--resume [--extend]] [--attempt N]
    python trainer_image/train.py --run-dir DIR --estimate | --probe

| In the folder | Written by | What it is |
|---|---|---|
| `config.json` | whoever starts the run | the settings below; an unknown key is an error |
| `data/train.jsonl` | whoever starts the run | the rows, one JSON object a line |
| `commands/save`, `commands/sample` | anybody | a wish for a checkpoint, or for answers of the model, now; the trainer removes it and goes on |
| `events.jsonl` | trainer | what happens, one JSON object a line, appended over all attempts |
| `checkpoints/samples_N/` | trainer | after N examples: where the run can go on from; whole only with its `COMPLETE.json` |
| `cache/tokens/` | trainer | rows in tokens, for the next attempt, where no shared folder is named; may be deleted |
| `cache/memory.jsonl` | trainer | what memory the run was estimated to take, and took, where no shared file is named; may be deleted |
| `output/` | trainer | the result: adapter or weights, tokenizer, chat template, generation settings |
| `result.json` | trainer | how it ended; written last, whole or not at all |
| `log.txt` | supervisor | the log for people: everything the trainer printed |
| `job.json` | supervisor | the processes: `attempt`, `supervisor_pid`, `supervisor_started`, `child_pid`, `child_started` |
| `.train.lock` | trainer | held by the one trainer that works in the folder |
| `exit.json` | supervisor | `attempt`, `exit_code` (negative: killed by that signal), `ended_at` |

`supervisor_started` and `child_started` are field 22 of `/proc/PID/stat` (clock ticks since boot); where there is
no `/proc`, seconds since the epoch.

## How it ends

| Exit code | Meaning |
|---|---|
| {finished} | finished |
| {failed} | failed; the last `problem` event and `result.json` say why |
| {bad_config} | the config or the run folder is no good |
| {stopped} | stopped on request |

SIGTERM: save a checkpoint and the result so far, and leave after the step at hand. SIGINT: leave after the step at
hand, saving nothing. While it saves, another SIGTERM changes nothing and SIGINT leaves at once. Before training has
begun either one ends it at once. SIGUSR1, or a file `commands/save`: save a checkpoint after the step at hand and go on.

`--estimate` prints, as JSON, the memory the run would take at its peak, and leaves: it needs the model's `config.json`
and nothing else of it. Runs like it that were measured before correct it, if `TUNEWRIGHT_MEMORY_HISTORY` names the file
that runs share. `train.py --doctor` needs no run: it prints, as JSON, which methods, backends and ways to use several GPUs
can run here, why the others can't, the device and the versions.

`--resume` goes on from the newest whole checkpoint, and repeats no step that it holds. A run is resumed only with the
same data, model, method, schedule and number of processes; other changes are refused with a sentence. Steps after the
checkpoint are reported again, with the same numbers. What decides nothing of the training (`save_steps`,
`keep_checkpoints`, `load_best`, `offline`) may change. A changed `num_epochs` or `max_steps` needs `--extend`: the
learning rate then follows the schedule of the new length from the next step on, and a notice names both lengths.

With a `distributed` that asks for several processes the same command starts torchrun and waits; signals reach every
process, the first one reports, and the exit code is the run's. PET_* variables (`PET_NPROC_PER_NODE` and so on) fill
what the config leaves open. Started under torchrun already, it is one of its processes.
"""


def page() -> str:
    codes = {
        "finished": events.EXIT_FINISHED,
        "failed": events.EXIT_FAILED,
        "bad_config": events.EXIT_BAD_CONFIG,
        "stopped": events.EXIT_STOPPED,
    }
    kinds = get_args(get_args(events.Event)[0])
    parts = [
        FOLDER.format(**codes),
        "## config.json\n\nSecrets never go here; tokens travel as environment variables.\n",
        table(RunConfig),
        "### dataset\n\nOne of:\n",
        *(f"{first_line(model)}\n\n{table(model)}" for model in (FileDataset, HubDataset)),
        "### method\n\nOne of:\n",
        *(f"{first_line(model)}\n\n{table(model)}" for model in (Sft, Lora, Osft)),
        f"### push\n\n{first_line(Push)}\n\n{table(Push)}",
        f"### logging\n\n{first_line(Logging)}\n\n{table(Logging)}",
        f"### distributed\n\n{first_line(Distributed)}\n\n{table(Distributed)}",
        "## events.jsonl\n\nUnknown types and keys are to be ignored.\n",
        *(
            f"### {kind.model_fields['type'].default}\n\n{first_line(kind)}\n\n{table(kind)}"
            for kind in kinds
        ),
        f"## result.json\n\n{table(events.Result)}",
    ]
    return "\n".join(parts).rstrip() + "\n"


def table(model: type[BaseModel]) -> str:
    lines = ["| Key | Values | Default | Meaning |", "|---|---|---|---|"]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows(model)]
    return "\n".join(lines) + "\n"


def rows(model: type[BaseModel]) -> Iterator[tuple[str, str, str, str]]:
    schema = model.model_json_schema()
    for name, field in schema["properties"].items():
        needed = name in schema.get("required", [])
        default = "needed" if needed else f"`{json.dumps(field.get('default'))}`"
        yield f"`{name}`", values(field), default, field.get("description", "")


def values(field: dict[str, Any]) -> str:
    if "const" in field:
        return f"`{json.dumps(field['const'])}`"
    if "enum" in field:
        return ", ".join(f"`{json.dumps(value)}`" for value in field["enum"])
    choices = field.get("anyOf") or field.get("oneOf")
    if choices:
        return " or ".join(values(choice) for choice in choices)
    if "$ref" in field:
        return field["$ref"].rpartition("/")[2]
    if field.get("type") == "array":
        return f"list of {values(field['items'])}"
    return " ".join([str(field.get("type", "any")), *limits(field)])


def limits(field: dict[str, Any]) -> Iterator[str]:
    words = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    yield from (f"{sign} {field[key]}" for key, sign in words.items() if key in field)


def first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0] if model.__doc__ else f"`{model.__name__}`"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the page of the run contract.")
    parser.add_argument("file", type=Path, nargs="?", default=PAGE, help="another place than the docs")
    parser.parse_args().file.write_text(page(), encoding="utf-8")
