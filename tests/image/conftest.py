"""The engine's fixtures, for the tests of the image."""

from tests.docker_engine import docker_client, skeleton_image, trainer_image

__all__ = ["docker_client", "skeleton_image", "trainer_image"]
