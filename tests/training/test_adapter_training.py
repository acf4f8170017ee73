"""Training of an adapter: the model stays, the average is written, and a checkpoint is the adapted model."""

from __future__ import annotations

import shutil

import pytest
import torch
from miniature import AUTOENCODER, SIZES, read
from runs import assert_same_training

from pvdm.cli import main
from pvdm.conditions.text import TextConfig, text_encoder
from pvdm.data.table import NO_LABEL
from pvdm.diffusion import Condition, DiffusionConfig, TransformerConfig
from pvdm.diffusion.adapters.adapter_file import StoredAdapter
from pvdm.files.weights import sha256_of_weights
from pvdm.generation import VideoGenerator
from pvdm.training.batches.conditioning import Conditioning


def save(folder, text=None, **sizes) -> None:
    """A model with a guide, which is told the level of its context."""
    torch.manual_seed(0)
    names = ("run", "walk", "jump") if "classes" in sizes else None
    shape = tuple(AUTOENCODER.latent_shape)
    sizes = TransformerConfig(2, shape, 32, 1, 2, frame_patch=4, context_levels=True, **sizes)
    diffusion = DiffusionConfig(100, prediction="v", autoguidance=0.5)
    model = VideoGenerator(AUTOENCODER, sizes, diffusion, classes=names, text=text)
    for parameter in model.denoiser.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    model.save_pretrained(folder)


@pytest.fixture
def fit(videos, tmp_path):
    """`fit("name of a run", trainer__max_steps=2)` -> status; adapts `model`."""
    save(tmp_path / "model")

    def fit(name="run", **more) -> int:
        options = {**SIZES, "data.path": videos, "data.clips_per_video": 2, "data.batch_size": 2}
        options |= {"model.init_from": tmp_path / "model", "model.validation_times": 2}
        options |= {
            "trainer.default_root_dir": tmp_path / name,
            "trainer.max_steps": 2,
            "model.optimizer.warmup_steps": 1,
        }
        options |= {"trainer.val_check_interval": 2} | {key.replace("__", "."): value for key, value in more.items()}
        return main(["fit", "-c", "configs/adapter.yaml", *(f"--{key}={value}" for key, value in options.items())])

    return fit


def test_only_the_adapter_is_trained_averaged_and_written(fit, tmp_path):
    assert fit() == 0
    model, run = VideoGenerator.load(tmp_path / "model"), tmp_path / "run"
    checkpoint = read(run)
    kept = checkpoint["state_dict"]
    for name, value in model.denoiser.state_dict().items():
        assert torch.equal(value, kept[f"generator.denoiser.{name}"])
    assert {name.split(".")[0] for name in checkpoint["raw_weights"]} == {"adapter"}
    adapter = StoredAdapter.load(run / "adapter.safetensors")
    assert adapter.base == sha256_of_weights(model.denoiser) and adapter.config.rank == 8
    average = checkpoint["state_dict"]["adapter.up.blocks/0/mlp/up"]
    assert average.any() and not torch.equal(average, checkpoint["raw_weights"]["adapter.up.blocks/0/mlp/up"])
    torch.testing.assert_close(adapter.tensors["blocks.0.mlp.up.up"], average, rtol=1e-3, atol=1e-6)


def test_a_checkpoint_is_the_adapted_model(fit, tmp_path):
    assert fit() == 0
    trained = VideoGenerator.load(tmp_path / "run" / "checkpoints" / "last.ckpt")
    adapted = VideoGenerator.load(tmp_path / "model")
    adapted.load_adapter(tmp_path / "run" / "adapter.safetensors")
    pairs = zip(trained.denoiser.parameters(), adapted.denoiser.parameters(), strict=True)
    assert all(torch.allclose(found, wanted, rtol=1e-3, atol=1e-6) for found, wanted in pairs)
    assert sha256_of_weights(trained.denoiser) != adapted.adapted.base


