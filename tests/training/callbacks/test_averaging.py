"""The averaged weights against an average computed by hand."""

import pytest
import torch
from miniature import Toy, loader, trainer
from pytorch_lightning import Callback
from safetensors.torch import load_file
from torch import nn
from torch.utils.data import DataLoader

from pvdm.errors import InputError
from pvdm.files.power_averages import FOLDER, average_of_length, exponent_of
from pvdm.training import AveragedWeights
from pvdm.training.callbacks.averaging import LONGER, RAW

DECAY = 0.3
"""The warm-up (1 + n) / (10 + n) is below it at updates 1 and 2 (2/11, 3/12), and at 3 (4/13 = 0.308) above."""


class Recorder(Callback):
    """The trained weights before the first update and after every one."""

    def __init__(self) -> None:
        self.weights: list[torch.Tensor] = []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if not self.weights:
            self.weights.append(pl_module.net.weight.detach().clone())

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if trainer.global_step == len(self.weights):
            self.weights.append(pl_module.net.weight.detach().clone())


def batches(count: int = 4) -> DataLoader:
    return loader(torch.randn(count, 5, 3, generator=torch.Generator().manual_seed(1)))


def by_hand(weights: list[torch.Tensor]) -> torch.Tensor:
    average = weights[0].double()
    for n, raw in enumerate(weights[1:], start=1):
        decay = min(DECAY, (1 + n) / (10 + n))
        average = decay * average + (1 - decay) * raw.double()
    return average.float()


def fit(folder, *, resume=None, **options):
    toy, recorder = Toy(), Recorder()
    run = trainer(folder, callbacks=[AveragedWeights(DECAY), recorder], **options)
    run.fit(toy, batches(), batches(1), ckpt_path=resume, weights_only=True)
    run.save_checkpoint(folder / "run.ckpt", weights_only=False)
    return toy, recorder.weights, torch.load(folder / "run.ckpt", weights_only=True)


def test_a_checkpoint_holds_the_average_and_beside_it_the_raw_weights(tmp_path):
    toy, weights, checkpoint = fit(tmp_path, max_steps=4)
    torch.testing.assert_close(checkpoint["state_dict"]["net.weight"], by_hand(weights))
    assert torch.equal(checkpoint[RAW]["net.weight"], weights[-1])
    assert torch.equal(toy.net.weight, weights[-1])
    assert len(weights) == 5


def test_validation_sees_the_average_and_training_goes_on_from_the_raw_weights(tmp_path):
    toy, weights, _ = fit(tmp_path, max_steps=4, val_check_interval=2)
    torch.testing.assert_close(toy.seen, [by_hand(weights[:3]), by_hand(weights)])
    assert not torch.allclose(toy.seen[0], weights[2])
    _, undisturbed, _ = fit(tmp_path, max_steps=4, limit_val_batches=0)
    assert all(map(torch.equal, weights, undisturbed))


def test_a_checkpoint_saved_in_validation_is_the_same(tmp_path):
    class Saves(Toy):
        def on_validation_epoch_end(self):
            self.trainer.save_checkpoint(tmp_path / "within.ckpt", weights_only=False)

    run = trainer(tmp_path, callbacks=[AveragedWeights(DECAY), recorder := Recorder()], max_steps=4)
    run.fit(Saves(), batches(), batches(1))
    checkpoint = torch.load(tmp_path / "within.ckpt", weights_only=True)
    torch.testing.assert_close(checkpoint["state_dict"]["net.weight"], by_hand(recorder.weights))
    assert torch.equal(checkpoint[RAW]["net.weight"], recorder.weights[-1])


def test_only_the_trained_network_is_averaged(tmp_path):
    _, _, checkpoint = fit(tmp_path, max_steps=4)
    assert set(checkpoint[RAW]) == {"net.weight", "net.bias"}
    assert torch.equal(checkpoint["state_dict"]["frozen.weight"], Toy().frozen.weight)


def test_accumulated_batches_are_no_updates(tmp_path):
    _, weights, checkpoint = fit(tmp_path, max_steps=2, accumulate_grad_batches=2)
    assert len(weights) == 3
    torch.testing.assert_close(checkpoint["state_dict"]["net.weight"], by_hand(weights))


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path):
    straight, _, wanted = fit(tmp_path, max_steps=8)
    fit(tmp_path, max_steps=4)
    resumed, _, found = fit(tmp_path, max_steps=8, resume=tmp_path / "run.ckpt")
    assert torch.equal(resumed.net.weight, straight.net.weight)
    for part in ("state_dict", RAW):
        assert all(torch.equal(found[part][name], value) for name, value in wanted[part].items())


def test_other_verbs_load_the_average(tmp_path):
    _, weights, _ = fit(tmp_path, max_steps=4)
    toy = Toy()
    run = trainer(tmp_path, callbacks=[AveragedWeights(DECAY)])
    run.validate(toy, batches(1), ckpt_path=tmp_path / "run.ckpt", weights_only=True, verbose=False)
    torch.testing.assert_close(toy.seen, [by_hand(weights)])


def test_an_average_from_a_checkpoint_follows_the_model_to_its_device(tmp_path):
    class Fitting:
        class state:
            fn = "fit"

    toy, average = Toy(), AveragedWeights()
    raw = {"net.weight": torch.zeros(1, 3), "net.bias": torch.zeros(1)}
    average.on_load_checkpoint(Fitting(), toy, {"state_dict": toy.state_dict(), RAW: raw})
    average.on_fit_start(Fitting(), toy.to("meta"))
    assert {value.device.type for value in average._average.values()} == {"meta"}


