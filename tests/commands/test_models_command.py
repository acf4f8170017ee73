"""`pvdm models`: what comes with the package, as a list, as JSON, and as cards; and what any model is and takes."""

import json
import re
from dataclasses import replace

import pytest
import torch
from generation.small_models import told_generator

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


def test_a_card_is_printed_on_demand(folder, capsys):
    assert main(["models", "pvdm/tiny", "--card"]) == 0
    assert capsys.readouterr().out == (folder / "tiny" / "README.md").read_text()


def test_a_packaged_model_is_described_with_its_origin(folder, capsys):
    assert main(["models", "pvdm/tiny"]) == 0
    found = capsys.readouterr().out
    assert found.startswith("pvdm/tiny\n  makes")
    assert "grey clips" in found and "PSNR 9 dB" in found and "pvdm sample pvdm/tiny --num-videos 4" in found


def test_any_model_is_described_with_all_its_words(tmp_path, capsys):
    generator = told_generator()
    words = tuple(f"word{number}" for number in range(80))
    generator.text = replace(generator.text, words=words)
    generator.save_pretrained(tmp_path / "told")
    assert main(["models", str(tmp_path / "told")]) == 0
    shown = capsys.readouterr().out
    rows = dict(line.strip().split("  ", 1) for line in shown.splitlines() if re.match(r"  \w[\w ]+  ", line))
    assert {name: rows[name].strip() for name in ("text encoder", "given frames", "planes apart", "classes")} == {
        "text encoder": "words, up to 6 tokens",
        "given frames": "no",
        "planes apart": "yes",
        "classes": "none",
    }
    assert set(words) <= set(re.findall(r"\w+", shown))
    assert max(len(line) for line in shown.splitlines()[1:] if "pvdm " not in line) <= 110
    assert f"pvdm sample {tmp_path}/told --prompt 'word0 word1'" in shown
    assert main(["models", str(tmp_path / "told"), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["properties"]["words"].startswith("80: word0, word1") and len(found["commands"]) == 5


def test_a_checkpoint_and_a_folder_without_a_card_have_the_card_of_an_export(tmp_path, generator, capsys):
    generator.save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "README.md").unlink()
    state = {f"generator.{name}": value for name, value in generator.state_dict().items()}
    torch.save({"pvdm": generator.to_config(), "state_dict": state}, tmp_path / "last.ckpt")
    assert main(["models", "--card", str(tmp_path / "model"), str(tmp_path / "last.ckpt")]) == 0
    assert capsys.readouterr().out.count("# Video generator") == 2
    assert main(["models", str(tmp_path / "last.ckpt")]) == 0
    assert "7 updates of the denoiser" in capsys.readouterr().out


def test_an_unknown_name_is_refused(folder, caplog):
    assert main(["models", "pvdm/tiyn"]) == 2
    assert main(["models", str(folder / "none")]) == 2
    assert "no model pvdm/tiyn comes with pvdm (did you mean pvdm/tiny?); choose one of pvdm/tiny" in caplog.text


def test_a_sample_is_made_by_name(folder, tmp_path, pvdm):
    pvdm("sample", "pvdm/tiny", "--num-videos", 1, "--steps", 2, "--output", tmp_path / "samples")
    assert len([*(tmp_path / "samples").glob("*.mp4")]) == 1


def test_the_list_is_empty_without_models(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(packaged, "FOLDER", tmp_path)
    assert main(["models"]) == 0
    assert capsys.readouterr().out == "no model comes with this version of pvdm\n"
