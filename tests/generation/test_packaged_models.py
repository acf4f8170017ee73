"""Models of the package: found by name before the Hub, checked by digest, and within the wheel's limit."""

from __future__ import annotations

import configparser
import json
import logging
from dataclasses import asdict
from pathlib import Path, PurePosixPath

import pytest
import torch
import yaml
from generation.small_models import labelled_generator, small_generator

from pvdm import VideoGenerator, configs
from pvdm.errors import InputError
from pvdm.evaluation.clips.model_clips import LoadedModel
from pvdm.evaluation.clips.protocol_clips import is_model
from pvdm.files.weights import sha256_of
from pvdm.generation import model_files as files
from pvdm.generation import packaged_models as packaged
from pvdm.training.warm_start import WarmStart

LIMIT = 20 << 20
"""Bytes of all packaged models together: the repository and the wheel stay small."""

NAMES = ("pvdm/tiny-autoencoder", "pvdm/tiny-classes")


@pytest.fixture
def folder(monkeypatch, tmp_path) -> Path:
    """A folder of two packaged models with its manifest, in place of the package's own; the Hub must not be asked."""
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: pytest.fail("the Hub was asked"))
    monkeypatch.setattr(packaged, "FOLDER", tmp_path / "packaged")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    entries = {}
    for name, generator in zip(NAMES, (small_generator(denoiser=False), labelled_generator()), strict=True):
        short = name.removeprefix("pvdm/")
        generator.save_pretrained(packaged.FOLDER / short, half_precision=True)
        digests = {file: sha256_of(packaged.FOLDER / short / file) for file in (files.CONFIG, files.WEIGHTS)}
        entries[short] = {"makes": "noise", "license": "mit", "data": "none", "figures": {}, "sha256": digests}
    (packaged.FOLDER / packaged.MANIFEST).write_text(json.dumps(entries))
    return packaged.FOLDER


def test_a_name_loads_float32_networks_from_half_precision(folder):
    found = VideoGenerator.from_pretrained("pvdm/tiny-classes")
    assert {value.dtype for value in found.state_dict().values() if value.is_floating_point()} == {torch.float32}
    expected = {name: value.half().float() for name, value in labelled_generator().state_dict().items()}
    torch.testing.assert_close(found.state_dict(), expected, rtol=0, atol=0)
    assert found.source == "pvdm/tiny-classes" and found.classes == ("Archery", "Biking", "Swing")


def test_every_way_to_a_model_takes_the_name(folder):
    """Commands load by `load` or `LoadedModel`, find the file by `weights_file`, and check by `check_model` first."""
    name = "pvdm/tiny-autoencoder"
    files.check_model(name)
    assert VideoGenerator.load(Path(name)).denoiser is None
    assert files.weights_file(name) == folder / "tiny-autoencoder" / files.WEIGHTS
    assert is_model(name) and LoadedModel.load(name).path == name
    generator = small_generator(denoiser=False)
    with torch.no_grad():
        next(generator.parameters()).zero_()
    WarmStart(Path(name)).fill(generator, "autoencoder")
    expected = VideoGenerator.from_pretrained(name).state_dict()
    torch.testing.assert_close(generator.state_dict(), expected, rtol=0, atol=0)


def test_it_is_found_in_a_clone_of_the_project(folder):
    """There, the folder pvdm exists."""
    Path("pvdm").mkdir()
    files.check_model("pvdm/tiny-classes")
    assert is_model("pvdm/tiny-classes") and files.resolve_folder("pvdm/tiny-classes") == folder / "tiny-classes"


def test_a_folder_of_that_name_comes_first(folder, caplog):
    small_generator(denoiser=False).save_pretrained("pvdm/tiny-classes")
    with caplog.at_level(logging.WARNING):
        assert VideoGenerator.from_pretrained("pvdm/tiny-classes").denoiser is None
    assert caplog.messages == ["pvdm/tiny-classes is the folder here, not the model of that name that comes with pvdm"]


