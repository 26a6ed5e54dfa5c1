"""A whole search, written once for all tasks: data, trials, the best model, its report."""

import dataclasses
import os
import shlex
import warnings

import keras
from keras_tuner.errors import FatalError

from keras_cnn_zoo import distribution, presets
from keras_cnn_zoo.search import report
from keras_cnn_zoo.search.trials import ORACLES, Trials, oracle
from keras_cnn_zoo.training import old_runs, results
from keras_cnn_zoo.training.run_folder import EMBEDDED, RunFolder, announce
from keras_cnn_zoo.utils.command_lines import option_words
from keras_cnn_zoo.utils.console import say
from keras_cnn_zoo.utils.errors import InputError

TUNERS = tuple(ORACLES)


@dataclasses.dataclass
class SearchOptions:
    """All arguments of `search`; None means the value of the space.

    Args:
        data: a `--data` spec.
        data_options: dict of reader options (skip_bad, split_file, ignore_label, class_names, encoding,
            palette).
        tuner: "random", "bayesian" or "hyperband".
        max_trials: number of trials; None with Hyperband is as many as its schedule takes.
        epochs: epochs of a trial; with Hyperband those of the longest.
        seed: integer that fixes the proposals, and weights and order of the data of every trial.
        out: folder of the search.
        resume: go on with a search that was cut off.
    """

    data: str | None = None
    data_options: dict = dataclasses.field(default_factory=dict)
    tuner: str = "random"
    max_trials: int | None = None
    epochs: int | None = None
    seed: int = 0
    out: str | None = None
    resume: bool = False

    def check(self):
        """Raises InputError for the first option that cannot be."""
        if self.tuner not in TUNERS:
            raise InputError(f"`tuner` must be one of {', '.join(TUNERS)}. Received: {self.tuner!r}")
        for name in ("max_trials", "epochs"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"`{name}` must be at least 1. Received: {value}")
        # KerasTuner gets the next number.
        if not 0 <= self.seed < 2**32 - 1:
            raise InputError(f"`seed` must be at least 0 and below {2**32 - 1}. Received: {self.seed}")
        if self.resume and self.out is None:
            raise InputError("`resume` needs `out`, the search to continue")

    def resolve(self, space):
        """The same options with the space's own in place of None."""
        epochs = self.epochs or space.epochs
        max_trials = self.max_trials
        if max_trials is None and self.tuner != "hyperband":
            max_trials = space.max_trials
        out = os.path.join("runs", "tuning", space.name) if self.out is None else self.out
        return dataclasses.replace(self, epochs=epochs, max_trials=max_trials, out=out)

    def record(self, space):
        """Returns the contents of `config.json`: enough to search the same again."""
        return {
            "task": space.task.name,
            "backend": keras.backend.backend(),
            "model": space.model,
            "space": space.describe(),
            "tuner": self.tuner,
            "max_trials": self.max_trials,
            "epochs": self.epochs,
            "seed": self.seed,
            "data_options": {"spec": self.data, **self.data_options},
        }


def search(space, options):
    """Searches `space`, writes a folder, and returns the metrics that its `metrics.json` holds.

    Args:
        space: a `SearchSpace`.
        options: a `SearchOptions`.

    Raises:
        InputError: for an option or data that cannot be used, and if no trial finished.
    """
    options.check()
    options = options.resolve(space)
    folder = RunFolder(options.out)
    record = options.record(space)
    folder.check(record, resume=options.resume)
    distribution.set_up(seed=options.seed)
    splits = folder.splits_to_continue(resume=options.resume)
    source = space.task.load(options.data, **{**options.data_options, "seed": options.seed, **splits})
    announce(source)
    baseline = results.check_data(space.task, source)
    # Pictures that the network cannot take are found here, not once in every trial.
    space.build(source, space.hyperparameters().values)
    if "old_draw" in splits:
        old_runs.check_run(folder, source, baseline)
    # Only now is anything written: every option and the data have been found good.
    folder.start(record, resume=options.resume, source=source)
    if os.path.exists(folder.file("metrics.json")):
        say(f"{folder.path}: this search is finished")
        return folder.read_json("metrics.json")
    proposals = oracle(
        space, tuner=options.tuner, max_trials=options.max_trials, epochs=options.epochs, seed=options.seed
    )
    trials = Trials(space, source, folder, oracle=proposals, epochs=options.epochs, seed=options.seed)
    if trials.rows:
        say(f"going on after {len(trials.rows)} finished trials")
    _run(trials)
    return _finish(trials, options, baseline)


def _run(trials):
    """Runs every trial that is left."""
    with warnings.catch_warnings():
        # scikit-learn on the Gaussian process of the Bayesian oracle: a length scale at the end of its range
        # says that a hyperparameter did not matter so far, nothing that a user could act on.
        warnings.filterwarnings("ignore", module=r"sklearn\.gaussian_process")
        try:
            trials.search()
        except FatalError as error:
            raise error.__cause__ or error from None
        finally:
            # Stopped by hand or by an error, a search still shows what it has found so far.
            if any(row[trials.metric] is not None for row in trials.rows):
                trials.folder.save_figure(
                    "search.png", report.figure(trials.rows, trials.metric, trials.space)
                )


def _finish(trials, options, baseline):
    """Measures the best model on test, the only look at it, and writes what a search leaves."""
    space, source, folder, metric = trials.space, trials.source, trials.folder, trials.metric
    best = trials.rows[0]
    if best[metric] is None:
        raise InputError(f"no trial finished: {folder.file('trials.csv')} says why")
    model = space.build(source, best)
    model.load_weights(trials.weights(best["trial"]))
    task = space.task_for(best)

    def save(metrics, measured):
        card = _card(space, options, metrics, measured)
        presets.save(
            model,
            folder.file("best"),
            card=card,
            overwrite=True,
            precision="float32",
            splits=folder.splits_text(),
        )

    chosen = {
        "trials": len(trials.rows),
        "hyperparameters": {name: best[name] for name in space.names},
    }
    save(chosen, None)
    with results.after_saving(folder.file("best")):
        measured = task.evaluate(model, source, "test")
    metrics = {
        **measured,
        "baseline": baseline,
        "split": "test",
        metric: best[metric],
        "trial": best["trial"],
        **chosen,
    }
    save(metrics, measured)
    folder.write_json("metrics.json", metrics)
    for line in report.summary(trials.rows, metric, space):
        say(line)
    say(f"{folder.path}: " + ", ".join(f"{k} {v:.4f}" for k, v in metrics.items() if isinstance(v, float)))
    return metrics


def _card(space, options, metrics, measured):
    """Returns the model card of `best`; `measured` is None before the test."""
    values = ", ".join(f"{name} {report.shown(value)}" for name, value in metrics["hyperparameters"].items())
    told = {
        "data": options.data,
        **options.data_options,
        "tuner": options.tuner,
        "max_trials": options.max_trials,
        "epochs": options.epochs,
        "seed": options.seed,
    }
    command = shlex.join(["keras-cnn-zoo", "tune", space.name, *option_words(told)])
    return {
        "summary": f"The best of {metrics['trials']} trials: {values}.",
        "data_spec": options.data or EMBEDDED,
        "data_options": {k: v for k, v in options.data_options.items() if k != "class_names"},
        "metrics": measured or {},
        "evaluated_on": measured
        and f"test split, once, after selecting on val; baseline {metrics['baseline']}",
        "command": command,
        "seed": options.seed,
    }
