"""The GAN phase by the command line: what it logs, and that it resumes to the bit."""

import pytest
from miniature import read
from runs import assert_same_training
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pvdm.cli import main
from pvdm.generation import VideoGenerator

SMALL = {"model__adversary__channels": 8, "model__adversary__layers": 1, "model__adversary__warmup_steps": 3}
SIDES = [f"train/logits_{side}_{kind}" for side in ("real", "fake") for kind in ("2d", "3d")]


def assert_same(found: dict, wanted: dict) -> None:
    """Both sides, and what the guard remembers, to the bit."""
    assert_same_training(found, wanted)
    assert found["callbacks"]["AdversaryGuard"] == wanted["callbacks"]["AdversaryGuard"]


def test_the_same_command_goes_on_as_if_it_had_never_stopped(command, caplog, tmp_path):
    more = {**SMALL, "model__adversary__start": 4, "model__adversary__r1": 0.1, "model__accumulate": 2}
    more |= {"trainer__check_val_every_n_epoch": "null", "trainer__val_check_interval": 4}
    assert main(command("fit", "autoencoder", "straight", trainer__max_steps=8, **more)) == 0
    told = {4: 0, 6: 1, 8: 0}
    for steps in told:  # at the start of the phase, within it
        caplog.clear()
        assert main(command("fit", "autoencoder", "broken", trainer__max_steps=steps, **more)) == 0
        assert caplog.messages.count("the GAN phase begins after 4 updates") == told[steps]
        assert read(tmp_path / "broken")["global_step"] == steps
    assert_same(read(tmp_path / "broken"), read(tmp_path / "straight"))
    assert int(read(tmp_path / "straight")["state_dict"]["adversary.updates"]) == 4


def test_a_run_goes_on_with_an_adversary_and_equals_the_one_that_was_told_of_it_before(command, tmp_path):
    told = {**SMALL, "model__adversary__start": 5}
    assert main(command("fit", "autoencoder", "straight", trainer__max_steps=8, **told)) == 0
    assert main(command("fit", "autoencoder", "joined", trainer__max_steps=5)) == 0
    before = read(tmp_path / "joined")
    assert main(command("fit", "autoencoder", "joined", trainer__max_steps=8, **told)) == 0
    assert_same(read(tmp_path / "joined"), read(tmp_path / "straight"))
    assert not any(name.startswith("adversary") for name in before["state_dict"])


def test_what_is_logged_and_kept(command, tmp_path):
    more = {"model__adversary__start": 2, "adversary_guard__max_psnr_drop": "null", "trainer__max_steps": 5}
    more |= {"trainer__check_val_every_n_epoch": "null", "trainer__val_check_interval": 2}
    assert main(command("fit", "autoencoder", "run", **SMALL, **more)) == 0
    run = tmp_path / "run"
    log = EventAccumulator(str(run))
    log.Reload()
    logged = {name: [event.step for event in log.Scalars(name)] for name in log.Tags()["scalars"]}
    losses = ["train/generator_loss", "train/discriminator_loss", "train/feature_matching", "train/adaptive_weight"]
    for name in [*SIDES, *losses, "train/hinge_weight", "train/discriminator_gradient_norm"]:
        assert logged[name] == [3, 4, 5], name
    assert logged["train/skipped_updates"] == logged["train/gradient_norm"] == [1, 2, 3, 4, 5]
    assert logged["val/psnr"] == logged["val/sharpness"] == [0, 2, 4]
    assert {path.name for path in (run / "checkpoints").iterdir()} == {"best.ckpt", "best_gan.ckpt", "last.ckpt"}
    model = VideoGenerator.from_checkpoint(run / "checkpoints" / "best_gan.ckpt")
    assert model.training_step == 4
    model.save_pretrained(tmp_path / "exported")
    assert not any("adversary" in name for name in model.state_dict())
    assert "adversary" not in (tmp_path / "exported" / "config.json").read_text()
    assert main(command("validate", "autoencoder", "run", ckpt_path=run / "checkpoints" / "best_gan.ckpt")) == 0


@pytest.mark.parametrize(
    "option, words",
    [
        ({"model__adversary__lecam": -1.0}, "lecam is -1.0; give a value at least 0"),
        ({"adversary_guard__patience": 0}, "patience is 0; give a value at least 1"),
    ],
)
def test_a_value_out_of_range_is_one_sentence(command, caplog, option, words):
    assert main(command("fit", "autoencoder", "run", trainer__max_steps=1, **SMALL, **option)) == 2
    assert words in caplog.text
