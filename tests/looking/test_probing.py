"""A probe from the app, by the real trainer: measured on a session's rows, and known to the next estimate."""

import pytest

from app.domain.runs import RunRequest, Target
from app.domain.sessions import Session
from app.domain.setups import BUNDLED_MODEL
from app.services.everything import Services
from trainer_image.config import Lora, RunConfig


@pytest.mark.training
def test_what_a_probe_measured_corrects_the_estimate_that_is_shown(
    services: Services, sample: Session
) -> None:
    config = RunConfig(base_model=BUNDLED_MODEL, method=Lora(lora_r=4), optimizer="sgd", offline=True)
    told: list[str] = []
    before = len(list(services.monitoring.runs()))

    found, _ = services.probing.probe(RunRequest(config, Target.LOCAL, session_id=sample.id), told.append)

    assert found.peak > 0
    assert found.estimated
    assert found.total_steps > 10
    assert "Loading the model" in told
    after = services.previews.outlook(config)
    assert after.runs_known == 1
    assert after.corrected_by == pytest.approx(found.peak / found.estimated[1], rel=0.2)
    assert len(list(services.monitoring.runs())) == before
