"""Models as graphs: they sample what PyTorch does, and refuse in one sentence what they cannot."""

import json
from dataclasses import replace

import pytest
import torch
from generation.small_models import randomized, small_autoencoder
from generation.told_models import all_told
from torch import nn

from pvdm import VideoGenerator
from pvdm.autoencoder import ProjectedAutoencoder
from pvdm.cli import main
from pvdm.diffusion import Condition, TriplaneUNet, UNetConfig
from pvdm.errors import InputError
from pvdm.files.weights import sha256_of
from pvdm.generation.runtimes import graph_export
from pvdm.generation.runtimes.graph_export import export_graphs, traced, write_onnx
from pvdm.generation.runtimes.graphs import DecodeGraph, DenoiseGraph, GraphTensor, denoise_values

TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def told():
    """A model that takes every part of a condition."""
    return all_told()


@pytest.fixture(scope="module")
def onnx_folder(told, tmp_path_factory):
    """Its ONNX graphs."""
    folder = tmp_path_factory.mktemp("graphs") / "told"
    export_graphs(told, folder, "onnx", license="mit")
    return folder


@pytest.fixture(scope="module")
def found(onnx_folder):
    """The same model by onnxruntime."""
    return VideoGenerator.from_pretrained(onnx_folder, runtime="onnxruntime")


def test_encoding_and_decoding_agree_for_any_batch(told, found):
    for batch in (1, 3):
        video = torch.rand(batch, 3, 4, 16, 16) * 2 - 1
        latent = told.autoencoder.encode(video)
        close = {"rtol": 0, "atol": TOLERANCE}
        torch.testing.assert_close(found.autoencoder.encode(video).flatten(), latent.flatten(), **close)
        torch.testing.assert_close(found.autoencoder.decode(latent), told.autoencoder.decode(latent), **close)


def whole(told):
    """Every part of a condition, of three samples; of each, one sample lacks it."""
    shape, draw = (3, 1, told.denoiser.shape.positions), torch.Generator().manual_seed(0)
    given = torch.tensor([True, False, True])
    floats = {"context": shape, "hint": shape, "text": (3, 4, 128), "camera": (3, 4, 3), "sound": (3, 4, 2)}
    parts = {name: torch.randn(size, generator=draw) for name, size in floats.items()}
    return Condition(
        **parts,
        scores=torch.tensor([[2.0], [0.0], [5.0]]),
        scores_mask=given[:, None],
        mask=given,
        label=torch.tensor([1, 0, 0]),
        label_mask=given,
        level=torch.tensor([20, -1, 60]),
        known=given[:, None] & torch.tensor([True, False, False, True]),
        hint_level=torch.tensor([-1, -1, 30]),
        text_mask=given[:, None] & torch.tensor([True, True, False, False]),
        camera_mask=given,
        sound_mask=given,
    )


def test_each_part_of_a_condition_reaches_the_denoiser(told, found):
    condition, t = whole(told), torch.tensor([199, 80, 3])
    z = torch.randn(3, 1, told.denoiser.shape.positions)
    expected = told.denoiser(z, t, condition)
    torch.testing.assert_close(found.denoiser(z, t, condition), expected, rtol=0, atol=TOLERANCE)
    apart = torch.tensor([[199, 20], [80, 80], [0, 3]])
    torch.testing.assert_close(found.denoiser(z, apart), told.denoiser(z, apart), rtol=0, atol=TOLERANCE)
    for part in condition.given:
        one = condition.without(*(other for other in condition.given if other != part))
        assert not torch.allclose(found.denoiser(z, t, one), found.denoiser(z, t), atol=1e-3), part


def test_samples_and_extensions_are_those_of_torch(told, found):
    options = {"steps": 2, "labels": ["roll", None], "prompt": ["red ball", None], "scores": {"motion": 2}}
    first = told.sample(2, **options)
    torch.testing.assert_close(found.sample(2, **options), first, rtol=0, atol=1)
    pictures = {"frames": 12, "steps": 2, "keyframes": {11: first[1][:, 0]}, "label": "rest"}
    torch.testing.assert_close(found.extend(first[0], **pictures), told.extend(first[0], **pictures), rtol=0, atol=1)
    torch.testing.assert_close(found.reconstruct(first), told.reconstruct(first), rtol=0, atol=1)
    clips = [next(model.stream(sampler=None, context=first[0])) for model in (found, told)]
    torch.testing.assert_close(*clips, rtol=0, atol=1)


def test_a_folder_says_what_runs_it(onnx_folder, found, tmp_path):
    assert VideoGenerator.from_pretrained(onnx_folder).runtime == found.runtime == "onnxruntime"
    assert "license: mit" in (onnx_folder / "README.md").read_text(encoding="utf-8")
    with pytest.raises(InputError, match="is for the runtime onnxruntime, not torch-export; export it with another"):
        VideoGenerator.from_pretrained(onnx_folder, runtime="torch-export")
    with pytest.raises(InputError, match="holds graphs for onnxruntime, whose weights cannot be changed or stored"):
        found.save_pretrained(tmp_path / "again")
    with pytest.raises(InputError, match="holds graphs for onnxruntime"):
        found.load_adapter("adapter.safetensors")
    with pytest.raises(InputError, match="give the model that they were exported from"):
        export_graphs(found, tmp_path / "again", "onnx")


