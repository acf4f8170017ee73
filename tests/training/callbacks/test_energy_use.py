"""The energy of training adds up over starts, processes and stages, by a meter that the test sets."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from miniature import AUTOENCODER, Toy, diffusion_training, loader, read, trainer

from pvdm.cli import main
from pvdm.errors import InputError
from pvdm.generation import VideoGenerator
from pvdm.generation.model_card import model_card
from pvdm.generation.stored_config import checked
from pvdm.runtime.energy.meter import KWH, Energy
from pvdm.training.callbacks import energy_use
from pvdm.training.callbacks.energy_use import EnergyUse
from pvdm.training.warm_start import WarmStart

RECORD = Energy(60, cpu=KWH, gpu=None, co2=None, notes=("x",)).record()


class Meter:
    """A kilowatt hour of the CPU since it was made."""

    def __init__(self, *_, **options) -> None:
        self.options = options

    def read(self) -> Energy:
        return Energy(10, cpu=KWH, co2=None, notes=("a stand-in",))


def test_a_run_adds_up_its_starts_and_its_card_says_so(command, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(energy_use, "EnergyMeter", Meter)
    for steps in (1, 2):
        assert main(command("fit", "autoencoder", trainer__max_steps=steps, trainer__limit_val_batches=1)) == 0
    assert "energy of the training: 2 kWh (a stand-in)" in caplog.messages
    (record,) = read(tmp_path / "run")["pvdm"]["energy"]
    assert (record["part"], record["kwh"], record["seconds"], record["co2_g"]) == ("autoencoder", 2, 20, None)
    exported = VideoGenerator.load(tmp_path / "run" / "checkpoints" / "last.ckpt")
    assert "| training of the autoencoder | 2 kWh (a stand-in) |" in model_card(exported.to_config())


def test_the_energy_of_what_a_training_starts_with_is_kept(tmp_path):
    autoencoder, denoiser = ({"part": part, **RECORD} for part in ("autoencoder", "denoiser"))
    module = diffusion_training(tmp_path / "first")
    whole, callback = module.generator, EnergyUse()
    whole.energy = (autoencoder, denoiser)
    whole.save_pretrained(tmp_path / "whole")
    VideoGenerator(AUTOENCODER, energy=[autoencoder]).save_pretrained(tmp_path / "first", overwrite=True)
    second = type(module)(tmp_path / "first", denoiser=whole.denoiser.config).generator
    assert second.energy == (autoencoder,)
    WarmStart(tmp_path / "whole").fill(second, "denoiser")
    assert second.energy == (autoencoder, denoiser)

    callback.on_train_start(None, SimpleNamespace(generator=second))
    callback.on_save_checkpoint(None, SimpleNamespace(generator=second), {})
    assert [record["part"] for record in second.energy] == ["autoencoder", "denoiser", "denoiser"]
    resumed = EnergyUse()
    resumed.load_state_dict(callback.state_dict())
    resumed.on_train_start(None, SimpleNamespace(generator=second))
    resumed.on_save_checkpoint(None, SimpleNamespace(generator=second), {})
    assert len(second.energy) == 3
    card = model_card(second.to_config())
    assert card.count("training of the denoiser") == 2 and "| together | 2 kWh" in card


def test_processes_of_a_run_are_added(monkeypatch):
    monkeypatch.setattr(energy_use, "EnergyMeter", Meter)
    process = SimpleNamespace(local_rank=1, global_rank=1, world_size=3, strategy=SimpleNamespace(root_device=None))

    def gather(records, own):
        records[:] = [own] * 3

    monkeypatch.setattr(torch.distributed, "all_gather_object", gather)
    callback = EnergyUse()
    callback.setup(process, None, "fit")
    assert not callback._meter.options["has_cpu"] and callback.energy.kwh == 1
    callback.on_validation_end(process, None)
    assert callback.energy.kwh == 3 and callback.energy.seconds == 10


def test_evaluation_is_not_training(tmp_path, monkeypatch):
    monkeypatch.setattr(energy_use, "EnergyMeter", Meter)
    run = trainer(tmp_path, callbacks=[callback := EnergyUse()])
    run.validate(Toy(), loader(torch.zeros(1, 5, 3)), verbose=False)
    assert callback.energy == Energy()


@pytest.mark.parametrize(
    "energy", [{"part": "both"}, {"kwh": -1}, {"gpu_kwh": "1"}, {"notes": None}, {"seconds": None}]
)
def test_a_damaged_record_is_refused(energy):
    config = VideoGenerator(AUTOENCODER, energy=[{"part": "autoencoder", **RECORD}]).to_config()
    checked(config, "m")
    config["energy"][0].update(energy)
    with pytest.raises(InputError, match="energy is"):
        checked(config, "m")
