"""What pods of this app are called: by the name alone it is known which of an account's are ours."""

import re
from typing import Final, NamedTuple

_NAME: Final = re.compile(
    r"studio-(?P<install>[0-9a-f]{8})-(?P<run>[0-9a-f]{6,32})-(?P<attempt>[1-9][0-9]{0,3})"
)


class PodName(NamedTuple):
    install: str
    """Of this copy of the app: 8 hexadecimal digits, made once."""
    run_id: str
    attempt: int

    def __str__(self) -> str:
        return f"studio-{self.install}-{self.run_id}-{self.attempt}"


def pod_name(install: str, run_id: str, attempt: int) -> str:
    """Raises ValueError for what could not be read back."""
    name = str(PodName(install, run_id, attempt))
    if parsed(name) != (install, run_id, attempt):
        raise ValueError(f"{name!r} would not be known as ours again")
    return name


def parsed(name: str) -> PodName | None:
    """None for every name that no copy of this app gave."""
    found = _NAME.fullmatch(name)
    return PodName(found["install"], found["run"], int(found["attempt"])) if found else None


def is_ours(name: str, install: str) -> bool:
    """Whether this very copy of the app named it. A pod of another copy, or of a person, never is."""
    found = parsed(name)
    return found is not None and found.install == install
