"""The CPU image as it was really built: what runs in it, as whom, and what is not in it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import docker
import pytest

from app.adapters.docker_care import LocalDockerCare
from app.domain.errors import TargetError
from trainer_image.look_protocol import abilities_in

pytestmark = pytest.mark.docker

ANYBODY = "12345:12345"


def run(client: docker.DockerClient, image: str, command: list[str], **options: object) -> str:
    """Run one command in a container without network, as a user that the image does not know."""
    settings = {
        "user": ANYBODY,
        "network_mode": "none",
        "init": True,
        "remove": True,
        "stderr": True,
    } | options
    return client.containers.run(image, command, **settings).decode()


def run_python(client: docker.DockerClient, image: str, code: str, **options: object) -> str:
    return run(client, image, ["-c", code], entrypoint="python", **options)


def test_anybody_can_ask_the_trainer_for_its_help(docker_client: docker.DockerClient, trainer_image: str):
    help_text = run(docker_client, trainer_image, ["--help"], read_only=True)

    assert "usage: train.py" in help_text


def test_the_image_says_what_it_can_train(trainer_image: str, skeleton_image: str, tmp_path: Path):
    care = LocalDockerCare(tmp_path, version="")

    found = {each.name: each.why_not for each in abilities_in(json.loads(care.examine(trainer_image)))}

    assert found["sft"] == found["lora"] == found["osft"] == found["qlora_4bit"] == ""
    assert "not installed" in found["unsloth"]
    with pytest.raises(TargetError):
        care.examine(skeleton_image)


def test_the_code_is_under_opt_studio(docker_client: docker.DockerClient, trainer_image: str):
    code = "import json, os; print(json.dumps([os.listdir(), os.listdir('trainer_image')]))"

    outside, inside = json.loads(run_python(docker_client, trainer_image, code, working_dir="/opt/studio"))

    assert outside == ["trainer_image"]
    assert {"train.py", "config.py", "events.py"} <= set(inside)


def test_everything_training_needs_can_be_imported_by_anybody(
    docker_client: docker.DockerClient, trainer_image: str
):
    code = (
        "import getpass, bitsandbytes, datasets, peft, tensorboard, torch, trackio, transformers, trl; "
        "from trl import SFTTrainer; from peft import LoraConfig; "
        "versions = torch.__version__.split('+')[0], transformers.__version__, trl.__version__; "
        "print('as', getpass.getuser(), *versions)"
    )

    answer = run_python(docker_client, trainer_image, code)

    assert "as trainer 2.13.0 5.17.0 1.14.2" in answer


def test_nothing_of_the_app_is_in_the_image(docker_client: docker.DockerClient, trainer_image: str):
    code = (
        "from importlib.util import find_spec; "
        "print([name for name in ('app', 'flet', 'sqlalchemy', 'docker', 'tests') if find_spec(name)])"
    )

    assert run_python(docker_client, trainer_image, code).strip() == "[]"


def test_data_is_left_for_the_mount(docker_client: docker.DockerClient, trainer_image: str):
    code = "import os; print(os.path.exists('/data') and os.listdir('/data'))"

    assert run_python(docker_client, trainer_image, code).strip() in {"False", "[]"}


def test_what_pip_needed_stayed_behind(docker_client: docker.DockerClient, trainer_image: str):
    code = (
        "import glob, os; "
        "print([p for p in ('/build', '/wheels', '/root/.cache', '/root/.pip', '/root/.config/pip', "
        "'/etc/pip.conf', '/opt/venv/pip.conf', '/opt/venv/bin/pip') if os.path.exists(p)] "
        "+ glob.glob('/opt/**/*.whl', recursive=True) + glob.glob('/tmp/*'))"
    )

    assert run_python(docker_client, trainer_image, code, user="0:0").strip() == "[]"


def test_the_image_tells_no_secret_and_no_package_source(
    docker_client: docker.DockerClient, trainer_image: str
):
    image = docker_client.images.get(trainer_image)
    variables = dict(line.split("=", 1) for line in image.attrs["Config"]["Env"])
    told = json.dumps([image.attrs["Config"], image.history()])

    assert not [
        name for name in variables if re.search(r"TOKEN|KEY|SECRET|PASSW|CRED|PIP_", name, flags=re.I)
    ]
    assert not re.search(r"https?://|file://|hf_[A-Za-z0-9]{8}|pip\.conf|find-links|index-url", told)


def test_labels_say_what_it_is(docker_client: docker.DockerClient, trainer_image: str):
    labels = docker_client.images.get(trainer_image).labels

    assert labels["org.opencontainers.image.title"] == "Tunewright trainer"
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert labels["app.tunewright.variant"] == "cpu"


def test_a_file_written_to_data_belongs_to_the_user(
    docker_client: docker.DockerClient, trainer_image: str, tmp_path
):
    tmp_path.chmod(0o777)
    mount = docker.types.Mount("/data", str(tmp_path), type="bind")

    run_python(docker_client, trainer_image, "open('/data/written', 'w').write('x')", mounts=[mount])

    assert (tmp_path / "written").stat().st_uid == 12345