def test_a_resumed_run_equals_one_that_was_not_interrupted(fit, tmp_path):
    assert fit("whole", trainer__max_steps=4) == 0
    assert fit("parts", trainer__max_steps=2) == 0
    assert fit("parts", trainer__max_steps=4) == 0
    assert_same_training(read(tmp_path / "parts"), read(tmp_path / "whole"))


def test_a_model_of_stage_1_is_refused(fit, tmp_path, caplog):
    VideoGenerator(AUTOENCODER).save_pretrained(tmp_path / "first")
    assert fit(model__init_from=tmp_path / "first") == 2
    assert "is a stage-1 autoencoder without a denoiser; give a model of stage 2" in caplog.text


def test_a_model_with_classes_is_adapted_by_clips_without(fit, videos, tmp_path, caplog):
    save(tmp_path / "classes", classes=3)
    assert fit(model__init_from=tmp_path / "classes") == 0
    adapted = VideoGenerator.load(tmp_path / "run" / "checkpoints" / "last.ckpt")
    assert adapted.classes == ("run", "walk", "jump")
    for name in ("walk", "sit"):
        (tmp_path / "other" / name).mkdir(parents=True)
        for video in sorted((videos / "train").iterdir())[:2]:
            shutil.copy(video, tmp_path / "other" / name)
    given = {"model__init_from": tmp_path / "classes", "data__path": tmp_path / "other", "data__layout": "classes"}
    assert fit("again", **given) == 2
    assert "the data have a class sit, which the model does not know; it has run, walk, jump; give data" in caplog.text


def test_clips_of_some_classes_adapt_a_model_of_more(fit, videos, tmp_path):
    save(tmp_path / "classes", classes=3)
    (tmp_path / "walks" / "walk").mkdir(parents=True)
    for video in sorted((videos / "train").iterdir())[:2]:
        shutil.copy(video, tmp_path / "walks" / "walk")
    given = {"model__init_from": tmp_path / "classes", "data__path": tmp_path / "walks", "data__layout": "classes"}
    assert fit(**given) == 0
    adapted = VideoGenerator.load(tmp_path / "run" / "checkpoints" / "last.ckpt")
    assert adapted.classes == ("run", "walk", "jump")


def test_labels_are_those_of_the_model(tmp_path):
    save(tmp_path / "classes", classes=3)
    conditioning = Conditioning(VideoGenerator.load(tmp_path / "classes"), label_numbers=(1, 0))
    batch = {"label": torch.tensor([0, NO_LABEL, 1]), "video": torch.zeros(3)}
    condition = conditioning.labelled(Condition(), batch, torch.ones(3, dtype=torch.bool))
    assert condition.label[[0, 2]].tolist() == [1, 0]
    assert condition.label_mask.tolist() == [True, False, True]


@pytest.mark.parametrize("captions", [False, True])
def test_a_model_of_text_is_adapted_with_captions_or_without(fit, videos, tmp_path, captions):
    text = TextConfig("words", 6, ("red",))
    save(tmp_path / "told", text, text_width=text_encoder(text).width, text_tokens=6, text_layers=0)
    names = sorted(path.relative_to(videos).as_posix() for path in videos.rglob("*.mp4"))
    (videos / "captions.csv").write_text("file,caption\n" + "".join(f"{name},a red ball\n" for name in names))
    assert fit(model__init_from=tmp_path / "told", data__captions=str(captions).lower()) == 0
    adapted = VideoGenerator.load(tmp_path / "run" / "checkpoints" / "last.ckpt")
    assert adapted.text.encoder == "words" and ("ball" in adapted.text.words) == captions
    assert adapted.sample(1, prompt="red", steps=1).shape[0] == 1
    base = VideoGenerator.load(tmp_path / "told")
    base.load_adapter(tmp_path / "run" / "adapter.safetensors")
    assert base.text.words == (("a", "ball", "red") if captions else ("red",))
