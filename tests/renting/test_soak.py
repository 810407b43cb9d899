"""The soak in small: a few seeded runs while everything fails, and not a cent or a pod is left over."""

from pathlib import Path

from benchmarks.runpod_soak import Soak


def test_whatever_fails_no_pod_is_left_and_no_dollar_uncounted(tmp_path: Path):
    report = Soak(tmp_path, runs=5, seed=3, together=5).go()

    assert report.broken == []
    assert sum(report.ended.values()) == 5
    assert report.counted >= report.billed > 0
