"""The part of the half-filled form on several GPUs and on which library trains, as it was typed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pydantic import ValidationError

from app.ui.texts import text
from trainer_image.config import Distributed, Method, RunConfig

TYPED: Final = (
    "nproc_per_node", "nnodes", "node_rank", "rdzv_id", "rdzv_endpoint", "master_addr", "master_port",
)  # fmt: skip
"""Fields of the config's `distributed` that are typed; empty means not given."""

Backend = Literal["native", "instructlab-training", "mini-trainer", "unsloth"]
Strategy = Literal["ddp", "fsdp"]
_NAMES: Final = {"rdzv_id", "rdzv_endpoint", "master_addr"}


@dataclass(frozen=True)
class SpreadDraft:
    """How many processes, where they meet, and whose trainer runs in them.

    Never changed, only replaced: the form is told of new values of its own fields, not of what is inside.
    """

    texts: Mapping[str, str] = field(default_factory=lambda: dict.fromkeys(TYPED, ""))
    strategy: Strategy = "ddp"
    enable_model_splitting: bool = False
    backend: Backend = "native"
    backend_args: str = ""
    """A JSON object, or empty."""

    @classmethod
    def of(cls, config: RunConfig) -> "SpreadDraft":
        """What a config says, so that `values` gives the same again."""
        given = config.distributed
        arguments = json.dumps(config.backend_args, ensure_ascii=False) if config.backend_args else ""
        return cls(
            texts={name: _text(getattr(given, name)) for name in TYPED},
            strategy=given.strategy,
            enable_model_splitting=given.enable_model_splitting,
            backend=config.backend,
            backend_args=arguments,
        )

    def values(self) -> dict[str, Any]:
        """Fields of `RunConfig`. Raises ValueError if `problem()` has something to say."""
        typed = {name: _value(name, text) for name, text in self.texts.items() if text.strip()}
        distributed = {
            **typed, "strategy": self.strategy, "enable_model_splitting": self.enable_model_splitting,
        }  # fmt: skip
        arguments = json.loads(self.backend_args, parse_constant=_finite) if self.backend_args.strip() else {}
        return {
            "distributed": Distributed.model_validate(distributed),
            "backend": self.backend,
            "backend_args": arguments,
        }

    def problem(self, method: Method) -> str:
        """What does not fit together, or with the method, as a sentence; empty if nothing."""
        try:
            RunConfig(base_model="any", method=method, **self.values())
        except ValidationError as error:
            first = error.errors()[0]
            where = f"{first['loc'][-1]}: " if first["loc"] else ""
            problem = where + first["msg"].removeprefix("Value error, ")
            return text("training.missing.several_gpus", problem=problem)
        except ValueError:
            return text("training.missing.backend_args")
        return ""

    def changed(self) -> int:
        """How many of its settings are not at their defaults."""
        fresh = SpreadDraft()
        plain = ("strategy", "enable_model_splitting", "backend", "backend_args")
        differing = [name for name in plain if getattr(self, name) != getattr(fresh, name)]
        return len(differing) + sum(bool(typed.strip()) for typed in self.texts.values())


def _finite(word: str) -> float:
    """JSON itself knows neither NaN nor Infinity; Python reads them."""
    raise ValueError(word)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _value(name: str, text: str) -> int | str:
    text = text.strip()
    return int(text) if text.isdecimal() and name not in _NAMES else text
