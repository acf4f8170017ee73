"""Stage 2: updates that are not finite are skipped, as in stage 1, and no model that is not finite is saved."""

import math
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from miniature import batch, diffusion_training, loader, trainer
from pytorch_lightning import Callback

from pvdm.errors import InputError
from pvdm.training import AveragedWeights, DiffusionTraining, OptimizerConfig
from pvdm.training.run.exact_resume import ExactResume


class Poisoned(DiffusionTraining):
    """Losses that are not finite at the batches of these numbers, or gradients if the loss is to look well."""

    poison = frozenset()
    of_gradient = False

    def losses(self, clean, noise, t, condition):
        losses = super().losses(clean, noise, t, condition)
        if not self.training or self.trainer.fit_loop.total_batch_idx not in self.poison:
            return losses
        if not self.of_gradient:
            return losses + math.nan  # the gradient of which is finite
        losses.register_hook(lambda gradient: gradient * math.inf)
        return losses


class Recorder(Callback):
    """What is logged, and everything that a batch may change, after each."""

    def __init__(self):
        self.logs, self.weights, self.averages, self.moments, self.rates = [], [], [], [], []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        (average,) = (callback for callback in trainer.callbacks if isinstance(callback, AveragedWeights))
        (optimizer,) = trainer.optimizers
        self.logs.append({name: float(value) for name, value in trainer.callback_metrics.items()})
        self.weights.append(copied(pl_module.generator.state_dict()))
        self.averages.append({"updates": torch.tensor(average.updates), **copied(average._average)})
        self.moments.append(
            {(i, name): v.clone() for i, s in enumerate(optimizer.state.values()) for name, v in s.items()}
        )
        self.rates.append(optimizer.param_groups[0]["lr"])


def copied(tensors):
    return {name: value.detach().clone() for name, value in tensors.items()}


def equal(first, second) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def fit(
    folder,
    *,
    steps,
    poison=(),
    of_gradient=False,
    batches=range(4),
    resume=None,
    callbacks=(),
    trainer_options=None,
    **options,
):
    options = {"optimizer": OptimizerConfig(warmup_steps=8), **options}
    module, recorder = diffusion_training(folder / "first", kind=Poisoned, **options), Recorder()
    module.poison, module.of_gradient = frozenset(poison), of_gradient
    callbacks = [AveragedWeights(), ExactResume(), recorder, *callbacks]
    run = trainer(folder, callbacks=callbacks, max_steps=steps, **(trainer_options or {}))
    data = loader([batch([index, index + 7], clips=2) for index in batches])
    run.fit(module, data, ckpt_path=resume, weights_only=True)
    run.save_checkpoint(folder / "run.ckpt", weights_only=False)
    return module, recorder


@pytest.mark.parametrize("clip", [None, 1.0])
@pytest.mark.parametrize("of_gradient", [False, True])
def test_such_an_update_changes_nothing_but_its_count(tmp_path, of_gradient, clip):
    more = {"gradient_clip_val": clip}
    module, found = fit(
        tmp_path, steps=3, poison=[0, 2], of_gradient=of_gradient, batches=range(5), trainer_options=more
    )
    for record in (found.weights, found.averages, found.moments):
        assert [equal(*pair) for pair in pairwise(record)] == [False, True, False, False]
    assert found.rates == pytest.approx([1 / 8e4, 2 / 8e4, 2 / 8e4, 3 / 8e4, 4 / 8e4])  # of the next update
    assert [log["train/skipped_updates"] for log in found.logs] == [1, 1, 2, 2, 2]
    assert all(math.isfinite(value) for log in found.logs for value in log.values())
    assert (module.updates, int(module.skipped_updates.total), int(module.skipped_updates.in_a_row)) == (3, 2, 0)


def test_one_batch_that_is_not_finite_spoils_the_update_of_several_and_no_other(tmp_path):
    """Four updates of two batches, of which two are left out, equal the other two."""
    more = {"accumulate_grad_batches": 2}
    module, _ = fit(tmp_path, steps=2, poison=[1, 4], batches=range(8), trainer_options=more)
    other = diffusion_training(tmp_path / "first", optimizer=OptimizerConfig(warmup_steps=8))
    data = loader([batch([index, index + 7], clips=2) for index in (2, 3, 6, 7)])
    trainer(tmp_path, max_steps=2, **more).fit(other, data)
    assert int(module.skipped_updates.total) == 2
    assert equal(copied(module.generator.state_dict()), copied(other.generator.state_dict()))


