"""Our client against Runpod's wire: what it asks, what it understands, what it does when refused."""

from contextlib import closing
from datetime import timedelta
from threading import Thread

import pytest

from app.adapters.runpod import shapes
from app.adapters.runpod.places import places
from app.domain.runpod_ports import (
    BusyError,
    KeyRefusedError,
    NoCapacityError,
    NoCreditError,
    NotFoundAtRunpodError,
    NotValidError,
    PodMayExistError,
    PodStatus,
    Stock,
)
from tests.runpod.conftest import GPU, client_of, order, waited_for

ODD = 'a "b" \\ c\nd\té 😀 $x }], cloudType: COMMUNITY, env: [{ key: "B", value: "y'


def ends(cloud, hours=2):
    return cloud.clock.now() + timedelta(hours=hours)


def test_offers_have_memory_price_and_stock_and_are_nvidias_on_secure_cloud(client):
    offers = {offer.id: offer for offer in client.offers(least_cuda="12.8")}

    found = offers[GPU]
    assert (found.memory_gb, found.price_per_hour, found.stock) == (24, 0.69, Stock.HIGH)
    assert found.regions == {"EU-RO-1": Stock.HIGH, "EU-CZ-1": Stock.LOW}
    assert found.cuda_versions == ("12.8", "13.0")
    assert offers["NVIDIA H200"].stock is Stock.NONE
    assert not any("AMD" in name or "3070" in name for name in offers)


def test_regions_say_which_of_them_have_volumes(client):
    assert {region.id: region.has_volumes for region in client.regions()} == {
        "EU-RO-1": True,
        "EU-CZ-1": True,
        "US-KS-2": True,
        "US-TX-3": False,
    }


def test_a_volume_is_made_grown_listed_and_deleted(client):
    made = client.create_volume("tunewright", size_gb=50, region="EU-RO-1")
    grown = client.grow_volume(made.id, size_gb=80)

    assert list(client.volumes()) == [grown]
    assert (grown.name, grown.size_gb, grown.region) == ("tunewright", 80, "EU-RO-1")
    client.delete_volume(made.id)
    client.delete_volume(made.id)
    assert not client.volumes()


def test_a_template_is_private_and_starts_nothing_beside_the_command(client, cloud):
    made = client.create_template("tunewright", image="trainer:1", disk_gb=30, ports=["8080/http"])

    assert list(client.templates()) == [made]
    stored = cloud.account.templates[made.id]
    assert (stored["startSsh"], stored["startJupyter"], stored["public"]) == (False, False, False)
    client.delete_template(made.id)
    client.delete_template(made.id)
    assert not client.templates()


@pytest.mark.parametrize("by_graphql", [True, False])
def test_a_pod_is_rented_as_ordered_whatever_is_in_its_values(client, cloud, by_graphql):
    volume = client.create_volume("tunewright", size_gb=50, region="EU-RO-1")
    wanted = order(
        region="EU-RO-1",
        volume_id=volume.id,
        environment={"ODD": ODD, "PLAIN": "1"},
        command=("python", "-c", f"print({ODD!r})"),
        ports=("8080/http",),
        least_cuda="12.8",
        ends_at=ends(cloud) if by_graphql else None,
    )

    pod = client.create_pod(wanted)

    held = cloud.account.pods[pod.id]
    assert (held.wish.env, list(held.wish.cmd)) == (wanted.environment, list(wanted.command))
    assert (held.wish.cloud, held.region, held.wish.volume_id) == ("SECURE", "EU-RO-1", volume.id)
    assert bool(held.wish.terminate_after) is by_graphql
    assert ("POST /graphql" in cloud.paths()) is by_graphql
    seen = client.pod(pod.id)
    assert (seen.name, seen.gpu_id, seen.cost_per_hour, seen.volume_id) == (pod.name, GPU, 0.69, volume.id)


def test_runpod_itself_ends_a_pod_at_the_time_that_was_named(client, cloud):
    pod = client.create_pod(order(ends_at=ends(cloud, hours=2)))

    cloud.clock.advance(2 * 3600 - 60)
    assert client.pod(pod.id) is not None
    cloud.clock.advance(60)

    waited_for(lambda: client.pod(pod.id) is None)
    assert cloud.account.pods[pod.id].ended_by == "terminateAfter"
    assert {bill.pod_id for bill in client.bills(since=cloud.clock.now() - timedelta(days=1))} == {pod.id}
    total = sum(
        bill.amount for bill in client.bills(since=cloud.clock.now() - timedelta(days=1), pod_id=pod.id)
    )
    assert total == pytest.approx(2 * 0.69, abs=0.01)


