import flet as ft
import pytest

from app.adapters.environment_secrets import EnvironmentSecrets
from app.domain.errors import StoreError
from app.services.doctor import Finding
from app.ui.settings.appearance import Appearance
from app.ui.settings.computer import Computer
from app.ui.settings.tab import SettingsTab
from app.ui.theme import text_scale
from tests.ui.harness import mounted


class Doctor:
    """Finds what it is given, and counts how often it was asked."""

    def __init__(self, *findings: Finding) -> None:
        self.given = findings
        self.asked = 0

    def findings(self) -> list[Finding]:
        self.asked += 1
        return list(self.given)


async def test_a_theme_is_shown_at_once_and_remembered(services):
    async with mounted(Appearance, services.settings, nothing) as screen:
        await choose_theme(screen, "dark")

        await screen.wait_for(lambda: services.settings.theme == "dark")
        assert screen.page.theme_mode is ft.ThemeMode.DARK


async def test_a_theme_that_cannot_be_kept_says_so_and_is_shown_all_the_same(services, monkeypatch):
    def refuse(_):
        raise StoreError("The disk is full.", "Make room.")

    monkeypatch.setattr(services.settings, "set_theme", refuse)

    async with mounted(Appearance, services.settings, nothing) as screen:
        await choose_theme(screen, "light")

        await screen.wait_for_text("The disk is full.")
        assert screen.page.theme_mode is ft.ThemeMode.LIGHT


async def test_findings_say_their_state_in_words():
    doctor = Doctor(
        Finding("GPU", "warning", "No NVIDIA GPU found."), Finding("Disk", "problem", "0.1 GB free.")
    )
    async with mounted(Computer, doctor, is_shown=True) as screen:
        await screen.wait_for_text("0.1 GB free.")

        assert screen.identified("findings") == [
            "Note", "GPU", "No NVIDIA GPU found.", "Problem", "Disk", "0.1 GB free.",
        ]  # fmt: skip


async def test_the_computer_is_not_looked_at_before_someone_looks_here():
    doctor = Doctor(Finding("Disk", "ok", "Plenty."))
    async with mounted(Computer, doctor, is_shown=False) as screen:
        assert doctor.asked == 0

        await screen.click("Check this computer")

        await screen.wait_for_text("Plenty.")
        assert doctor.asked == 1


async def test_folders_can_be_copied(services, paths):
    async with mounted(SettingsTab, services, paths, nothing, is_shown=False) as screen:
        assert str(paths.home) in screen.text()

        await screen.click("Copy the path of run folders")

        assert ("set", {"data": str(paths.outputs)}) in screen.client.calls


async def test_a_token_of_the_environment_is_named_and_never_shown(services, paths, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_very_secret")
    async with mounted(SettingsTab, services, paths, nothing, is_shown=True) as screen:
        await screen.wait_for(lambda: screen.identified("findings"))

        await screen.wait_for(lambda: "variable HF_TOKEN" in token_state(screen))
        assert "hf_very_secret" not in screen.text()


async def test_a_missing_token_is_said_on_a_line_of_its_own(services, paths, monkeypatch):
    monkeypatch.setattr(EnvironmentSecrets, "find", lambda *_: None)
    async with mounted(SettingsTab, services, paths, nothing, is_shown=True) as screen:
        await screen.wait_for(lambda: "None. Only needed for private" in token_state(screen))


def token_state(screen) -> str:
    return " ".join(screen.identified("token-hugging-face"))


@pytest.mark.parametrize("part", ["Apache License 2.0", "0.1.0", "Telemetry"])
async def test_version_and_licence_are_named(services, paths, part):
    async with mounted(SettingsTab, services, paths, nothing, is_shown=False) as screen:
        assert part in screen.text()


async def test_texts_are_larger_at_once_and_at_the_next_start(services):
    measured = []

    async with mounted(Appearance, services.settings, lambda: measured.append(1)) as screen:
        await choose(screen, "200", number=1)

        await screen.wait_for(lambda: services.settings.text_size == 200)
        assert screen.page.theme.text_theme.body_medium.size == 28
        assert screen.page.dark_theme.text_theme.label_small.size == 23
        assert text_scale(screen.page) == 2
        assert measured


async def test_a_size_of_another_version_is_the_usual_one(services):
    services.settings._store.set("ui.text_size", "3000")

    assert services.settings.text_size == 100


def nothing() -> None:
    pass


async def choose_theme(screen, theme):
    await choose(screen, theme, number=0)


async def choose(screen, value, *, number):
    buttons = list(screen.controls(ft.SegmentedButton))[number]
    screen._session.apply_patch(buttons._i, {"selected": [value]})
    await screen.fire(buttons, "change", [value])
