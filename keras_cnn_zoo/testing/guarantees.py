"""The thirteen guarantees, the ways a check can end, and the outcome that is reported."""

import dataclasses
import re

GUARANTEES = {
    "C1": "get_config holds every constructor argument, is JSON-able, same before and after build and call",
    "C2": "from_config + weights, and a .keras file saved and loaded, give the same numbers",
    "C3": "eager, symbolic and declared output shapes agree, with unknown batch and, where possible, space",
    "C4": "float32, mixed_bfloat16, mixed_float16, float64: right dtype, finite values; NaN in gives NaN out",
    "C5": "channels_first equals the transposed channels_last",
    "C6": "XLA equals eager: inference, and training with the draw held fixed",
    "C7": "gradients are finite, reach every trainable weight, and match finite differences in float64",
    "C8": "TensorFlow, JAX and PyTorch give the same output and gradient from the same weights",
    "C9": "lowers for CUDA and TPU, and compiles ahead of time for a TPU v5e",
    "C10": "inference is deterministic; training is reproducible from a seed; inputs are never changed",
    "C11": "every bad argument raises ValueError naming it and what it received; bad shapes fail at build",
    "C12": "exports (SavedModel, ONNX, LiteRT with fixed space and its own operations) give the same numbers",
    "C13": "equals an independent float64 NumPy reading of the paper's formula",
}

TITLES = {
    "C1": "config",
    "C2": "save and load",
    "C3": "output shapes",
    "C4": "precision",
    "C5": "channels_first",
    "C6": "XLA",
    "C7": "gradients",
    "C8": "backends",
    "C9": "CUDA and TPU",
    "C10": "reproducibility",
    "C11": "bad arguments",
    "C12": "export",
    "C13": "reference",
}

NEVER_EXEMPT = ("C1", "C2", "C10", "C11", "C13")

PARTS = {
    "C3 unknown space": "the layer cannot run, or tell its output shape, without the size of the map",
    "C4 hard inputs": "zeros, tiny and large values in half precision lie outside the domain",
    "C7 finite differences": "the gradient is not the derivative, as on a straight-through path",
    "C7 input gradient": "no gradient is to reach the input",
    "C12 ONNX": "the ONNX converter lacks an operation",
    "C12 LiteRT": "an operation is not among those that LiteRT has built in",
    "C12 SavedModel": "the function cannot be saved as a TensorFlow graph",
}

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")  # Keras prints parts of its messages in bold.

STATUSES = ("pass", "fail", "exempt", "not run")


class Broken(Exception):
    """Raised by a check: what broke, and what to do. The runner adds the guarantee and the component.

    Args:
        what: What broke, for example "the output has shape (2, 3)".
        advice: What to do about it.
        topic: Words after the guarantee in the message. Defaults to those of the case's `titles`.
    """

    def __init__(self, what, advice, *, topic=""):
        super().__init__(what)
        self.what = what
        self.advice = advice
        self.topic = topic


class ContractError(AssertionError):
    """A broken guarantee. The message reads "C5 ...: LpPooling2D: what broke. What to do: ..."."""

    def __init__(self, guarantee, case, what, advice, *, topic=""):
        self.guarantee = guarantee
        self.what = what
        what = " ".join(ESCAPES.sub("", what).split()).rstrip(".")
        title = topic or getattr(case, "titles", TITLES)[guarantee]
        super().__init__(f"{guarantee} {title}: {case.name}: {what}. What to do: {advice}")


class NotApplicable(Exception):
    """Raised by a check that does not apply to this component. The message says why."""


class NotRun(Exception):
    """Raised by a check that cannot run here. The message says where it can."""


class Waived(Exception):
    """Raised by a check that passed except for a declared part. The message is the declared reason."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The result of one guarantee on one case.

    Args:
        case_id: The `id` of the case, for example "layers.LpPooling2D[0]".
        guarantee: A key of `GUARANTEES`.
        status: "pass", "fail", "exempt" or "not run". A guarantee that does not apply to a kind of
            component is "exempt", with a detail that begins with "not applicable".
        detail: What broke, or the reason in words. Defaults to "".
    """

    case_id: str
    guarantee: str
    status: str
    detail: str = ""

    def __post_init__(self):
        if self.status not in STATUSES:
            raise ValueError(f"`status` must be one of {STATUSES}. Received: status={self.status!r}")
