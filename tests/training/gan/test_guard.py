"""What the guard of the GAN phase remembers, keeps and ends, on measures as they are told to it."""

import logging
from typing import ClassVar

import pytest
import torch
from miniature import autoencoder_training, batch, loader, trainer

from pvdm.errors import InputError
from pvdm.training import AdversaryConfig, AutoencoderTraining, AveragedWeights
from pvdm.training.gan.guard import AdversaryGuard

BEST = "best_gan.ckpt"
NAME = AdversaryGuard.__module__


class Scripted(AutoencoderTraining):
    """Its measures at each update are those of a script: (PSNR, sharpness) or (PSNR, sharpness, LPIPS)."""

    script: ClassVar[dict] = {}

    def validation_step(self, batch, batch_idx):
        for name, value in zip(("psnr", "sharpness", "lpips"), self.script[self.updates], strict=False):
            self.log(f"val/{name}", float(value))


def fit(folder, script, *, start=2, steps=None, resume=None, adversary=True, **options):
    """Two updates between validations; a validation before the first has the measures of update 0."""
    guard = AdversaryGuard(**options)
    config = AdversaryConfig(start=start, channels=8, layers=1) if adversary else None
    module = autoencoder_training(Scripted, adversary=config)
    module.script = script
    run = trainer(folder, callbacks=[AveragedWeights(), guard], max_steps=steps or max(script))
    batches = loader([batch([0]), batch([1])])
    run.fit(module, batches, loader([batch([0]), batch([1])]), ckpt_path=resume, weights_only=True)
    run.save_checkpoint(folder / "run.ckpt", weights_only=False)
    return module, guard


def warnings(caplog) -> list[logging.LogRecord]:
    """What the guard has said."""
    return [record for record in caplog.records if record.levelno >= logging.WARNING and record.name == NAME]


def kept(folder) -> int | None:
    """The update of the best checkpoint of the phase."""
    path = folder / "checkpoints" / BEST
    return torch.load(path, weights_only=True)["pvdm"]["training_step"] if path.is_file() else None


def test_a_phase_that_lowers_psnr_ends_after_some_patience(tmp_path, caplog):
    script = {0: (9, 1), 2: (25, 0.3), 4: (24.4, 0.5), 6: (24.4, 0.6), 8: (24.3, 0.7), 10: (24, 1)}
    module, guard = fit(tmp_path, script, max_psnr_drop=0.5, patience=3)
    assert (module.updates, guard.before) == (8, 25)
    assert kept(tmp_path) is None
    (record,) = warnings(caplog)
    assert record.getMessage() == (
        "the GAN phase ends because PSNR dropped from 25.00 to 24.30 dB, by more than 0.5 dB in 3 validations in a "
        f"row; the best model is {tmp_path / 'checkpoints' / 'best.ckpt'}"
    )


def test_the_checkpoint_to_take_is_that_of_the_phase_where_there_is_one(tmp_path, caplog):
    fit(tmp_path, {0: (9, 1), 2: (25, 0.3), 4: (24.8, 0.5), 6: (20, 1), 8: (25, 1)}, patience=1)
    assert kept(tmp_path) == 4
    assert f"the best model is {tmp_path / 'checkpoints' / BEST}" in caplog.text


def test_a_validation_that_is_near_again_begins_the_count_anew(tmp_path):
    script = {0: (9, 1), 2: (25, 0.3), 4: (24, 0.5), 6: (24.6, 0.6), 8: (24, 0.7), 10: (24.9, 0.8)}
    module, _ = fit(tmp_path, script, max_psnr_drop=0.5, patience=2)
    assert module.updates == 10


def test_the_last_validation_before_the_phase_counts(tmp_path):
    script = {0: (9, 1), 2: (20, 0.3), 4: (26, 0.3), 6: (25.2, 0.5), 8: (25, 0.5)}
    module, guard = fit(tmp_path, script, start=4, patience=1)
    assert (module.updates, guard.before) == (6, 26)


def test_the_nearest_sharpness_among_those_that_keep_their_psnr_is_kept(tmp_path):
    script = {0: (9, 1), 2: (25, 1.0), 4: (24.9, 0.5), 6: (24.8, 1.2), 8: (24.0, 1.0), 10: (24.9, 0.7)}
    _, guard = fit(tmp_path, script, patience=3)
    assert kept(tmp_path) == 6
    assert guard.best_score == pytest.approx(0.2)


def test_lpips_comes_before_sharpness(tmp_path):
    fit(tmp_path, {0: (9, 1, 1), 2: (25, 1, 0), 4: (25, 1, 0.3), 6: (25, 0.4, 0.2), 8: (25, 0.9, 0.25)})
    assert kept(tmp_path) == 6


def test_without_a_limit_nothing_ends(tmp_path):
    module, _ = fit(tmp_path, {0: (9, 1), 2: (25, 0.3), 4: (5, 0.5), 6: (4, 0.6), 8: (3, 1)}, max_psnr_drop=None)
    assert (module.updates, kept(tmp_path)) == (8, 8)


