"""`pvdm models`: what comes with the package, as a list, as JSON, and as cards."""

import json

import pytest

from pvdm.cli import main
from pvdm.files.weights import sha256_of
from pvdm.generation import packaged_models as packaged


@pytest.fixture
def folder(monkeypatch, tmp_path, generator):
    """The folder of one packaged model, tiny."""
    monkeypatch.setattr(packaged, "FOLDER", tmp_path)
    generator.save_pretrained(tmp_path / "tiny", half_precision=True)
    digests = {file: sha256_of(tmp_path / "tiny" / file) for file in ("config.json", "model.safetensors")}
    entry = {"makes": "grey clips", "license": "mit", "data": "noise", "figures": {"PSNR": "9 dB"}, "sha256": digests}
    (tmp_path / packaged.MANIFEST).write_text(json.dumps({"tiny": entry}))
    return tmp_path


def test_the_list_says_what_each_makes(folder, generator, capsys):
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    sizes = generator.autoencoder.config
    assert lines[0] == "pvdm/tiny: grey clips"
    assert f"  clips    {sizes.frames} frames of {sizes.height}x{sizes.width} pixels" in lines[1]
    assert {"  data     noise", "  license  mit", "  figures  PSNR 9 dB"} <= set(lines)


def test_json_has_the_same_and_the_digests(folder, generator, capsys):
    assert main(["models", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["name"] == "pvdm/tiny" and found["folder"] == str(folder / "tiny")
    assert found["bytes"] == sum(path.stat().st_size for path in (folder / "tiny").iterdir())
    assert found["sha256"]["model.safetensors"] == sha256_of(folder / "tiny" / "model.safetensors")
    assert found["clip"]["height"] == generator.autoencoder.config.height and found["samples"]


def test_a_name_prints_its_card(folder, capsys):
    assert main(["models", "pvdm/tiny"]) == 0
    assert capsys.readouterr().out == (folder / "tiny" / "README.md").read_text()


def test_an_unknown_name_is_refused(folder, caplog):
    assert main(["models", "pvdm/tiyn"]) == 2
    assert "no model pvdm/tiyn comes with pvdm (did you mean pvdm/tiny?); choose one of pvdm/tiny" in caplog.text


def test_a_sample_is_made_by_name(folder, tmp_path, pvdm):
    pvdm("sample", "pvdm/tiny", "--num-videos", 1, "--steps", 2, "--output", tmp_path / "samples")
    assert len([*(tmp_path / "samples").glob("*.mp4")]) == 1


def test_the_list_is_empty_without_models(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(packaged, "FOLDER", tmp_path)
    assert main(["models"]) == 0
    assert capsys.readouterr().out == "no model comes with this version of pvdm\n"
