"""`pvdm export`: the averaged model of a checkpoint as a folder."""

import pytest
import torch
from huggingface_hub import metadata_load

from pvdm import VideoGenerator
from pvdm.files.power_averages import write_snapshot
from pvdm.generation.runtimes import graph_export, web_export


@pytest.fixture
def checkpoint(generator, tmp_path):
    """A training checkpoint of the generator, its raw weights beside the averaged ones."""
    state = {f"generator.{name}": value for name, value in generator.state_dict().items()}
    raw = {name: value + 1 for name, value in state.items()}
    content = {"pvdm": generator.to_config(), "state_dict": state, "raw_weights": raw}
    torch.save(content, tmp_path / "last.ckpt")
    return tmp_path / "last.ckpt"


def test_a_checkpoint_becomes_a_folder(pvdm, generator, checkpoint, caplog, tmp_path):
    pvdm("export", checkpoint, "--output", tmp_path / "new" / "model")
    assert caplog.messages == [f"the model is in {tmp_path / 'new' / 'model'}"]
    found = VideoGenerator.from_pretrained(tmp_path / "new" / "model")
    torch.testing.assert_close(found.state_dict(), generator.state_dict(), rtol=0, atol=0)
    assert found.to_config() == generator.to_config()


def test_half_precision(pvdm, generator, checkpoint, tmp_path):
    pvdm("export", checkpoint, "--output", tmp_path / "model", "--half-precision")
    found = VideoGenerator.from_pretrained(tmp_path / "model").state_dict()
    expected = {name: value.half().float() for name, value in generator.state_dict().items()}
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_a_folder_may_be_exported_again_onto_itself(pvdm, generator, checkpoint, tmp_path):
    pvdm("export", checkpoint, "--output", tmp_path / "model")
    pvdm("export", tmp_path / "model", "--output", tmp_path / "model", "--overwrite")
    found = VideoGenerator.from_pretrained(tmp_path / "model")
    torch.testing.assert_close(found.state_dict(), generator.state_dict(), rtol=0, atol=0)


def test_the_card_has_the_license_that_is_given(pvdm, checkpoint, tmp_path):
    pvdm("export", checkpoint, "--output", tmp_path / "model", "--license", "cc-by-4.0")
    assert metadata_load(tmp_path / "model" / "README.md")["license"] == "cc-by-4.0"
    pvdm("export", checkpoint, "--output", tmp_path / "model", "--overwrite")
    assert "license" not in metadata_load(tmp_path / "model" / "README.md")


def test_the_average_of_another_length_comes_from_the_snapshots_of_the_run(pvdm, refusal, generator, tmp_path):
    state = {f"generator.{name}": value for name, value in generator.state_dict().items()}
    path = tmp_path / "run" / "checkpoints" / "last.ckpt"
    path.parent.mkdir(parents=True)
    torch.save({"pvdm": generator.to_config(), "state_dict": state}, path)
    output = ["--output", tmp_path / "model"]
    assert "has no snapshots of averages" in refusal("export", path, *output, "--ema-length", 0.1)
    trained = {name: value for name, value in state.items() if name.startswith("generator.denoiser.")}
    for length, shift in ((0.05, 1.0), (0.1, 2.0)):
        shifted = [{name: value + shift + own for name, value in trained.items()} for own in (0.0, 0.5)]
        write_snapshot(tmp_path / "run" / "averages", generator.training_step, (0.05, 0.1), shifted)
        pvdm("export", path, *output, "--ema-length", length, "--overwrite")
        found = VideoGenerator.from_pretrained(tmp_path / "model").state_dict()
        own = 0.0 if length == 0.05 else 0.5
        for name, value in generator.state_dict().items():
            wanted = value + shift + own if name.startswith("denoiser.") else value
            torch.testing.assert_close(found[name], wanted, rtol=1e-3, atol=3e-3)
    assert "is for a training checkpoint" in refusal(
        "export", tmp_path / "model", *output, "--ema-length", 0.1, "--overwrite"
    )


def test_a_model_that_guides_itself_without_a_block(pvdm, refusal, tmp_path):
    pvdm("export", "pvdm/sprites-64", "--skip-block", 4, "--autoguidance", 0.5, "--output", tmp_path / "model")
    found = VideoGenerator.from_pretrained(tmp_path / "model")
    assert (found.diffusion.skipped_block, found.diffusion.autoguidance, len(found.guide.blocks)) == (4, 0.5, 5)
    assert "| autoguidance | 0.5, by itself without block 4 |" in (tmp_path / "model" / "README.md").read_text()
    output = ["--output", tmp_path / "other"]
    assert "--autoguidance is given without --skip-block; give both" in refusal(
        "export", "pvdm/sprites-64", *output, "--autoguidance", 1
    )
    assert "--autoguidance is 0; give a weight above 0" in refusal(
        "export", "pvdm/sprites-64", *output, "--autoguidance", 0, "--skip-block", 1
    )
    assert "there is no block 6 among 6" in refusal("export", "pvdm/sprites-64", *output, "--skip-block", 6)
    assert "without a denoiser" in refusal("export", "pvdm/autoencoder-64", *output, "--skip-block", 1)
    assert not (tmp_path / "other").exists()


def test_refusals_leave_nothing(refusal, checkpoint, tmp_path):
    output = tmp_path / "model"
    assert "there is no model at" in refusal("export", tmp_path / "none.ckpt", "--output", output)
    (tmp_path / "notes.ckpt").write_text("no checkpoint")
    assert "notes.ckpt cannot be read as a checkpoint" in refusal("export", tmp_path / "notes.ckpt", "--output", output)
    assert not output.exists()
    output.mkdir()
    assert "model exists already" in refusal("export", checkpoint, "--output", output)
    (output / "thesis.tex").write_text("precious")
    assert "model holds thesis.tex" in refusal("export", checkpoint, "--output", output, "--overwrite")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.ckpt", "model", "notes.ckpt"]


def test_formats_take_their_own_options(refusal, model, tmp_path):
    output = ["--output", tmp_path / "out"]
    assert "--half-precision is for --format safetensors" in refusal(
        "export", model, *output, "--format", "onnx", "--half-precision"
    )
    assert "--quantize is for --format onnx and web" in refusal("export", model, *output, "--quantize", "int8")
    assert "--runtime-dir is for --format web" in refusal("export", model, *output, "--runtime-dir", "node_modules")
    assert "--license is for a model's card" in refusal("export", model, *output, "--format", "web", "--license", "mit")
    assert "get it by `npm install onnxruntime-web`, and pass --runtime-dir node_modules/onnxruntime-web" in refusal(
        "export", model, *output, "--format", "web"
    )
    assert not (tmp_path / "out").exists()


def test_graphs_and_pages_are_written_as_told(pvdm, model, monkeypatch, tmp_path):
    written = []
    for module, name in ((graph_export, "export_graphs"), (web_export, "export_web")):
        monkeypatch.setattr(module, name, lambda model, *given, **options: written.append((*given, options)))
    pvdm("export", model, "--output", tmp_path / "a", "--format", "onnx", "--quantize", "int8", "--license", "mit")
    options = {"quantize": "int8", "license": "mit", "overwrite": False}
    assert written.pop() == (tmp_path / "a", "onnx", options)
    pvdm("export", model, "--output", tmp_path / "b", "--format", "web", "--prompts", "a ball", "--runtime-dir", "here")
    options = {"name": "model", "prompts": ["a ball"], "runtime_dir": "here", "quantize": None, "overwrite": False}
    assert written.pop() == (tmp_path / "b", options)
