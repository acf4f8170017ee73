"""The best and the last checkpoint of a run."""

from types import SimpleNamespace

import pytest
import torch
from miniature import Toy, loader, trainer

from pvdm.errors import InputError
from pvdm.training import AveragedWeights
from pvdm.training.run.checkpoints import RunCheckpoints, _check_shared


def fit(folder, *, resume=None, mode="min", dirpath=None, **options):
    checkpoints = RunCheckpoints(
        dirpath, "best", "val/score", mode=mode, save_on_train_epoch_end=False, enable_version_counter=False
    )
    run = trainer(folder, callbacks=[checkpoints, AveragedWeights()], enable_checkpointing=True, **options)
    batches = loader(torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(1)))
    run.fit(Toy(), batches, batches, ckpt_path=resume, weights_only=True)
    return checkpoints


def step(folder, name: str) -> int:
    return torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)["global_step"]


def test_last_is_the_newest_though_the_best_is_older(tmp_path):
    fit(tmp_path, max_steps=12)  # the score rises with every epoch: the first is the best
    assert (step(tmp_path, "best"), step(tmp_path, "last")) == (4, 12)


def test_best_is_replaced_when_validation_improves(tmp_path):
    fit(tmp_path, max_steps=12, mode="max")
    assert (step(tmp_path, "best"), step(tmp_path, "last")) == (12, 12)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["best.ckpt", "last.ckpt"]


def test_what_was_trained_after_the_last_validation_is_not_lost(tmp_path):
    fit(tmp_path, max_steps=10, val_check_interval=3, check_val_every_n_epoch=None)
    assert step(tmp_path, "last") == 10


def test_a_run_shorter_than_the_first_validation_has_a_last_checkpoint(tmp_path):
    fit(tmp_path, max_steps=2)
    assert step(tmp_path, "last") == 2
    assert not (tmp_path / "checkpoints" / "best.ckpt").exists()


def test_the_best_score_is_known_to_a_resumed_run(tmp_path):
    fit(tmp_path, max_steps=4)
    resumed = fit(tmp_path, max_steps=8, resume=tmp_path / "checkpoints" / "last.ckpt")
    assert resumed.best_model_score == 0
    assert (step(tmp_path, "best"), step(tmp_path, "last")) == (4, 8)


@pytest.mark.filterwarnings("error:The dirpath has changed")
def test_the_best_of_a_run_that_was_renamed_is_kept(tmp_path):
    fit(tmp_path / "old", max_steps=8)  # the score rises
    (tmp_path / "old").rename(tmp_path / "new")
    resumed = fit(tmp_path / "new", max_steps=12, resume=tmp_path / "new" / "checkpoints" / "last.ckpt")
    assert resumed.best_model_score == 0
    assert resumed.best_model_path == str(tmp_path / "new" / "checkpoints" / "best.ckpt")
    assert (step(tmp_path / "new", "best"), step(tmp_path / "new", "last")) == (4, 12)
    assert not (tmp_path / "old").exists()


@pytest.mark.filterwarnings("error:The dirpath has changed")
@pytest.mark.parametrize("others", [False, True])
def test_the_best_of_another_run_is_not_taken_for_ones_own(tmp_path, others):
    """A checkpoint of the run `first` is resumed in another folder, in which there may be another run's best."""
    fit(tmp_path / "first", max_steps=8)
    if others:
        fit(tmp_path / "run", max_steps=8, mode="max")
    resumed = fit(tmp_path / "run", max_steps=12, resume=tmp_path / "first" / "checkpoints" / "last.ckpt")
    assert resumed.best_model_path == str(tmp_path / "run" / "checkpoints" / "best.ckpt")
    assert (step(tmp_path / "run", "best"), step(tmp_path / "first", "best")) == (12, 4)


def test_leftovers_are_removed_from_both_folders(tmp_path):
    for folder in ("checkpoints", "elsewhere"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / ".last.123.tmp").touch()
    fit(tmp_path, max_steps=4, dirpath=tmp_path / "elsewhere")
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.glob("*/*")) == [
        "checkpoints/last.ckpt",
        "elsewhere/best.ckpt",
    ]


def test_a_trial_run_leaves_nothing(tmp_path):
    fit(tmp_path, fast_dev_run=True)
    assert not (tmp_path / "checkpoints").exists()


def test_a_folder_of_which_only_some_machines_have_the_checkpoint(tmp_path):
    for first, own in ((True, "does not find"), (False, "finds")):
        strategy = SimpleNamespace(broadcast=lambda here, first=first: first)
        with pytest.raises(InputError, match=f"process 3 {own} checkpoints.last.ckpt in"):
            _check_shared(SimpleNamespace(strategy=strategy, default_root_dir=tmp_path, global_rank=3))
        (tmp_path / "checkpoints").mkdir(exist_ok=True)
        (tmp_path / "checkpoints" / "last.ckpt").touch()
