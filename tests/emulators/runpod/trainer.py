"""The trainer's image without an engine: the real supervisor and the real `train.py` as processes."""

from pathlib import Path

from tests.emulators.runpod.containers import Image

CHECKOUT = Path(__file__).resolve().parents[3]


def trainer_image(**more: str) -> Image:
    """`more` is environment of the image, as `STUDIO_RETRY_SECONDS="0.2"`."""
    return Image(
        ["{python}", "-P", "-m", "trainer_image.pod"],
        {
            "PYTHONPATH": str(CHECKOUT),
            "PYTHONUNBUFFERED": "1",
            "STUDIO_HOME": "{volume}",
            "STUDIO_HOST": "127.0.0.1",
            "STUDIO_PORT": "{port:8080}",
            "OMP_NUM_THREADS": "1",
            **more,
        },
    )
