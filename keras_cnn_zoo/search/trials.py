"""Trains and measures the trials that KerasTuner proposes; a kill loses at most one epoch."""

import json
import os
import time

import keras
import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus

from keras_cnn_zoo import distribution
from keras_cnn_zoo.search import report
from keras_cnn_zoo.training import rates
from keras_cnn_zoo.training.run_folder import RunFolder
from keras_cnn_zoo.training.schedule import Schedule
from keras_cnn_zoo.training.validation import Keeper, train
from keras_cnn_zoo.utils.console import say
from keras_cnn_zoo.utils.errors import InputError
from keras_cnn_zoo.utils.files import write_text

ORACLES = {
    "random": keras_tuner.oracles.RandomSearchOracle,
    "bayesian": keras_tuner.oracles.BayesianOptimizationOracle,
    "hyperband": keras_tuner.oracles.HyperbandOracle,
}
STATE = "state.json"
WEIGHTS = "best.weights.h5"


def oracle(space, *, tuner, max_trials, epochs, seed):
    """Returns KerasTuner's oracle, which proposes the values of each trial and ends the search."""
    options = {
        "objective": keras_tuner.Objective(f"val_{space.task.metric}", "max"),
        "hyperparameters": space.hyperparameters(),
        # KerasTuner treats 0 as no seed.
        "seed": seed + 1,
    }
    if tuner == "hyperband":
        found = ORACLES[tuner](max_epochs=epochs, factor=3, **options)
        # Hyperband has no argument for this, because its schedule ends by itself.
        found.max_trials = max_trials
        return found
    if tuner == "bayesian":
        # By default, KerasTuner draws three random trials per dimension, which is most of a small search.
        options["num_initial_points"] = max(3, max_trials // 3)
    return ORACLES[tuner](max_trials=max_trials, **options)


class Trials(keras_tuner.Tuner):
    """Runs the trials that an oracle proposes, and writes `trials.csv`, `trials.json`, and the state to disk.

    KerasTuner writes its files in place, so a kill can leave half a file. `--resume` therefore reads only
    `state.json`, which is replaced in one step before and after each trial. An interrupted trial continues
    from its checkpoint.

    Args:
        space: a `SearchSpace`.
        source: the data.
        folder: `RunFolder` of the search.
        oracle: an oracle that the function `oracle` returned.
        epochs: epochs per trial; Hyperband sets those of each trial itself.
        seed: seed of the weights and the order of the data. It is the same in every trial, so that trials
            differ only in their values.
    """

    def __init__(self, space, source, folder, *, oracle, epochs, seed):
        super().__init__(oracle, directory=folder.path, project_name="keras_tuner", overwrite=True)
        self.space = space
        self.source = source
        self.folder = folder
        self.epochs = epochs
        self.seed = seed
        self.metric = oracle.objective.name
        self.rows = []
        self._figures = {}
        oracle.verbose = 0
        if os.path.exists(folder.file(STATE)):
            self._restore(folder.read_json(STATE))

    def trial_folder(self, trial_id):
        """Returns the `RunFolder` of a trial."""
        return RunFolder(self.folder.file(os.path.join("trials", trial_id)))

    def weights(self, trial_id):
        """Returns the path of a trial's weights after its best epoch."""
        return self.trial_folder(trial_id).file(WEIGHTS)

    def on_trial_begin(self, trial):
        """Records the trial before it runs, so that the same trial continues after a kill."""
        super().on_trial_begin(trial)
        self._keep()

    def run_trial(self, trial):
        """Trains and measures one set of values; the objective is the metric on val of the best epoch."""
        values = trial.hyperparameters.values
        first, last = values.get("tuner/initial_epoch", 0), values.get("tuner/epochs", self.epochs)
        began = time.monotonic()
        # Without this, the graph of every trial would stay in memory.
        keras.utils.clear_session()
        distribution.set_up(seed=self.seed)
        model = self.space.build(self.source, values)
        folder = self.trial_folder(trial.trial_id)
        os.makedirs(folder.path, exist_ok=True)
        if "tuner/trial_id" in values:
            model.load_weights(self.weights(values["tuner/trial_id"]))
        try:
            keeper = self._fit(model, folder, values, first, last)
        except (InputError, OSError) as error:
            # Unreadable data and a full disk do not depend on the values of the trial, so the search ends.
            raise keras_tuner.errors.FatalError(str(error)) from error
        self._figures = {
            "epochs": last,
            "best_epoch": keeper.best_epoch,
            "seconds": round(time.monotonic() - began, 1),
            "parameters": model.count_params(),
        }
        return {self.metric: keeper.best}

    def on_trial_end(self, trial):
        """Reports the result to the oracle, writes the table, and prints a line."""
        super().on_trial_end(trial)
        values, message = trial.hyperparameters.values, (trial.message or "").strip().splitlines()
        row = {
            "trial": trial.trial_id,
            "status": trial.status.lower(),
            self.metric: None if trial.score is None else float(trial.score),
            **{name: values[name] for name in self.space.names},
            **dict.fromkeys(("epochs", "best_epoch", "seconds", "parameters")),
            "error": message[-1] if message else None,
        }
        if trial.status == TrialStatus.COMPLETED:
            row.update(self._figures)
        if "tuner/epochs" in values:
            row["continues"] = values.get("tuner/trial_id")
        self.rows = report.best_first([*self.rows, row], self.metric)
        self._keep()
        report.write_table(self.folder, self.rows)
        self._tidy(trial)
        say(report.trial_line(row, self.rows, self.metric, self.space.names, self.oracle.max_trials))

    def _fit(self, model, folder, values, first, last):
        task = self.space.task_for(values)
        trainer = task.trainer(model)
        batches = task.batches(model, self.source, "train", seed=self.seed, training=True)
        steps = (last - first) * len(batches)
        optimizer = rates.optimizer_of(task, model, steps, learning_rate=values["learning_rate"])
        trainer.compile(optimizer, task.loss(), jit_compile=distribution.jit_argument("auto", model))
        trainer.optimizer.build(trainer.trainable_variables)
        keeper = Keeper(task, model, self.source, folder, Schedule.of(last), first_of_equals=True)
        if os.path.exists(folder.file("checkpoint.npz")):
            first = keeper.restore(trainer)
        train(trainer, batches, keeper, first=first)
        return keeper

    def _keep(self):
        state = {
            "oracle": self.oracle.get_state(),
            "trials": {name: trial.get_state() for name, trial in self.oracle.trials.items()},
            "rows": self.rows,
        }
        write_text(self.folder.file(STATE), json.dumps(state) + "\n")

    def _restore(self, state):
        self.oracle.trials = {name: Trial.from_state(trial) for name, trial in state["trials"].items()}
        self.oracle.set_state(state["oracle"])
        self.rows = state["rows"]
        # KerasTuner's folder is new, so all trials are written to it again.
        for name, trial in self.oracle.trials.items():
            trial.save(os.path.join(self.get_trial_dir(name), "trial.json"))
        self.oracle.save()

    def _tidy(self, trial):
        """Removes files that are no longer read: the trial's checkpoint, and all weights but the best."""
        remove = [self.trial_folder(trial.trial_id).file("checkpoint.npz")]
        if not isinstance(self.oracle, keras_tuner.oracles.HyperbandOracle):
            remove += [self.weights(row["trial"]) for row in self.rows[1:]]
        for path in remove:
            if os.path.exists(path):
                os.remove(path)