def test_a_psnr_that_is_not_a_number_is_harm(tmp_path):
    module, _ = fit(tmp_path, {0: (9, 1), 2: (25, 0.3), 4: (float("nan"), 0.5), 6: (25, 1)}, patience=1)
    assert module.updates == 4


def test_a_score_that_is_not_a_number_is_never_the_best(tmp_path):
    nan = float("nan")
    script = {0: (9, 1), 2: (25, 0.3), 4: (25, nan), 6: (25, 0.5)}
    _, guard = fit(tmp_path, script, steps=4)
    assert (kept(tmp_path), guard.best_score) == (None, None)
    _, guard = fit(tmp_path, script, resume=tmp_path / "run.ckpt")
    assert (kept(tmp_path), guard.best_score) == (6, 0.5)


def test_within_the_phase_and_without_memory_no_drop_is_judged_and_that_is_said(tmp_path, caplog):
    fit(tmp_path, {0: (9, 1), 2: (25, 0.3), 4: (25, 0.5)})
    checkpoint = torch.load(tmp_path / "run.ckpt", weights_only=True)
    del checkpoint["callbacks"]["AdversaryGuard"]
    torch.save(checkpoint, tmp_path / "old.ckpt")
    script = {6: (5, 0.5), 8: (5, 0.5)}  # is not asked before the first batch
    module, guard = fit(tmp_path, script, patience=1, resume=tmp_path / "old.ckpt")
    assert (module.updates, guard.before, guard.recent) == (8, None, [5])
    (record,) = warnings(caplog)
    assert (
        record.getMessage()
        == "the checkpoint does not hold the PSNR before the GAN phase, so a drop of it cannot be detected"
    )


def test_from_a_checkpoint_without_memory_the_model_is_validated_first(tmp_path):
    """On all validation clips, though the checkpoint was saved in a validation."""

    class Counting(Scripted):
        seen = 0

        def validation_step(self, batch, batch_idx):
            super().validation_step(batch, batch_idx)
            Counting.seen += 1

        def on_validation_epoch_end(self):
            if not self.trainer.validating or self.updates == 2:
                self.trainer.save_checkpoint(tmp_path / "within.ckpt", weights_only=False)

    module = autoencoder_training(Counting)
    module.script = {2: (24, 1)}
    batches = loader([batch([0]), batch([1])])
    trainer(tmp_path, callbacks=[AveragedWeights()], max_steps=2).fit(module, batches, batches)
    assert Counting.seen == 2
    adversary, guard = AdversaryConfig(channels=8, layers=1), AdversaryGuard(patience=1)
    module = autoencoder_training(Counting, adversary=adversary)
    module.script = {2: (25, 1), 4: (24, 1), 6: (25, 1)}
    run = trainer(tmp_path, callbacks=[AveragedWeights(), guard], max_steps=6)
    run.fit(module, batches, batches, ckpt_path=tmp_path / "within.ckpt", weights_only=True)
    assert (guard.before, module.updates) == (25, 4)
    assert Counting.seen == 2 + 2 + 2


def test_what_it_remembers_is_in_the_checkpoint(tmp_path):
    script = {0: (9, 1), 2: (25, 0.3), 4: (24.8, 0.9), 6: (24, 0.5), 8: (24, 0.5), 10: (25, 0.5)}
    fit(tmp_path, script, patience=2, steps=6)
    script[6] = (99, 1)  # is not asked for again
    module, guard = fit(tmp_path, script, patience=2, resume=tmp_path / "run.ckpt")
    assert (module.updates, guard.before, guard.best_score) == (8, 25, pytest.approx(0.1))
    assert kept(tmp_path) == 4


def test_an_ended_phase_resumes_only_if_a_larger_drop_is_allowed(tmp_path, caplog):
    script = {0: (9, 1), 2: (25, 0.3), 4: (24, 0.9), 6: (24, 0.9)}
    fit(tmp_path, script, patience=1)
    caplog.clear()
    module, _ = fit(tmp_path, script, patience=1, resume=tmp_path / "run.ckpt")
    assert module.updates == 4
    assert "the GAN phase ends because PSNR dropped" in caplog.text
    module, _ = fit(tmp_path, script, patience=1, max_psnr_drop=2.0, resume=tmp_path / "run.ckpt")
    assert module.updates == 6


def test_without_an_adversary_it_is_idle(tmp_path):
    module, guard = fit(tmp_path, {2: (25, 0.3), 4: (5, 0.5), 6: (4, 0.6)}, adversary=False, patience=1)
    assert (module.updates, guard.before) == (6, 4)
    assert kept(tmp_path) is None


@pytest.mark.parametrize("option, words", [({"patience": 0}, "patience is 0"), ({"max_psnr_drop": -1}, "is -1; give")])
def test_values_out_of_range_are_named(option, words):
    with pytest.raises(InputError, match=words):
        AdversaryGuard(**option)
