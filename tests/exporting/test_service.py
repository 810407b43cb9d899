"""What the service promises, whatever becomes of the process that writes: whole, or nothing left."""

import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from app.adapters.export_process import ExportProcess
from app.domain.errors import StudioError
from app.domain.export_sizes import WholeModel
from app.domain.exports import (
    Export,
    ExportCancelledError,
    ExportFormat,
    MlxBits,
    PushWish,
    Told,
)
from app.domain.gpus import Gpu
from app.domain.runs import RunStatus
from app.domain.sizes import sized
from app.services.export_deleting import Deleted, left_in_words
from app.services.export_models import ModelsToCome, in_folder
from app.services.exporting import in_words
from app.services.still_online import StillOnlineService
from tests.exporting.conftest import MODEL, add_checkpoint, add_run, left_over, service_of, unheard, wish
from tests.exporting.writer import Writer
from tests.services.conftest import NOON
from tests.trainer.test_publishing import hub

__all__ = ["hub"]


def test_an_export_is_listed_with_its_size_place_and_verdict(world, store) -> None:
    run = add_run(world, MODEL)
    service = service_of(world, store, Writer())
    folder = service.proposed_folder(run, wish(Path()).format, wish(Path()).quantization)

    made = service.export(run.id, wish(folder), unheard)

    assert service.exports(run.id) == [made]
    assert folder.name == "Ferry-talk-1-q8_0"
    assert left_over(folder) == ["CERTIFICATE.md", "certificate.json", "model.gguf"]
    assert made.size_bytes == sum(path.stat().st_size for path in folder.iterdir())
    assert made.passed
    assert json.loads((folder / "certificate.json").read_text())["run"] == "Ferry talk ⛴ 1"
    assert in_words([made]) == f"1 export, {sized(made.size_bytes)}"
    assert service.proposed_folder(run, made.format, wish(folder).quantization).name == f"{folder.name}-2"


def test_a_checkpoint_is_exported_and_a_damaged_one_is_not_offered(world, store, tmp_path: Path) -> None:
    run, writer = add_run(world, MODEL), Writer()
    add_checkpoint(run, "samples_40", step=10)
    damaged = add_checkpoint(run, "samples_80", step=20)
    (damaged / "config.json").write_text("{}")
    service = service_of(world, store, writer)

    made = service.export(run.id, wish(tmp_path / "out", checkpoint="samples_40"), unheard)

    assert [source.label for source in service.sources(run)] == [
        "The result",
        "Checkpoint of step 10 (samples_40)",
    ]
    assert writer.jobs[-1].model == run.checkpoints_dir / "samples_40"
    assert made.label == "GGUF Q8_0 of samples_40"
    assert json.loads((made.folder / "certificate.json").read_text())["checkpoint"] == "samples_40"
    with pytest.raises(StudioError, match="no whole checkpoint samples_80"):
        service.export(run.id, wish(tmp_path / "two", checkpoint="samples_80"), unheard)


def test_a_run_that_ended_early_has_only_its_checkpoints(world, store, tmp_path: Path) -> None:
    run = add_run(world, MODEL)
    add_checkpoint(run, "samples_40", step=10)
    run = world.runs.update(run.id, lambda old: replace(old, output=None, status=RunStatus.STOPPED))
    service = service_of(world, store, Writer())

    with pytest.raises(StudioError, match="no result to export") as refused:
        service.export(run.id, wish(tmp_path / "out"), unheard)

    assert refused.value.hint == "There are checkpoints to export: samples_40."
    assert service.export(run.id, wish(tmp_path / "out", checkpoint="samples_40"), unheard).passed


def test_an_export_that_is_not_as_trained_is_kept_and_says_why(world, store, tmp_path: Path) -> None:
    run = add_run(world, MODEL)

    made = service_of(world, store, Writer(passes=False)).export(run.id, wish(tmp_path / "out"), unheard)

    assert not made.passed
    assert made.verdict == "Letter 3 differs."
    assert "✗ not passed" in (tmp_path / "out" / "CERTIFICATE.md").read_text()


