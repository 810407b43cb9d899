"""Volumes and templates: ensured once, where the GPU is; priced; deleted only if ours and unused."""

import threading
from dataclasses import replace

import pytest

from app.domain.errors import StudioError
from app.domain.runpod_ports import GpuOffer, NetworkVolume, NoCapacityError, Region, Stock
from app.domain.runpod_storage import VolumeState, monthly_price, volume_plan
from app.services.runpod_storage import RunpodStorageService, Stored
from tests.runpod.conftest import GPU, order

REGIONS = [Region("A", "A", True), Region("B", "B", True), Region("C", "C", False)]


def offer(**regions: Stock) -> GpuOffer:
    return GpuOffer("gpu", "GPU", 24, 1.0, Stock.HIGH, 8, regions)


def volume(region: str, size: int = 50, name: str = "tunewright") -> NetworkVolume:
    return NetworkVolume(f"v{region}{size}", name, size, region)


@pytest.fixture
def storage(client):
    return RunpodStorageService(lambda: client, lambda: "")


def test_a_volume_is_made_where_the_gpu_is_most_plentiful_and_volumes_are():
    wanted = offer(A=Stock.LOW, B=Stock.MEDIUM, C=Stock.HIGH)

    plan = volume_plan([], REGIONS, wanted, size_gb=50)

    assert (plan.region, plan.stock, plan.adds) == ("B", Stock.MEDIUM, pytest.approx(3.5))
    assert not plan.is_done


def test_one_of_ours_is_taken_before_another_is_paid_for():
    wanted = offer(A=Stock.LOW, B=Stock.HIGH)
    others = [volume("B", name="somebody's"), volume("C"), volume("A", 80)]

    plan = volume_plan(others, REGIONS, wanted, size_gb=50)

    assert (plan.existing, plan.is_done, plan.adds) == (others[2], True, 0)


def test_one_that_is_too_small_grows():
    plan = volume_plan([volume("A", 20)], REGIONS, offer(A=Stock.LOW), size_gb=50)

    assert (plan.existing.size_gb, plan.size_gb, plan.is_done) == (20, 50, False)
    assert plan.adds == pytest.approx(30 * 0.07)


@pytest.mark.parametrize("wanted", [offer(), offer(C=Stock.HIGH), offer(A=Stock.NONE)])
def test_there_is_no_volume_where_the_gpu_is_not(wanted):
    assert volume_plan([volume("A")], REGIONS, wanted, size_gb=50) is None


def test_a_price_that_is_not_published_is_called_not_known():
    fast = replace(volume("A", 20), kind="HIGH_PERFORMANCE")
    plan = volume_plan([fast], REGIONS, offer(A=Stock.LOW), size_gb=50)
    stored = Stored([VolumeState(volume("A", 10), monthly_price(10)), VolumeState(fast, plan.monthly)], [])

    assert monthly_price(10, "HIGH_PERFORMANCE") is None
    assert (plan.monthly, plan.adds) == (None, None)
    assert "not known here: Runpod's console shows it" in plan.adds_in_words
    assert stored.in_words.startswith("About $0.70 a month for 1 of 2 volumes. ")


def test_ensuring_twice_makes_one_volume_and_at_once_too(storage, cloud):
    first = storage.ensure_volume(size_gb=50, gpu="rtx 4090")
    threads = [
        threading.Thread(target=storage.ensure_volume, kwargs={"size_gb": 50, "gpu": GPU}) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert list(cloud.account.volumes) == [first.existing.id]
    assert (first.region, first.monthly) == ("EU-RO-1", pytest.approx(3.5))
    grown = storage.ensure_volume(size_gb=60, gpu=GPU)
    assert (grown.existing.id, cloud.account.volumes[first.existing.id].size) == (first.existing.id, 60)


def test_a_lost_answer_makes_no_second_volume(storage, cloud):
    cloud.faults.add("POST /v2/network-volumes", "500", though_done=True)

    made = storage.ensure_volume(size_gb=50)

    assert list(cloud.account.volumes) == [made.existing.id]


def test_what_cannot_be_had_is_said(storage):
    with pytest.raises(NoCapacityError, match="No region has H200 SXM and volumes"):
        storage.ensure_volume(size_gb=50, gpu="NVIDIA H200")
    with pytest.raises(NoCapacityError, match="In US-TX-3 there are no volumes"):
        storage.ensure_volume(size_gb=50, region="US-TX-3")
    with pytest.raises(StudioError, match="no GPU GTX 970"):
        storage.ensure_volume(size_gb=50, gpu="GTX 970")
    with pytest.raises(StudioError, match="no volume of 5 GB"):
        storage.ensure_volume(size_gb=5)


def test_a_volume_is_deleted_only_if_it_is_ours_and_no_pod_has_it(storage, client, cloud):
    ours = storage.ensure_volume(size_gb=50).existing
    other = client.create_volume("precious", size_gb=10, region="EU-RO-1")
    pod = client.create_pod(order("a-pod", region=ours.region, volume_id=ours.id))

    assert [(state.volume.id, state.is_ours, state.pods) for state in storage.volumes()] == [
        (ours.id, True, ("a-pod",)),
        (other.id, False, ()),
    ]
    with pytest.raises(StudioError, match="in use by the pod a-pod"):
        storage.delete_volume(ours.id)
    with pytest.raises(StudioError, match="did not make the volume precious"):
        storage.delete_volume(other.id)
    client.terminate_pod(pod.id)
    storage.delete_volume(ours.id)
    assert list(cloud.account.volumes) == [other.id]
    with pytest.raises(StudioError, match="There is no volume"):
        storage.delete_volume(ours.id)


def test_a_template_is_ensured_once_and_replaced_when_it_names_another_image(storage, client, cloud):
    first = storage.ensure_template(image="a/trainer:1", disk_gb=40)
    assert storage.ensure_template(image="a/trainer:1", disk_gb=40) == first
    second = storage.ensure_template(image="a/trainer:2", disk_gb=40)

    assert [template["image"] for template in cloud.account.templates.values()] == ["a/trainer:2"]
    foreign = client.create_template("mine", image="x", disk_gb=10)
    with pytest.raises(StudioError, match="did not make the template mine"):
        storage.delete_template(foreign.id)
    storage.delete_template(second.id)
    assert [each.name for each in storage.stored().templates] == ["mine"]