def test_too_many_in_a_row_end_the_run_and_others_do_not(tmp_path):
    with pytest.raises(InputError, match="4 updates in a row had a loss or a gradient that is not finite; lower"):
        fit(tmp_path, steps=9, poison=range(2, 9), max_skipped=4)
    module, _ = fit(tmp_path, steps=3, poison=[0, 2, 4], max_skipped=2)
    assert (module.updates, int(module.skipped_updates.total)) == (3, 3)


def test_counts_and_the_loss_of_an_update_that_is_begun_go_on_from_a_checkpoint(tmp_path):
    """Stored within an update whose first batch is not finite: the rest of it is left out, too."""

    class Stores(Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            if trainer.fit_loop.total_batch_idx == 4:
                trainer.save_checkpoint(tmp_path / "half.ckpt", weights_only=False)

    same = [0] * 8
    more = {"accumulate_grad_batches": 2}
    module, _ = fit(tmp_path, steps=2, poison=[0, 4], batches=same, callbacks=[Stores()], trainer_options=more)
    saved = torch.load(tmp_path / "half.ckpt", weights_only=True)
    assert (saved["global_step"], int(saved["state_dict"]["skipped_updates.total"])) == (1, 1)
    resumed, _ = fit(tmp_path, steps=2, batches=same, resume=tmp_path / "half.ckpt", trainer_options=more)
    assert int(resumed.skipped_updates.total) == int(module.skipped_updates.total) == 2
    assert equal(copied(resumed.state_dict()), copied(module.state_dict()))


def test_a_checkpoint_of_an_older_version_has_no_counts(tmp_path):
    fit(tmp_path, steps=1)
    checkpoint = torch.load(tmp_path / "run.ckpt", weights_only=True)
    for name in [name for name in checkpoint["state_dict"] if name.startswith("skipped_updates.")]:
        del checkpoint["state_dict"][name]
    torch.save(checkpoint, tmp_path / "old.ckpt")
    module, _ = fit(tmp_path, steps=2, resume=tmp_path / "old.ckpt")
    assert (module.updates, int(module.skipped_updates.total)) == (2, 0)


@pytest.mark.parametrize("where", ["raw", "average", "frozen"])
def test_weights_that_are_not_finite_are_not_stored(tmp_path, where):
    class Spoil(Callback):
        def on_train_end(self, trainer, pl_module):
            generator, average = pl_module.generator, trainer.callbacks[0]
            spoiled = {
                "raw": generator.denoiser.conv_in.bias,
                "average": average._average["generator.denoiser.conv_in.bias"],
                "frozen": generator.autoencoder.to_pixels.bias,
            }[where]
            with torch.no_grad():
                spoiled[0] = math.inf
            trainer.save_checkpoint(tmp_path / "run.ckpt", weights_only=False)

    name = "autoencoder.to_pixels.bias" if where == "frozen" else "denoiser.conv_in.bias"
    run = trainer(tmp_path, callbacks=[AveragedWeights(), Spoil()], max_steps=2)
    with pytest.raises(InputError, match=f"generator.{name} is not finite .* after 2 updates, .* lower the learning"):
        run.fit(diffusion_training(tmp_path / "first"), loader([batch([0], clips=2)]))
    assert not (tmp_path / "run.ckpt").exists()


class Shared(Poisoned):
    """Each process has batches of its own; the loss of the last process's second one is not finite."""

    def train_dataloader(self):
        return loader([batch([2 * index + self.trainer.global_rank], clips=2) for index in range(4)])

    def on_train_start(self):
        super().on_train_start()
        self.poison = frozenset([1] if self.trainer.global_rank == 1 else [])


class Writes(Callback):
    def __init__(self, folder):
        self.folder = folder

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        torch.save(pl_module.state_dict(), self.folder / f"{batch_idx}-{trainer.global_rank}.pt")


def train_in_two_processes(folder):
    more = {"strategy": "ddp_fork", "devices": 2, "use_distributed_sampler": False, "callbacks": [Writes(folder)]}
    trainer(folder, max_steps=2, **more).fit(diffusion_training(folder / "first", kind=Shared))


def test_what_one_of_two_processes_finds_is_left_out_by_both(tmp_path):
    # In a process of its own: PyTorch does not fork once gradients were computed.
    run = subprocess.run([sys.executable, __file__, tmp_path], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    states = [[torch.load(tmp_path / f"{i}-{rank}.pt") for i in range(3)] for rank in range(2)]
    for mine, other in zip(*states, strict=True):
        assert equal(mine, other)
    weights = [{name: value for name, value in state.items() if "skipped" not in name} for state in states[0]]
    assert [equal(*pair) for pair in pairwise(weights)] == [True, False]
    assert [int(state["skipped_updates.total"]) for state in states[0]] == [0, 1, 1]


if __name__ == "__main__":
    train_in_two_processes(Path(sys.argv[1]))
