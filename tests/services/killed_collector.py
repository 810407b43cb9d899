"""A process that collects and is about to be killed. Started as a program by test_collecting.py."""

import sys
from pathlib import Path

from app.adapters.scrapers.hacker_news import HackerNews
from tests.services.shelf import collecting


def main(home: Path, site: str) -> None:
    with collecting(home, HackerNews(f"{site}/v0", f"{site}/api/v1")) as shelf:
        shelf.service.collect("hackernews", {})


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
