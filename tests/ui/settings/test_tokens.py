"""Tokens in Settings: kept, tested and deleted by buttons; not one letter of them on the screen."""

import flet as ft
import pytest
from keyring.backends.fail import Keyring as NoKeyring

from app.adapters import environment_secrets
from app.adapters.environment_secrets import EnvironmentSecrets
from app.adapters.keyring_vault import KeyringVault
from app.services.tokens import TokenService
from app.ui.settings.tokens import Tokens
from tests.services.test_tokens import SECRET, Drawer
from tests.ui.harness import mounted


class Checker:
    def check(self, place, token: str) -> str:
        assert token == SECRET
        return "It works: it belongs to ada."


@pytest.fixture
def tokens(services, monkeypatch) -> TokenService:
    monkeypatch.setattr(environment_secrets, "_saved_token", lambda: None)
    vault = KeyringVault(Drawer())
    return TokenService(EnvironmentSecrets({}, vault), vault, Checker(), services.offline)


async def test_a_token_is_kept_tested_and_deleted_and_never_shown(tokens):
    async with mounted(Tokens, tokens, is_shown=True) as screen:
        await screen.wait_for(lambda: not screen.find(ft.TextField, "New Hugging Face token").disabled)
        await screen.type("New Hugging Face token", SECRET)
        await screen.click("Keep Hugging Face token")
        await screen.wait_for_text("In this computer's keyring.")

        assert screen.find(ft.TextField, "New Hugging Face token").value == ""
        await screen.click("Test Hugging Face token")
        await screen.wait_for_text("It works: it belongs to ada.")
        assert SECRET not in screen.text()

        await screen.click("Delete Hugging Face token")
        await screen.click("Delete token")
        await screen.wait_for(lambda: "None." in " ".join(screen.identified("token-hugging-face")))


async def test_without_a_keyring_the_fields_are_off_and_the_reason_is_said(services):
    vault = KeyringVault(NoKeyring())
    tokens = TokenService(EnvironmentSecrets({}, vault), vault, Checker(), services.offline)
    async with mounted(Tokens, tokens, is_shown=True) as screen:
        await screen.wait_for(lambda: screen.identified("keyring-problem"))

        assert screen.find(ft.TextField, "New Runpod token").disabled
        assert "environment variables" in " ".join(screen.identified("keyring-problem"))


async def test_where_nothing_is_kept_the_variables_that_would_do_are_named(services):
    vault = KeyringVault(NoKeyring())
    tokens = TokenService(EnvironmentSecrets({}, vault), vault, Checker(), services.offline)
    async with mounted(Tokens, tokens, is_shown=True) as screen:
        await screen.wait_for(lambda: screen.identified("keyring-problem"))

        assert "HF_TOKEN and RUNPOD_API_KEY" in " ".join(screen.identified("keyring-problem"))