def test_a_pod_goes_through_its_states_and_is_ended_once_and_for_all(client, cloud):
    pod = client.create_pod(order())

    waited_for(lambda: client.pod(pod.id).status is PodStatus.RUNNING)
    client.stop_pod(pod.id)
    client.stop_pod(pod.id)
    assert (client.pod(pod.id).status, client.pod(pod.id).cost_per_hour) == (PodStatus.EXITED, 0)
    client.terminate_pod(pod.id)
    client.terminate_pod(pod.id)
    client.stop_pod(pod.id)

    assert client.pod(pod.id) is None
    assert not client.pods()


def test_the_log_is_followed_and_gone_on_with_behind_the_last_line(client, cloud):
    pod = client.create_pod(order())
    with closing(client.log(pod.id, source="container")) as log:
        first = next(log)
        assert first.text == "hello"

    with closing(client.log(pod.id, after=first.cursor, source="container")) as log:
        assert next(log).text == "world"
    with closing(client.log(pod.id)) as log:
        assert next(log).source == "system"


def test_the_balance_says_what_is_left_and_what_it_costs_now(client):
    client.create_pod(order())

    balance = client.balance()

    assert balance.credit == pytest.approx(100, abs=0.01)
    assert (balance.spend_per_hour, balance.spend_limit) == (0.69, 80)


def test_lists_are_whole_however_they_are_served(client, cloud):
    for number in range(5):
        client.create_volume(f"v{number}", size_gb=10, region="EU-RO-1")
    whole = client.volumes()

    cloud.faults.page_size = 2

    assert client.volumes() == whole
    assert len(whole) == 5


def test_a_pods_port_has_an_address_on_the_internet(client, cloud):
    assert client.address("abc", 8080) == f"{cloud.url}/__proxy/abc/8080"
    assert places({}).pod("abc", 8080) == "https://abc-8080.proxy.runpod.net"


REFUSALS = [
    ("402", NoCreditError, "too low"),
    ("403", KeyRefusedError, "may not"),
    ("401", KeyRefusedError, "does not accept"),
    ("422", NotValidError, "does not understand"),
    ("413", NotValidError, "does not understand"),
]


@pytest.mark.parametrize(("code", "error", "said"), REFUSALS)
def test_a_refused_create_says_what_to_do_and_leaves_nothing(client, cloud, code, error, said):
    cloud.faults.add("POST /v2/pods", code)

    with pytest.raises(error, match=said) as caught:
        client.create_pod(order())

    assert caught.value.hint
    assert not cloud.account.pods
    assert cloud.paths().count("POST /v2/pods") == 1


@pytest.mark.parametrize("by_graphql", [True, False])
def test_no_capacity_is_told_from_every_other_refusal(client, cloud, by_graphql):
    cloud.faults.no_capacity = {GPU}

    with pytest.raises(NoCapacityError):
        client.create_pod(order(ends_at=ends(cloud) if by_graphql else None))
    with pytest.raises(NoCapacityError):
        client.create_pod(order(region="US-KS-2", ends_at=ends(cloud) if by_graphql else None))
    assert not cloud.account.pods


@pytest.mark.parametrize("by_graphql", [True, False])
def test_without_credit_nothing_is_rented(client, cloud, by_graphql):
    cloud.account.deposit = 0.1

    with pytest.raises(NoCreditError):
        client.create_pod(order(ends_at=ends(cloud) if by_graphql else None))


@pytest.mark.parametrize("lost", ["500", "html 502", "reset"])
@pytest.mark.parametrize("by_graphql", [True, False])
def test_a_pod_whose_answer_was_lost_is_found_by_its_name_and_not_rented_twice(
    client, cloud, lost, by_graphql
):
    cloud.faults.add("POST *", lost, though_done=True)

    pod = client.create_pod(order(ends_at=ends(cloud) if by_graphql else None))

    assert [pod.id] == list(cloud.account.pods)
    assert sum(path.startswith("POST") for path in cloud.paths()) == 1


@pytest.mark.parametrize("by_graphql", [True, False])
def test_a_pod_that_cannot_be_found_may_exist_all_the_same(client, cloud, paused, by_graphql):
    cloud.faults.add("POST *", "500")

    with pytest.raises(PodMayExistError) as caught:
        client.create_pod(order("tunewright-lost", ends_at=ends(cloud) if by_graphql else None))

    assert caught.value.name == "tunewright-lost"
    assert sum(paused) == 25
    assert cloud.paths().count("GET /v2/pods") == 3


