"""Models as files: what is written comes back, and what is wrong is said, before any look at the Hub."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
from generation.small_models import labelled_generator, small_generator
from huggingface_hub.errors import HfHubHTTPError
from safetensors.torch import load_file, save_file

from pvdm import VideoGenerator
from pvdm.diffusion import SamplerConfig
from pvdm.errors import InputError
from pvdm.generation import model_files as files

STEPS = SamplerConfig(steps=2)


@pytest.fixture(scope="module")
def generator() -> VideoGenerator:
    return small_generator()


@pytest.fixture
def exported(generator, tmp_path) -> Path:
    generator.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def no_hub(monkeypatch) -> None:
    """Any look at the Hub fails the test."""
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: pytest.fail("the Hub was asked"))


def change_config(folder: Path, change) -> None:
    config = json.loads((folder / files.CONFIG).read_text())
    change(config)
    (folder / files.CONFIG).write_text(json.dumps(config))


def same_weights(found: VideoGenerator, wanted: VideoGenerator) -> bool:
    weights, expected = found.state_dict(), wanted.state_dict()
    return weights.keys() == expected.keys() and all(torch.equal(weights[name], expected[name]) for name in weights)


def test_round_trip(generator, exported, no_hub):
    found = VideoGenerator.from_pretrained(exported)
    assert same_weights(found, generator)
    assert not found.training
    assert found.to_config() == generator.to_config()
    assert torch.equal(found.sample(1, sampler=STEPS), generator.sample(1, sampler=STEPS))
    assert same_weights(VideoGenerator.load(str(exported)), generator)


def test_the_folder_holds_everything(generator, exported):
    assert sorted(path.name for path in exported.iterdir()) == ["README.md", "config.json", "model.safetensors"]
    config = json.loads((exported / "config.json").read_text())
    assert config["format"] == "pvdm-video-generator"
    assert config["autoencoder"] == vars(generator.autoencoder.config)
    assert config["denoiser"]["latent_shape"] == [8, 4, 4] and config["denoiser"]["channels"] == 32
    assert config["diffusion"]["timesteps"] == 200 and config["diffusion"]["prediction"] == "eps"
    assert config["fps"] == 10.0 and config["training_step"] == 7
    assert config["versions"] == {name: version(name) for name in ("pvdm", "torch")}
    assert load_file(exported / "model.safetensors").keys() == generator.state_dict().keys()


def test_classes_and_data_travel_with_the_model(tmp_path, no_hub):
    generator = labelled_generator()
    generator.save_pretrained(tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["classes"] == ["Archery", "Biking", "Swing"]
    assert config["data"] == {"classes": 3, "clip": {"frames": 8}}
    found = VideoGenerator.from_pretrained(tmp_path / "model")
    assert same_weights(found, generator) and found.to_config() == generator.to_config()
    assert found.classes == ("Archery", "Biking", "Swing") and found.class_count == 3
    clips = [model.sample(1, labels="Swing", sampler=STEPS) for model in (found, generator)]
    assert torch.equal(*clips)


def test_a_model_from_before_there_were_classes(generator, exported):
    def older(config):
        del config["classes"], config["data"], config["denoiser"]["classes"]

    change_config(exported, older)
    found = VideoGenerator.from_pretrained(exported)
    assert same_weights(found, generator) and found.to_config() == generator.to_config()
    assert (found.classes, found.data, found.class_count) == (None, None, None)


def test_half_precision_is_close_and_half_the_size(generator, exported, tmp_path):
    generator.save_pretrained(tmp_path / "half", half_precision=True)
    found = VideoGenerator.from_pretrained(tmp_path / "half")
    whole, half = ((path / "model.safetensors").stat().st_size for path in (exported, tmp_path / "half"))
    assert half < 0.6 * whole
    assert {parameter.dtype for parameter in found.parameters()} == {torch.float32}
    for parameter, exact in zip(found.parameters(), generator.parameters(), strict=True):
        torch.testing.assert_close(parameter, exact, rtol=2**-10, atol=1e-6)
    generator.save_pretrained(tmp_path / "again")
    assert same_weights(VideoGenerator.from_pretrained(tmp_path / "again"), generator)


def test_a_stage_1_model_survives(tmp_path):
    generator = small_generator(denoiser=False)
    generator.save_pretrained(tmp_path / "model")
    found = VideoGenerator.from_pretrained(tmp_path / "model")
    assert found.denoiser is None and same_weights(found, generator)


def test_existing_output_is_kept_unless_it_may_be_replaced(exported):
    other = small_generator(denoiser=False)
    with pytest.raises(InputError, match=r"model exists already; pass --overwrite \(in Python overwrite=True\)"):
        other.save_pretrained(exported)
    assert VideoGenerator.from_pretrained(exported).denoiser is not None
    other.save_pretrained(exported, overwrite=True)
    assert VideoGenerator.from_pretrained(exported).denoiser is None
    assert [path.name for path in exported.parent.iterdir()] == ["model"]


def test_a_failed_export_leaves_nothing(generator, tmp_path, monkeypatch):
    def fail(*_):
        raise KeyError("in the middle")

    monkeypatch.setattr("safetensors.torch.save_file", fail)
    with pytest.raises(KeyError):
        generator.save_pretrained(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_export_keeps_what_was_there(generator, exported, monkeypatch):
    monkeypatch.setattr("safetensors.torch.save_file", lambda *_: {}["in the middle"])
    with pytest.raises(KeyError):
        generator.save_pretrained(exported, overwrite=True)
    monkeypatch.undo()
    assert same_weights(VideoGenerator.from_pretrained(exported), generator)
    assert [path.name for path in exported.parent.iterdir()] == ["model"]


def test_the_hub_learns_the_folder_s_own_name(generator, tmp_path, monkeypatch):
    pushed = []
    monkeypatch.setattr(VideoGenerator, "push_to_hub", lambda self, repo_id, **_: pushed.append(repo_id))
    generator.save_pretrained(tmp_path / "mine", push_to_hub=True)
    generator.save_pretrained(tmp_path / "other", push_to_hub=True, repo_id="owner/name")
    assert pushed == ["mine", "owner/name"]


@pytest.mark.parametrize(
    "name", ["runs/model", "./model", "../model", "model", "/no/model", "a/b/c", "none.ckpt", "no/none.ckpt", ""]
)
def test_a_missing_path_is_said_at_once(tmp_path, monkeypatch, no_hub, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    expected = "is not an exported model" if name == "" else f"there is no model at {name}; give an exported folder"
    with pytest.raises(InputError, match=expected):
        VideoGenerator.load(name)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (HfHubHTTPError.__bases__[0]("no route\nto host"), r"\(no route\)"),
        (OSError(), r"\(OSError\)"),
        (ValueError("the name"), r"\(the name\)"),
    ],
)
def test_a_name_that_is_not_on_the_hub(tmp_path, monkeypatch, error, reason):
    monkeypatch.chdir(tmp_path)
    asked = []

    def fail(name, **options):
        asked.append((name, options["revision"]))
        raise error

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    with pytest.raises(InputError, match=f"owner/name is neither a folder here nor a model on the Hub {reason}"):
        VideoGenerator.from_pretrained("owner/name", revision="v1")
    assert asked == [("owner/name", "v1")]


def test_the_newest_checkpoint_is_named_where_there_is_no_best(tmp_path):
    (tmp_path / "last.ckpt").touch()
    with pytest.raises(InputError, match=r"no model at .*best.ckpt; give .*last.ckpt, the newest of this run"):
        VideoGenerator.load(tmp_path / "best.ckpt")


def test_a_name_that_is_on_the_hub(generator, exported, tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: str(exported))
    with caplog.at_level(logging.WARNING):
        assert same_weights(VideoGenerator.load("owner/name"), generator)
    assert "looking for it on the Hugging Face Hub" in caplog.text


def test_a_checkpoint_is_not_looked_for_on_the_hub(tmp_path, no_hub):
    (tmp_path / "last.ckpt").touch()
    with pytest.raises(InputError, match=r"last.ckpt is a file, and .*; pvdm export makes a folder of a checkpoint"):
        VideoGenerator.from_pretrained(tmp_path / "last.ckpt")


def test_no_config(exported):
    (exported / "config.json").unlink()
    with pytest.raises(InputError, match=r"has no config.json; it is not an exported model"):
        VideoGenerator.from_pretrained(exported)


@pytest.mark.parametrize("text", ['{"architectures": ["Bert"]}', "[1, 2]", '{"format": "other"}'])
def test_a_config_of_another_program(exported, text):
    (exported / "config.json").write_text(text)
    with pytest.raises(InputError, match=r"config.json is not a pvdm model's; export one with pvdm export"):
        VideoGenerator.from_pretrained(exported)


@pytest.mark.parametrize("content", [b"", b'{"format": "pvdm-vi', b"\xff\xfe{}", b"[" * 10**5])
def test_a_damaged_config(exported, content):
    (exported / "config.json").write_bytes(content)
    with pytest.raises(InputError, match=r"config.json is damaged \(.*\); export the model again"):
        VideoGenerator.from_pretrained(exported)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda config: config["autoencoder"].update(colour=3), "colour"),
        (lambda config: config["denoiser"].update(depth=3), "depth"),
        (lambda config: config["diffusion"].update(schedule="cosine"), "schedule"),
        (lambda config: config.update(vae_scale=0.18), "unknown vae_scale"),
        (lambda config: config.pop("diffusion"), "diffusion"),
        (lambda config: config["autoencoder"].update(height=33), "height 33 is not divisible"),
        (lambda config: config["autoencoder"].update(frames="eight"), "autoencoder.frames is 'eight'"),
        (lambda config: config["autoencoder"].update(heads=2.5), "autoencoder.heads is 2.5"),
        (lambda config: config["autoencoder"].update(depth=10**7), "autoencoder.depth is 10000000"),
        (lambda config: config["denoiser"].update(channel_multipliers=[]), "denoiser.channel_multipliers is .."),
        (lambda config: config["diffusion"].update(timesteps=True), "diffusion.timesteps is True"),
        (lambda config: config.update(diffusion=3), "diffusion is 3"),
        (lambda config: config.update(text={"words": 5}), "text.words is 5"),
        (lambda config: config.update(text={"examples": [1]}), r"text.examples is \[1\]"),
        (lambda config: config.update(text="words"), "text is 'words'"),
        (lambda config: config.update(fps=float("nan")), "fps is nan"),
        (lambda config: config.update(fps="fast"), "fps is 'fast'"),
        (lambda config: config.update(training_step=-1), "training_step is -1"),
        (lambda config: config["denoiser"].update(latent_shape=[8, 4, 5]), "for latents of"),
        (lambda config: config["denoiser"].update(classes=0), "classes is 0"),
        (lambda config: config.update(classes=["Archery"]), "1 classes have names, the denoiser has none"),
    ],
)
def test_a_config_that_does_not_fit(exported, change, message):
    change_config(exported, change)
    with pytest.raises(InputError, match=f"configuration is not one of this version of pvdm .*({message})"):
        VideoGenerator.from_pretrained(exported)


def test_damaged_weights(exported):
    path = exported / "model.safetensors"
    whole = path.read_bytes()
    for damaged in (b"", whole[:4], whole[:200], whole[: len(whole) // 2], whole[:-1], b"\xff" * 64, whole + b"more"):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"model.safetensors is damaged or incomplete \(.*\); copy or export"):
            VideoGenerator.from_pretrained(exported)
    path.unlink()
    with pytest.raises(InputError, match=r"has no model.safetensors; export the model again"):
        VideoGenerator.from_pretrained(exported)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights: weights.pop("denoiser.conv_in.bias"), "denoiser.conv_in.bias"),
        (lambda weights: weights.update(extra=torch.zeros(1)), "extra"),
        (lambda weights: weights.update({"denoiser.conv_in.bias": torch.zeros(7)}), "size mismatch"),
    ],
)
def test_weights_that_do_not_fit_the_config(exported, change, message):
    weights = load_file(exported / "model.safetensors")
    change(weights)
    save_file(weights, exported / "model.safetensors")
    with pytest.raises(InputError, match=f"weights do not fit its configuration .*{message}"):
        VideoGenerator.from_pretrained(exported)


def test_a_training_checkpoint(generator, tmp_path):
    state = {f"generator.{name}": value for name, value in generator.state_dict().items()}
    state["generator_updates"] = torch.zeros(())
    torch.save({"pvdm": generator.to_config(), "state_dict": state, "epoch": 1}, tmp_path / "last.ckpt")
    for found in (VideoGenerator.from_checkpoint(tmp_path / "last.ckpt"), VideoGenerator.load(tmp_path / "last.ckpt")):
        assert same_weights(found, generator) and found.to_config() == generator.to_config()


@pytest.mark.parametrize(
    "content", [{"state_dict": {}}, {"pvdm": {}}, {"pvdm": {}, "state_dict": [1]}, {"a": torch.zeros(1)}]
)
def test_a_checkpoint_of_another_program(tmp_path, content):
    torch.save(content, tmp_path / "other.ckpt")
    with pytest.raises(InputError, match=r"other.ckpt is not a checkpoint of pvdm fit; .* pvdm convert"):
        VideoGenerator.from_checkpoint(tmp_path / "other.ckpt")


def test_a_file_that_holds_something_else(tmp_path):
    torch.save([1, 2], tmp_path / "list.ckpt")
    with pytest.raises(InputError, match=r"list.ckpt holds a list, not a checkpoint; check which file it is"):
        VideoGenerator.from_checkpoint(tmp_path / "list.ckpt")


def test_a_checkpoint_s_code_is_not_run(generator, code, tmp_path):
    content = {"pvdm": generator.to_config(), "state_dict": {}, "evil": code(tmp_path / "made")}
    torch.save(content, tmp_path / "evil.ckpt")
    with pytest.raises(InputError, match=r"evil.ckpt cannot be read as a checkpoint: .* or holds code"):
        VideoGenerator.load(tmp_path / "evil.ckpt")
    assert not (tmp_path / "made").exists()


def test_a_file_that_is_no_checkpoint(tmp_path):
    (tmp_path / "notes.txt").write_text("not a model")
    with pytest.raises(InputError, match=r"notes.txt cannot be read as a checkpoint"):
        VideoGenerator.load(tmp_path / "notes.txt")


def test_a_unet_without_attention_is_stored_and_loaded(tmp_path):
    unet = replace(small_generator().denoiser.config, attention_factors=())
    VideoGenerator(small_generator().autoencoder.config, unet).save_pretrained(tmp_path / "model")
    assert VideoGenerator.load(tmp_path / "model").denoiser.config.attention_factors == ()