@pytest.mark.parametrize("error", [StudioError("It failed."), RuntimeError("a bug"), KeyboardInterrupt()])
def test_whatever_ends_it_nothing_is_left(world, store, tmp_path: Path, error: BaseException) -> None:
    run = add_run(world, MODEL)
    service = service_of(world, store, Writer(fails=error))
    (tmp_path / "place").mkdir()

    with pytest.raises(type(error)):
        service.export(run.id, wish(tmp_path / "place" / "out"), unheard)

    assert left_over(tmp_path / "place") == []
    assert store.all() == []


def test_a_folder_with_something_in_it_a_file_and_a_forbidden_place_are_refused(
    world, store, tmp_path
) -> None:
    run = add_run(world, MODEL)
    service = service_of(world, store, Writer())
    full, file, empty = tmp_path / "full", tmp_path / "file", tmp_path / "empty"
    full.mkdir()
    (full / "mine.txt").write_text("keep me")
    file.write_text("keep me too")
    empty.mkdir()

    with pytest.raises(StudioError, match="There is something in"):
        service.export(run.id, wish(full), unheard)
    with pytest.raises(StudioError, match="is a file"):
        service.export(run.id, wish(file), unheard)
    with pytest.raises(StudioError, match="Nothing can be written"):
        service.export(run.id, wish(file / "below"), unheard)

    assert service.export(run.id, wish(empty), unheard).folder == empty
    assert (full / "mine.txt").read_text() == "keep me"


def test_two_exports_into_one_folder_are_both_kept_and_the_second_lies_beside(
    world, store, tmp_path: Path
) -> None:
    run, slow = add_run(world, MODEL), Writer()
    folder = tmp_path / "out"
    slow.may_go_on.clear()
    made = []
    second = threading.Thread(
        target=lambda: made.append(service_of(world, store, slow).export(run.id, wish(folder), unheard))
    )
    second.start()
    assert slow.began.wait(30)

    first = service_of(world, store, Writer()).export(run.id, wish(folder), unheard)
    slow.may_go_on.set()
    second.join(30)
    assert not second.is_alive()

    assert first.folder == folder
    assert made[0].folder == tmp_path / "out-2"
    assert left_over(tmp_path / "out-2") == left_over(folder)
    assert {export.folder for export in store.all()} == {folder, tmp_path / "out-2"}
    assert not list(tmp_path.glob(".*"))


def test_no_folder_is_proposed_that_an_export_under_way_is_to_have(world, store) -> None:
    run, slow = add_run(world, MODEL), Writer()
    service = service_of(world, store, slow)
    asked = wish(Path())
    folder = service.proposed_folder(run, asked.format, asked.quantization)
    slow.may_go_on.clear()
    making = threading.Thread(target=service.export, args=(run.id, wish(folder), unheard))
    making.start()
    assert slow.began.wait(30)

    other = service_of(world, store, Writer()).proposed_folder(run, asked.format, asked.quantization)
    slow.may_go_on.set()
    making.join(30)
    assert not making.is_alive()

    assert other.name == f"{folder.name}-2"


def _left_by_a_killed_app(world, store, run, folder: Path) -> Export:
    export = Export(
        id="0123456789ab", run_id=run.id, label="GGUF Q8_0", format=ExportFormat.GGUF, folder=folder,
        size_bytes=0, created_at=NOON, passed=False, verdict="", owner="999999:1.00",
        staging=world.home / ".left",
    )  # fmt: skip
    store.add(export)
    return export


def test_a_folder_that_a_killed_app_was_to_write_is_proposed_again(world, store) -> None:
    run, service = add_run(world, MODEL), service_of(world, store, Writer())
    asked = wish(Path())
    folder = service.proposed_folder(run, asked.format, asked.quantization)

    _left_by_a_killed_app(world, store, run, folder)

    assert service.proposed_folder(run, asked.format, asked.quantization) == folder


