"""The Stack Exchange API 2.3 on loopback, as far as collecting needs it.

Every answer is checked against the published shapes: api.stackexchange.com/docs, pages `wrapper`,
`types/question`, `types/answer`, `types/shallow-user`, `errors` and `throttle`.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from tests.emulators.server import Emulator, Reply, Request


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ShallowUser(_Shape):
    """`types/shallow-user`; a deleted user has neither id nor link."""

    user_type: Literal["unregistered", "registered", "moderator", "team_admin", "does_not_exist"]
    display_name: str | None = None
    user_id: int | None = None
    account_id: int | None = None
    reputation: int | None = None
    accept_rate: int | None = None
    profile_image: str | None = None
    link: str | None = None


class Question(_Shape):
    question_id: int
    title: str
    body: str
    link: str
    tags: list[str]
    score: int
    is_answered: bool
    view_count: int
    answer_count: int
    creation_date: int
    last_activity_date: int
    content_license: str | None = None
    accepted_answer_id: int | None = None
    owner: ShallowUser | None = None


class Answer(_Shape):
    answer_id: int
    question_id: int
    body: str
    score: int
    is_accepted: bool
    creation_date: int
    last_activity_date: int
    content_license: str | None = None
    owner: ShallowUser | None = None


class Wrapper(_Shape):
    has_more: bool
    quota_max: int
    quota_remaining: int
    backoff: int | None = None


class Questions(Wrapper):
    items: list[Question]


class Answers(Wrapper):
    items: list[Answer]


class Total(_Shape):
    """The built-in filter `total` leaves nothing else."""

    total: int


class Refusal(_Shape):
    error_id: int
    error_name: str
    error_message: str


class StackExchangeEmulator(Emulator):
    """A site with `count` questions of tag "python", every one with an accepted answer."""

    gzips = True  # "All API responses are compressed"

    def __init__(self, count: int = 45) -> None:
        super().__init__()
        self.count = count
        self.quota = 300
        self.backoff_next: int | None = None
        self.refusal: Refusal | None = None
        """Instead of the next answer."""
        self.answers_gone: set[int] = set()

    @property
    def api(self) -> str:
        return f"{self.url}/2.3"

    def answer(self, request: Request) -> Reply:
        if self.refusal is not None:
            refusal, self.refusal = self.refusal, None
            return Reply(refusal.model_dump(), 400)
        self.quota -= 1
        method = request.path.removeprefix("/2.3/")
        if request.params.get("filter") == "total":
            return Reply(Total(total=self.count).model_dump())
        found = self._questions(request) if method == "search/advanced" else self._answers(method)
        return Reply(found.model_dump(exclude_none=True))

    def _wrapper(self) -> dict[str, Any]:
        backoff, self.backoff_next = self.backoff_next, None
        return {"quota_max": 300, "quota_remaining": self.quota, "backoff": backoff}

    def _questions(self, request: Request) -> Questions:
        page, size = int(request.params["page"]), int(request.params["pagesize"])
        assert size <= 100
        assert request.params["accepted"] == "True"
        numbers = range((page - 1) * size, min(page * size, self.count))
        items = [self._question(n) for n in numbers]
        return Questions(items=items, has_more=page * size < self.count, **self._wrapper())

    def _answers(self, method: str) -> Answers:
        ids = [int(i) for i in method.removeprefix("answers/").split(";")]
        assert len(ids) <= 100
        items = [self._its_answer(i - 1000) for i in reversed(ids) if i not in self.answers_gone]
        return Answers(items=items, has_more=False, **self._wrapper())

    def _question(self, n: int) -> Question:
        return Question(
            question_id=n + 1,
            title=f"Why is &quot;it&quot; {n}?",
            body=f"<p>I run <code>it({n})</code> &amp; wait:</p>\n"
            f'<pre class="lang-py"><code>it({n})\n</code></pre>',
            link=f"https://cooking.example/questions/{n + 1}/why-is-it-{n}",
            tags=["python", "it"],
            score=100 - n,
            is_answered=True,
            view_count=5 * n,
            answer_count=1,
            creation_date=1_700_000_000 + n,
            last_activity_date=1_700_000_000 + n,
            content_license="CC BY-SA 4.0",
            accepted_answer_id=1000 + n,
            owner=ShallowUser(user_type="registered", display_name="O&#39;Hara", user_id=7, reputation=1),
        )

    def _its_answer(self, n: int) -> Answer:
        return Answer(
            answer_id=1000 + n,
            question_id=n + 1,
            body=f"<p>Because of <em>{n}</em>.</p>",
            score=50 - n,
            is_accepted=True,
            creation_date=1_700_000_100 + n,
            last_activity_date=1_700_000_100 + n,
            content_license="CC BY-SA 3.0",
            owner=ShallowUser(user_type="does_not_exist", display_name=f"user{n}"),
        )
