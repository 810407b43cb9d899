"""Did the preview come true? The app keeps what it showed before Start with the run; here it is compared.

Most often they differ because the preview was made with another version of the libraries than the run's.
"""

import json
from pathlib import Path

from trainer_image.config import PREVIEW_FILE
from trainer_image.judging import difference
from trainer_image.ledger import Ledger
from trainer_image.reporting import Reporter


def report(reporter: Reporter, ledger: Ledger, run_dir: Path) -> None:
    """Say whether the ledger is the one that was previewed; nothing if none was."""
    try:
        buckets = json.loads((run_dir / PREVIEW_FILE).read_bytes())["buckets"]
        expected = {str(bucket): int(count) for bucket, count in buckets.items()}
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # no reason for a run to fail
        reporter.notice("What the preview said of the rows cannot be read, so it is not compared.")
        return
    told = difference(expected, ledger.buckets)
    if told:
        reporter.notice(f"The rows are not what the preview said: {told}.", level="warning")
    else:
        reporter.notice("The rows are exactly what the preview said.")
