"""A recipe: a setup to start from, with where its values are from and what was seen of it."""

import hashlib
from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from app.domain.setups import Setup


class Measured(BaseModel):
    """What a run of the recipe came to. `benchmarks/recipes.py` writes it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    date: date
    where: str
    steps: int
    loss_before: float = Field(description="On rows kept aside, before training.")
    loss_after: float
    config_sha256: str = Field(description="Of the config that was run.")


class Recipe(BaseModel):
    """As it stands in its file, which is called like it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    what_for: str
    source: str = Field(description="Where its values are from.")
    limits: str = Field(description="Where they do not hold, and what was not tried.")
    measured: Measured | None = None
    setup: Setup

    @property
    def config_sha256(self) -> str:
        """Tells whether it is still the one that was measured."""
        return hashlib.sha256(self.setup.config.model_dump_json(exclude_defaults=True).encode()).hexdigest()

    @property
    def seen(self) -> str:
        """What was seen of it, in a sentence."""
        if self.measured is None:
            return "It has not been run for this list."
        m = self.measured
        return (
            f"Run on {m.date:%d %B %Y} on {m.where}: validation loss {m.loss_before:.3g} before, "
            f"{m.loss_after:.3g} after {m.steps} steps."
        )