LENGTHS = (0.1, 0.2)


def fit_power(folder, *, resume=None, **options):
    toy, recorder = Toy(), Recorder()
    average = AveragedWeights(power=LENGTHS, snapshot_every=2)
    run = trainer(folder, callbacks=[average, recorder], **options)
    run.fit(toy, batches(), batches(1), ckpt_path=resume, weights_only=True)
    run.save_checkpoint(folder / "run.ckpt", weights_only=False)
    return recorder.weights, torch.load(folder / "run.ckpt", weights_only=True)


def power_by_hand(weights: list[torch.Tensor], length: float) -> torch.Tensor:
    """The weight of update n is n^(g + 1) - (n - 1)^(g + 1), over the last n^(g + 1)."""
    power = exponent_of(length) + 1
    shares = torch.arange(len(weights), dtype=torch.float64).pow(power).diff() / (len(weights) - 1) ** power
    return sum(share * value.double() for share, value in zip(shares, weights[1:], strict=True)).float()


def test_power_averages_are_their_formula_and_leave_snapshots(tmp_path):
    weights, checkpoint = fit_power(tmp_path, max_steps=5)
    torch.testing.assert_close(checkpoint["state_dict"]["net.weight"], power_by_hand(weights, LENGTHS[0]))
    torch.testing.assert_close(checkpoint[LONGER]["net.weight"], power_by_hand(weights, LENGTHS[1]))
    snapshots = sorted((tmp_path / FOLDER).iterdir())
    assert [int(path.stem) for path in snapshots] == [2, 4, 5]
    found = average_of_length(tmp_path / FOLDER, LENGTHS[1], 4)["net.weight"]
    torch.testing.assert_close(found, power_by_hand(weights[:5], LENGTHS[1]), rtol=1e-2, atol=2e-3)


def test_a_resumed_run_has_the_power_averages_and_snapshots_of_an_uninterrupted_one(tmp_path):
    _, wanted = fit_power(tmp_path / "straight", max_steps=8)
    fit_power(tmp_path / "resumed", max_steps=4)
    _, found = fit_power(tmp_path / "resumed", max_steps=8, resume=tmp_path / "resumed" / "run.ckpt")
    for part in ("state_dict", RAW, LONGER):
        assert all(torch.equal(found[part][name], value) for name, value in wanted[part].items())
    for name in ("000000006", "000000008"):
        one, two = (load_file(tmp_path / run / FOLDER / f"{name}.safetensors") for run in ("straight", "resumed"))
        torch.testing.assert_close(one, two, rtol=0, atol=0)


def test_power_averages_cannot_begin_in_the_middle(tmp_path):
    fit(tmp_path, max_steps=2)
    with pytest.raises(InputError, match=r"the run was trained without power averages; leave out averaging.power"):
        fit_power(tmp_path, max_steps=4, resume=tmp_path / "run.ckpt")
    with pytest.raises(InputError, match="give two different lengths, the shorter first"):
        AveragedWeights(power=(0.1, 0.05))


class Guided(Toy):
    """With a guide beside the trained network, named as in the models."""

    trained = "generator.denoiser"

    def __init__(self) -> None:
        super().__init__()
        guide = nn.Linear(3, 1).requires_grad_(False)
        self.generator = nn.ModuleDict({"denoiser": self._modules.pop("net"), "guide": guide})
        self.guides: list[torch.Tensor] = []

    @property
    def net(self) -> nn.Module:
        return self.generator["denoiser"]

    def validation_step(self, batch, batch_idx):
        super().validation_step(batch, batch_idx)
        self.guides.append(self.generator["guide"].weight.detach().clone())


def guided(folder, *, resume=None, **options):
    """A training that keeps the average of its first two updates."""
    module, recorder = Guided(), Recorder()
    averaging = AveragedWeights(DECAY, guide_after=0.5)
    run = trainer(folder, callbacks=[averaging, recorder], **options)
    run.fit(module, batches(1), batches(1), ckpt_path=resume, weights_only=True)
    run.save_checkpoint(folder / "run.ckpt", weights_only=False)
    state = torch.load(folder / "run.ckpt", weights_only=True)["state_dict"]
    return module, recorder.weights, state["generator.guide.weight"], state["generator.denoiser.weight"]


def test_the_guide_is_the_average_of_early_in_the_training(tmp_path):
    module, weights, guide, average = guided(tmp_path, max_steps=4)
    early = by_hand(weights[:3])
    torch.testing.assert_close(module.guides, [by_hand(weights[:2]), early, early, early])
    torch.testing.assert_close((guide, average), (early, by_hand(weights)))


def test_the_guide_survives_an_interruption(tmp_path):
    _, _, guide, average = guided(tmp_path, max_steps=4)
    _, _, earlier, same = guided(tmp_path / "stopped", max_steps=4, max_epochs=1)
    assert torch.equal(earlier, same)  # until it is chosen, it is the average
    _, _, resumed, found = guided(tmp_path / "resumed", max_steps=4, resume=tmp_path / "stopped" / "run.ckpt")
    assert torch.equal(resumed, guide) and torch.equal(found, average)


def test_a_guide_of_an_endless_training_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"autoguidance needs to know how long .*; set trainer\.max_steps"):
        guided(tmp_path, max_epochs=1)