def test_a_create_goes_once_more_after_being_told_to_wait(client, cloud, paused):
    cloud.faults.add("POST /v2/pods", "429", retry_after=7)

    pod = client.create_pod(order())

    assert [pod.id] == list(cloud.account.pods)
    assert paused == [7]


def test_reading_is_patient_and_then_says_so(client, cloud, paused):
    cloud.faults.add("GET /v2/pods", "500")
    cloud.faults.add("GET /v2/pods", "429", retry_after=3)
    assert client.pods() == []
    assert paused == [1, 4]

    cloud.faults.add("GET /v2/pods", "html 502", times=3)
    with pytest.raises(BusyError, match="cannot answer now"):
        client.pods()


def test_a_long_wait_is_not_waited_but_said(client, cloud, paused):
    cloud.faults.add("GET /v2/pods", "429", retry_after=3000)

    with pytest.raises(BusyError, match="3000 seconds"):
        client.pods()
    assert not paused


def test_a_pod_is_missing_only_when_runpod_itself_says_so(client, cloud):
    pod = client.create_pod(order())
    cloud.faults.vanished[pod.id] = 1

    assert client.pod(pod.id) is None
    assert client.pod(pod.id) is not None

    cloud.faults.add(f"GET /v2/pods/{pod.id}", "html 404", times=3)
    with pytest.raises(BusyError):
        client.pod(pod.id)


def test_a_pod_that_is_told_of_as_terminated_is_gone(client, cloud):
    pod = client.create_pod(order(ends_at=ends(cloud)))
    client.terminate_pod(pod.id)
    cloud.faults.shows_ended = True

    assert client.pod(pod.id) is None
    assert list(client.pods()) == []


def test_a_yes_that_cannot_be_read_is_no_refusal(client, cloud, monkeypatch):
    monkeypatch.setattr("app.adapters.runpod.shapes.pod", _unreadable_once(shapes.pod))

    pod = client.create_pod(order())

    assert [pod.id] == list(cloud.account.pods)


def _unreadable_once(shape):
    answers = [{}]

    def read(answer):
        return shape(answers.pop() if answers else answer)

    return read


def test_a_delete_that_fails_is_asked_for_again(client, cloud):
    pod = client.create_pod(order())
    cloud.faults.add("DELETE *", "500")
    cloud.faults.add("DELETE *", "reset", though_done=True)

    client.terminate_pod(pod.id)

    assert cloud.account.pods[pod.id].is_gone


def test_an_unknown_key_is_refused_everywhere(cloud):
    stranger = client_of(cloud, key="rpa_nobody")

    for ask in (stranger.pods, stranger.balance, lambda: stranger.create_pod(order(ends_at=ends(cloud)))):
        with pytest.raises(KeyRefusedError):
            ask()
    with pytest.raises(KeyRefusedError), closing(stranger.log("x")) as log:
        next(log)


def test_a_key_that_may_only_read_is_told_so(cloud):
    reader = client_of(cloud, key=cloud.account.reading_key)

    assert reader.pods() == []
    for wanted in (order(), order(ends_at=ends(cloud))):
        with pytest.raises(KeyRefusedError, match="may not"):
            reader.create_pod(wanted)


def test_a_log_that_is_cut_is_gone_on_with_and_no_line_comes_twice(client, cloud):
    pod = client.create_pod(order())
    cloud.faults.log_lines = 1
    lines, cursor = [], ""
    while len(lines) < 2:
        for line in client.log(pod.id, after=cursor, source="container"):
            lines.append(line.text)
            cursor = line.cursor

    assert lines == ["hello", "world"]


def test_a_refused_cursor_is_replaced_by_its_time_and_no_line_comes_twice(client, cloud):
    pod = client.create_pod(order())
    with closing(client.log(pod.id, source="container")) as log:
        first = next(log)
    cloud.faults.log_forgets = True

    with closing(client.log(pod.id, after=first.cursor, source="container")) as log:
        assert next(log).text == "world"


def test_the_log_of_a_pod_that_is_gone_says_so(client):
    pod = client.create_pod(order())
    client.terminate_pod(pod.id)

    with pytest.raises(NotFoundAtRunpodError), closing(client.log(pod.id)) as log:
        next(log)


def test_a_silent_log_is_left_at_once(client, cloud):
    pod = client.create_pod(order())
    cloud.faults.log_is_silent = True
    log = client.log(pod.id)
    ended = []
    thread = Thread(target=lambda: ended.extend(log))
    thread.start()
    waited_for(lambda: any(path.endswith("/logs") for path in cloud.paths()))

    log.close()

    thread.join(20)
    assert not thread.is_alive()
    assert not ended
