"""The local API, asked by the `openai` client over a real socket."""

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import openai
import pytest

from app.adapters.local_api import LoopbackApi
from app.domain.chat import AnswerFacts, always
from app.domain.errors import BusyError, EngineError, NotTakenError, StudioError
from app.domain.talkers import ModelRef
from app.services.serving import ServingService
from tests.services.talking import model_folder, talkers_of


@pytest.fixture
def service(world):
    made = ServingService(talkers_of(world), world.engine, LoopbackApi())
    yield made
    made.stop()


@pytest.fixture
def served(service, tmp_path):
    return service.start(ModelRef("folder", str(model_folder(tmp_path / "ferry"))))


@pytest.fixture
def client(served):
    with openai.OpenAI(base_url=served.address, api_key=served.token, max_retries=0) as made:
        yield made


HELLO = [{"role": "user", "content": "Hello"}]


def test_the_client_lists_the_model_and_gets_an_answer_with_its_usage(client):
    assert [model.id for model in client.models.list()] == ["ferry"]

    answer = client.chat.completions.create(model="ferry", messages=HELLO)

    assert answer.choices[0].message.content == "tuned: Hello"
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (1, 2)


def test_the_client_streams_the_pieces_as_they_come(client):
    stream = client.chat.completions.create(
        model="ferry", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )

    chunks = list(stream)

    pieces = [choice.delta.content for chunk in chunks for choice in chunk.choices]
    assert pieces == ["tuned: ", "Hello", None]
    assert chunks[-1].usage.total_tokens == 3


def test_all_settings_of_a_request_reach_the_model(client, world):
    client.chat.completions.create(
        model="ferry",
        messages=[
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]},
        ],
        temperature=0.3,
        top_p=0.9,
        max_completion_tokens=7,
        stop=["END"],
        seed=5,
        extra_body={"top_k": 4, "min_p": 0.1, "repetition_penalty": 1.3},
    )

    _, messages, sampling = world.engine.asked[-1]
    assert messages == [{"role": "system", "content": "Be brief."}, *HELLO]
    found = (sampling.temperature, sampling.top_p, sampling.max_new_tokens, sampling.stop, sampling.seed)
    assert found == (0.3, 0.9, 7, ("END",), 5)
    assert (sampling.top_k, sampling.min_p, sampling.repetition_penalty) == (4, 0.1, 1.3)


def test_without_the_token_nothing_is_answered(served, world):
    with openai.OpenAI(base_url=served.address, api_key="wrong", max_retries=0) as stranger:
        with pytest.raises(openai.AuthenticationError, match="token is missing or wrong"):
            stranger.models.list()
        with pytest.raises(openai.AuthenticationError):
            stranger.chat.completions.create(model="ferry", messages=HELLO)
    assert world.engine.asked == []


def test_a_page_of_the_web_that_was_led_here_by_a_name_is_refused(served):
    headers = {"Host": "evil.example", "Authorization": f"Bearer {served.token}"}

    assert httpx.get(f"{served.address}/models", headers=headers).status_code == 403


def test_it_listens_on_the_loopback_interface_only(served):
    port = int(served.address.rsplit(":", 1)[1].partition("/")[0])
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}

    assert served.address.startswith("http://127.0.0.1:")
    for address in others - {"127.0.0.1"}:
        with socket.socket() as probe:
            probe.settimeout(2)
            assert probe.connect_ex((address, port)) != 0 or address.startswith("127.")