@pytest.mark.parametrize("file", [files.CONFIG, files.WEIGHTS])
def test_a_wrong_digest_is_refused(folder, file):
    path = folder / "tiny-classes" / file
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    wanted = packaged.packaged_models()["pvdm/tiny-classes"].sha256[file][:8]
    with pytest.raises(InputError) as error:
        VideoGenerator.from_pretrained("pvdm/tiny-classes")
    assert str(error.value) == (
        f"pvdm/tiny-classes is damaged: the SHA-256 of {path} starts with {sha256_of(path)[:8]}, not {wanted}; "
        "reinstall pvdm"
    )
    path.unlink()
    with pytest.raises(InputError, match=f"and its {file} is missing; reinstall pvdm"):
        VideoGenerator.from_pretrained("pvdm/tiny-classes")


def test_an_unknown_name_lists_the_known_ones(folder):
    with pytest.raises(InputError) as error:
        files.check_model("pvdm/tiny-clases")
    assert str(error.value) == (
        "no model pvdm/tiny-clases comes with pvdm (did you mean pvdm/tiny-classes?); "
        "choose one of pvdm/tiny-autoencoder, pvdm/tiny-classes"
    )
    with pytest.raises(InputError, match=r"^no model pvdm/faces comes with pvdm; choose one of"):
        VideoGenerator.load("pvdm/faces")
    with pytest.raises(InputError, match=r"there is no model at pvdm/last\.ckpt"):
        files.check_model("pvdm/last.ckpt")


@pytest.mark.parametrize("text", ["{", '{"a": 1}', '{"a": {"makes": "b"}}', '["a"]'])
def test_a_damaged_manifest_is_refused(folder, text):
    (folder / packaged.MANIFEST).write_text(text)
    with pytest.raises(
        InputError, match=r"models\.json, the list of the models of this package, is damaged .*reinstall"
    ):
        files.check_model("pvdm/tiny-classes")


def test_without_models_a_name_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(packaged, "FOLDER", tmp_path)
    with pytest.raises(InputError, match="there is no model pvdm/faces: none comes with this version of pvdm"):
        files.check_model("pvdm/faces")


def test_the_models_of_the_package_are_whole_and_small():
    """Each has the files of its digests and a card, and together they leave the wheel small."""
    models = packaged.packaged_models()
    for model in models.values():
        model.check()
        assert {files.CONFIG, files.WEIGHTS} == model.sha256.keys()
        assert {path.name for path in model.folder.iterdir()} == {files.CONFIG, files.WEIGHTS, files.CARD}
        assert model.makes and model.license and model.data
        VideoGenerator.from_pretrained(model.name)
    assert sum(model.size for model in models.values()) <= LIMIT
    listed = {model.folder.name for model in models.values()}
    assert listed == {path.name for path in packaged.FOLDER.glob("*/")}


def test_the_wheel_holds_them():
    parser = configparser.ConfigParser()
    parser.read(Path(__file__).parents[2] / "setup.cfg", encoding="utf-8")
    patterns = parser["options.package_data"]["pvdm"].split()
    names = [packaged.MANIFEST, *(f"sprites-64/{file}" for file in (files.CONFIG, files.WEIGHTS, files.CARD))]
    for name in names:
        assert any(PurePosixPath("packaged", name).match(pattern) for pattern in patterns)


def test_the_packaged_autoencoder_has_the_network_of_its_config():
    text = (configs.FOLDER / "sizes" / "spectral-64.yaml").read_text(encoding="utf-8")
    sizes = yaml.safe_load(text)["model"]["init_args"]["autoencoder"]
    found = asdict(VideoGenerator.from_pretrained("pvdm/autoencoder-64").autoencoder.config)
    assert {name: found[name] for name in sizes} == {name: _tuples(value) for name, value in sizes.items()}


def _tuples(value):
    return tuple(value) if isinstance(value, list) else value
