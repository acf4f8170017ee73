"""A whole number is a number of batches and a fraction a share of them, however it is given."""

import inspect
import logging
import typing

import pytest

from pvdm.training.cli.command import parsed
from pvdm.training.cli.quiet_lightning import needless_off
from pvdm.training.cli.trainer import Trainer

BATCHES = [
    name for name, value in inspect.signature(Trainer).parameters.items() if name not in ("options", "precision")
]
DATA = ["--data.path=videos"]

# Python may from now on hand out this for the equal annotations of Lightning, int first and float second:
typing.Optional[typing.Union[float, int]]  # noqa: UP007, UP045


@pytest.fixture(params=["command line", "config"])
def batches(request, tmp_path):
    """`batches("1")` -> what the trainer would be given for each of its options that count batches."""

    def given(text: str) -> dict[str, object]:
        options = [f"--trainer.{name}={text}" for name in BATCHES]
        if request.param == "config":
            config = tmp_path / "batches.yaml"
            config.write_text("trainer:\n" + "".join(f"  {name}: {text}\n" for name in BATCHES))
            options = ["-c", str(config)]
        trainer = parsed(["-c", "configs/autoencoder.yaml", *DATA, *options]).trainer
        return {name: trainer[name] for name in BATCHES}

    return given


@pytest.mark.parametrize("text", ["1", "1.0", "3", "0.5"])
def test_numbers_keep_their_kind(batches, text):
    found = batches(text)
    assert len(found) == 6
    assert {repr(value) for value in found.values()} == {text}


def test_the_trainer_limits_what_it_is_told_to():
    few = Trainer(accelerator="cpu", limit_val_batches=1, limit_test_batches=1.0, logger=False)
    assert (repr(few.limit_val_batches), repr(few.limit_test_batches)) == ("1", "1.0")


def test_lightning_does_not_repeat_the_precision(caplog):
    caplog.set_level(logging.INFO)
    with needless_off():
        Trainer(accelerator="cpu", precision="bf16-mixed", logger=False, enable_checkpointing=False)
    assert "Mixed Precision" not in caplog.text
    with caplog.at_level(logging.INFO, logger="pytorch_lightning.utilities.rank_zero"):
        Trainer(accelerator="cpu", precision="bf16-mixed", logger=False, enable_checkpointing=False)
    assert "Mixed Precision" in caplog.text  # what it says without
