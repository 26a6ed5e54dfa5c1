"""C9: a program's forward and gradient lower for CPU, CUDA and TPU, and compile ahead of time for a TPU v5e.

Many programs go into one export and one compilation, which is much cheaper than one each; a batch that fails
is halved until the guilty ones are alone. Imported only where the backend is JAX.
"""

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import pathlib

import jax
from jax import export
from jax.experimental.compilation_cache import compilation_cache

from keras_cnn_zoo.testing.backends.jax_programs import shapes_of

PLATFORMS = ("cpu", "cuda", "tpu")
TOPOLOGY = "v5e:2x2"


def compile_quickly(folder):
    """Compiles for this machine with few optimizations, and keeps all of it in `folder`, however small.

    Each program runs a few times only, and takes longer to compile than to run.
    """
    jax.config.update("jax_disable_most_optimizations", True)
    jax.config.update("jax_compilation_cache_dir", str(pathlib.Path(folder) / "jax"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def lowering_problem(parts):
    """Returns None, or why `jax.export` of these cases together fails."""
    try:
        arguments = [shapes_of(part.arguments()) for part in parts]
        export.export(jax.jit(_together(parts)), platforms=PLATFORMS)(arguments)
    except Exception as error:
        return f"does not lower for {', '.join(PLATFORMS)}: {first_lines(error)}"
    return None


class TpuCompiler:
    """Compiles for a TPU v5e without one. What compiled before with this libtpu is noted in `cache`."""

    def __init__(self, cache):
        self.missing = None
        if importlib.util.find_spec("libtpu") is None:
            self.missing = "libtpu is not installed, so nothing was compiled for a TPU"
            return
        from jax.experimental import topologies

        try:
            devices = topologies.get_topology_desc(platform="tpu", topology_name=TOPOLOGY).devices
        except Exception as error:
            self.missing = f"libtpu gives no topology {TOPOLOGY}: {first_lines(error)}"
            return
        self.sharding = jax.sharding.SingleDeviceSharding(devices[0])
        self.folder = pathlib.Path(cache) / "tpu"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.version = f"libtpu {importlib.metadata.version('libtpu')}, {TOPOLOGY}"

    def problem(self, parts):
        """Returns None, or why these cases together do not compile."""
        try:
            arguments = [shapes_of(part.arguments(), self.sharding) for part in parts]
            lowered = jax.jit(_together(parts)).trace(arguments).lower(lowering_platforms=("tpu",))
            text = f"{self.version}\n{lowered.as_text()}"
            stamp = self.folder / hashlib.sha256(text.encode()).hexdigest()
            if stamp.exists():
                return None
            with _as_for_users():
                lowered.compile()
        except Exception as error:
            return f"does not compile for a TPU {TOPOLOGY}: {first_lines(error)}"
        stamp.touch()
        return None


def find_problems(parts, problem):
    """Returns {case id: message} of the cases that fail `problem`, by halving a batch that fails."""
    if not parts:
        return {}
    message = problem(parts)
    if message is None:
        return {}
    if len(parts) == 1:
        return {parts[0].case.id: message}
    middle = len(parts) // 2
    found = {**find_problems(parts[:middle], problem), **find_problems(parts[middle:], problem)}
    return found or {part.case.id: f"only together with others: {message}" for part in parts}


@contextlib.contextmanager
def _as_for_users():
    """Compiles with all optimizations, and without a cache.

    JAX's cache writes what is compiled for an absent TPU, and then cannot read it.
    """
    jax.config.update("jax_disable_most_optimizations", False)
    jax.config.update("jax_enable_compilation_cache", False)
    compilation_cache.reset_cache()
    try:
        yield
    finally:
        jax.config.update("jax_disable_most_optimizations", True)
        jax.config.update("jax_enable_compilation_cache", True)
        compilation_cache.reset_cache()


def first_lines(error, characters=400):
    """Returns the kind and start of an exception's message on one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:characters]}" + ("..." if len(text) > characters else "")


def _together(parts):
    def function(arguments):
        return [part.jitted(argument) for part, argument in zip(parts, arguments, strict=True)]

    return function
