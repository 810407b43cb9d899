"""Who reads an answer gets a core after its first piece, and no time is lost after the others."""

from app.worker.first_piece import heard_at_once
from app.worker.protocol import Token


def test_the_core_is_let_go_once_after_the_first_piece_of_each_answer():
    done: list[str] = []

    for answer in (["How ", "far ", "is it?"], ["Far."]):
        send = heard_at_once(lambda piece: done.append(piece.text), lambda: done.append("(nap)"))
        for text in answer:
            send(Token(id=1, text=text))

    assert done == ["How ", "(nap)", "far ", "is it?", "Far.", "(nap)"]
