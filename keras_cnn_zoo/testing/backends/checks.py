"""The checks that one case meets on another backend: the numbers of the reference, and every dtype."""

import numpy as np

from keras_cnn_zoo.testing.backends import programs
from keras_cnn_zoo.testing.backends import reference as references
from keras_cnn_zoo.testing.backends.compare import difference, draws_difference, summarize_draws
from keras_cnn_zoo.testing.backends.job import receive_case, wait_for_reference
from keras_cnn_zoo.testing.checks import not_a_number
from keras_cnn_zoo.testing.guarantees import NotRun
from keras_cnn_zoo.testing.probe import as_numpy

NAN_KINDS = ("layer", "loss", "regularizer")
"""Kinds of which NaN in must give NaN out; a model is made of them."""


class Failed(Exception):
    """A broken guarantee; the message says what broke."""


class CaseOnBackend:
    """The checks of one case; what several of them need is computed once."""

    def __init__(self, address, job, journal):
        self.address = address
        self.job = job
        self.journal = journal
        self._results = None
        self._programs = {}
        self._jax_case = None
        self._arrays = None

    def arrays(self):
        """Waits for the reference, and returns it."""
        if self._arrays is None:
            self._arrays = wait_for_reference(
                self.job["folder"],
                self.address["number"],
                self.job["options"]["reference_seconds"],
                beat=lambda: self.journal.write(waiting=self.address["id"]),
            )
        return self._arrays

    def policies(self, case):
        """Returns the policies to run: float64 alone in a JAX process with x64, last on PyTorch."""
        if self.job["lane"].endswith("float64"):
            return ("float64",)
        usual = programs.POLICIES[case.kind]
        if self.job["backend"] == "jax" or case.kind not in programs.FLOAT64_KINDS:
            return usual
        return (*usual, "float64")

    def jax_case(self):
        from keras_cnn_zoo.testing.backends.jax_programs import JaxCase

        if self._jax_case is None:
            arrays = self.arrays()
            case = receive_case(self.address)
            self._jax_case = JaxCase(case, self.policies(case), random=bool(arrays["random"]))
            for program in self._jax_case.programs.values():
                load(program, arrays)
        return self._jax_case

    def results(self):
        """Returns {policy: {mode: {kind: arrays}}} of this backend."""
        if self._results is None:
            if self.job["backend"] == "jax" and receive_case(self.address).kind != "metric":
                self._results = self._results_on_jax()
            else:
                self._results = self._results_eager()
        return self._results

    def _results_on_jax(self):
        case = self.jax_case()
        return {
            policy: {mode: references.as_results(*lists) for mode, lists in modes.items()}
            for policy, modes in case.run().items()
        }

    def _results_eager(self):
        arrays = self.arrays()
        case = receive_case(self.address)
        random = bool(arrays["random"])
        results = {}
        for policy in self.policies(case):
            program = self._programs[policy] = load(programs.make_program(case, policy), arrays)
            results[policy] = {mode: references.evaluate(program, mode, random) for mode in program.modes}
        return results

    def same_numbers(self):
        """Checks C8: the numbers of the reference."""
        compare_results(self.results(), self.arrays(), "float32")
        if bool(self.arrays()["random"]):
            self._same_draws()

    def _same_draws(self):
        arrays, case = self.arrays(), receive_case(self.address)
        if self.job["backend"] == "jax" and case.kind != "initializer":
            draws = self.jax_case().draws("float32", references.NUM_DRAWS)
        else:
            program = load(programs.make_program(case, "float32"), arrays)
            draws = references.draw(program, references.NUM_DRAWS)
        expected = {name.removeprefix("draws/"): arrays[name] for name in arrays if name.startswith("draws/")}
        problem = draws_difference("training", summarize_draws(draws, expected["center"]), expected)
        if problem:
            raise Failed(problem)

    def dtypes(self):
        """Checks C4: right dtypes, finite values, NaN for NaN; in float64 also the reference's numbers."""
        kind = receive_case(self.address).kind
        for policy, modes in self.results().items():
            for mode, results in modes.items():
                check_dtypes(results["dtype"], policy, mode, kind)
                check_finite(results, policy, mode)
        if kind in NAN_KINDS and "float32" in self.results():
            self._nan_stays_nan()
        if "float64" in self.results():
            if not self.arrays()["has float64"]:
                raise NotRun("the reference process has no float64 (JAX needs JAX_ENABLE_X64=1)")
            compare_results(self.results(), self.arrays(), "float64")

    def _nan_stays_nan(self):
        """Raises Failed with the first place where NaN becomes a number in float32."""
        on_jax = self.job["backend"] == "jax"
        program = (self.jax_case().programs if on_jax else self._programs)["float32"]
        random, weights = bool(self.arrays()["random"]), references.fetch(self.arrays(), "weight")
        results = self.results()["float32"]

        def run(modes):
            if on_jax:
                found = self.jax_case().run()["float32"]
                return {mode: as_numpy(list(found[mode][0])) for mode in modes}
            return {mode: references.outputs(program, mode, random) for mode in modes}

        def outputs(inputs, weights, modes):
            kept = program.inputs
            program.inputs = inputs
            program.set_weights(weights)
            try:
                return run(modes)
            finally:
                program.inputs = kept
                program.set_weights(references.fetch(self.arrays(), "weight"))

        subject = not_a_number.Subject(
            program.case,
            program.inputs,
            program.predictions,
            weights,
            [variable.path for variable in program.weights],
            outputs,
            {
                mode: dict(zip(program.differentiable, found["input gradient"], strict=True))
                for mode, found in results.items()
            },
            {mode: found["weight gradient"] for mode, found in results.items()},
        )
        for line in not_a_number.hidden(subject):
            raise Failed(line)


