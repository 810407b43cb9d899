"""Hacker News on loopback: the official API v0 under /v0, Algolia's search under /api/v1.

Every answer is checked against the published shapes: github.com/HackerNews/API (an item has some of these
fields) and hn.algolia.com/api.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from tests.emulators.server import Emulator, Reply, Request


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Item(_Shape):
    id: int
    type: Literal["job", "story", "comment", "poll", "pollopt"]
    by: str | None = None
    time: int | None = None
    text: str | None = None
    dead: bool | None = None
    deleted: bool | None = None
    parent: int | None = None
    kids: list[int] | None = None
    url: str | None = None
    score: int | None = None
    title: str | None = None
    descendants: int | None = None


class Hit(_Shape):
    objectID: str
    title: str
    url: str | None
    author: str
    points: int
    num_comments: int
    created_at: str
    created_at_i: int
    story_text: str | None = None


class Found(_Shape):
    hits: list[Hit]
    nbHits: int
    page: int
    nbPages: int
    hitsPerPage: int
    query: str
    params: str
    exhaustiveNbHits: bool
    processingTimeMS: int


class HackerNewsEmulator(Emulator):
    """Stories 100, 200 … with comments 101 to 104 and so on; 101 has the reply 111, 102 is deleted.

    104 is dead, which a text outlives; 204 and so on are gone.
    """

    def __init__(self, count: int = 4) -> None:
        super().__init__()
        self.count = count

    def stories(self) -> list[int]:
        return [100 * n for n in range(1, self.count + 1)]

    def answer(self, request: Request) -> Reply:
        if request.path == "/v0/askstories.json":
            return Reply(self.stories())
        if request.path.startswith("/v0/item/"):
            item = self._item(int(request.path.removeprefix("/v0/item/").removesuffix(".json")))
            return Reply(item.model_dump(exclude_none=True) if item else None)
        assert request.path == "/api/v1/search"
        return Reply(self._found(request).model_dump())

    def _item(self, number: int) -> Item | None:
        story, rest = number // 100 * 100, number % 100
        if rest == 0:
            return Item(
                id=number, type="story", by="asker", time=1_700_000_000, score=number, descendants=5,
                title=f"Ask HN: What is {number}?", text="Is it <i>so</i>?<p>Really?",
                kids=[number + k for k in (1, 2, 3, 4)],
            )  # fmt: skip
        if rest == 2:
            return Item(id=number, type="comment", deleted=True, parent=story, time=1_700_000_001)
        if rest == 4 and story > 100:
            return None  # what the API says for an item that is not there
        if rest == 11:
            return Item(id=number, type="comment", by="c", text="Thank you.", parent=story + 1, time=1)
        kids = [story + 11] if rest == 1 else None
        said = f'It&#x27;s {number}.<p>See <a href="https:&#x2F;&#x2F;a.example">this</a>.'
        return Item(
            id=number,
            type="comment",
            by=f"b{rest}",
            text=said,
            parent=story,
            time=1_700_000_002,
            kids=kids,
            dead=True if rest == 4 else None,
        )

    def _found(self, request: Request) -> Found:
        page, size = int(request.params["page"]), int(request.params["hitsPerPage"])
        size = min(size, 2)
        stories = self.stories()
        hits = [
            Hit(objectID=str(n), title="t", url=None, author="a", points=n, num_comments=2,
                created_at="2023-11-14T22:13:20Z", created_at_i=1_700_000_000)
            for n in stories[page * size : (page + 1) * size]
        ]  # fmt: skip
        return Found(
            hits=hits, nbHits=len(stories), page=page, nbPages=-(-len(stories) // size), hitsPerPage=size,
            query=request.params["query"], params="", exhaustiveNbHits=True, processingTimeMS=1,
        )  # fmt: skip
