"""The place of a run in its checkpoints."""

from __future__ import annotations

import pytest
import torch
from miniature import Toy, loader, trainer

from pvdm.training.run.exact_resume import GRADIENTS, ExactResume, set_position


def place(done: int, epoch_batches: int, *, due: bool = False) -> tuple:
    """(epochs over, epochs begun, batches of the epoch done, whether these are all, whether a validation is begun)."""
    loops: dict = {}
    set_position(loops, done, epoch_batches, validation_due=due)
    epoch, batches = loops["epoch_progress"], loops["epoch_loop.batch_progress"]
    validation = loops["epoch_loop.val_loop.batch_progress"]["total"]
    assert epoch["total"] == epoch["current"]
    assert set(batches["total"].values()) == {done}
    (rest,) = set(batches["current"].values())
    begun = validation["started"] - validation["processed"]
    return epoch["total"]["completed"], epoch["total"]["ready"], rest, batches["is_last_batch"], bool(begun)


def test_so_many_batches_are_done():
    assert place(0, 5) == (0, 0, 0, False, False)
    assert place(3, 5) == (0, 1, 3, False, False)
    assert place(5, 5) == (1, 1, 0, False, False)  # an epoch whose last batch is done is over
    assert place(12, 5) == (2, 3, 2, False, False)


def test_an_epoch_is_not_over_before_its_validation():
    assert place(5, 5, due=True) == (0, 1, 5, True, True)
    assert place(12, 5, due=True) == (2, 3, 2, False, True)
    assert place(0, 5, due=True) == (0, 0, 0, False, True)


@pytest.mark.parametrize("batches", [3, 4])
def test_gradients_are_kept_of_an_update_that_is_begun_alone(tmp_path, batches):
    class Stops(ExactResume):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
            if batch_idx == batches - 1:
                trainer.save_checkpoint(tmp_path / "run.ckpt")
                trainer.should_stop = True

    data, toy = torch.randn(8, 5, 3, generator=torch.Generator().manual_seed(1)), Toy(learning_rate=0.0)
    trainer(tmp_path, callbacks=[Stops()], max_epochs=1, accumulate_grad_batches=2).fit(toy, loader(data))
    found = torch.load(tmp_path / "run.ckpt", weights_only=True).get(GRADIENTS)
    if batches == 4:
        assert found is None
        return
    toy.zero_grad()
    (toy.training_step(data[2], 2) / 2).backward()
    wanted = {name: value.grad[None] for name, value in toy.named_parameters() if value.grad is not None}
    torch.testing.assert_close(found, wanted)