@pytest.mark.parametrize(("run_offline", "switch", "named"), [
    (False, "", ["GGUF Q8_0"]), (True, "", []), (False, "Offline mode is on.", []),
])  # fmt: skip
def test_only_an_export_that_may_use_the_network_and_goes_on_is_named_when_offline_is_switched_on(
    world, store, run_offline: bool, switch: str, named: list[str]
) -> None:
    run, slow = add_run(world, MODEL), Writer()
    run = world.runs.update(
        run.id, lambda old: replace(old, config=old.config.model_copy(update={"offline": run_offline}))
    )
    service = service_of(world, store, slow, offline=switch)
    still = StillOnlineService(world.runs, service.being_written, lambda: False, image=str, datasets=tuple)
    slow.may_go_on.clear()
    making = threading.Thread(target=service.export, args=(run.id, wish(world.home / "out"), unheard))
    making.start()
    assert slow.began.wait(30)
    _left_by_a_killed_app(world, store, run, world.home / "left")

    labels, said = service.being_written(), [each.said for each in still.under_way()]
    slow.may_go_on.set()
    making.join(30)
    assert not making.is_alive()

    assert labels == named
    assert said == [
        f"The export of {label} goes on and may fetch what it needs of the model." for label in named
    ]
    assert service.being_written() == []


def test_what_does_not_fit_on_the_disk_is_refused_before_anything_is_written(
    world, store, monkeypatch
) -> None:
    run = add_run(world, MODEL)
    writer = Writer()
    monkeypatch.setattr("app.services.export_files.free_bytes", lambda folder: 1_000_000)

    with pytest.raises(StudioError, match=r"takes about 3\.1 MB while it is made, and 1\.0 MB are free"):
        service_of(world, store, writer).export(run.id, wish(world.home / "out"), unheard)

    assert writer.jobs == []


class Configs:
    """What the Hub says of models that are not here yet."""

    def __init__(self, found: dict | None = None) -> None:
        self.found, self.asked = found, 0

    def of(self, model: str, *, offline: bool) -> dict:
        self.asked += 1
        if self.found is None:
            raise StudioError("It is not to be had.")
        return self.found


LLAMA = {
    "model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 128256, "dtype": "float32",
}  # fmt: skip


@pytest.mark.parametrize(
    ("config", "name", "parameters", "each"),
    [(LLAMA, "someone/a-model", 8.03e9, 4), (None, "someone/Llama-3.1-8B-Instruct", 8e9, 2)],
)
def test_a_base_that_is_still_to_be_downloaded_is_counted_and_refused_where_there_is_no_room(
    world, store, adapter, monkeypatch, config, name: str, parameters: float, each: int
) -> None:
    run, writer, configs = add_run(world, adapter("one"), base=Path(name)), Writer(), Configs(config)
    service = service_of(world, store, writer, configs=configs)
    asked = wish(world.home / "out", "merged")
    free = {world.home / "out": 10**12, world.home / "downloads": 10**9}
    monkeypatch.setattr("app.services.export_files.free_bytes", free.__getitem__)
    monkeypatch.setattr("app.services.export_files.is_one_disk", lambda *_: False)

    found = service.estimate(run, asked)
    service.estimate(run, asked)

    assert found.size_bytes == pytest.approx(parameters * 2, rel=0.01)
    assert found.download_bytes == pytest.approx(parameters * each, rel=0.01)
    assert configs.asked == 1
    with pytest.raises(StudioError, match=r"still to be downloaded: about .* and 1\.0 GB are free"):
        service.export(run.id, asked, unheard)
    assert writer.jobs == []


def test_a_base_that_is_here_in_the_older_files_is_not_downloaded_again(
    world, store, adapter, tmp_path: Path, monkeypatch
) -> None:
    repo = tmp_path / "hub" / "models--someone--a-model"
    folder = shutil.copytree(MODEL, repo / "snapshots" / "abc")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("abc")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    run = add_run(world, adapter("one"), base=Path("someone/a-model"))
    service = service_of(world, store, Writer(), configs=Configs(LLAMA))

    whole = service.estimate(run, wish(world.home / "out", "merged"))
    (folder / "pytorch_model.bin").unlink()
    in_part = service.estimate(run, wish(world.home / "out", "merged"))

    assert whole.download_bytes == 0
    assert whole.size_bytes == pytest.approx(16.06e9, rel=0.01)
    assert in_part.download_bytes > 0


def test_a_base_in_the_runs_own_folder_is_measured_there_and_the_hub_is_not_asked_for_it(
    world, store, adapter
) -> None:
    run, configs = add_run(world, adapter("one"), base=Path("whole")), Configs(LLAMA)
    shutil.copytree(MODEL, run.folder / "whole")

    found = service_of(world, store, Writer(), configs=configs).estimate(
        run, wish(world.home / "out", "merged")
    )

    assert (configs.asked, found.download_bytes) == (0, 0)
    assert found.size_bytes < 16e6


