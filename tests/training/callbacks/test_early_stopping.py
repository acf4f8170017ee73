"""Early stopping: when it ends a run, what it says, and how such a run is resumed."""

import logging

import pytest
import torch
from miniature import Toy, loader, trainer

from pvdm.errors import InputError
from pvdm.training import AveragedWeights, EarlyStopping
from pvdm.training.callbacks.averaging import RAW
from pvdm.training.run.checkpoints import RunCheckpoints

LAST = "checkpoints/last.ckpt"


class Scored(Toy):
    """Its validation scores are given, one after the other."""

    def __init__(self, scores) -> None:
        super().__init__()
        self.scores = scores

    def validation_step(self, batch, batch_idx):
        self.log("val/score", float(self.scores[self.updates // 4 - 1]))
        self.log("val/other", 1.0)


def fit(folder, scores, *, resume=False, best="max", steps=40, **options):
    """Validation after every 4 updates; the run ends after 40. Returns the updates that it had."""
    checkpoints = RunCheckpoints(
        monitor="val/score", mode=best, filename="best", save_on_train_epoch_end=False, enable_version_counter=False
    )
    callbacks = [checkpoints, AveragedWeights(), EarlyStopping(**options)]
    run = trainer(folder, callbacks=callbacks, enable_checkpointing=True, max_steps=steps)
    batches = loader(torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(1)))
    run.fit(Scored(scores), batches, batches, ckpt_path=folder / LAST if resume else None, weights_only=True)
    return run.global_step


def saved(folder) -> dict:
    return torch.load(folder / LAST, weights_only=True)


RISES_TWICE = [1, 2, 2, 1, 2, 1, 2, 1, 1, 1]
"""The second validation, after 8 updates, is the best."""


@pytest.mark.parametrize("patience, updates", [(1, 12), (3, 20), (9, 40), (None, 40)])
def test_it_ends_when_patience_is_over(tmp_path, patience, updates):
    assert fit(tmp_path, RISES_TWICE, patience=patience) == updates
    assert saved(tmp_path)["global_step"] == updates
    assert torch.load(tmp_path / "checkpoints" / "best.ckpt", weights_only=True)["global_step"] == 8


def test_improvement_begins_the_count_anew(tmp_path):
    assert fit(tmp_path, [3, 2, 4, 3, 5, 4, 4, 9, 9, 9], patience=2) == 28


def test_less_is_better_in_mode_min_and_small_changes_do_not_count(tmp_path):
    falling = [10 - 0.4 * index for index in range(10)]
    assert fit(tmp_path / "any", falling, best="min", patience=1) == 40
    assert fit(tmp_path / "much", falling, best="min", patience=1, min_delta=0.5) == 8
    assert fit(tmp_path / "summed", falling, best="min", patience=2, min_delta=0.5) == 40  # two make 0.8


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_not_finite_ends_it_at_once(tmp_path, caplog, value):
    caplog.set_level(logging.INFO, "pvdm")
    assert fit(tmp_path, [1, value, 1, 1, 1, 1, 1, 1, 1, 1], patience=9) == 8
    assert "val/score is not finite (best: 1)" in caplog.text


def test_it_says_why_and_which_checkpoint_is_best(tmp_path, caplog):
    caplog.set_level(logging.INFO, "pvdm")
    fit(tmp_path, RISES_TWICE, patience=3)
    (message,) = [
        record.getMessage() for record in caplog.records if record.name == "pvdm.training.callbacks.early_stopping"
    ]
    assert message == (
        "training ends early, after 20 updates: val/score has not improved for 3 validations (best: 2); "
        f"the best model is {tmp_path / 'checkpoints' / 'best.ckpt'}"
    )


def test_the_same_command_again_ends_at_once_and_says_so(tmp_path, caplog):
    fit(tmp_path, RISES_TWICE, patience=3)
    before = saved(tmp_path)
    caplog.clear()
    caplog.set_level(logging.INFO, "pvdm")
    assert fit(tmp_path, RISES_TWICE, patience=3, resume=True) == 20
    (message,) = [
        record.getMessage() for record in caplog.records if record.name == "pvdm.training.callbacks.early_stopping"
    ]
    assert message.startswith("the run ended early before: val/score has not improved for 3 validations")
    assert message.endswith("best.ckpt; to continue, raise early_stopping.patience")
    assert_same(saved(tmp_path), before)


@pytest.mark.parametrize("patience", [6, None])
def test_with_more_patience_the_run_goes_on_as_if_it_had_not_stopped(tmp_path, patience):
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    wanted = fit(straight, RISES_TWICE, patience=patience)
    assert fit(broken, RISES_TWICE, patience=3) == 20
    assert fit(broken, RISES_TWICE, patience=patience, resume=True) == wanted == (40 if patience is None else 32)
    assert_same(saved(broken), saved(straight))


def test_the_count_survives_an_interruption(tmp_path):
    assert fit(tmp_path, RISES_TWICE, patience=3, steps=16) == 16
    assert fit(tmp_path, RISES_TWICE, patience=3, resume=True) == 20


def assert_same(found: dict, wanted: dict) -> None:
    for part in ("state_dict", RAW):
        assert all(torch.equal(found[part][name], value) for name, value in wanted[part].items())
    assert found["global_step"] == wanted["global_step"]
    for key, state in wanted["callbacks"].items():
        assert "EarlyStopping" not in key or found["callbacks"][key] == state


def test_another_metric_needs_a_mode(tmp_path):
    with pytest.raises(InputError, match=r"by val/other needs early_stopping.mode; give min or max"):
        fit(tmp_path, RISES_TWICE, patience=1, monitor="val/other")
    assert fit(tmp_path, RISES_TWICE, patience=1, monitor="val/other", mode="min") == 8


def test_a_metric_that_nobody_logs(tmp_path):
    with pytest.raises(InputError, match="no metric val/none to stop by; give another, such as val/other, val/score"):
        fit(tmp_path, RISES_TWICE, patience=1, monitor="val/none", mode="min")


def test_without_checkpoints_a_metric_must_be_given(tmp_path):
    run = trainer(tmp_path, callbacks=[EarlyStopping(patience=1)], max_steps=4)
    with pytest.raises(InputError, match=r"has no metric; give one as early_stopping.monitor, such as val/loss"):
        run.fit(Toy(), loader(torch.zeros(4, 5, 3)), loader(torch.zeros(1, 5, 3)))


def test_values_that_are_refused():
    with pytest.raises(InputError, match="patience is 0; give a value at least 1"):
        EarlyStopping(0)
    with pytest.raises(InputError, match="min_delta is -1; give a value at least 0"):
        EarlyStopping(1, min_delta=-1)