@pytest.mark.parametrize(
    ("asked", "error", "sentence"),
    [
        ({"model": "gpt-4"}, openai.NotFoundError, "The model served here is 'ferry'"),
        ({"messages": []}, openai.BadRequestError, "at least one message"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, openai.BadRequestError, "has no role of"),
        ({"n": 2}, openai.BadRequestError, "'n' must be 1"),
        (
            {"tools": [{"type": "function", "function": {"name": "f"}}]},
            openai.BadRequestError,
            "'tools' is",
        ),
        ({"stop": 5}, openai.BadRequestError, "'stop' is a text or a list of texts"),
        ({"temperature": 9}, openai.BadRequestError, "'temperature' is a number from 0 to 5"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(client, asked, error, sentence):
    with pytest.raises(error, match=sentence):
        client.chat.completions.create(**({"model": "ferry", "messages": HELLO} | asked))


def test_an_engine_that_fails_is_told_as_an_error(client, world):
    world.engine.fail_with = EngineError("Memory ran out.", "Close other programs.")

    with pytest.raises(openai.InternalServerError, match=r"Memory ran out\. Close other programs\."):
        client.chat.completions.create(model="ferry", messages=HELLO)


@pytest.mark.parametrize("is_streamed", [True, False])
def test_a_conversation_that_the_model_does_not_take_is_a_bad_request_with_the_reason(
    client, world, is_streamed
):
    world.engine.fail_with = NotTakenError("This model takes no system prompt.", "Empty it.")

    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="ferry", messages=HELLO, stream=is_streamed)

    assert caught.value.body == {
        "message": "This model takes no system prompt. Empty it.",
        "type": "invalid_request_error",
        "code": "invalid_request",
        "param": None,
    }


def stopped_half_way(ends):
    """As an engine answers that somebody stops in the window."""

    def generate(model, messages, sampling, told=None, asker="", is_wanted=always):
        yield "half"
        for facts in ends:
            told(facts)

    return generate


@pytest.mark.parametrize("ends", [[], [AnswerFacts(1, 1, 0.1, "cancelled")]])
def test_an_answer_that_was_stopped_is_not_given_as_a_whole_one(client, world, ends):
    world.engine.generate = stopped_half_way(ends)

    with pytest.raises(openai.InternalServerError, match="was stopped in Tunewright"):
        client.chat.completions.create(model="ferry", messages=HELLO)
    with pytest.raises(openai.APIError, match="was stopped in Tunewright"):
        list(client.chat.completions.create(model="ferry", messages=HELLO, stream=True))


def test_a_bug_in_the_middle_of_a_stream_is_told_in_the_stream(client, served, world):
    def breaks(model, messages, sampling, told=None, asker="", is_wanted=always):
        yield "half"
        raise KeyError("a bug")

    world.engine.generate = breaks
    headers = {"Authorization": f"Bearer {served.token}"}
    body = {"messages": HELLO, "stream": True}

    said = httpx.post(f"{served.address}/chat/completions", headers=headers, json=body).text

    assert "HTTP/1" not in said
    events = [line.removeprefix("data: ") for line in said.splitlines() if line]
    assert events[-1] == "[DONE]"
    assert "Something went wrong inside Tunewright" in json.loads(events[-2])["error"]["message"]


@pytest.mark.parametrize("is_streamed", [True, False])
def test_an_answer_nobody_waits_for_any_more_is_stopped(served, world, is_streamed):
    begun, ended = threading.Event(), threading.Event()

    def for_ever(model, messages, sampling, told=None, asker="", is_wanted=always):
        try:
            while is_wanted():
                begun.set()
                yield "and on "
        finally:
            ended.set()

    world.engine.generate = for_ever
    with socket.create_connection(address_of(served)) as connection:
        body = json.dumps({"messages": HELLO, "stream": is_streamed})
        connection.sendall(request_of(served, str(len(body))) + body.encode())
        assert begun.wait(20)

    assert ended.wait(20)


class SlowEngine:
    """Says nothing until it is let go, as a model that reads a long prompt; who asks can be stopped."""

    def __init__(self):
        self.asking, self.stopped = [], []
        self.has_begun, self.may_say = threading.Event(), threading.Event()

    def generate(self, model, messages, sampling, told=None, asker="", is_wanted=always):
        self.asking.append(asker)
        self.has_begun.set()
        assert self.may_say.wait(20)
        if asker in self.stopped:
            return
        yield "whole"
        told(AnswerFacts(1, 1, 0.1, "stop"))

    def stop(self, asker=""):
        self.stopped.append(asker)
        if asker in self.asking:
            self.may_say.set()


@pytest.fixture
def slow(world):
    engine = SlowEngine()
    world.engine.generate, world.engine.stop = engine.generate, engine.stop
    yield engine
    engine.may_say.set()


def send(served, connection, *, is_streamed):
    body = json.dumps({"messages": HELLO, "stream": is_streamed})
    connection.sendall(request_of(served, str(len(body))) + body.encode())


@pytest.mark.parametrize("is_streamed", [True, False])
def test_who_hangs_up_before_the_first_piece_ends_the_generation(served, slow, is_streamed):
    with socket.create_connection(address_of(served)) as connection:
        send(served, connection, is_streamed=is_streamed)
        assert slow.has_begun.wait(20)

    assert slow.may_say.wait(20)
    assert slow.stopped == slow.asking


def test_switching_it_off_ends_the_generation_under_way(service, served, slow):
    with socket.create_connection(address_of(served)) as connection:
        send(served, connection, is_streamed=False)
        assert slow.has_begun.wait(20)
        service.stop()

        assert slow.may_say.wait(20)


def test_who_hangs_up_while_waiting_for_a_turn_ends_no_answer_of_others(client, served, slow):
    with ThreadPoolExecutor() as pool:
        first = pool.submit(client.chat.completions.create, model="ferry", messages=HELLO)
        assert slow.has_begun.wait(20)
        with socket.create_connection(address_of(served)) as connection:
            send(served, connection, is_streamed=False)
        wait_until(lambda: slow.stopped)
        slow.may_say.set()

        assert first.result(20).choices[0].message.content == "whole"
    answer = client.chat.completions.create(model="ferry", messages=HELLO)

    assert answer.choices[0].message.content == "whole"
    assert len(slow.asking) == 2


def test_an_answer_that_was_stopped_before_its_first_piece_has_a_status_of_its_own(served, world):
    world.engine.generate = lambda *args, **how: iter(())
    headers = {"Authorization": f"Bearer {served.token}"}
    body = {"messages": HELLO, "stream": True}

    assert httpx.post(f"{served.address}/chat/completions", headers=headers, json=body).status_code == 503


@pytest.mark.parametrize("length", ["\u00b2", "9" * 5000, "-1", ""])
def test_a_request_that_lies_about_its_length_is_refused(served, length):
    with socket.create_connection(address_of(served)) as connection:
        connection.sendall(request_of(served, length))

        assert connection.recv(100).split()[1] in (b"411", b"413")


def test_starting_looks_up_no_name(service, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(socket, "getfqdn", asked.append)

    service.start(ModelRef("folder", str(model_folder(tmp_path / "ferry"))))

    assert asked == []


def wait_until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def address_of(served):
    return "127.0.0.1", int(served.address.rsplit(":", 1)[1].partition("/")[0])


def request_of(served, length):
    """The head of a request for an answer."""
    lines = [
        "POST /v1/chat/completions HTTP/1.1",
        "Host: {}:{}".format(*address_of(served)),
        f"Authorization: Bearer {served.token}",
        f"Content-Length: {length}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def test_a_request_waits_while_the_window_is_given_an_answer(client, world):
    world.engine.fail_with = BusyError("Another answer is being generated.")
    threading.Timer(0.2, lambda: setattr(world.engine, "fail_with", None)).start()

    answer = client.chat.completions.create(model="ferry", messages=HELLO)

    assert answer.choices[0].message.content == "tuned: Hello"
    assert len(world.engine.asked) > 1


def test_it_is_off_until_started_and_after_it_was_stopped(service, served):
    assert service.served == served
    service.stop()

    assert service.served is None
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{served.address}/models")


def test_a_port_that_is_taken_is_a_sentence_and_the_token_is_new_at_each_start(service, tmp_path):
    ref = ModelRef("folder", str(model_folder(tmp_path / "m")))
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(StudioError, match="cannot be used"):
            service.start(ref, port=other.getsockname()[1])

    first = service.start(ref)
    service.stop()
    assert service.start(ref).token != first.token
    assert first.token not in repr(first)


def test_stop_in_the_window_is_not_for_an_answer_of_the_api(client, world):
    """The engine keeps apart who asked; see `test_engine`."""
    asked = []
    world.engine.generate = lambda model, messages, sampling, told, asker, is_wanted: iter(
        [asked.append(asker) or "x", told(AnswerFacts(1, 1, 0.1, "stop")) or ""]
    )

    client.chat.completions.create(model="ferry", messages=HELLO)

    assert asked
    assert asked != [""]
