"""Which models there are to talk to, and whether they have room."""

import pytest

from app.domain.chat import LoadedFacts
from app.domain.errors import EngineError, StudioError
from app.domain.gpus import Gpu
from app.domain.runs import JobPhase, JobState, RunRequest, Target
from app.domain.talkers import ModelRef, Placing
from app.services.talking import TalkingEngine
from tests.services.conftest import ends
from tests.services.talking import adapter_folder, model_folder, talkers_of
from trainer_image.config import RunConfig
from trainer_image.events import Result


@pytest.fixture
def run(world, session):
    """Finished, with an adapter and two checkpoints, of which one is empty."""
    request = RunRequest(
        RunConfig(base_model="owner/model"), Target.LOCAL, session_id=session.id, output_name="ferry"
    )
    started = world.training.start(request)
    adapter_folder(started.folder / "output", "owner/model")
    adapter_folder(started.checkpoints_dir / "samples_400", "owner/model")
    (started.checkpoints_dir / "samples_1000").mkdir()
    ends(
        world,
        started,
        JobState(JobPhase.EXITED, 0),
        Result(status="finished", output="output", output_kind="adapter"),
    )
    return world.monitoring.refresh(started.id)


def test_a_run_offers_its_result_and_its_checkpoints_newest_first(world, run):
    offered = {choice.label: bool(choice.blocked) for choice in talkers_of(world).runs()}

    assert offered == {"ferry · adapter": False, "ferry · samples_1000": True, "ferry · samples_400": False}


def test_an_adapter_brings_its_base_model_and_both_voices_are_one_thing_in_memory(world, run):
    talkers = talkers_of(world)

    tuned, base = (talkers.resolve(ref) for ref in (ModelRef("run", run.id), ModelRef("run", run.id, "base")))

    assert (tuned.base_model, tuned.adapter) == ("owner/model", str(run.output_dir))
    assert (base.base_model, base.adapter, base.voice) == ("owner/model", str(run.output_dir), "base")


def test_a_checkpoint_is_spoken_to_with_its_own_words(world, run):
    found = talkers_of(world).resolve(talkers_of(world).find("ferry/samples_400"))

    assert found.adapter == found.words == str(run.checkpoints_dir / "samples_400")


def test_any_folder_with_an_adapter_finds_its_base_model_beside_it(world, tmp_path):
    model_folder(tmp_path / "adapter" / "base")
    folder = adapter_folder(tmp_path / "adapter" / "mine", "../base")

    found = talkers_of(world).resolve(ModelRef("folder", str(folder)))

    assert found.base_model == str(tmp_path / "adapter" / "base")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("owner/name", ModelRef("hub", "owner/name")),
        ("/models/mine", ModelRef("folder", "/models/mine")),
        ("hub:owner/name#base", ModelRef("hub", "owner/name", "base")),
    ],
)
def test_what_a_person_types_names_a_model(world, text, expected):
    assert talkers_of(world).find(text) == expected
    assert ModelRef.parse(str(expected)) == expected


def test_a_run_is_found_by_its_name(world, run):
    assert talkers_of(world).find("ferry") == ModelRef("run", run.id)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda at: at / "nowhere", "There is no folder"),
        (
            lambda at: adapter_folder(at / "a", "/gone/model"),
            "adapter, /gone/model, is missing",
        ),
        (lambda at: adapter_folder(at / "b", ""), "does not say which base model"),
        (lambda at: at, "is no model: it has no config.json"),
    ],
)
def test_what_is_missing_is_a_sentence(world, tmp_path, make, sentence):
    with pytest.raises(EngineError, match=sentence):
        talkers_of(world).resolve(ModelRef("folder", str(make(tmp_path))))


def test_offline_only_whole_models_of_the_cache_are_offered_and_the_reason_is_said(
    world, tmp_path, monkeypatch
):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    for name, whole in (("owner--whole", True), ("owner--half", False)):
        model_folder(tmp_path / f"models--{name}" / "snapshots" / "abc")
        (tmp_path / f"models--{name}" / "refs").mkdir()
        (tmp_path / f"models--{name}" / "refs" / "main").write_text("abc")
        if not whole:
            (tmp_path / f"models--{name}" / "snapshots" / "abc" / "model.safetensors").unlink()
    talkers = talkers_of(world, offline="Offline mode is on.")

    found = {choice.label: choice.blocked for choice in talkers.hub_models()}

    assert found["owner/whole"] == ""
    assert found["owner/half"] == "owner/half is not whole on this computer: it has no weights."
    assert talkers.resolve(ModelRef("hub", "owner/whole")).offline
    with pytest.raises(EngineError, match=r"never downloaded\. Offline mode is on"):
        talkers.resolve(ModelRef("hub", "owner/other"))


