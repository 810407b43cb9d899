"""What installs NVIDIA's toolkit, by the system's own description of itself."""

import pytest

from app.domain.docker_care import toolkit_commands, toolkit_fix


@pytest.mark.parametrize(
    ("os_release", "program"),
    [
        ("ID=ubuntu\nID_LIKE=debian", "apt-get"),
        ("ID=debian", "apt-get"),
        ("ID=fedora", "dnf"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"', "dnf"),
        ('ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"', "zypper"),
        ('ID="sles"', "zypper"),
        ("ID=arch", "pacman"),
        ("ID=manjaro\nID_LIKE=arch", "pacman"),
    ],
)
def test_each_family_has_its_own_commands(os_release, program):
    commands = toolkit_commands(os_release)

    assert any(f"sudo {program} " in line and "nvidia-container-toolkit" in line for line in commands)
    assert commands[-2:] == (
        "sudo nvidia-ctk runtime configure --runtime=docker",
        "sudo systemctl restart docker",
    )


@pytest.mark.parametrize("os_release", ["", "ID=plan9", "nonsense"])
def test_a_system_nobody_knows_gets_none(os_release):
    assert toolkit_commands(os_release) == ()


@pytest.mark.parametrize(
    ("kind", "last"),
    [
        ("system", "sudo systemctl restart docker"),
        ("rootless", "systemctl --user restart docker"),
        ("snap", "sudo snap restart docker"),
    ],
)
def test_each_kind_of_docker_is_restarted_in_its_own_way(kind, last):
    assert toolkit_fix(kind, "ID=ubuntu").commands[-1] == last


def test_where_no_systemd_runs_docker_is_restarted_without():
    assert toolkit_fix("system", "ID=ubuntu", has_systemd=False).commands[-1] == "sudo service docker restart"


def test_a_rootless_docker_is_told_in_its_own_file():
    commands = toolkit_fix("rootless", "ID=debian").commands

    assert any("--config=$HOME/.config/docker/daemon.json" in line for line in commands)
    assert "sudo nvidia-ctk runtime configure --runtime=docker" not in commands


@pytest.mark.parametrize(("kind", "said"), [("desktop", "wsl --update"), ("elsewhere", "another computer")])
def test_lines_for_this_system_are_not_given_for_a_docker_elsewhere(kind, said):
    fix = toolkit_fix(kind, "ID=ubuntu")

    assert (said in fix.text, fix.commands) == (True, ())
