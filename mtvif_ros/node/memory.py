"""Keep the memory of one frame for the next."""

from __future__ import annotations

import ctypes

# Of glibc's malloc.h; the threshold is the largest that it takes.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_KEPT = 32 << 20
_MOST_KEPT = 256 << 20


def keep_freed_memory() -> None:
    """Let this process keep freed blocks of up to 32 MiB, and up to 256 MiB at the end of each heap.

    A camera's frame is large enough that glibc gives its memory back and the kernel has to clear new pages
    for the next one, which costs more than what is computed on it (docs/benchmarks.md). Does nothing
    where the C library is another.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _MOST_KEPT)
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT)
