"""Reddit's JSON listings on loopback; every answer is checked against the shapes of the wiki's JSON page."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from tests.emulators.server import Emulator, Reply, Request


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Post(_Shape):
    id: str
    name: str
    title: str
    selftext: str
    author: str | None
    subreddit: str
    score: int
    num_comments: int
    created_utc: float
    permalink: str
    removed_by_category: str | None = None


class Comment(_Shape):
    id: str
    name: str
    parent_id: str
    link_id: str
    body: str
    author: str | None
    score: int
    created_utc: float
    permalink: str
    stickied: bool = False
    replies: "Literal[''] | Listing" = ""


class More(_Shape):
    id: str
    name: str
    parent_id: str
    count: int
    depth: int
    children: list[str]


class PostThing(_Shape):
    kind: Literal["t3"] = "t3"
    data: Post


class CommentThing(_Shape):
    kind: Literal["t1"] = "t1"
    data: Comment


class MoreThing(_Shape):
    kind: Literal["more"] = "more"
    data: More


class Page(_Shape):
    modhash: str = ""
    dist: int | None = None
    before: str | None = None
    after: str | None = None
    children: list[PostThing | CommentThing | MoreThing]


class Listing(_Shape):
    kind: Literal["Listing"] = "Listing"
    data: Page


Comment.model_rebuild()


class RedditEmulator(Emulator):
    """A subreddit of `count` posts, two on a page; each has four comments, the last two behind "more".

    The second post is a removed link, the third has a removed comment first, the fourth nobody answered.
    """

    def __init__(self, count: int = 5) -> None:
        super().__init__()
        self.count = count

    def answer(self, request: Request) -> Reply:
        assert request.params["raw_json"] == "1"
        parts = request.path.strip("/").removesuffix(".json").split("/")
        if parts[0] == "r" and parts[1] == "harbours":
            return Reply(self._posts(request).model_dump())
        if parts[0] == "comments" and parts[1].startswith("post"):
            return Reply([listing.model_dump() for listing in self._thread(int(parts[1][4:]))])
        if parts == ["api", "morechildren"]:
            return Reply(self._more(request))
        return Reply({"reason": "private", "message": "Forbidden", "error": 403}, 403)

    def _posts(self, request: Request) -> Listing:
        first = int(request.params.get("after", "t3_post-2").rpartition("t")[2]) + 1
        first = 0 if "after" not in request.params else first
        numbers = range(first, min(first + 2, self.count))
        after = f"t3_post{numbers[-1]}" if numbers and numbers[-1] + 1 < self.count else None
        children = [PostThing(data=self._post(n)) for n in numbers]
        return Listing(data=Page(children=children, after=after, dist=len(children)))

    def _thread(self, n: int) -> tuple[Listing, Listing]:
        replies = Page(children=[CommentThing(data=self._comment(n, 9, parent=f"t1_c{n}x0", body="Thanks!"))])
        first = self._comment(n, 0, replies=Listing(data=replies))
        if n == 2:
            first = self._comment(n, 0, body="[removed]")
        more = More(id=f"c{n}x2", name=f"t1_c{n}x2", parent_id=f"t3_post{n}", count=2, depth=0,
                    children=[f"c{n}x2", f"c{n}x3"])  # fmt: skip
        comments = [CommentThing(data=first), CommentThing(data=self._comment(n, 1)), MoreThing(data=more)]
        return Listing(data=Page(children=[PostThing(data=self._post(n))])), Listing(
            data=Page(children=comments)
        )

    def _more(self, request: Request) -> dict[str, Any]:
        assert request.params["api_type"] == "json"
        post = int(request.params["link_id"].removeprefix("t3_post"))
        things = [
            CommentThing(data=self._comment(post, int(child.rpartition("x")[2]))).model_dump()
            for child in request.params["children"].split(",")
        ]
        return {"json": {"errors": [], "data": {"things": things}}}

    def _post(self, n: int) -> Post:
        return Post(
            id=f"post{n}",
            name=f"t3_post{n}",
            title=f"How deep is harbour {n}?",
            selftext="" if n == 1 else "At *low* tide & high.",
            author=f"asker{n}",
            subreddit="harbours",
            score=10,
            num_comments=0 if n == 3 else 4,
            created_utc=1_700_000_000.0 + n,
            permalink=f"/r/harbours/comments/post{n}/how_deep/",
            removed_by_category="moderator" if n == 1 else None,
        )

    def _comment(
        self, n: int, k: int, *, parent: str = "", body: str = "", replies: "Literal[''] | Listing" = ""
    ) -> Comment:
        return Comment(
            id=f"c{n}x{k}",
            name=f"t1_c{n}x{k}",
            parent_id=parent or f"t3_post{n}",
            link_id=f"t3_post{n}",
            body=body or f"{k} fathoms, by harbour {n}.",
            author=f"captain{k}",
            score=5 - k if k < 9 else 3,
            created_utc=1_700_000_100.0,
            permalink=f"/r/harbours/comments/post{n}/how_deep/c{n}x{k}/",
            replies=replies,
        )
