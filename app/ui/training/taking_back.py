"""What the form holds once a change of it is taken back, and what was typed since stays."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Reset:
    """Everything the form held before all settings were reset, and just after."""

    before: Mapping[str, Any]
    after: Mapping[str, Any]


def taken_back(before: Any, after: Any, now: Any) -> Any:
    """`before` where `now` is as it was `after` the change, else what it is now; part by part."""
    if before == after:
        return now
    if now == after:
        return before
    if isinstance(now, Mapping) and isinstance(after, Mapping) and isinstance(before, Mapping):
        names = [*now, *(name for name in before if name not in after)]
        back = {name: taken_back(before.get(name), after.get(name), now.get(name)) for name in names}
        gone = {name for name in now if name in after and name not in before and now[name] == after[name]}
        return {name: value for name, value in back.items() if name not in gone}
    if is_dataclass(now) and not isinstance(now, type) and type(now) is type(after) is type(before):
        values = {
            item.name: taken_back(*(getattr(one, item.name) for one in (before, after, now)))
            for item in fields(now)
        }
        return replace(now, **values)
    return now
