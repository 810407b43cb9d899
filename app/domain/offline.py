"""What offline mode is called where it was switched on. Light: read before anything else is imported."""

from typing import Final

BY_SWITCH: Final = "Offline mode is on: it was switched on in Settings."
