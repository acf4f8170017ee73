"""A resumed run follows its configuration: changed settings are applied and logged, or refused."""

import logging

import pytest
import torch
from miniature import autoencoder_training, batch, diffusion_training, loader, read, trainer
from pytorch_lightning import Callback
from runs import refusal

from pvdm.cli import main
from pvdm.errors import InputError
from pvdm.training import AdversaryConfig, OptimizerConfig
from pvdm.training.optimization import apply_to_saved
from pvdm.training.run.resumed_settings import changes, tell_changes

BEFORE = OptimizerConfig(learning_rate=0.01, warmup_steps=4, betas=(0.5, 0.9), weight_decay=0.1)
ADVERSARY = {"channels": 8, "layers": 1}


class Groups(Callback):
    """The settings with which each update is made."""

    def __init__(self):
        self.found = []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.found.append([dict(optimizer.param_groups[0]) for optimizer in trainer.optimizers])


def fit(folder, module, *, steps=2, resume=None) -> list:
    groups = Groups()
    run = trainer(folder, max_steps=steps, callbacks=[groups])
    run.fit(module, loader([batch([0, 7], clips=module.clips_per_sample)]), ckpt_path=resume, weights_only=True)
    run.save_checkpoint(folder / "run.ckpt", weights_only=False)
    return groups.found


def stages(folder, optimizer: OptimizerConfig):
    yield diffusion_training(folder / "first", optimizer=optimizer)
    yield autoencoder_training(optimizer=optimizer, adversary=AdversaryConfig(optimizer=optimizer, **ADVERSARY))


@pytest.mark.parametrize("stage", [0, 1])
def test_the_settings_of_all_optimizers_are_those_of_the_configuration(tmp_path, caplog, stage):
    now = OptimizerConfig(learning_rate=0.02, warmup_steps=5, betas=(0.6, 0.8), weight_decay=None)
    fit(tmp_path, [*stages(tmp_path, BEFORE)][stage])
    assert "goes on" not in caplog.text and "changed settings" not in caplog.text
    found = fit(tmp_path, [*stages(tmp_path, now)][stage], steps=4, resume=tmp_path / "run.ckpt")
    for update, groups in enumerate(found, start=2):
        assert len(groups) == 1 + stage
        for group in groups:
            assert group["lr"] == pytest.approx(0.02 * (update + 1) / 5)
            assert (group["betas"], group["weight_decay"], group["initial_lr"]) == ((0.6, 0.8), 0.01, 0.02)
    for name in ["model.optimizer", "model.adversary.optimizer"][: 1 + stage]:
        assert (
            f"{name}.learning_rate was 0.01 and is 0.02; {name}.weight_decay was 0.1 and is 0.01; "
            f"{name}.betas was [0.5, 0.9] and is [0.6, 0.8]"
        ) in caplog.text


def test_the_same_settings_are_the_same_bits_and_not_told(tmp_path, caplog):
    whole, first, rest = (diffusion_training(tmp_path / "first", optimizer=BEFORE) for _ in range(3))
    fit(tmp_path, whole, steps=4)
    fit(tmp_path, first)
    fit(tmp_path, rest, steps=4, resume=tmp_path / "run.ckpt")
    assert all(torch.equal(value, rest.state_dict()[name]) for name, value in whole.state_dict().items())
    assert "goes on" not in caplog.text and "changed settings" not in caplog.text


@pytest.mark.parametrize("before", ["adamw", "adam", "rmsprop", "muon"])
@pytest.mark.parametrize("now", ["adamw", "adam", "rmsprop", "muon"])
def test_another_optimizer_is_refused(before, now):
    optimizer = OptimizerConfig(name=before).optimizer([torch.nn.Parameter(torch.zeros(2))])
    saved = optimizer.state_dict(), OptimizerConfig().schedule(optimizer).state_dict()
    if before == now:
        apply_to_saved(OptimizerConfig(name=now), *saved, name="model.optimizer")
        return
    message = rf"model.optimizer.name is {before} in the checkpoint and {now} in the .* \(--model.init_from\)$"
    with pytest.raises(InputError, match=message):
        apply_to_saved(OptimizerConfig(name=now), *saved, name="model.optimizer")


def test_the_configuration_says_what_is_used(command, tmp_path, caplog):
    assert main(command("fit", "diffusion")) == 0
    more = {"trainer__max_steps": 4, "trainer__precision": "bf16-mixed", "data__batch_size": 1, "averaging__decay": 0.5}
    more |= {
        "model__optimizer__learning_rate": 0.5,
        "model__optimizer__warmup_steps": 7,
        "model__context_dropout": 0.25,
        "seed_everything": 3,
    }
    caplog.clear()
    assert main(command("fit", "diffusion", **more)) == 0
    for told in (
        "trainer.max_steps was 2 and is 4",
        "trainer.precision was 32-true and is bf16-mixed",
        "data.batch_size was 2 and is 1",
        "averaging.decay was 0.9999 and is 0.5",
        "seed_everything was 0 and is 3",
        "model.context_dropout was 0.7 and is 0.25",
        "model.optimizer.learning_rate was 0.001 and is 0.5",
        "model.optimizer.warmup_steps was",
    ):
        assert caplog.text.count(told) == 1, told
    assert read(tmp_path / "run")["optimizer_states"][0]["param_groups"][0]["initial_lr"] == 0.5
    text = (tmp_path / "run" / "config.yaml").read_text()
    assert "learning_rate: 0.5" in text and text == read(tmp_path / "run")["settings"]
    caplog.clear()
    assert main(command("fit", "diffusion", **{**more, "trainer__max_steps": 5, "data__workers": 1})) == 0
    assert "changed settings: trainer.max_steps was 4 and is 5\n" in caplog.text
    message = refusal(caplog, *command("fit", "diffusion", **more, model__optimizer__name="rmsprop"))
    assert "model.optimizer.name is adamw in the checkpoint and rmsprop in the configuration" in message
    assert "adamw" in (tmp_path / "run" / "config.yaml").read_text()


def test_only_what_both_know_and_what_bears_on_learning_is_compared(caplog):
    before = {"a": 1, "model": {"class_path": "x.Y", "init_args": {"adversary": None, "old": 1, "loss": "l2"}}}
    now = {"a": 1, "model": {"class_path": "x.Y", "init_args": {"adversary": {"start": 3}, "new": 2, "loss": "l1"}}}
    found = [("model.adversary", None, {"start": 3}), ("model.loss", "l2", "l1")]
    assert list(changes(before, now)) == found
    with caplog.at_level(logging.WARNING):
        tell_changes("model: {init_args: {adversary: null}}", "model: {init_args: {adversary: {start: 3}}}")
        tell_changes("{data: {workers: 1}, trainer: {devices: 1}}", "{data: {workers: 2}, trainer: {devices: 2}}")
    assert [record.getMessage() for record in caplog.records] == [
        "resuming with changed settings: model.adversary was not given and is given"
    ]
