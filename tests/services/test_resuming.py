"""Where a run goes on, and that nothing is ordered for it without a yes."""

import pytest

from app.domain.errors import StudioError
from app.domain.renting import PodOptions
from app.domain.runs import DockerOptions, Target
from app.services.resuming import Place
from tests.launchers.places import make_run


@pytest.mark.parametrize(("was", "to"), [(Target.RUNPOD, None), (Target.LOCAL, Target.RUNPOD)])
def test_no_pod_is_ordered_for_a_run_that_goes_on_unless_somebody_said_yes(tmp_path, was, to):
    run = make_run(tmp_path, "a", target=was)

    with pytest.raises(StudioError, match="it costs money"):
        Place.of(run, to, None, None)
    agreed = Place.of(run, to, None, PodOptions(image="a/b")).applied(run)

    assert (agreed.target, agreed.pod.image) == (Target.RUNPOD, "a/b")


def test_a_run_goes_on_in_another_place_with_what_that_place_needs(tmp_path):
    run = make_run(tmp_path, "a", target=Target.RUNPOD)

    here = Place.of(run, Target.DOCKER, DockerOptions(image="mine"), None).applied(run)

    assert (here.target, here.docker.image, here.pod) == (Target.DOCKER, "mine", run.pod)
