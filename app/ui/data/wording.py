"""How sessions are put into words."""

from datetime import datetime

from app.domain.sessions import ImportReport, Session
from app.ui.texts import counted, text


def rows(count: int) -> str:
    return counted("data.wording.rows", count)


def when(moment: datetime) -> str:
    """In this computer's time zone."""
    here = moment.astimezone()
    return f"{here.day} {here:%b %Y, %H:%M}"


def about(session: Session) -> str:
    parts = [rows(session.row_count), session.source, when(session.created_at)]
    if session.version > 1:
        parts.append(text("data.wording.version", version=session.version))
    return " · ".join(parts)


def outcome(report: ImportReport) -> str:
    return text("data.wording.outcome", rows=rows(report.accepted_count), refused=report.refused_count)


def shortened(said: str, limit: int = 1500) -> str:
    """At most `limit` characters, and how many there are beyond: a row may hold megabytes."""
    if len(said) <= limit:
        return said
    return text("data.wording.more_characters", text=said[:limit], count=len(said) - limit)
