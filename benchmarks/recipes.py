"""Run each recipe that names the bundled model, and write what was seen into its file.

    python benchmarks/recipes.py [NAME ...]

A recipe that was changed since is refused by a test until this has run again.
"""

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

from app.domain.recipes import Recipe
from app.domain.setups import BUNDLED_MODEL
from app.services.recipes import recipes
from trainer_image.events import Result

ASSETS = Path(__file__).resolve().parents[1] / "assets"


def measured(recipe: Recipe) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "-m", "app", "train", "--recipe", recipe.name, "--follow", "--json"]
        environment = {**os.environ, "TUNEWRIGHT_HOME": home}
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        [path] = Path(home).rglob("result.json")
        result = Result.model_validate_json(path.read_bytes())
    assert result.baseline_loss is not None
    assert result.validation_loss is not None
    return {
        "date": date.today(),
        "where": f"the bundled tiny model and sample, a CPU ({platform.machine()})",
        "steps": result.step,
        "loss_before": round(result.baseline_loss, 4),
        "loss_after": round(result.validation_loss, 4),
        "config_sha256": recipe.config_sha256,
    }


def write(recipe: Recipe, found: dict[str, object]) -> None:
    path = ASSETS / "recipes" / f"{recipe.name}.toml"
    text = re.sub(r"\n\[measured\]\n.*?(?=\n\[)", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    lines = [
        f"{name} = {value if isinstance(value, date) else json.dumps(value)}" for name, value in found.items()
    ]
    table = "\n[measured]\n" + "\n".join(lines) + "\n"
    path.write_text(text.replace("\n[setup]\n", f"{table}\n[setup]\n", 1), encoding="utf-8")


def main(names: list[str]) -> None:
    for recipe in recipes(ASSETS):
        if recipe.setup.config.base_model == BUNDLED_MODEL and (not names or recipe.name in names):
            found = measured(recipe)
            write(recipe, found)
            print(recipe.name, found)


if __name__ == "__main__":
    main(sys.argv[1:])