def test_a_look_at_the_hub_that_failed_is_repeated_later_and_at_once_where_it_was_offline() -> None:
    now, configs = [0.0], Configs(None)
    models = ModelsToCome(configs, lambda: now[0])

    assert models.of("someone/a-model", offline=True).parameters is None
    models.of("someone/a-model", offline=False)
    models.of("someone/a-model", offline=False)
    assert configs.asked == 2

    configs.found, now[0] = LLAMA, 61.0
    assert models.of("someone/a-model", offline=False).parameters == pytest.approx(8.03e9, rel=0.01)
    assert models.of("someone/a-model", offline=True).download_bytes > 0
    assert configs.asked == 3


def test_a_model_that_somebody_talks_to_gives_way_before_an_export_is_made(world, store) -> None:
    run, writer, seen = add_run(world, MODEL), Writer(), []
    service = service_of(world, store, writer, made_room=lambda: seen.append(len(writer.jobs)))

    service.export(run.id, wish(world.home / "out"), unheard)

    assert (seen, len(writer.jobs)) == ([0], 1)


@pytest.mark.parametrize(("free", "on_card"), [([3, 24], True), ([3, 0.5], False)])
def test_the_card_with_the_most_free_memory_decides_where_it_is_made(world, store, free, on_card) -> None:
    run = add_run(world, MODEL)
    gpus = [Gpu("RTX", 24_000_000_000, round(gb * 1e9)) for gb in free]
    if not on_card:
        gpus = [replace(gpu, free_bytes=gpu.free_bytes // 10) for gpu in gpus]

    assert service_of(world, store, Writer(), gpus=gpus).estimate(run, wish(Path("/x"))).on_card is on_card


def test_of_a_checkpoint_in_parts_the_weights_are_counted_that_they_make(tmp_path: Path) -> None:
    import torch  # noqa: PLC0415
    from safetensors.torch import save_file  # noqa: PLC0415

    parts = {
        "U_high": (8, 3), "S_high": (3,), "V_high": (3, 6), "U_low": (8, 3), "S_low": (3,), "V_low": (3, 6),
    }  # fmt: skip
    tensors = {f"layer.q_proj.{part}": torch.zeros(shape) for part, shape in parts.items()}
    save_file(tensors | {"norm.weight": torch.zeros(6)}, tmp_path / "model.safetensors")

    assert in_folder(tmp_path) == WholeModel(8 * 6 + 6, 4.0, is_factored=True)


@pytest.mark.parametrize(
    ("format", "quantization", "least", "most"),
    [("merged", "q8_0", 5.4e6, 5.6e6), ("gguf", "q8_0", 2.8e6, 3.1e6), ("gguf", "q4_k_m", 1.6e6, 1.9e6)],
)
def test_the_size_is_told_beforehand(world, store, format, quantization, least, most) -> None:
    run = add_run(world, MODEL)

    found = service_of(world, store, Writer()).estimate(run, wish(world.home / "out", format, quantization))

    assert least < found.size_bytes < most
    assert found.needed_bytes >= found.size_bytes
    assert found.fits


def test_the_time_is_told_by_the_last_export_like_it_and_is_not_known_before(world, store) -> None:
    run, clock = add_run(world, MODEL), itertools.count(step=3.0)
    service = service_of(world, store, Writer(), seconds=lambda: next(clock))
    first = wish(world.home / "one")
    heard: list[Told] = []

    before = service.estimate(run, first)
    service.export(run.id, first, unheard)
    service.export(run.id, wish(world.home / "two"), heard.append)

    assert before.seconds is None
    assert service.estimate(run, wish(world.home / "three")).seconds > 0
    assert service.estimate(run, wish(world.home / "three", quantization="f16")).seconds is None
    assert [(told.text, told.left_of_all) for told in heard] == [("Starting", True), ("Writing", True)]
    assert heard[0].left_seconds > heard[1].left_seconds


def test_a_cancelled_export_says_nothing_of_the_time_another_takes(world, store) -> None:
    run = add_run(world, MODEL)
    service = service_of(world, store, Writer(fails=ExportCancelledError()))

    with pytest.raises(ExportCancelledError):
        service.export(run.id, wish(world.home / "one"), unheard)

    assert service.estimate(run, wish(world.home / "two")).seconds is None


@pytest.mark.parametrize(("bits", "size"), [("8", 2.93e6), ("4", 1.55e6), ("16", 5.51e6)])
def test_an_mlx_model_is_named_and_sized_by_its_bits(world, store, bits: str, size: float) -> None:
    run, writer = add_run(world, MODEL), Writer()
    service = service_of(world, store, writer)
    asked = wish(Path(), "mlx", mlx_bits=MlxBits(bits))
    asked = replace(
        asked, folder=service.proposed_folder(run, asked.format, asked.quantization, "", asked.mlx_bits)
    )

    made = service.export(run.id, asked, unheard)

    assert (made.label, made.folder.name) == (f"MLX, {bits} bit", f"Ferry-talk-1-mlx-{bits}bit")
    assert service.estimate(run, asked).size_bytes == pytest.approx(size, rel=0.01)
    assert writer.jobs[-1].mlx_bits == MlxBits(bits)


def test_prompts_are_those_of_the_rows_kept_aside(world, store) -> None:
    run = add_run(world, MODEL)
    rows = [
        {"messages": [{"role": "user", "content": f"Question {n}"}, {"role": "assistant", "content": "Yes."}]}
        for n in range(100)
    ]
    (run.folder / "data").mkdir()
    (run.folder / "data" / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    aside = {f"Question {n}" for n in random.Random(run.config.seed).sample(range(100), 16)}
    writer = Writer()

    service_of(world, store, writer).export(run.id, wish(world.home / "out", prompts=20), unheard)

    [job] = writer.jobs
    assert {prompt[-1]["content"] for prompt in job.prompts} == aside


def test_a_base_model_that_is_gone_is_said_and_another_may_be_named(world, store, adapter, tmp_path) -> None:
    run = add_run(world, adapter("one"), base=tmp_path / "gone")
    writer = Writer()
    service = service_of(world, store, writer)

    with pytest.raises(StudioError, match=r"The base model's folder .*gone is missing"):
        service.export(run.id, wish(tmp_path / "out"), unheard)
    service.export(run.id, wish(tmp_path / "out", base_model=str(MODEL)), unheard)

    assert writer.jobs[-1].base_model == str(MODEL)


def test_an_export_is_deleted_only_while_it_is_still_itself(world, store, tmp_path: Path) -> None:
    run = add_run(world, MODEL)
    service = service_of(world, store, Writer())
    first = service.export(run.id, wish(tmp_path / "one"), unheard)
    second = service.export(run.id, wish(tmp_path / "two"), unheard)
    (tmp_path / "two" / "certificate.json").write_text('{"export": "another"}')

    assert service.delete(first.id) == Deleted(had_files=True)
    with pytest.raises(StudioError, match="other files are in it now"):
        service.delete(second.id)
    service.forget(second.id)

    assert not first.folder.exists()
    assert second.folder.exists()
    assert service.exports() == []


def test_files_of_a_person_stay_where_an_export_is_deleted(world, store, tmp_path: Path) -> None:
    service = service_of(world, store, Writer())
    made = service.export(add_run(world, MODEL).id, wish(tmp_path / "out"), unheard)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "model.gguf").write_bytes(b"x" * 1000)
    (made.folder / "notes").mkdir()
    (made.folder / "notes" / "mine.txt").write_text("mine")
    (made.folder / "link").symlink_to(elsewhere)
    (made.folder / "CERTIFICATE.md").write_text("changed by hand")
    document = json.loads((made.folder / "certificate.json").read_text())
    for name in ("../elsewhere/model.gguf", "link/model.gguf"):
        document["files"][name] = document["files"]["model.gguf"]
    (made.folder / "certificate.json").write_text(json.dumps(document))

    deleted = service.delete(made.id)

    assert deleted.left == ("CERTIFICATE.md", "link", "notes/mine.txt")
    assert left_over(made.folder) == ["CERTIFICATE.md", "link", "notes"]
    assert left_over(elsewhere) == ["model.gguf"]
    assert "notes/mine.txt" in left_in_words(made.folder, deleted.left)
    assert service.exports() == []


def test_what_a_killed_app_was_writing_is_removed_at_the_next_look(world, store, tmp_path: Path) -> None:
    run = add_run(world, MODEL)
    (tmp_path / "place").mkdir()
    code = (
        "import sys; from pathlib import Path; from tests.exporting import killed_app;"
        "killed_app.main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))"
    )
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            code,
            str(world.home / "tunewright.db"),
            run.id,
            str(tmp_path / "place" / "out"),
        ],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout.readline() == b"writing\n"
    process.kill()
    process.wait()
    process.stdout.close()
    service = service_of(world, store, Writer())
    assert len(left_over(tmp_path / "place")) == 1
    assert service.exports() == []

    service.tidy()

    assert left_over(tmp_path / "place") == []
    assert store.all() == []


@pytest.mark.training
def test_a_cancel_in_the_middle_ends_the_process_and_leaves_nothing(world, store, tmp_path: Path) -> None:
    run = add_run(world, MODEL)
    (tmp_path / "place").mkdir()
    heard = []

    def cancel(told: Told) -> None:
        heard.append(told.text)
        if told.text.startswith("The trained model answers"):
            raise ExportCancelledError

    with pytest.raises(ExportCancelledError):
        service_of(world, store).export(run.id, wish(tmp_path / "place" / "out"), cancel)

    assert left_over(tmp_path / "place") == []
    assert not _exporting_processes()


@pytest.mark.training
@pytest.mark.parametrize(
    ("format", "quantization", "step"),
    [
        ("merged", "f16", "Merging the adapter"),
        ("gguf", "q4_k_m", "Writing the whole model"),
        ("gguf", "q4_k_m", "Converting to GGUF"),
        ("gguf", "q4_k_m", "Quantising to"),
        ("gguf", "f16", "Loading the export anew"),
        ("merged", "f16", "Comparing answers"),
        ("adapter", "f16", "Copying the adapter"),
    ],
)
def test_a_cancel_at_any_step_ends_the_process_and_leaves_nothing(
    world, store, adapter, tmp_path: Path, format: str, quantization: str, step: str
) -> None:
    run = add_run(world, adapter("one"))
    (tmp_path / "place").mkdir()
    heard: list[str] = []

    def cancel(told: Told) -> None:
        heard.append(told.text)
        if told.text.startswith(step):
            raise ExportCancelledError

    with pytest.raises(ExportCancelledError):
        service_of(world, store).export(
            run.id, wish(tmp_path / "place" / "out", format, quantization), cancel
        )

    assert heard[-1].startswith(step)
    assert left_over(tmp_path / "place") == []
    assert store.all() == []
    assert not _exporting_processes()


@pytest.mark.training
def test_a_process_killed_in_the_middle_is_one_sentence_and_leaves_nothing(world, store, tmp_path) -> None:
    run = add_run(world, MODEL)
    (tmp_path / "place").mkdir()

    def kill(told: Told) -> None:
        if told.text.startswith("Loading what"):
            for process in _exporting_processes():
                process.kill()

    with pytest.raises(StudioError, match="ended unexpectedly; nothing of the export is left"):
        service_of(world, store).export(run.id, wish(tmp_path / "place" / "out"), kill)

    assert left_over(tmp_path / "place") == []
    assert store.all() == []


@pytest.mark.training
def test_a_whole_export_goes_through_the_process_and_can_be_shown_in_the_file_manager(world, store) -> None:
    run = add_run(world, MODEL)
    service, heard = service_of(world, store), []

    made = service.export(
        run.id, wish(world.home / "Ö und 日 " / "out"), lambda told: heard.append(told.text)
    )
    service.show_folder(made.folder)

    assert made.passed, made.verdict
    assert {"Starting PyTorch", "Loading what was trained"} <= set(heard)
    assert {"Ferry-talk-1-q8_0.gguf", "Modelfile"} <= set(left_over(made.folder))
    assert service.certificate(made).remarks[0].startswith("The run's rows are not on this computer")
    assert world.opened == [made.folder]


@pytest.mark.training
def test_a_disk_that_becomes_full_is_said_and_nothing_is_left(world, store, tmp_path: Path) -> None:
    disk, run = tmp_path / "disk", add_run(world, MODEL)
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("only root may mount a small disk")

    def fill(told: Told) -> None:
        if told.text.startswith("The trained model answers") and not (disk / "others").exists():
            (disk / "others").write_bytes(b"x" * (shutil.disk_usage(disk).free - 1_500_000))

    try:
        with pytest.raises(StudioError, match="The disk became full"):
            service_of(world, store).export(run.id, wish(disk / "out"), fill)
        assert left_over(disk) == ["others"]
        assert store.all() == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_push_is_private_has_a_card_and_is_refused_offline_and_without_a_token(
    world, store, tmp_path
) -> None:
    run = add_run(world, MODEL)
    writer = Writer()
    made = service_of(world, store, writer).export(run.id, wish(tmp_path / "out"), unheard)

    with pytest.raises(StudioError, match=r"Offline mode is on\."):
        service_of(world, store, writer, offline="Offline mode is on.").pushing.push(
            made.id, PushWish("me/x"), unheard
        )
    with pytest.raises(StudioError, match="no Hugging Face token"):
        service_of(world, store, writer).pushing.push(made.id, PushWish("me/x"), unheard)
    world.secrets.token = "hf_secret"
    pushed = service_of(world, store, writer).pushing.push(made.id, PushWish("me/x"), unheard)

    [(folder, card, asked, token)] = writer.pushed
    assert (folder, asked.is_private, token) == (tmp_path / "out", True, "hf_secret")
    assert "library_name: gguf" in card
    assert "base_model: tiny-model" in card
    assert "# Ferry talk ⛴ 1" in card
    assert str(tmp_path) not in card
    assert pushed.pushed_to == "https://hub/me/x"


def test_the_hub_gets_the_files_and_the_card_but_no_rows_of_the_certificate(
    world, store, tmp_path, hub
) -> None:
    run = add_run(world, MODEL)
    made = service_of(world, store, Writer()).export(run.id, wish(tmp_path / "out"), unheard)
    world.secrets.token = "hf_writing"

    pushed = service_of(world, store).pushing.push(made.id, PushWish("me/ferry"), unheard)

    assert hub.repositories == {"me/ferry": True}
    assert set(hub.files) == {"model.gguf", "README.md"}
    assert b"library_name: gguf" in hub.files["README.md"]
    assert pushed.pushed_to == f"{hub.address}/me/ferry"
    hub.refuses = 403
    with pytest.raises(StudioError, match="does not let you write to me/ferry"):
        service_of(world, store).pushing.push(made.id, PushWish("me/ferry", replaces=True), unheard)


def test_a_push_says_which_file_it_is_at_and_cancelled_leaves_no_file_on_the_hub(
    world, store, tmp_path, hub
) -> None:
    run, service = add_run(world, MODEL), service_of(world, store)
    made = service_of(world, store, Writer()).export(run.id, wish(tmp_path / "out"), unheard)
    (made.folder / "Modelfile").write_text("FROM ./model.gguf")
    world.secrets.token = "hf_writing"
    heard: list[Told] = []

    def cancel(told: Told) -> None:
        if told.text.startswith("Uploading file 2 of 2"):
            raise ExportCancelledError

    with pytest.raises(ExportCancelledError):
        service.pushing.push(made.id, PushWish("me/ferry"), cancel)
    assert hub.files == {}
    service.pushing.push(made.id, PushWish("me/ferry"), heard.append)

    assert set(hub.files) == {"model.gguf", "Modelfile", "README.md"}
    uploading = [told for told in heard if told.text.startswith("Uploading")]
    assert [told.text.partition(",")[0] for told in uploading] == [
        "Uploading file 1 of 2: Modelfile",
        "Uploading file 2 of 2: model.gguf",
    ]
    assert uploading[0].share == 0.0
    assert 0 < uploading[1].share < 1


@pytest.mark.parametrize(
    ("writer", "said"),
    [
        (
            {"passes": False, "says": "Prompt 3: training has 'my secret row', it has ''."},
            "not everything is as in training",
        ),
        ({"untried": "as 'my secret row' is too long."}, "its answers were not compared"),
    ],
)
def test_the_card_on_the_hub_quotes_no_row_whatever_the_verdict_says(
    world, store, tmp_path, hub, writer: dict, said: str
) -> None:
    run, service = add_run(world, MODEL), service_of(world, store)
    made = service_of(world, store, Writer(**writer)).export(run.id, wish(tmp_path / "out"), unheard)
    world.secrets.token = "hf_writing"

    service.pushing.push(made.id, PushWish("me/ferry"), unheard)

    assert "secret row" in made.verdict
    assert said in hub.files["README.md"].decode()
    assert not any(b"secret row" in text for text in hub.files.values())


def test_an_export_that_nobody_could_try_has_no_tick_and_is_not_called_wrong(world, store, tmp_path) -> None:
    run, service = add_run(world, MODEL), service_of(world, store, Writer(untried="no prompt was short."))

    made = service.export(run.id, wish(tmp_path / "out"), unheard)

    assert (made.passed, made.is_untried, made.verdict) == (False, True, "Not tried: no prompt was short.")
    assert "# Certificate: ? not tried" in (tmp_path / "out" / "CERTIFICATE.md").read_text()
    assert service.certificate(made).verdict == made.verdict


def test_a_model_that_is_on_the_hub_is_replaced_only_where_that_is_meant(world, store, tmp_path, hub) -> None:
    run, service = add_run(world, MODEL), service_of(world, store)
    made = service_of(world, store, Writer()).export(run.id, wish(tmp_path / "out"), unheard)
    world.secrets.token = "hf_writing"
    hub.repositories["me/ferry"] = True
    before = {".gitattributes": b"", "model.gguf": b"the old one", "notes.txt": b"mine"}
    hub.files.update(before)

    with pytest.raises(StudioError) as refused:
        service.pushing.push(made.id, PushWish("me/ferry"), unheard)

    assert hub.files == before
    assert refused.value.message == (
        "There is a model me/ferry on the Hub already. Replaced would be: model.gguf. "
        "Kept beside the new files: notes.txt."
    )
    assert "--replace" in refused.value.hint
    service.pushing.push(made.id, PushWish("me/ferry", replaces=True), unheard)
    assert hub.files["model.gguf"] == (made.folder / "model.gguf").read_bytes()
    assert hub.files["notes.txt"] == b"mine"


def test_nothing_is_sent_to_a_model_that_everybody_can_see_where_private_was_asked(
    world, store, tmp_path, hub
) -> None:
    made = service_of(world, store, Writer()).export(
        add_run(world, MODEL).id, wish(tmp_path / "out"), unheard
    )
    world.secrets.token = "hf_writing"
    hub.repositories["me/ferry"] = False

    with pytest.raises(StudioError, match=r"me/ferry on the Hub already, and it is public"):
        service_of(world, store).pushing.push(made.id, PushWish("me/ferry"), unheard)

    assert hub.files == {}


def test_a_name_the_hub_cannot_have_is_said_and_not_taken_for_a_broken_network(
    world, store, tmp_path
) -> None:
    made = service_of(world, store, Writer()).export(
        add_run(world, MODEL).id, wish(tmp_path / "out"), unheard
    )
    world.secrets.token = "hf_writing"

    with pytest.raises(StudioError, match="'my ferry' cannot be the name of a model"):
        service_of(world, store).pushing.push(made.id, PushWish("my ferry"), unheard)


def test_what_is_missing_is_said_with_the_command_that_brings_it(world, store, monkeypatch) -> None:
    exporter = ExportProcess(world.home / "logs", lambda: None)
    monkeypatch.setattr("app.adapters.export_process._has", lambda *names: "xllamacpp" not in names)

    reason = exporter.lacks(wish(Path()).format, wish(Path()).quantization)

    assert reason == (
        "GGUF needs llama.cpp to see whether the file is right (xllamacpp). "
        'Run: pip install "tunewright[local,export]".'
    )


def _exporting_processes() -> list[psutil.Process]:
    found = []
    for child in psutil.Process(os.getpid()).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # or just killed, and not waited for yet
            if "app.worker.exporting" in child.cmdline():
                found.append(child)
    return found
