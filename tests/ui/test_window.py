import asyncio
import socket

from app.ui.window import claim_port


async def test_the_second_message_of_an_answer_does_not_wait_for_the_first_to_be_acknowledged():
    is_sent_at_once: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def answered(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        is_sent_at_once.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    listener = claim_port(None)
    async with await asyncio.start_server(answered, sock=listener):
        _, writer = await asyncio.open_connection(*listener.getsockname())
        writer.close()

        assert await is_sent_at_once
