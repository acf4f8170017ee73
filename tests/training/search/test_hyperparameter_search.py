"""The search over trials whose trainings are stand-ins: values, pruning, failures and interruptions."""

from types import SimpleNamespace

import pytest
from training.search.test_shared_study import open_study

from pvdm.errors import InputError
from pvdm.training.search import hyperparameter_search
from pvdm.training.search.hyperparameter_search import HyperparameterSearch, Objective, check_best_file
from pvdm.training.search.trial_process import TrialFailed
from pvdm.training.search.validation_record import Validation

pytest.importorskip("optuna")


@pytest.fixture
def search(tmp_path, monkeypatch):
    """`search(*trainings)` -> a search whose trials have these validations in turn, or raise these errors."""
    monkeypatch.setattr(hyperparameter_search, "resolved", lambda arguments: "\n".join(arguments))

    def make(*trainings, metric="val/psnr", mode="max", method="random"):
        waiting = list(trainings)

        class Training:
            def __init__(self, folder, options):
                self.content = waiting.pop(0)
                seen.append((folder.name, options))

            def __enter__(self):
                return self

            def __exit__(self, *error):
                stopped.append(bool(self.content))

            def validations(self):
                while self.content:
                    step = self.content.pop(0)
                    if isinstance(step, BaseException):
                        raise step
                    yield Validation(*step)

        seen, stopped = [], []
        monkeypatch.setattr(hyperparameter_search, "TrialProcess", Training)
        study = open_study(tmp_path / "study", method)
        found = HyperparameterSearch(study, ["-c", "a.yaml"], Objective(metric, mode), tmp_path / "best.yaml")
        return SimpleNamespace(run=found.run, seen=seen, stopped=stopped, study=study, output=tmp_path / "best.yaml")

    return make


def values(*numbers, name="val/psnr"):
    return [(100 * (place + 1), {name: number}) for place, number in enumerate(numbers)]


def states(made):
    return [trial.state.name for trial in made.study.study.trials]


def test_a_trial_is_worth_its_best_validation(search):
    made = search(values(1, 3, 2), values(1, 2, 2.5))
    best = made.run(2)
    assert (best.number, best.value) == (0, 3) and states(made) == ["COMPLETE", "COMPLETE"]
    folder, options = made.seen[0]
    assert folder == "trial-0000"
    assert options == ["-c", "a.yaml", f"--x={best.params['x']}", f"--y={best.params['y']}"]
    first, *_, last = made.output.read_text().splitlines()
    assert first == f"# The best trial of pvdm tune: trial 0, val/psnr 3, in {made.study.folder / 'trial-0000'}"
    assert last == f"--trainer.default_root_dir={made.study.folder / 'best'}"


def test_trials_below_the_median_are_ended_early(search):
    made = search(*(values(1, 2, 3 + n) for n in range(5)), values(0, 2, 9))
    assert made.run(6).value == 7
    assert states(made) == ["COMPLETE"] * 5 + ["PRUNED"]
    assert made.stopped == [False] * 5 + [True] and made.study.study.trials[5].intermediate_values == {100: 0}


def test_a_validation_that_is_repeated_or_not_finite_does_not_count(search):
    made = search([*values(1, float("nan"), 2), *values(1, 1, 2)[2:]])
    assert made.run(1).value == 2 and made.study.study.trials[0].intermediate_values == {100: 1, 300: 2}


def test_a_failed_trial_is_replaced_by_another_point(search, caplog):
    made = search([TrialFailed("the memory is full")], values(1), [*values(2), TrialFailed("it diverged")], values(3))
    assert made.run(2).value == 3
    assert states(made) == ["FAIL", "COMPLETE", "FAIL", "COMPLETE"]
    assert "trial 0 failed: the memory is full (see " in caplog.text
    assert [trial.user_attrs.get("cause") for trial in made.study.study.trials][::2] == [
        "the memory is full",
        "it diverged",
    ]


def test_a_search_ends_if_all_trials_fail(search):
    made = search(*[[TrialFailed("there are no videos")] for _ in range(5)])
    with pytest.raises(InputError, match="3 trials in a row have failed, the last one because there are no videos"):
        made.run(9)
    made = search(values(1), *[[TrialFailed("it diverged")] for _ in range(11)])
    with pytest.raises(InputError, match="10 trials in a row have failed"):
        made.run(9)


def test_a_training_without_a_finite_metric_fails(search):
    made = search([], values(float("inf")), values(1))
    assert made.run(1).value == 1 and states(made) == ["FAIL", "FAIL", "COMPLETE"]
    assert "no validation had a finite val/psnr, or none was made" in made.study.study.trials[0].user_attrs["cause"]


def test_an_unknown_metric_ends_the_search(search):
    made = search(values(1, name="val/loss"))
    with pytest.raises(InputError, match=r"no metric val/psnr among those of a validation \(val/loss\); give one as"):
        made.run(2)
    assert states(made) == ["FAIL"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), SystemExit(143)])
def test_an_interrupted_trial_is_resumed_by_the_next_search(search, stop):
    made = search([*values(1), stop])
    with pytest.raises(type(stop)):
        made.run(2)
    assert states(made) == ["FAIL", "WAITING"]
    made = search(values(1, 4), values(2))
    assert made.run(2).value == 4 and states(made) == ["FAIL", "COMPLETE", "COMPLETE"]
    assert [folder for folder, _ in made.seen] == ["trial-0000", "trial-0002"]
    first, second, _ = made.study.study.trials
    assert first.params == second.params and second.user_attrs["resumes"] == 0


def test_a_point_that_is_complete_is_not_trained_again(search):
    made = search(values(1), values(2))
    made.run(1)
    made.study.study.enqueue_trial(made.study.study.trials[0].params)
    assert made.run(3).value == 2 and len(made.seen) == 2
    assert [trial.value for trial in made.study.study.trials] == [1, 1, 2]


def test_the_objective_is_that_of_the_best_checkpoint_unless_given():
    config = SimpleNamespace(checkpoint=SimpleNamespace(monitor="val/psnr", mode="max"))
    assert Objective.of(config, None, None) == Objective("val/psnr", "max")
    assert Objective.of(config, "val/l1", "min") == Objective("val/l1", "min")
    with pytest.raises(InputError, match="--metric is val/l1 without a direction; give --mode min or max"):
        Objective.of(config, "val/l1", None)
    config.checkpoint.monitor = None
    with pytest.raises(InputError, match="there is no metric to search by; give one as --metric"):
        Objective.of(config, None, None)


def test_a_file_of_another_kind_is_not_overwritten(tmp_path):
    check_best_file(tmp_path / "best.yaml")
    (tmp_path / "best.yaml").write_text("# The best trial of pvdm tune: trial 0\n")
    check_best_file(tmp_path / "best.yaml")
    (tmp_path / "best.yaml").write_text("mine: 1\n")
    with pytest.raises(InputError, match=r"best.yaml exists already and is not of a search; choose another --output"):
        check_best_file(tmp_path / "best.yaml")
