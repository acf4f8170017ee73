"""Two processes over gloo train both sides as one process does with the joint batch."""

import pytest
import torch
from miniature import autoencoder_training, batch, loader, trainer
from pytorch_lightning import Callback
from torch.utils.data import DataLoader

from pvdm.training import AdversaryConfig, AutoencoderTraining
from pvdm.training.reductions import UpdateMeans, average_over_ranks

UPDATES = 3


class Shared(AutoencoderTraining):
    """Its batches have four samples, of which each process gets its share."""

    def train_dataloader(self) -> DataLoader:
        share = 4 // self.trainer.world_size
        first = share * self.trainer.global_rank
        return loader([batch(range(4 * k + first, 4 * k + first + share)) for k in range(2 * UPDATES + 2)])

    def on_before_optimizer_step(self, optimizer) -> None:
        self.gradients = {name: value.grad.clone() for name, value in self.named_parameters() if value.grad is not None}


class Writes(Callback):
    """Gradients of both sides, as their optimizers get them, and what is kept and logged, after every update."""

    def __init__(self, folder) -> None:
        self.folder = folder

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if (batch_idx + 1) % 2 == 0:
            names = ("adversary.adaptive_weight", "adversary.logits", "skipped_updates", "generator_updates")
            buffers = {name: value for name, value in pl_module.state_dict().items() if name.startswith(names)}
            logged = {name: value for name, value in trainer.callback_metrics.items() if name.startswith("train/")}
            found = {"gradients": pl_module.gradients, "buffers": buffers, "logged": logged}
            torch.save(found, self.folder / f"{pl_module.updates}-{trainer.global_rank}.pt")


class Poisons(Callback):
    """The last process alone gets a loss that is not a number, in the batches of the second update."""

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        is_last = trainer.global_rank == trainer.world_size - 1
        pl_module.l1_weight = float("nan") if batch_idx == 2 and is_last else 1.0


def train(folder, **options) -> AutoencoderTraining:
    folder.mkdir()
    config = AdversaryConfig(start=1, channels=8, layers=1, warmup_steps=0, lecam=0.5)
    module = autoencoder_training(Shared, adversary=config, accumulate=2, latent_scale=0.5)
    options |= {"use_distributed_sampler": False, "max_steps": UPDATES}  # as the command line
    trainer(folder, callbacks=[Poisons(), Writes(folder)], **options).fit(module)
    return module


def read(folder, update: int, rank: int = 0) -> dict:
    return torch.load(folder / f"{update}-{rank}.pt", weights_only=True)


def assert_near(found: dict, wanted: dict) -> None:
    """Equal but for rounding, by the norm of each tensor."""
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert (found[name] - value).float().norm() <= 1e-3 * value.float().norm() + 1e-6, name


def test_two_processes_equal_one_with_the_joint_batch(tmp_path):
    """Before the phase and within it, and where one process alone spoils an update, which both leave out."""
    train(tmp_path / "one")
    train(tmp_path / "two", strategy="ddp_fork", devices=2)
    for update in range(1, UPDATES + 1):
        one, two, other = (read(tmp_path / name, update, rank) for name, rank in (("one", 0), ("two", 0), ("two", 1)))
        assert any(name.startswith("adversary") for name in one["gradients"]) == (update > 1)
        assert int(two["buffers"]["skipped_updates.total"]) == 1
        for part in ("gradients", "buffers", "logged"):
            assert_near(two[part], one[part])
            assert all(torch.equal(other[part][name], value) for name, value in two[part].items())


def test_means_of_an_update_are_those_of_its_batches():
    means = UpdateMeans()
    for value in (1.0, 2.0, 6.0):
        means.add({"a": torch.tensor(value), "b": torch.tensor([value, 0.0])})
    found = means.take()
    assert (found["a"].item(), found["b"].tolist()) == (3.0, [3.0, 0.0])
    assert means.take() == {}


def test_what_is_forgotten_does_not_count():
    means = UpdateMeans()
    means.add({"a": torch.tensor(100.0)})
    means.clear()
    means.add({"a": torch.tensor(2.0, requires_grad=True)})
    assert means.take() == {"a": pytest.approx(2.0)}


def test_sums_of_a_checkpoint_go_to_the_device_of_the_model():
    means = UpdateMeans()
    means.load_state_dict({"sums": {"a": torch.tensor(1.0)}, "batches": 1})
    means.to(torch.device("meta"))
    assert means.state_dict()["sums"]["a"].device.type == "meta"


def test_they_are_there_before_a_callback_may_save_them(tmp_path, monkeypatch):
    calls = []

    class Saves(Callback):
        def on_train_start(self, trainer, pl_module):
            calls.append("save")

    monkeypatch.setattr(UpdateMeans, "to", lambda means, device: calls.append(device.type))
    module = autoencoder_training(adversary=AdversaryConfig(channels=8, layers=1))
    trainer(tmp_path, callbacks=[Saves()], max_steps=1).fit(module, loader([batch([0])]))
    assert calls == ["cpu", "cpu", "save"]


def test_one_process_is_its_own_mean():
    value = torch.tensor([1.0, 2.0])
    average_over_ranks([value])
    assert value.tolist() == [1.0, 2.0]