def cached(cache, name):
    """Where the files of a model of the Hub lie."""
    repo = cache / f"models--{name.replace('/', '--')}"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text("abc")
    return repo / "snapshots" / "abc"


def test_an_adapter_of_the_hub_finds_its_base_model_and_offline_needs_it(world, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    folder = adapter_folder(cached(tmp_path, "owner/ferry-adapter"), "owner/base")
    ref = ModelRef("hub", "owner/ferry-adapter")

    found = talkers_of(world).resolve(ref)
    assert (found.base_model, found.adapter, found.label) == (
        "owner/base",
        str(folder),
        "owner/ferry-adapter",
    )

    offline = talkers_of(world, offline="Offline mode is on.")
    with pytest.raises(EngineError, match=r"its base model owner/base is not here .* Offline mode is on"):
        offline.resolve(ref)
    blocked = {choice.label: choice.blocked for choice in offline.hub_models()}
    assert "its base model owner/base is not here" in blocked["owner/ferry-adapter"]

    model_folder(cached(tmp_path, "owner/base"))
    assert offline.resolve(ref).offline
    assert {choice.blocked for choice in offline.hub_models()} == {""}


@pytest.mark.parametrize(
    ("free_gb", "precision", "verdict"),
    [
        (16, "full", "fits"),
        (6, "full", "tight"),
        (4, "full", "too_large"),
        (3, "8bit", "tight"),
        (4, "4bit", "fits"),
    ],
)
def test_what_fits_is_said_before_anything_is_loaded(world, tmp_path, free_gb, precision, verdict):
    """Llama 3.2 1B: 1.236 billion weights, 0.973 of them in linear layers; 4.6 GB in float32."""
    talkers = talkers_of(world, free_gb=free_gb)
    model = talkers.resolve(ModelRef("folder", str(model_folder(tmp_path / "m"))), Placing(precision))

    fit = talkers.fit(model)

    assert fit.verdict == verdict
    assert f"{free_gb:.1f} GB are free in this computer's memory" in fit.text
    if precision == "full":
        assert fit.needed_bytes == pytest.approx(1.2358e9 * 4 + 0.95 * 2**30, rel=0.03)


def test_on_a_gpu_sixteen_bits_are_counted_and_its_memory_asked(world, tmp_path):
    gpu = Gpu("H100", 80 * 2**30, 4 * 2**30)
    talkers = talkers_of(world, gpus=(gpu,))
    ref = ModelRef("folder", str(model_folder(tmp_path / "m")))

    assert talkers.fit(talkers.resolve(ref)).text.startswith("Needs 3.1 GB; 4.0 GB are free on the GPU.")
    assert talkers.fit(talkers.resolve(ref, Placing(device="cpu"))).needed_bytes > 5 * 2**30


def test_a_model_in_memory_fits_whatever_is_free_beside_it(world, tmp_path):
    talkers = talkers_of(world, free_gb=0.5)
    ref = ModelRef("folder", str(model_folder(tmp_path / "m")))
    engine = TalkingEngine(world.engine, talkers)
    assert engine.fit(ref).is_refused

    world.engine.held = talkers.resolve(ref)

    assert (engine.fit(ref).verdict, engine.fit(ref).text) == ("fits", "It is in memory.")
    engine.require_fit(ref)


def test_an_adapter_of_which_only_the_base_model_is_in_memory_says_so(world, tmp_path):
    talkers, base = talkers_of(world), str(model_folder(tmp_path / "base"))
    mine, other = (ModelRef("folder", str(adapter_folder(tmp_path / name, base))) for name in ("a", "b"))
    engine = TalkingEngine(world.engine, talkers)

    world.engine.held = talkers.resolve(other)

    assert (engine.fit(mine).verdict, engine.fit(mine).text) == ("fits", "Its base model is in memory.")
    assert engine.fit(other).text == engine.fit(ModelRef("folder", base)).text == "It is in memory."


def test_only_a_model_in_the_same_memory_makes_room_and_its_process_stays(world, tmp_path):
    gpu = Gpu("H100", 80 * 2**30, 1 * 2**30)
    talkers = talkers_of(world, gpus=(gpu,))
    model = talkers.resolve(ModelRef("folder", str(model_folder(tmp_path / "m"))))

    def room(device):
        return talkers.fit(model, LoadedFacts("other", device, 1.0, 2 * 2**30)).available_bytes

    assert room("cpu") == room("mps") == 1 * 2**30
    assert room("cuda") == round(3.7 * 2**30)
    assert talkers_of(world, free_gb=1).fit(model, LoadedFacts("other", "cuda", 1.0, 2**31)).is_refused


def test_a_name_that_names_no_model_is_refused(world):
    with pytest.raises(StudioError, match="No model was named"):
        talkers_of(world).find(" ")
