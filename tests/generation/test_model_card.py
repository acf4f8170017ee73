"""Model cards: read by the Hub's own parser, and true."""

from __future__ import annotations

import json
import re
import shlex

import pytest
import torch
from generation.small_models import small_generator
from huggingface_hub import ModelCard, hub_mixin, metadata_load
from safetensors.torch import load_file

from pvdm import VideoGenerator
from pvdm.cli_parser import COMMANDS, TRAINING, command_parser
from pvdm.diffusion import SamplerConfig
from pvdm.generation.model_card import model_card, plain

DATA = {
    "layout": "ucf101",
    "split": 1,
    "card": {"name": "UCF101", "source": "https://example.org/a_b", "license": None, "preprocessing": "cut | *all*"},
    "videos": {"training": 9537, "left_out": 3},
    "clip": {"frames": 8, "fps": None},
}


@pytest.fixture
def config() -> dict:
    return small_generator().to_config()


def rows(card: str) -> dict[str, str]:
    """The tables' rows."""
    return dict(re.findall(r"^\| (.+?) \| (.+) \|$", card, re.MULTILINE))


def with_classes(config: dict, classes: list[str], *, named: bool = True) -> dict:
    denoiser = {**config["denoiser"], "classes": len(classes)}
    return {**config, "denoiser": denoiser, "classes": classes if named else None}


def test_the_front_matter_is_the_hub_s(config):
    card = ModelCard(model_card(config, license="cc-by-nc-4.0"))
    found = card.data.to_dict()
    assert found.pop("tags") == ["video-generation", "diffusion", "latent-diffusion", "pvdm"]
    assert found == {"library_name": "pvdm", "license": "cc-by-nc-4.0"}
    assert "license" not in ModelCard(model_card(config)).data.to_dict()


def section(card: str, title: str) -> str:
    return card.partition(f"\n## {title}\n\n")[2].partition("\n\n## ")[0]


def test_it_says_what_it_is_for_and_whom_the_data_show(config):
    card = model_card({**config, "data": DATA})
    assert "not meant to generate video that passes for a record" in section(card, "Intended use")
    assert section(card, "People in the data").startswith("Not recorded. Whether people can be seen")
    people = {**DATA["card"], "people": "three *actors*, who agreed in writing"}
    card = model_card({**config, "data": {**DATA, "card": people}})
    assert section(card, "People in the data") == "three \\*actors\\*, who agreed in writing"
    assert "people" not in rows(card)


def test_each_set_of_a_mix_is_a_row_of_what_is_its_own(config):
    whole = {"layout": "mix", "videos": {"training": 5}, "clip": {"frames": 8}}
    part = {"weight": 2.0, "layout": "folder", "clip": {"frames": 8}}
    mix = [{**part, "videos": {"training": count}} for count in (1, 4)]
    found = rows(model_card({**config, "data": {**whole, "mix": mix}}))
    assert found["set 2 of the mix"] == "weight 2.0; layout folder; videos: training 4"
    assert "mix" not in found


@pytest.mark.parametrize("license", ["a: b", "- x", "no", "'\"", "{a}", "é # c", "---"])
def test_any_license_survives_yaml(config, license):
    assert ModelCard(model_card(config, license=license)).data.license == license


def test_it_says_what_a_complete_model_is(config):
    card = model_card(config, parameters={"autoencoder": 62_058_755, "denoiser": 99_999})
    assert card.count("\n# ") == 1 and "# Video generator" in card
    found = rows(card)
    assert found["stage"] == "complete: autoencoder and denoiser"
    assert found["clip"] == "8 frames of 32x32 pixels (height x width)"
    assert found["frame rate"] == "10 frames per second"
    assert found["latent"] == "hw 4x4, tw 8x4, th 8x4; 4 channels"
    assert found["parameters"] == "autoencoder 62.1 million, denoiser 99999"
    assert found["noise process"] == "200 timesteps, betas 0.0015 to 0.0195, evenly spaced roots"
    assert (found["prediction"], found["classes"]) == ("the noise (eps)", "none")
    assert found["training"] == "7 updates of the denoiser"
    assert found["made with"] == f"pvdm {config['versions']['pvdm']}, torch {config['versions']['torch']}"
    assert "No results are recorded with this model." in card
    assert "## Training data\n\nNot recorded with this model." in card
    assert "Yu, Sihyun" in card and "arxiv.org/abs/2302.07685" in card


