"""Where else the curves of a run are shown."""

from pathlib import Path

from app.domain.dashboards import Dashboard, dashboards
from trainer_image.config import Logging, RunConfig

RUN = Path("/runs/a b")


def of(*, offline: bool = False, **logging: str) -> list[Dashboard]:
    config = RunConfig(base_model="x", logging=Logging(**logging), offline=offline)
    return list(dashboards(config, RUN))


def test_what_is_on_the_network_is_a_page_and_what_is_here_a_command():
    assert of(trackio_space_id="me/curves") == [
        Dashboard("Trackio", page="https://huggingface.co/spaces/me/curves")
    ]
    assert of(trackio_project="my rivers") == [
        Dashboard("Trackio", command="trackio show --project 'my rivers'")
    ]
    assert of(wandb_project="p", wandb_entity="team") == [
        Dashboard("Weights & Biases", page="https://wandb.ai/team/p")
    ]
    assert of(wandb_project="p") == [], "whose page it is on is not known"
    assert of(mlflow_tracking_uri="http://there:5000") == [Dashboard("MLflow", page="http://there:5000")]
    assert of(tensorboard_log_dir="tb") == [
        Dashboard("TensorBoard", command="tensorboard --logdir '/runs/a b/tb'")
    ]


def test_offline_no_page_is_offered():
    assert of(offline=True, trackio_space_id="me/curves", wandb_project="p", wandb_entity="t") == [
        Dashboard("Trackio", command="trackio show --project tunewright")
    ]
    assert of() == []
