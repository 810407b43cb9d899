"""How sessions are put into words."""

from datetime import datetime

from app.domain.sessions import ImportReport, Session


def rows(count: int) -> str:
    return f"{count:,} row" if count == 1 else f"{count:,} rows"


def when(moment: datetime) -> str:
    """In this computer's time zone."""
    here = moment.astimezone()
    return f"{here.day} {here:%b %Y, %H:%M}"


def about(session: Session) -> str:
    version = f" · version {session.version}" if session.version > 1 else ""
    return f"{rows(session.row_count)} · {session.source} · {when(session.created_at)}{version}"


def outcome(report: ImportReport) -> str:
    return f"{rows(report.accepted_count)} imported, {report.refused_count:,} refused"


def shortened(text: str, limit: int = 1500) -> str:
    """At most `limit` characters, and how many there are beyond: a row may hold megabytes."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… ({len(text) - limit:,} more characters)"
