"""The connection goes to an address that was looked at; the certificate must still be that of the name."""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.scraping import UnreachableError
from tests.emulators.server import Emulator, Reply, Request, running

CERTIFICATE = Path(__file__).parents[1] / "emulators/certificate/harbour.example.pem"


class Harbour(Emulator):
    """harbour.example by HTTPS; notes the names clients ask TLS for."""

    def __init__(self) -> None:
        super().__init__()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE, CERTIFICATE.with_suffix(".key"))
        context.sni_callback = lambda _socket, name, _context: self.names.append(name)
        self.names: list[str | None] = []
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def answer(self, request: Request) -> Reply:
        return Reply({"host": request.headers["host"]})


@pytest.fixture
def harbour(monkeypatch) -> Iterator[Harbour]:
    """All names of .example lead to it, and its certificate is trusted."""
    real = socket.getaddrinfo

    def look_up(host: str, port: int, **options: object) -> object:
        return real("127.0.0.1" if host.endswith(".example") else host, port, **options)

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with running(Harbour()) as emulator:
        yield emulator


def test_the_certificate_is_asked_for_and_checked_by_the_name(harbour: Harbour, open_web):
    place = f"harbour.example:{harbour.server_port}"

    _, found = open_web(place).get_json(f"https://{place}/")

    assert found == {"host": place}
    assert harbour.names == ["harbour.example"]


def test_the_certificate_of_another_name_is_not_taken(harbour: Harbour, open_web):
    place = f"other.example:{harbour.server_port}"

    with pytest.raises(UnreachableError, match="certificate that cannot be trusted"):
        open_web(place).get(f"https://{place}/")

    assert harbour.requests == []
