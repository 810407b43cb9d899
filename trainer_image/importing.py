"""Load large libraries without the garbage collector looking through them again and again."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def at_once() -> Iterator[None]:
    """For imports alone: what they bring stays, so it isn't looked at while it grows, nor ever after.

    PyTorch and transformers make half a million objects; a tenth to a third of the time of importing them
    went into collecting what isn't garbage (`docs/measured/first-path.md`).
    """
    was_on, modules = gc.isenabled(), len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > modules:  # else what has become garbage meanwhile would be kept, time and again
            gc.freeze()
        if was_on:
            gc.enable()
