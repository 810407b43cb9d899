"""What pyproject.toml cannot say: a wheel carries the assets, which a checkout has beside the package."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class WithAssets(build_py):
    def run(self) -> None:
        shutil.rmtree(self.build_lib, ignore_errors=True)  # what an earlier build left is not to be packed
        super().run()
        if not self.editable_mode:
            shutil.copytree("assets", Path(self.build_lib, "app", "assets"), dirs_exist_ok=True)


setup(cmdclass={"build_py": WithAssets})
