"""The cyclic garbage collector of processes that cache many aggregates."""

import gc
from typing import Final

_THRESHOLDS: Final = (50_000, 500, 50)


def tune_garbage_collection() -> None:
    """Scan young objects a hundred times less often than by default, and older ones hardly ever.

    Nearly all objects are freed by reference counting. With the default thresholds, a third of the CPU
    time of signal intake went to scans over cached aggregates.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
