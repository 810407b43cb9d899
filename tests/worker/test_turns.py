import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.adapters.worker_turns import Answer, Turns
from app.domain.errors import BusyError


def refusal() -> BusyError:
    return BusyError("busy", "")


def test_a_process_that_hangs_while_it_counts_can_be_let_go_of_and_who_waits_is_told():
    turns, question = Turns(), Answer(1)
    with ThreadPoolExecutor() as pool, turns.briefly() as is_free:
        taken = pool.submit(turns.take, question, refusal)
        while not pool.submit(turns.stop_waiting).result(timeout=10):
            threading.Event().wait(0.01)
        assert is_free
        assert taken.result(timeout=10) is False

    assert turns.take(Answer(2), refusal)


def test_a_question_waits_until_it_is_counted_and_then_has_its_turn():
    turns = Turns()
    with ThreadPoolExecutor() as pool:
        with turns.briefly():
            taken = pool.submit(turns.take, Answer(1), refusal)
            with pytest.raises(TimeoutError):
                taken.result(timeout=0.2)
        assert taken.result(timeout=10)
        with turns.briefly() as is_free:
            assert not is_free


def test_a_question_that_was_stopped_before_it_came_here_does_not_wait():
    turns, loading = Turns(), Answer(1, only_loads=True)
    assert turns.take(loading, refusal)

    with ThreadPoolExecutor() as pool:
        taken = pool.submit(turns.take, Answer(2, is_wanted=lambda: False), refusal)
        try:
            assert taken.result(timeout=10) is False
        finally:
            turns.give_back()
