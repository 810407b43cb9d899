"""Load large libraries without the garbage collector looking through them again and again."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def at_once() -> Iterator[None]:
    """For imports alone: what they bring stays, so it isn't looked at while it grows, nor ever after.

    PyTorch and transformers make half a million objects; a tenth to a third of the time of importing them
    went into collecting what isn't garbage (`docs/measured/first-path.md`).
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()
