"""What installs NVIDIA's toolkit, by the system's own description of itself."""

import pytest

from app.domain.docker_care import toolkit_commands


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