def test_commands_take_the_folder(onnx_folder, tmp_path):
    options = ["--num-videos", "1", "--steps", "1", "--device", "cpu", "--output", str(tmp_path / "one.gif")]
    assert main(["sample", str(onnx_folder), *options]) == 0
    record = json.loads((tmp_path / "one.gif.json").read_text(encoding="utf-8"))
    assert record["model"]["sha256"] == sha256_of(onnx_folder / "denoise.onnx")


def test_models_of_other_graphs_have_other_states(found, told):
    digests = found.state_dict()
    assert set(digests) == {"autoencoder.encoder.digest", "autoencoder.decoder.digest", "denoiser.graph.digest"}
    assert len({tuple(digest.tolist()) for digest in digests.values()}) == len(digests)


def test_a_damaged_folder_is_refused(onnx_folder, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    config = json.loads((onnx_folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(InputError, match=r"has no encode.onnx; export it again"):
        VideoGenerator.from_pretrained(folder)
    (folder / "encode.onnx").write_bytes(b"no graph")
    with pytest.raises(InputError, match=r"encode.onnx is damaged, or not for this onnxruntime"):
        VideoGenerator.from_pretrained(folder)
    (folder / "config.json").write_text(json.dumps({**config, "runtime": {"name": "jax"}}), encoding="utf-8")
    with pytest.raises(InputError, match="is for the runtime 'jax'; this version knows onnxruntime, torch-export"):
        VideoGenerator.from_pretrained(folder)


def test_parts_that_the_graph_lacks_are_refused(found):
    z = torch.zeros(1, 1, found.denoiser.shape.positions)
    with pytest.raises(ValueError, match="the label 2 is none of 0 to 1"):
        found.denoiser(z, torch.tensor([0]), Condition(label=torch.tensor([2])))
    config = replace(found.denoiser.config, classes=None)
    with pytest.raises(ValueError, match="a label is given to a network without it"):
        denoise_values(config, z, torch.tensor([0]), Condition(label=torch.tensor([0])))
    with pytest.raises(ValueError, match=r"camera is \(1, 2, 3\); this network takes \(1, 4, 3\)"):
        denoise_values(found.denoiser.config, z, torch.tensor([0]), Condition(camera=torch.zeros(1, 2, 3)))


def test_graphs_of_torch_export(told, tmp_path):
    stage_1 = VideoGenerator(told.autoencoder.config, fps=10.0).eval()
    export_graphs(stage_1, tmp_path / "model", "torch-export")
    found = VideoGenerator.from_pretrained(tmp_path / "model", runtime="torch-export")
    with pytest.raises(InputError, match=r"may run any code when they are loaded; load it by from_pretrained"):
        VideoGenerator.load(tmp_path / "model")
    clips = torch.randint(256, (3, 3, 4, 16, 16), dtype=torch.uint8)
    torch.testing.assert_close(found.reconstruct(clips), stage_1.reconstruct(clips), rtol=0, atol=1)
    with pytest.raises(InputError, match="stage-1 autoencoder without a denoiser"):
        found.sample(1)


def test_the_released_networks_are_traced_for_any_batch():
    sizes = {"channels": 32, "channel_multipliers": (1,), "attention_factors": ()}
    unet = TriplaneUNet(UNetConfig(latent_shape=(2, 4, 4), blocks_per_level=1, **sizes))
    autoencoder = ProjectedAutoencoder(small_autoencoder())
    for graph in (DenoiseGraph(randomized(unet)), DecodeGraph(randomized(autoencoder))):
        program = traced(graph, "graph").module()
        for batch in (1, 3):
            values = [torch.ones(batch, *item.sizes).to(item.dtype) for item in graph.inputs]
            torch.testing.assert_close(program(*values), graph(*values), rtol=0, atol=TOLERANCE)


class Unusual(nn.Module):
    """A graph with an operator that ONNX lacks."""

    inputs, output = (GraphTensor("x", (2, 2), torch.float32),), "y"

    def forward(self, x):
        return torch.linalg.matrix_exp(x)


class Deciding(Unusual):
    """A graph whose code depends on values."""

    def forward(self, x):
        return x if x.sum() > 0 else -x


def test_an_operator_that_a_format_lacks_is_named(tmp_path):
    with pytest.raises(InputError, match=r"uses the operator aten.linalg_matrix_exp.*, which onnx cannot express; upd"):
        write_onnx(traced(Unusual(), "denoise"), Unusual(), tmp_path / "denoise.onnx")
    with pytest.raises(InputError, match=r"which torch-export cannot express; .*, or choose --format safetensors"):
        traced(Deciding(), "denoise")


def test_int8_is_for_onnx(told, tmp_path):
    with pytest.raises(InputError, match="int8 is for ONNX graphs"):
        export_graphs(told, tmp_path / "model", "torch-export", quantize="int8")


def test_int8_graphs_are_smaller_and_near(onnx_folder, found, tmp_path):
    path = tmp_path / "decode.onnx"
    path.write_bytes((onnx_folder / "decode.onnx").read_bytes())
    graph_export.quantize_onnx(path)
    from pvdm.generation.runtimes.graph_runtime import Graph

    latent = torch.randn(2, 1, found.denoiser.shape.positions)
    exact = found.autoencoder.decoder({"latent": latent})
    error = (Graph(path, "onnxruntime")({"latent": latent}) - exact).square().mean()
    assert 0 < error < 0.01 * exact.square().mean()