def test_it_says_what_an_autoencoder_cannot_do(config):
    card = model_card({**config, "denoiser": None})
    assert "# Video autoencoder" in card and rows(card)["stage"] == "autoencoder only"
    assert "* It cannot sample or extend video." in card
    assert rows(card)["training"] == "7 updates of the autoencoder"
    assert "noise process" not in card and "pvdm sample" not in card


def test_what_is_not_known_is_said(config):
    assert rows(model_card({**config, "training_step": 0}))["training"] == "number of updates not recorded"
    assert "Not stated" in model_card(config)


def test_classes_are_named_if_they_are_few(config):
    few = model_card(with_classes(config, ["Archery", "Apply Lipstick"]))
    assert rows(few)["classes"] == "2: Archery, Apply Lipstick"
    assert "cannot be chosen" not in few and "cannot be chosen" in model_card(config)
    assert "--label Archery " in few
    assert "--label 'Apply Lipstick' " in model_card(with_classes(config, ["Apply Lipstick"]))
    many = [f"class {index}" for index in range(101)]
    assert rows(model_card(with_classes(config, many)))["classes"] == "101, named in config.json"
    unnamed = model_card(with_classes(config, ["a", "b"], named=False))
    assert rows(unnamed)["classes"] == "2, without names" and "--label 0 " in unnamed


def test_what_it_takes_is_said_with_a_command_for_each(config):
    none = rows(model_card(config))
    names = ("text encoder", "given frames", "upscaling", "planes apart", "noise in the context", "autoguidance")
    assert [none[name] for name in names] == ["none", "no", "no", "no", "no", "none"]
    assert "takes no text prompts" in model_card(config)
    everything = with_everything(config)
    card = model_card(everything)
    found = rows(card)
    wanted = ["words, up to 8 tokens", "yes", "yes", "yes", "yes", "1.5, by early weights in the model"]
    assert [found[name] for name in names] == wanted
    assert found["words"] == "2: ball, red" and found["denoiser"] == "triplane U-Net of 32 channels and 2 levels"
    for part in ("--prompt 'ball red'", "--first-frame", "--last-frame", "interpolate", "repair", "upscale"):
        assert part in card
    assert "takes no text prompts" not in card and "cannot be chosen" not in card
    apart = {**everything, "denoiser": {**everything["denoiser"], "plane_times": True}}
    assert "pvdm recombine MODEL --content a.mp4 --motion b.mp4" in model_card(apart)
    many = {**everything, "text": {**everything["text"], "words": [f"w{number}" for number in range(61)]}}
    assert rows(model_card(many))["words"] == "61, named in config.json"


def with_everything(config: dict) -> dict:
    parts = {"hints": True, "blurred_hints": True, "text_width": 128, "context_levels": True, "plane_times": True}
    text = {"encoder": "words", "tokens": 8, "words": ["ball", "red"]}
    diffusion = {**config["diffusion"], "autoguidance": 1.5}
    return {**config, "denoiser": {**config["denoiser"], **parts}, "diffusion": diffusion, "text": text}


def test_the_data_set_s_own_card_is_shown(config):
    card = model_card({**config, "data": DATA})
    found = rows(card)
    assert found["name"] == "UCF101" and found["source"] == "<https://example.org/a_b>"
    assert found["preprocessing"] == r"cut \| \*all\*"
    assert found["videos: training"] == "9537" and found["videos: left out"] == "3"
    assert found["clip: frames"] == "8" and "clip: fps" not in found
    assert "Not recorded: license." in card
    assert ModelCard(card).data.license is None  # that of the data is not the model's
    assert "Not recorded: name, source, license." in model_card({**config, "data": {**DATA, "card": {}}})


