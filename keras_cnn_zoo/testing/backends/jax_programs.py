"""Programs as pure functions on JAX: outputs and gradients of the dtypes and modes of a case in one function.

Imported only where the backend is JAX.
"""

import jax
import keras
import numpy as np

from keras_cnn_zoo.testing.backends import programs


class JaxPart:
    """Some policies of a case as one function of its arrays, traced and jitted once.

    If `random`, training is there twice: "training" with the draws held fixed, "drawn" with its own.
    """

    def __init__(self, case, policies, random):
        self.case = case
        self.random = random
        self.programs = {policy: programs.make_program(case, policy) for policy in policies}
        self.jitted = jax.jit(self.function)
        # A TPU computes in bfloat16. It emulates float16, and compiling a model for that takes longest.
        self.suits_tpu = list(policies) != ["mixed_float16"]

    def arguments(self):
        """Returns the arrays of one call: variables, trainable and not, and inputs of each policy."""
        return {
            policy: (
                [variable.value for variable in program.trainable],
                [variable.value for variable in program.non_trainable],
                [np.asarray(array) for array in program.inputs],
            )
            for policy, program in self.programs.items()
        }

    def function(self, arguments):
        """Returns {policy: {mode: (outputs, trainable gradients, input gradients)}}."""
        return {
            policy: {
                mode: self._one(program, mode, *arguments[policy])
                for mode in (*program.modes, *(("drawn",) if self.random else ()))
            }
            for policy, program in self.programs.items()
        }

    def _one(self, program, mode, trainable, non_trainable, inputs):
        def run(trainable, chosen):
            flat = list(inputs)
            for place, value in zip(program.differentiable, chosen, strict=True):
                flat[place] = value
            with programs.held_draws(self.random and mode == "training"):
                outputs, _ = program.apply_stateless(trainable, non_trainable, flat, mode)
            outputs = [keras.ops.convert_to_tensor(output) for output in outputs]
            return programs.objective(outputs), outputs

        chosen = [inputs[place] for place in program.differentiable]
        if not program.has_gradient(mode):
            return run(trainable, chosen)[1], [], []
        (_, outputs), gradients = jax.value_and_grad(run, argnums=(0, 1), has_aux=True)(trainable, chosen)
        return outputs, *gradients


class JaxCase:
    """A case under several policies.

    A layer is one program, because one per policy would take longer to compile. A model is one program per
    policy, because compiling all of them at once takes gigabytes.
    """

    def __init__(self, case, policies, *, random=False):
        self.case = case
        groups = [(policy,) for policy in policies] if case.kind == "model" else [tuple(policies)]
        self.parts = [JaxPart(case, group, random) for group in groups]
        self.programs = {name: one for part in self.parts for name, one in part.programs.items()}

    def run(self):
        """Returns {policy: {mode: (outputs, trainable gradients, input gradients)}}."""
        return {name: one for part in self.parts for name, one in part.jitted(part.arguments()).items()}

    def draws(self, policy, count):
        """Returns the first output of `count` calls in training mode, each with its own draw."""
        program = self.programs[policy]
        trainable, non_trainable, inputs = self._arguments(policy)
        step = jax.jit(lambda state: program.apply_stateless(trainable, state, inputs, "drawn"))
        samples = []
        for _ in range(count):
            outputs, non_trainable = step(non_trainable)
            samples.append(np.asarray(outputs[0], dtype="float64"))
        return np.stack(samples)

    def _arguments(self, policy):
        return next(part.arguments()[policy] for part in self.parts if policy in part.programs)


def shapes_of(arguments, sharding=None):
    """Returns abstract values for the arrays, to trace with; `sharding` is the device to compile for."""
    return jax.tree.map(
        lambda array: jax.ShapeDtypeStruct(np.shape(array), array.dtype, sharding=sharding), arguments
    )
