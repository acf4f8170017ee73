"""Updates of both sides: when they begin, how they are counted, and which are skipped."""

import math
from itertools import pairwise

import pytest
import torch
from miniature import autoencoder_training, batch, loader, trainer
from pytorch_lightning import Callback

from pvdm.errors import InputError
from pvdm.training import AdversaryConfig, AutoencoderTraining, OptimizerConfig


class Recorder(Callback):
    """What was logged, and the weights and learning rates of both sides, after every batch."""

    def __init__(self):
        self.logs, self.weights, self.rates = [], [], []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.logs.append({name: float(value) for name, value in trainer.callback_metrics.items()})
        self.weights.append({name: value.clone() for name, value in pl_module.state_dict().items()})
        self.rates.append([optimizer.param_groups[0]["lr"] for optimizer in trainer.optimizers])


class Poisoned(AutoencoderTraining):
    """A loss that is not a number at the batches of these numbers."""

    poison = frozenset()

    def reconstruction_loss(self, distances):
        loss = super().reconstruction_loss(distances)
        return loss * math.nan if self.trainer.fit_loop.total_batch_idx in self.poison else loss


def config(**options) -> AdversaryConfig:
    return AdversaryConfig(**{"channels": 8, "layers": 1, "warmup_steps": 2, **options})


def fit(folder, *, adversary=None, kind=AutoencoderTraining, steps, poison=(), resume=None, batches=4, **options):
    module, recorder = autoencoder_training(kind, adversary=adversary, **options), Recorder()
    module.poison = frozenset(poison)
    run = trainer(folder, callbacks=[recorder], max_steps=steps)
    run.fit(
        module, loader([batch([index, index + 7]) for index in range(batches)]), ckpt_path=resume, weights_only=True
    )
    run.save_checkpoint(folder / "run.ckpt", weights_only=False)
    return module, recorder


def changed(before: dict, after: dict, part: str) -> bool:
    return any(not torch.equal(before[name], after[name]) for name in before if name.startswith(part))


def test_the_phase_begins_at_its_update_and_steps_count_the_autoencoders(tmp_path):
    module, recorder = fit(tmp_path, adversary=config(start=3), steps=6)
    assert (module.trainer.global_step, module.updates, int(module.adversary.updates)) == (6, 6, 3)
    assert ["train/logits_real_3d" in log for log in recorder.logs] == [False] * 3 + [True] * 3
    moved = [changed(*pair, "adversary.discriminators.") for pair in pairwise(recorder.weights)]
    assert moved == [False, False, True, True, True]
    assert all(changed(*pair, "generator.") for pair in pairwise(recorder.weights))


def test_without_weights_the_autoencoder_is_as_without_an_adversary(tmp_path):
    """So its discriminators draw nothing from what the autoencoder begins with, and only watch."""
    _, alone = fit(tmp_path, steps=3)
    _, watched = fit(tmp_path, adversary=config(weight=0.0, feature_matching=0.0), steps=3)
    for name, value in alone.weights[-1].items():
        torch.testing.assert_close(watched.weights[-1][name], value)
    assert changed(watched.weights[0], watched.weights[1], "adversary.discriminators.")


def test_the_rates_of_both_follow_their_own_updates(tmp_path):
    theirs = OptimizerConfig(learning_rate=0.4, warmup_steps=4)
    mine = OptimizerConfig(learning_rate=0.01, warmup_steps=2)
    _, recorder = fit(tmp_path, adversary=config(start=1, optimizer=theirs), optimizer=mine, steps=4)
    assert [rates[0] for rates in recorder.rates] == pytest.approx([0.01, 0.01, 0.01, 0.01])  # of the next update
    assert [rates[1] for rates in recorder.rates] == pytest.approx([0.1, 0.2, 0.3, 0.4])


