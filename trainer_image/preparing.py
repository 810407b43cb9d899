"""From a run's config to the rows it trains on and those it measures on, with all that is to be said."""

from pathlib import Path
from typing import Any, Final

from trainer_image import data, preview
from trainer_image.aside import validation_count
from trainer_image.config import RunConfig
from trainer_image.data import TrainingRows
from trainer_image.documents import into_blocks
from trainer_image.judging import Facts, all_well, warnings
from trainer_image.masking import Masking
from trainer_image.reporting import Reporter
from trainer_image.splitting import set_aside
from trainer_image.tokenising import Tokenising
from trainer_image.verdicts import Inspection

SHORT_DOCUMENT: Final = 512
"""Tokens; where most documents have fewer, blocks of as many are enough."""


def rows_of_run(
    config: RunConfig, run_dir: Path, tokenizer: Any, reporter: Reporter, *, workers: int | None = None
) -> TrainingRows:
    """Read, tokenise, split and judge the run's data. Raises RunFailedError if it is no good."""
    inspection = Inspection(tokenizer)
    tokenising = Tokenising(config, run_dir, tokenizer, reporter, workers=workers)
    rows = tokenising.rows(inspection)
    facts = inspection.facts(rows)
    if config.validation != "file":
        set_aside(rows, validation_count(config, len(rows.input_ids)), seed=config.seed)
    reporter.emit(rows.ledger.event())
    preview.report(reporter, rows.ledger, run_dir)
    _report(reporter, rows, tokenising.masking, facts)
    _report_lengths(reporter, config, rows)
    data.require_something_to_train(rows, max_seq_len=config.max_seq_len)
    data.require_enough_left(rows, max_lost_share=config.max_lost_share)
    if config.is_pretraining:
        assert config.block_size
        end = tokenizer.eos_token_id
        pad_id = end if tokenizer.pad_token_id is None else tokenizer.pad_token_id
        into_blocks(rows, block_size=config.block_size, pad_id=pad_id)
    return rows


def _report(reporter: Reporter, rows: TrainingRows, masking: Masking, facts: Facts) -> None:
    counts = ", ".join(f"{bucket.replace('_', ' ')} {n}" for bucket, n in rows.ledger.buckets.most_common())
    reporter.say(f"{rows.ledger.read} rows: {counts or 'none'}")
    if rows.ledger.truncated:
        reporter.notice(f"{rows.ledger.truncated} rows were cut to the longest length.", level="warning")
    found = [*masking.notices, *([] if masking.of_documents else warnings(facts))]
    for notice in found:
        reporter.notice(notice, level="warning")
    if not found and not masking.of_documents and rows.input_ids:
        reporter.notice(all_well(facts))


def _report_lengths(reporter: Reporter, config: RunConfig, rows: TrainingRows) -> None:
    lengths = rows.ledger.lengths
    if not lengths:
        return
    reporter.say(
        f"Tokens in a row: half have at most {lengths.p50}, 95 % at most {lengths.p95}, 99 % at most "
        f"{lengths.p99}, the longest {lengths.max}"
    )
    if config.is_pretraining and lengths.p50 < SHORT_DOCUMENT < (config.block_size or 0):
        reporter.notice(
            f"The documents are short: half have no more than {lengths.p50} tokens. A block_size of "
            f"{SHORT_DOCUMENT} suits them better than {config.block_size}."
        )
