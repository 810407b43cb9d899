"""What an export takes, told beforehand: copies on the way, downloads, and in which memory."""

from pathlib import Path

import pytest

from app.domain.export_sizes import WholeModel, estimate, fits_on_card
from app.domain.exports import ComputesOn, Estimate, ExportFormat, ExportWish, Quantization

GB = 1_000_000_000
EIGHT_BILLION = WholeModel(8 * GB)


def estimated(
    model: WholeModel, format: str = "gguf", quantization: str = "q8_0", *, is_adapter: bool = True, **more
) -> Estimate:
    on = ComputesOn(more.pop("on", "auto"))
    wish = ExportWish(ExportFormat(format), Path("/x"), Quantization(quantization), computes_on=on)
    given = {"adapter_bytes": GB // 10, "free_bytes": 10_000 * GB, "download_free_bytes": 10_000 * GB} | more
    return estimate(wish, model, is_adapter=is_adapter, **given)


@pytest.mark.parametrize(
    ("wanted", "model_gb", "free_gb", "fits"),
    [
        ("auto", 16, 24, True),
        ("auto", 16, 12, False),
        ("auto", 5, 12, True),
        ("auto", 16, 20, False),  # it takes a fifth more, and PyTorch itself
        ("auto", 1, None, False),
        ("cpu", 1, 80, False),
    ],
)
def test_the_card_is_taken_where_the_model_fits_with_room_and_nobody_asked_for_the_processor(
    wanted: str, model_gb: int, free_gb: int | None, fits: bool
) -> None:
    free = None if free_gb is None else free_gb * GB

    assert fits_on_card(ComputesOn(wanted), model_gb * GB, free) is fits


def test_the_estimate_names_the_memory_that_will_be_used() -> None:
    small, large = (
        estimated(EIGHT_BILLION, card_free_bytes=12 * GB),
        estimated(EIGHT_BILLION, card_free_bytes=24 * GB),
    )
    chosen = estimated(EIGHT_BILLION, card_free_bytes=24 * GB, on="cpu")

    assert [one.on_card for one in (small, large, chosen)] == [False, True, False]
    assert small.memory_bytes == large.memory_bytes == round(16 * GB * 1.2) + GB


def test_a_base_in_four_bits_takes_a_quarter_of_the_memory_for_its_adapter() -> None:
    found = estimated(WholeModel(8 * GB, 0.6), "adapter", card_free_bytes=12 * GB)

    assert found.on_card
    assert found.memory_bytes < 7 * GB


def test_a_merge_into_weights_of_32_bits_is_counted_as_it_is_written() -> None:
    sixteen, thirty_two = estimated(EIGHT_BILLION), estimated(WholeModel(8 * GB, 4.0))

    assert thirty_two.needed_bytes - sixteen.needed_bytes == pytest.approx(16 * GB, rel=0.06)
    assert thirty_two.size_bytes == sixteen.size_bytes


def test_a_checkpoint_in_parts_is_counted_with_the_copy_it_is_multiplied_out_to() -> None:
    plain = estimated(EIGHT_BILLION, "merged", is_adapter=False)
    factored = estimated(WholeModel(8 * GB, 2.0, is_factored=True), "merged", is_adapter=False)

    assert factored.needed_bytes - plain.needed_bytes == pytest.approx(16 * GB, rel=0.06)
    assert factored.memory_bytes > 2 * plain.memory_bytes


def test_a_base_that_is_downloaded_first_counts_on_the_disk_it_goes_to() -> None:
    to_come = WholeModel(8 * GB, download_bytes=16 * GB)

    other = estimated(to_come, is_one_disk=False, download_free_bytes=10 * GB)
    same = estimated(to_come, is_one_disk=True)

    assert other.fits
    assert not other.download_fits
    assert same.needed_bytes == other.needed_bytes + 16 * GB


def test_an_adapter_is_copied_whether_or_not_there_is_room_for_its_base() -> None:
    to_come = WholeModel(8 * GB, download_bytes=16 * GB)

    found = estimated(to_come, "adapter", is_one_disk=True, free_bytes=GB, download_free_bytes=GB)

    assert found.fits
    assert found.download_fits