def test_accumulated_batches_are_one_update_of_both(tmp_path):
    module, recorder = fit(tmp_path, adversary=config(), steps=2, accumulate=3, batches=6)
    assert (module.trainer.global_step, int(module.adversary.updates)) == (2, 2)
    assert len(recorder.weights) == 6
    moved = [changed(*pair, "adversary.discriminators.") for pair in pairwise(recorder.weights)]
    assert moved == [False, True, False, False, True]


def test_an_update_that_is_not_finite_is_left_out_for_both_and_counted(tmp_path):
    module, recorder = fit(tmp_path, adversary=config(), kind=Poisoned, steps=3, poison=[1])
    before, after = recorder.weights[0], recorder.weights[1]
    assert not changed(before, after, "generator")
    assert not changed(before, after, "adversary.")
    assert recorder.rates[0] == recorder.rates[1]
    assert all(math.isfinite(log["train/loss"]) for log in recorder.logs)
    assert [log["train/skipped_updates"] for log in recorder.logs] == [0, 1, 1, 1]
    assert (module.updates, int(module.skipped_updates.total), int(module.skipped_updates.in_a_row)) == (3, 1, 0)
    assert all(value.isfinite().all() for value in module.state_dict().values())


def test_batches_of_an_update_that_was_left_out_are_forgotten(tmp_path):
    """Three batches, of which the middle one's update is left out, equal the other two."""
    module, _ = fit(tmp_path, kind=Poisoned, adversary=config(), steps=2, poison=[1], batches=3)
    batches = loader([batch([index, index + 7]) for index in (0, 2)])
    other = autoencoder_training(adversary=config())
    trainer(tmp_path, max_steps=2).fit(other, batches)
    for name, value in other.state_dict().items():
        if not name.startswith("skipped_updates."):
            assert torch.equal(module.state_dict()[name], value), name


def test_the_discriminators_alone_can_spoil_an_update(tmp_path):
    class Spoiled(AutoencoderTraining):
        def on_train_batch_start(self, batch, batch_idx):
            if batch_idx == 1:
                self.adversary.logits_real_2d.fill_(math.inf)

    fit(tmp_path, adversary=config(lecam=1.0), kind=Spoiled, steps=1)
    with pytest.raises(InputError, match="3 updates in a row"):
        fit(tmp_path, adversary=config(lecam=1.0), kind=Spoiled, steps=9, max_skipped=3)


def test_a_run_of_nothing_but_such_updates_ends_with_a_sentence(tmp_path):
    with pytest.raises(InputError, match="4 updates in a row had a loss or a gradient that is not finite; lower"):
        fit(tmp_path, kind=Poisoned, steps=9, poison=range(2, 9), max_skipped=4)


def test_such_updates_far_apart_do_not_end_a_run(tmp_path):
    module, _ = fit(tmp_path, kind=Poisoned, steps=4, poison=[0, 2, 4], max_skipped=2)
    assert (module.updates, int(module.skipped_updates.total)) == (4, 3)


def test_the_row_is_counted_on_by_a_resumed_run(tmp_path):
    class Stops(Poisoned):
        def on_train_batch_start(self, batch, batch_idx):
            if self.trainer.fit_loop.total_batch_idx == 2:
                self.trainer.should_stop = True

    fit(tmp_path, kind=Stops, steps=9, poison=range(1, 9), max_skipped=3)
    checkpoint = torch.load(tmp_path / "run.ckpt", weights_only=True)["state_dict"]
    assert checkpoint["skipped_updates.in_a_row"] == checkpoint["skipped_updates.total"] > 0
    with pytest.raises(InputError, match="3 updates in a row"):
        fit(tmp_path, kind=Poisoned, steps=9, poison=range(1, 99), max_skipped=3, resume=tmp_path / "run.ckpt")


@pytest.mark.parametrize("max_skipped", [0, -1])
def test_the_limit_is_checked(max_skipped):
    with pytest.raises(InputError, match=f"max_skipped is {max_skipped}; give a value at least 1"):
        autoencoder_training(max_skipped=max_skipped)


