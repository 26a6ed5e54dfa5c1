"""How much memory this process uses, and giving back what compiled programs took.

A contract run builds thousands of programs. Keras, JAX, and the C library keep what belonged to each, so that
a process grows by tens of megabytes per component unless `release` is called in between.
"""

import ctypes
import gc
import sys

import keras


def used():
    """Returns the memory of this process in MB, or its peak if only that is known."""
    return _resident() or peak()


def _resident():
    """Returns the resident memory in MB, or 0 if it is not known."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmRSS:"))
    except OSError:
        return 0


def peak():
    """Returns the largest memory that this process has had in MB, or 0 if that is not known."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    # In kilobytes, on macOS in bytes.
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # The kernel updates its record from time to time, so that the memory in use may be a little larger.
    return max(most // (1024**2 if sys.platform == "darwin" else 1024), _resident())


def release(above=0):
    """Gives back the memory of all models and programs that nothing refers to any more.

    Call it between components: what Keras and JAX have traced and compiled so far is compiled again if it is
    used again.

    Args:
        above: Memory in MB that this process may use before anything is given back.
    """
    if used() <= above:
        return
    if keras.backend.backend() == "jax":
        import jax

        jax.clear_caches()
    keras.utils.clear_session(free_memory=False)
    gc.collect()
    if sys.platform == "linux":
        # The C library keeps freed memory in pieces; musl has no such function.
        getattr(ctypes.CDLL(None), "malloc_trim", int)(0)
