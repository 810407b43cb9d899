"""Break the product on purpose, one promise at a time, and see that the test that guards it fails.

    scripts/mutate.py [--only FROM:TO] [--table FILE]

Each entry of `breaks.toml` names a file, a snippet of it, what is put in its place and the test that must
then fail. Everything happens in a copy of the tree: nothing of this checkout is changed. A break counts as
noticed only if the same test passes on the unbroken copy. Exit code 1 if one goes unnoticed. Not part of the
test suite (it takes some minutes); `tests/test_breaks.py` sees to it that each snippet is still there.
Tests in containers need an engine (`scripts/with-engine.sh -- …`, and TUNEWRIGHT_TEST_IMAGE for the journey),
those in the browser CHROMIUM (`scripts/chromium.sh` finds one).

Chosen by hand instead of a mutation tester's thousands of random changes: the whole suite takes a quarter of
an hour, and what matters is that each promise has one test which cannot pass without it.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIST = Path(__file__).with_name("breaks.toml")
PATIENCE_SECONDS = 300
TEST_FAILED = 1
"""pytest's exit code; anything above means that it could not even run."""


@dataclass(frozen=True)
class Break:
    """One promise, how it is broken, and the test (or the command) that guards it."""

    promise: str
    file: str
    original: str
    broken: str
    test: str

    @property
    def command(self) -> list[str]:
        if self.test == "lint-imports":
            return [str(Path(sys.executable).with_name("lint-imports"))]
        return pytest(self.test)

    def apply(self, tree: Path) -> str:
        """Returns the file's content before. Raises ValueError unless the snippet is there exactly once."""
        path = tree / self.file
        before = path.read_text(encoding="utf-8")
        if before.count(self.original) != 1:
            raise ValueError(f"{self.file} has {before.count(self.original)} times: {self.original!r}")
        path.write_text(before.replace(self.original, self.broken), encoding="utf-8")
        return before


def pytest(*tests: str) -> list[str]:
    return [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]


def read_breaks(path: Path = LIST) -> list[Break]:
    return [Break(**entry) for entry in tomllib.loads(path.read_text(encoding="utf-8"))["break"]]


def copy_tree(into: Path) -> Path:
    """What git knows, and what it would take up, of this checkout."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True).stdout.decode()
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, into / name)
    return into


def outcome(command: list[str], tree: Path) -> int | None:
    """The exit code; None if it took longer than it may, which is a failure of its own.

    As in CI: what cannot be tested here fails instead of being skipped, and examples are always the same.
    """
    as_in_ci = {**os.environ, "CI": "true"}
    try:
        ended = subprocess.run(
            command, cwd=tree, env=as_in_ci, capture_output=True, timeout=PATIENCE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return None
    return ended.returncode


def passing_at_once(chosen: list[Break], tree: Path) -> dict[str, bool]:
    """All tests on the unbroken copy in one go; none of them if one fails, or two cannot share a process."""
    tests = {one.test: True for one in chosen if one.test != "lint-imports"}
    return tests if len(tests) > 1 and outcome(pytest(*tests), tree) == 0 else {}


def try_break(one: Break, tree: Path, passes: dict[str, bool]) -> str:
    """ "noticed", or what is wrong."""
    if one.test not in passes:
        passes[one.test] = outcome(one.command, tree) == 0
    if not passes[one.test]:
        return "the test fails unbroken"
    before = one.apply(tree)
    try:
        code = outcome(one.command, tree)
    finally:
        (tree / one.file).write_text(before, encoding="utf-8")
    if code in {TEST_FAILED, None}:
        return "noticed"
    return "NOT NOTICED" if code == 0 else f"the test could not run (exit code {code})"


def main() -> int:
    parser = argparse.ArgumentParser(description="Break each promise once and see its test fail.")
    parser.add_argument("--only", default=":", help="FROM:TO, places in the list from 0")
    parser.add_argument("--table", type=Path, help="append the rows of a Markdown table here")
    args = parser.parse_args()
    first, _, last = args.only.partition(":")
    chosen = read_breaks()[int(first or 0) : int(last) if last else None]
    bad = 0
    with tempfile.TemporaryDirectory(prefix="tunewright-breaks-") as folder:
        tree = copy_tree(Path(folder))
        passes = passing_at_once(chosen, tree)
        for one in chosen:
            said = try_break(one, tree, passes)
            bad += said != "noticed"
            row = f"| {one.promise} | `{one.file}` | `{one.test}` | {said} | {datetime.now(UTC):%Y-%m-%d} |"
            print(row, flush=True)
            if args.table:
                with args.table.open("a", encoding="utf-8") as table:
                    table.write(row + "\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