def test_foreign_text_is_shown_as_it_is():
    assert plain("a\n---\n# b | `c` <img src=x>") == r"a --- \# b \| \`c\` \<img src=x\>"
    assert plain("https://a.b/c_d") == "<https://a.b/c_d>"
    assert plain("https://a.b/<script>") == r"https://a.b/\<script\>"


@pytest.mark.parametrize("stage", ["complete", "autoencoder", "everything"])
def test_every_command_of_the_card_is_understood(config, stage):
    of_stage = {"complete": config, "autoencoder": {**config, "denoiser": None}, "everything": with_everything(config)}
    card = model_card(of_stage[stage])
    commands = [shlex.split(line)[1:] for line in card.splitlines() if line.startswith("pvdm ")]
    assert len(commands) >= 2
    for arguments in commands:
        assert arguments[0] in {**COMMANDS, **TRAINING}
        if arguments[0] in COMMANDS:
            command_parser(arguments).parse_args(arguments)


@pytest.mark.parametrize("denoiser", [True, False])
def test_the_python_of_the_card_runs(denoiser, tmp_path, monkeypatch):
    generator = small_generator(denoiser=denoiser)
    generator.save_pretrained(tmp_path / "MODEL")
    card = ModelCard.load(tmp_path / "MODEL" / "README.md")
    (code,) = re.findall(r"```python\n(.*?)```", card.text, re.DOTALL)
    assert f"(4, 3, {generator.frames}, 32, 32)" in code or "(b, 3, 8, 32, 32)" in code
    code = code.replace("generator.sample(4, seed=0)", "generator.sample(4, seed=0, sampler=STEPS)")
    code = code.replace("num_frames=64", "num_frames=16, sampler=STEPS")
    monkeypatch.chdir(tmp_path)
    names = {"STEPS": SamplerConfig(steps=1), "clips": torch.zeros(2, 3, 8, 32, 32, dtype=torch.uint8)}
    exec(code, names)
    assert names["clips"].shape == ((4 if denoiser else 2), 3, 8, 32, 32)


def test_an_export_has_its_own_card(tmp_path):
    generator = small_generator()
    generator.save_pretrained(tmp_path / "model", model_card_kwargs={"license": "mit"})
    path = tmp_path / "model" / "README.md"
    assert metadata_load(path)["license"] == "mit" and metadata_load(path)["library_name"] == "pvdm"
    counts = [sum(value.numel() for value in part.parameters()) for part in (generator.autoencoder, generator.denoiser)]
    assert rows(path.read_text())["parameters"] == f"autoencoder {counts[0]}, denoiser {counts[1] / 1e6:.1f} million"
    generator.training_step = 8
    generator.save_pretrained(tmp_path / "model", overwrite=True)
    assert rows(path.read_text())["training"] == "8 updates of the denoiser" and "license" not in metadata_load(path)


@pytest.mark.parametrize(("half", "dtype"), [(True, torch.float16), (False, torch.float32)])
def test_what_is_pushed_is_what_was_saved(tmp_path, monkeypatch, half, dtype):
    uploaded = {}

    class Hub:
        """The Hub's client, which keeps what it is given."""

        def __init__(self, token=None):
            pass

        def create_repo(self, repo_id, **_):
            return type("Url", (), {"repo_id": repo_id})

        def upload_folder(self, *, repo_id, folder_path, **_):
            uploaded[repo_id] = {path.name: path.read_bytes() for path in folder_path.iterdir()}
            return f"https://hub/{repo_id}"

    monkeypatch.setattr(hub_mixin, "HfApi", Hub)
    generator = small_generator()
    options = {"repo_id": "owner/name", "model_card_kwargs": {"license": "mit"}}
    url = generator.save_pretrained(tmp_path / "model", half_precision=half, push_to_hub=True, **options)
    assert url == "https://hub/owner/name"
    written = {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()}
    assert uploaded == {"owner/name": written}
    assert {value.dtype for value in load_file(tmp_path / "model" / "model.safetensors").values()} == {dtype}
    assert {value.dtype for value in generator.state_dict().values()} == {torch.float32}
    assert json.loads(written["config.json"])["training_step"] == 7
    assert VideoGenerator.from_pretrained(tmp_path / "model").training_step == 7
