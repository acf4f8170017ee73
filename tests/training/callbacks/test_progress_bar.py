"""The bar of a run has the run's updates for its total, also after a resume, within an epoch or not."""

import re

import pytest
import torch
from miniature import Toy, loader, trainer

from pvdm.training.callbacks.progress_bar import RunBar, planned_updates

BATCHES = loader([torch.ones(2, 3)] * 4)


def fit(folder, checkpoint=None, **limits):
    made = trainer(folder, enable_progress_bar=True, callbacks=[RunBar()], **limits)
    made.fit(Toy(), BATCHES, ckpt_path=checkpoint)
    return made


def counts(shown: str) -> list[tuple[int, int]]:
    """Updates done and in all, as the bar showed them one after the other."""
    return [(int(done), int(total)) for done, total in re.findall(r"(\d+)/(\d+) \[[^]]*updates/s", shown)]


@pytest.mark.parametrize("before", [3, 4, 6], ids=["within an epoch", "at its end", "within the second"])
def test_a_resumed_run_has_its_total_and_begins_where_it_was(tmp_path, capsys, before):
    fit(tmp_path, max_steps=before).save_checkpoint(tmp_path / "last.ckpt")
    first = counts(capsys.readouterr().out)
    assert first[0] == (0, before)
    assert first[-1] == (before, before)
    fit(tmp_path, tmp_path / "last.ckpt", max_steps=9)
    shown = capsys.readouterr().out
    resumed = counts(shown)
    assert "/?" not in shown
    assert resumed[0] == (before, 9)
    assert resumed[-1] == (9, 9)


def test_the_pace_after_a_resume_is_that_of_the_updates_since(tmp_path, capsys, monkeypatch):
    fit(tmp_path, max_steps=4).save_checkpoint(tmp_path / "last.ckpt")
    capsys.readouterr()
    now = [1000.0]
    monkeypatch.setattr("tqdm.std.time", lambda: now[0])
    monkeypatch.setattr(Toy, "on_train_batch_start", lambda *_: now.__setitem__(0, now[0] + 2))
    fit(tmp_path, tmp_path / "last.ckpt", max_steps=8)
    assert "8/8 [00:08<00:00,  0.50 updates/s]" in capsys.readouterr().out


@pytest.mark.parametrize(
    "limits, accumulate, planned",
    [
        ({"max_steps": 7}, 1, 7),
        ({"max_epochs": 3}, 1, 12),
        ({"max_epochs": 2, "max_steps": 7}, 1, 7),
        ({"max_epochs": 3, "accumulate_grad_batches": 3}, 1, 6),  # of 4 batches: 3 and the rest
        ({"max_epochs": 3}, 3, 4),  # by the module itself, across epochs
        ({"max_time": {"seconds": 1}, "max_epochs": -1}, 1, None),
    ],
)
def test_the_updates_that_are_planned(tmp_path, limits, accumulate, planned):
    module, made = Toy(), trainer(tmp_path, **limits)
    module.accumulate = accumulate
    module.on_train_start = lambda: found.append(planned_updates(made)) or setattr(made, "should_stop", True)
    found = []
    made.fit(module, BATCHES)
    assert found == [planned]
