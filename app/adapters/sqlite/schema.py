"""Today's tables as SQLAlchemy sees them; `migrations` makes them. A test compares the two."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    TypeDecorator,
)


class Moment(TypeDecorator[datetime]):
    """A point in time as ISO text in UTC of fixed width, so that text order is time order."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a stored time must say its time zone")
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.fromisoformat(value)


class Words(TypeDecorator[str]):
    """Text from anywhere. UTF-8 has no lone surrogates (broken file names, cut emoji): they become "?"."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else value.encode("utf-8", "replace").decode("utf-8")


class Number(TypeDecorator[float]):
    """A number that may be NaN, as a diverged run reports; SQLite keeps that as NULL."""

    impl = Float
    cache_ok = True

    def process_result_value(self, value: Any | None, dialect: Dialect) -> float:
        return float("nan") if value is None else float(value)


metadata = MetaData()

sessions = Table(
    "sessions",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String, nullable=False),
    Column("name", Words, nullable=False),
    Column("source", Words, nullable=False),
    Column("source_kind", String, nullable=False, server_default=""),
    Column("tags", JSON, nullable=False, server_default="[]"),
    Column("row_count", Integer, nullable=False, server_default="0"),
    Column("content_hash", String, nullable=False, server_default=""),
    Column("created_at", Moment, nullable=False),
    Column("held_by", String),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("deleted_at", Moment),
    Column("is_part", Boolean, nullable=False, server_default="0"),
)

session_rows = Table(
    "session_rows",
    metadata,
    Column("session", ForeignKey("sessions.number"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("source_line", Integer, nullable=False),
    Column("messages", String, nullable=False),
    Column("content_hash", LargeBinary, nullable=False),
    Column("unmask", Integer, nullable=False, server_default="0"),
    Column("meta", String, nullable=False, server_default=""),
)

session_versions = Table(
    "session_versions",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("session", ForeignKey("sessions.number"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("row_count", Integer, nullable=False),
    Column("content_hash", String, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("summary", Words, nullable=False),
)

version_ranges = Table(
    "version_ranges",
    metadata,
    Column("version", ForeignKey("session_versions.number"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("part", ForeignKey("sessions.number"), nullable=False),
    Column("first", Integer, nullable=False),
    Column("length", Integer, nullable=False),
)

scrapes = Table(
    "scrapes",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("name", Words, nullable=False),
    Column("source", Words, nullable=False),
    Column("query", Words, nullable=False),
    Column("cursor", Words, nullable=False, server_default="{}"),
    Column("status", String, nullable=False),
    Column("owner", String),
    Column("session", ForeignKey("sessions.number")),
    Column("row_count", Integer, nullable=False, server_default="0"),
    Column("seen", Integer, nullable=False, server_default="0"),
    Column("total", Integer),
    Column("skipped", Words, nullable=False, server_default="{}"),
    Column("message", Words, nullable=False, server_default=""),
    Column("hint", Words, nullable=False, server_default=""),
    Column("started_at", Moment, nullable=False),
    Column("ended_at", Moment),
)

configs = Table(
    "configs",
    metadata,
    Column("name", Words, primary_key=True),
    Column("document", Words, nullable=False),
    Column("saved_at", Moment, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String, nullable=False),
    Column("name", Words, nullable=False),
    Column("target", String, nullable=False),
    Column("config", String, nullable=False),
    Column("docker", String, nullable=False),
    Column("folder", String, nullable=False),
    Column("data_label", Words, nullable=False),
    Column("session_id", ForeignKey("sessions.id")),
    Column("status", String, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("stop_requested", Boolean, nullable=False),
    Column("owner", String),
    Column("handle", String),
    Column("started_at", Moment),
    Column("ended_at", Moment),
    Column("phase", Words, nullable=False),
    Column("step", Integer, nullable=False),
    Column("total_steps", Integer, nullable=False),
    Column("loss", Float),
    Column("eta_seconds", Float),
    Column("message", Words, nullable=False),
    Column("hint", Words, nullable=False),
    Column("output", String),
    Column("output_kind", String),
    Column("checkpoint", String),
    Column("events_offset", Integer, nullable=False),
    Column("session_version", Integer),
    Column("content_hash", String, nullable=False, server_default=""),
    Column("queue_position", Integer),
    Column("gpu", Integer),
    Column("cloned_from", String),
    Column("note", Words, nullable=False, server_default=""),
    Column("origin", String, nullable=False, server_default=""),
    Column("pod", String, nullable=False, server_default="{}"),
)

rentals = Table(
    "rentals",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("run_id", String, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("gpu", Words, nullable=False),
    Column("gpu_name", Words, nullable=False),
    Column("price", Float, nullable=False),
    Column("budget", Float, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("train_until", Moment, nullable=False),
    Column("ends_by", Moment, nullable=False),
    Column("token_sha256", String, nullable=False),
    Column("folder", String, nullable=False),
    Column("is_resumed", Boolean, nullable=False, server_default="0"),
    Column("is_extended", Boolean, nullable=False, server_default="0"),
    Column("resume_from", Words, nullable=False, server_default=""),
    Column("passes_token", Boolean, nullable=False, server_default="0"),
    Column("state", String, nullable=False),
    Column("pod_id", String, nullable=False, server_default=""),
    Column("keeper", String),
    Column("wish", String, nullable=False, server_default=""),
    Column("is_started", Boolean, nullable=False, server_default="0"),
    Column("exit_code", Integer),
    Column("is_retrieved", Boolean, nullable=False, server_default="0"),
    Column("message", Words, nullable=False, server_default=""),
    Column("hint", Words, nullable=False, server_default=""),
    Column("progress", Words, nullable=False, server_default=""),
    Column("trouble", Words, nullable=False, server_default=""),
    Column("missed_at", Moment),
    Column("state_since", Moment),
    Column("ended_at", Moment),
    Column("spent_before", Float, nullable=False, server_default="0"),
)

metrics = Table(
    "metrics",
    metadata,
    Column("run_id", ForeignKey("runs.id"), primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("total_steps", Integer, nullable=False),
    Column("epoch", Number),
    Column("loss", Number),
    Column("learning_rate", Number),
    Column("grad_norm", Float),
    Column("tokens_per_second", Float),
    Column("elapsed_seconds", Number),
    Column("eta_seconds", Float),
    Column("time", Moment, nullable=False),
    Column("gpu_memory_gb", Float),
    Column("gpu_utilisation", Float),
    Column("gpu_temperature", Float),
)

events = Table(
    "events",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
    Column("time", Moment, nullable=False),
    Column("type", String, nullable=False),
    Column("text", Words, nullable=False),
    Column("level", String, nullable=False),
    Column("step", Integer),
    Column("detail", Words, nullable=False, server_default=""),
)

chats = Table(
    "chats",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
    Column("voice", String, nullable=False),
    Column("prompt", Words, nullable=False),
    Column("answer", Words, nullable=False),
    Column("sampling", String, nullable=False),
    Column("created_at", Moment, nullable=False),
)

conversations = Table(
    "conversations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Words, nullable=False),
    Column("model", Words, nullable=False),
    Column("model_label", Words, nullable=False),
    Column("system", Words, nullable=False),
    Column("sampling", String, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("deleted_at", Moment),
)

conversation_messages = Table(
    "conversation_messages",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("conversation_id", ForeignKey("conversations.id"), nullable=False),
    Column("role", String, nullable=False),
    Column("content", Words, nullable=False),
    Column("model_label", Words, nullable=False),
    Column("rating", Integer, nullable=False),
    Column("original", Words),
    Column("facts", String, nullable=False),
    Column("created_at", Moment, nullable=False),
)

settings = Table(
    "settings",
    metadata,
    Column("key", Words, primary_key=True),
    Column("value", Words, nullable=False),
)

merges = Table(
    "merges",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String, nullable=False),
    Column("name", Words, nullable=False),
    Column("recipe", Words, nullable=False),
    Column("saved_at", Moment, nullable=False),
    Column("result", Words),
)

exports = Table(
    "exports",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", String, nullable=False),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
    Column("label", Words, nullable=False),
    Column("format", String, nullable=False),
    Column("folder", Words, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("passed", Boolean, nullable=False),
    Column("verdict", Words, nullable=False),
    Column("owner", String),
    Column("staging", Words),
    Column("pushed_to", Words, nullable=False, server_default=""),
)
