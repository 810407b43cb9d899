"""Runpod on loopback: GraphQL, REST v2, the proxy to pods, billing. Pods are real processes.

    with RunpodEmulator(folder, images={"trainer": Image(["{python}", "-m", "thing"])}) as cloud:
        environment = cloud.environment()

By hand: python -m tests.emulators.runpod --port 8123
"""

from tests.emulators.runpod.containers import Image
from tests.emulators.runpod.server import RunpodEmulator
from tests.emulators.runpod.trainer import trainer_image

__all__ = ["Image", "RunpodEmulator", "trainer_image"]
