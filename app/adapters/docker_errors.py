"""What the Docker engine and its client say when something is wrong, as sentences with a way out.

Wordings were recorded with engines 20.10, 26.1 and 28.5 and docker SDK 7.2. `docker` is imported by those
who call, so that the app starts without it.
"""

import re
from typing import Final

from app.domain.docker_care import NoToolkitError
from app.domain.errors import TargetError

_START = "Start Docker (Docker Desktop, or: sudo systemctl start docker), then try again."
_BUILD = (
    "Build it once: under Target in the form, with `tunewright docker build`, or with "
    "scripts/build-trainer-image.sh (add --cpu without an NVIDIA GPU). Or name another image."
)
_NETWORK = "Check the network, or build the image here with scripts/build-trainer-image.sh."

_SENTENCES: Final[tuple[tuple[str, str, str], ...]] = (
    # The engine cannot be reached
    (
        r"PermissionError\(13",
        "This user may not talk to Docker.",
        "Add yourself to the group docker (sudo usermod -aG docker $USER), log out and in again.",
    ),
    (
        r"Connection aborted.*FileNotFoundError|CreateFile",
        "Docker is not installed or not running.",
        "Install Docker from docs.docker.com/get-docker, or start it, then try again.",
    ),
    (r"ConnectionRefused|Max retries exceeded.*Connection refused", "Docker is not running.", _START),
    (
        r"Read timed out|ReadTimeout|ConnectTimeout",
        "Docker does not answer.",
        "It may be busy or stuck: wait a moment, then restart Docker.",
    ),
    (
        r"ConnectionReset|RemoteDisconnected|ended prematurely|Connection aborted|BrokenPipe",
        "The connection to Docker broke off.",
        "Docker may have been restarted. " + _START,
    ),
    (
        r"Invalid bind address|ssh://|client_cert|CERTIFICATE_VERIFY_FAILED|Name or service not known|"
        r"Failed to resolve|Temporary failure in name resolution",
        "Docker cannot be reached with the settings in the environment.",
        "Correct or unset DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH.",
    ),
    # The image
    (
        r"invalid reference format|must be lowercase|Resource ID was not provided",
        "{image} is not a valid image name.",
        "Use lower-case letters, like tunewright-trainer:cuda.",
    ),
    (r"No such image", "The trainer image {image} is not on this computer.", _BUILD),
    (
        r"manifest unknown|manifest for .* not found|repository does not exist",
        "The registry has no image {image}.",
        "Check its name and tag. " + _BUILD,
    ),
    (
        r"no basic auth|authentication required|unauthorized|pull access denied",
        "The registry does not let you have the image {image}.",
        "Log in with docker login. " + _BUILD,
    ),
    (
        r"dial tcp|no such host|TLS handshake timeout|Client.Timeout exceeded",
        "The image's registry cannot be reached.",
        _NETWORK,
    ),
    (r"verification failed|unexpected EOF", "The image {image} arrived damaged.", _NETWORK),
    # The computer
    (
        r"unsatisfied condition: (cuda|driver|brand)",
        "This computer's NVIDIA driver is too old for the image {image}.",
        "Update the driver, then restart the computer.",
    ),
    (
        r"driver/library version mismatch",
        "The NVIDIA driver was updated, but the one before is still loaded.",
        "Restart the computer, then try again.",
    ),
    (
        r"driver not loaded|nvml error|load library failed|libnvidia-ml",
        "Docker finds no working NVIDIA driver on this computer.",
        "See whether nvidia-smi answers in a terminal; install or update the driver, restart the computer.",
    ),
    (
        r"CDI device|unresolvable CDI",
        "Docker was not told yet which GPUs there are.",
        "Run: sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml, then restart Docker.",
    ),
    (
        r'exec: "nvidia-smi"',
        "Docker gave the container no nvidia-smi, which comes with the driver.",
        "See whether nvidia-smi answers in a terminal, then restart Docker.",
    ),
    (
        r"nvidia-container",
        "NVIDIA's Container Toolkit cannot hand the GPU over: {text}.",
        "See whether nvidia-smi answers in a terminal, then restart Docker.",
    ),
    (r"no space left on device", "The disk is full.", "Make room, for example with: docker system prune."),
    (
        r"cannot allocate memory|not enough memory",
        "There is not enough memory to start the container.",
        "Close other programs, then try again.",
    ),
    (
        r"Minimum memory limit|range of CPUs",
        "Docker refuses the limits set for this run: {text}.",
        "Set limits this computer has.",
    ),
    # The container
    (
        r"container name .* is already in use",
        "There already is a container of that name, and it does not belong to this run.",
        "Choose another container name, or remove that container with docker rm.",
    ),
    (
        r"Invalid container name",
        "That container name is not allowed.",
        "Use letters, digits, dots, dashes and underscores; begin with a letter or digit.",
    ),
    (
        r"bind source path does not exist|mount path must be absolute|Mounts denied|not shared from the host",
        "Docker cannot see a folder that the run needs: {text}.",
        "Share it in Docker Desktop's settings, or choose a data folder on this computer.",
    ),
    (
        r"executable file not found|no such file or directory: unknown|exec format error|exec: ",
        "The image {image} is not a trainer image for this computer: its program does not start.",
        _BUILD,
    ),
    (r"port is already allocated", "A network port the run needs is taken.", "End the program that has it."),
    (
        r"You cannot remove a running|container is running",
        "The container is still running.",
        "Stop it first.",
    ),
    (r"No such container", "The container is gone: somebody removed it.", "Resume the run, or start again."),
)


_PASSING: Final = (
    r"ConnectionRefused|Connection refused|FileNotFoundError|Read timed out|ReadTimeout|ConnectTimeout|"
    r"ConnectionReset|RemoteDisconnected|ended prematurely|Connection aborted|BrokenPipe|dial tcp|"
    r"no such host|TLS handshake timeout|Client.Timeout exceeded|no space left on device|"
    r"cannot allocate memory|not enough memory"
)
"""Nothing about the run itself: an engine that is off, a network that is away, a full disk or memory."""
_NO_TOOLKIT: Final = (
    r"could not select device driver|unknown or invalid runtime name: nvidia|"
    r"Unknown runtime specified nvidia|no known GPU vendor found"
)


def translate(error: Exception, *, image: str = "") -> TargetError:
    """Say in one sentence what happened and what to do. `error`: anything docker or requests raised."""
    text = _text(error)
    return known(text, image=image) or TargetError(
        f"Docker refused: {text.rstrip('.')}.", "Its own log has the details."
    )


def known(text: str, *, image: str = "") -> TargetError | None:
    """None for words that nobody has met yet."""
    if re.search(_NO_TOOLKIT, text, re.IGNORECASE):
        return NoToolkitError()
    for pattern, message, hint in _SENTENCES:
        if re.search(pattern, text, re.IGNORECASE | re.DOTALL):
            said = message.format(image=image or "without a name", text=text.rstrip("."))
            return TargetError(said, hint, may_pass=bool(re.search(_PASSING, text, re.IGNORECASE)))
    return None


def _text(error: Exception) -> str:
    """The engine's own words: str() of an APIError would add an address and ids."""
    words = getattr(error, "explanation", None) or str(error) or type(error).__name__
    if isinstance(words, bytes):
        words = words.decode(errors="replace")
    return " ".join(str(words).split())[:600]