def test_a_checkpoint_holds_both_sides_and_the_model_only_its_own(tmp_path):
    module, _ = fit(tmp_path, adversary=config(), steps=2)
    checkpoint = torch.load(tmp_path / "run.ckpt", weights_only=True)
    assert len(checkpoint["optimizer_states"]) == len(checkpoint["lr_schedulers"]) == 2
    assert all(state["state"] for state in checkpoint["optimizer_states"])
    assert set(module.state_dict()) == set(checkpoint["state_dict"])
    assert "adversary" not in str(checkpoint["pvdm"])
    assert not any("adversary" in name for name in module.generator.state_dict())


def test_a_run_without_an_adversary_goes_on_with_one(tmp_path):
    """And equals the run that had it from the beginning, for it draws the same discriminators."""
    fit(tmp_path, steps=2, batches=1)
    state = torch.load(tmp_path / "run.ckpt", weights_only=True)["state_dict"]
    assert not any(name.startswith("adversary.") for name in state)
    joined, _ = fit(tmp_path, adversary=config(start=2), steps=4, batches=1, resume=tmp_path / "run.ckpt")
    straight, _ = fit(tmp_path, adversary=config(start=2), steps=4, batches=1)
    assert int(joined.adversary.updates) == 2
    for name, value in straight.state_dict().items():
        assert torch.equal(joined.state_dict()[name], value), name


def test_the_count_of_updates_goes_with_the_weights(tmp_path):
    module, _ = fit(tmp_path, steps=2)
    other = autoencoder_training()
    assert other.updates == 0
    other.load_state_dict(module.state_dict())
    assert other.updates == int(other.generator_updates) == 2
    resumed, _ = fit(tmp_path, steps=3, resume=tmp_path / "run.ckpt")
    assert resumed.updates == int(resumed.generator_updates) == 3


def test_a_checkpoint_of_an_older_version_has_no_counts(tmp_path):
    fit(tmp_path, steps=2)
    checkpoint = torch.load(tmp_path / "run.ckpt", weights_only=True)
    for name in [name for name in checkpoint["state_dict"] if name.startswith("skipped_updates.")]:
        del checkpoint["state_dict"][name]
    torch.save(checkpoint, tmp_path / "old.ckpt")
    resumed, _ = fit(tmp_path, steps=3, resume=tmp_path / "old.ckpt")
    assert (resumed.updates, int(resumed.skipped_updates.total)) == (3, 0)


def test_a_missing_weight_of_the_model_is_still_an_error(tmp_path):
    fit(tmp_path, steps=1)
    checkpoint = torch.load(tmp_path / "run.ckpt", weights_only=True)
    del checkpoint["state_dict"]["generator.autoencoder.to_pixels.weight"]
    torch.save(checkpoint, tmp_path / "broken.ckpt")
    with pytest.raises(InputError, match="to_pixels"):
        fit(tmp_path, steps=2, resume=tmp_path / "broken.ckpt")


def test_the_adversary_may_be_left_out_again_and_that_is_said(tmp_path, caplog):
    caplog.set_level("INFO")
    fit(tmp_path, adversary=config(), steps=2)
    module, _ = fit(tmp_path, steps=3, resume=tmp_path / "run.ckpt")
    assert module.updates == 3
    assert "discriminators are ignored" in caplog.text
    (found,) = trainer(tmp_path).validate(
        autoencoder_training(), loader([batch([0])]), tmp_path / "run.ckpt", verbose=False, weights_only=True
    )
    assert "val/psnr" in found


@pytest.mark.parametrize("r1", [0.0, 1.0])
def test_bf16(tmp_path, r1):
    module = autoencoder_training(adversary=config(r1=r1), activation_checkpointing=True)
    trainer(tmp_path, max_steps=3, precision="bf16-mixed").fit(module, loader([batch([0, 1])]))
    state = module.state_dict()
    assert (module.updates, int(module.skipped_updates.total)) == (3, 0)
    assert {value.dtype for value in state.values()} == {torch.float32, torch.int64}
    assert all(value.isfinite().all() for value in state.values())
