"""Real services with one process that looks at rows for all tests here: it takes seconds to start."""

from collections.abc import Iterator

import pytest

from app.bootstrap import build_services
from app.domain.sessions import Session
from app.paths import Paths
from app.services.everything import Services


@pytest.fixture(scope="session")
def looking_paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    its = Paths(tmp_path_factory.mktemp("looking") / "home")
    its.make()
    return its


@pytest.fixture(scope="session")
def services(looking_paths: Paths) -> Iterator[Services]:
    made = build_services(looking_paths)
    yield made
    made.previews.close()


@pytest.fixture(scope="session")
def sample(services: Services) -> Session:
    return services.library.sample()