def load(program, arrays):
    """Gives `program` the inputs and weights of the reference."""
    program.inputs = [program.widen(array) for array in references.fetch(arrays, "input")]
    program.set_weights(references.fetch(arrays, "weight"))
    return program


def compare_results(results, arrays, dtype):
    """Raises Failed with everything that differs from the reference of `dtype`."""
    problems = []
    for mode in ("inference", "training"):
        if f"{dtype}/{mode}/output/0" not in arrays:
            continue
        found = results[dtype].get(mode, {})
        for kind in references.KINDS:
            expected = references.fetch(arrays, f"{dtype}/{mode}/{kind}")
            values = found.get(kind, [])
            if len(values) != len(expected):
                problems.append(f"{mode}: {len(values)} {kind}s instead of {len(expected)}")
                continue
            largest = max((np.abs(wanted).max(initial=0.0) for wanted in expected), default=0.0)
            for index, (value, wanted) in enumerate(zip(values, expected, strict=True)):
                problems.append(difference(f"{mode} {kind} {index}", value, wanted, dtype, largest))
    problems = [problem for problem in problems if problem]
    if problems:
        more = f" (and {len(problems) - 3} more)" if len(problems) > 3 else ""
        raise Failed("; ".join(problems[:3]) + more)


def check_dtypes(found, policy, mode, kind):
    """Raises Failed where a floating-point output is not of the policy's dtype; a model's may be float32."""
    wanted = {programs.OUTPUT_DTYPES.get(policy, policy)}
    if kind == "model":
        wanted.add("float64" if policy == "float64" else "float32")
    for index, dtype in enumerate(found):
        if "float" in dtype and dtype not in wanted:
            raise Failed(f"{mode} output {index} is {dtype} under {policy}")


def check_finite(results, policy, mode):
    """Raises Failed if an output or gradient has an infinity or NaN."""
    for kind in references.KINDS:
        for index, value in enumerate(results[kind]):
            if not np.isfinite(value).all():
                raise Failed(f"{mode} {kind} {index} is not finite under {policy}")
