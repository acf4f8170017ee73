"""`pvdm push`: what is uploaded, and what is said where that cannot be, with a stand-in for the Hub."""

from __future__ import annotations

import shutil
from fnmatch import fnmatch
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
import torch
from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError, OfflineModeIsEnabled
from safetensors.torch import load_file

from pvdm import VideoGenerator
from pvdm.cli import main


class StandIn:
    """The part of `HfApi` that is used: repositories are folders, and any call may be made to fail."""

    root: Path
    failure: tuple[str, Exception] | None = None

    def __init__(self, **_: object) -> None:
        """As `HfApi`'s."""

    def _call(self, name: str) -> None:
        if self.failure and self.failure[0] == name:
            raise self.failure[1]

    def whoami(self) -> dict[str, str]:
        self._call("whoami")
        return {"name": "me"}

    def repo_exists(self, repo_id: str) -> bool:
        self._call("repo_exists")
        return (self.root / repo_id).is_dir()

    def list_repo_files(self, repo_id: str) -> list[str]:
        return [path.name for path in (self.root / repo_id).iterdir()]

    def create_repo(self, repo_id: str, *, private: bool | None = None, exist_ok: bool = False) -> SimpleNamespace:
        self._call("create_repo")
        folder = self.root / repo_id
        folder.mkdir(parents=True, exist_ok=exist_ok)
        (folder / ".gitattributes").write_text(f"private: {private}")
        return type("Address", (str,), {"repo_id": repo_id})(f"https://hub/{repo_id}")

    def upload_folder(self, *, repo_id: str, folder_path: Path, allow_patterns=("*",), **_: object) -> str:
        self._call("upload_folder")
        for path in Path(folder_path).iterdir():
            if any(fnmatch(path.name, pattern) for pattern in allow_patterns or ("*",)):
                shutil.copy(path, self.root / repo_id / path.name)
        return "commit"


@pytest.fixture
def remote(tmp_path, monkeypatch) -> Path:
    """The folder of all repositories."""
    StandIn.root, StandIn.failure = tmp_path / "hub", None
    for module in (huggingface_hub, huggingface_hub.hub_mixin):
        monkeypatch.setattr(module, "HfApi", StandIn)
    return StandIn.root


@pytest.fixture
def checkpoint(generator, tmp_path) -> Path:
    state = {f"generator.{name}": value for name, value in generator.state_dict().items()}
    torch.save({"pvdm": generator.to_config(), "state_dict": state}, tmp_path / "best.ckpt")
    return tmp_path / "best.ckpt"


def test_an_exported_folder_goes_up_as_it_is_and_privately(remote, model, tmp_path, caplog):
    shutil.copytree(model, tmp_path / "mine")
    (tmp_path / "mine" / "README.md").write_text("written by hand")
    (tmp_path / "mine" / "notes.txt").write_text("not for others")
    caplog.set_level("INFO", logger="pvdm")
    assert main(["push", str(tmp_path / "mine"), "me/clips"]) == 0
    assert {path.name for path in (remote / "me/clips").iterdir()} == {
        ".gitattributes",
        "README.md",
        "config.json",
        "model.safetensors",
    }
    assert (remote / "me/clips/README.md").read_text() == "written by hand"
    assert (remote / "me/clips/.gitattributes").read_text() == "private: True"
    assert "the model is at https://hub/me/clips" in caplog.messages[-1]


def test_a_checkpoint_is_exported_first(remote, checkpoint, generator):
    options = ["--license", "mit", "--half-precision", "--public"]
    assert main(["push", str(checkpoint), "me/clips", *options]) == 0
    assert "license: mit" in (remote / "me/clips/README.md").read_text()
    assert {value.dtype for value in load_file(remote / "me/clips/model.safetensors").values()} == {torch.float16}
    assert (remote / "me/clips/.gitattributes").read_text() == "private: False"
    assert VideoGenerator.from_pretrained(remote / "me/clips").to_config() == generator.to_config()


def test_what_is_there_is_replaced_only_on_demand(remote, model, refusal):
    (remote / "me/empty").mkdir(parents=True)
    (remote / "me/empty/.gitattributes").touch()  # as an upload that failed leaves it
    assert main(["push", model, "me/empty"]) == 0
    message = "me/empty exists on the Hub already; pass --overwrite for a new version, or choose another name"
    assert message in refusal("push", model, "me/empty")
    assert main(["push", model, "me/empty", "--overwrite"]) == 0


def answer(status: int, text: str = "so it is") -> HfHubHTTPError:
    return HfHubHTTPError(text, response=SimpleNamespace(status_code=status, headers={}, request=None))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        ("whoami", LocalTokenNotFoundError("no token"), "there is no token for the Hugging Face Hub here; log in with"),
        ("whoami", answer(401), "the Hugging Face Hub does not know this token; make a new one"),
        ("create_repo", answer(403), "this token may not write to me/clips; give a name of your own, or a token with"),
        ("upload_folder", answer(500, "Internal Error"), "refused me/clips (internal Error); fix that, or try again"),
        ("whoami", OfflineModeIsEnabled("HF_HUB_OFFLINE is set"), "cannot be reached (HF_HUB_OFFLINE is set); check"),
        (
            "repo_exists",
            HfHubHTTPError.__bases__[0]("no route"),
            "the Hugging Face Hub cannot be reached (no route); check the",
        ),
    ],
)
def test_what_stands_in_the_way_is_one_sentence(remote, model, refusal, call, error, message):
    StandIn.failure = (call, error)
    assert message in refusal("push", model, "me/clips")


def test_names_and_models_are_checked_before_the_network(remote, refusal, model, tmp_path):
    StandIn.failure = ("whoami", AssertionError("the Hub was asked"))
    assert "clips is not a name on the Hub; give owner/name" in refusal("push", model, "clips")
    assert "there is no model at" in refusal("push", tmp_path / "none", "me/clips")


@pytest.mark.parametrize(("half", "dtype"), [(True, torch.float16), (False, torch.float32)])
def test_what_is_saved_is_what_is_pushed(remote, generator, tmp_path, half, dtype):
    options = {"repo_id": "me/saved", "private": True, "model_card_kwargs": {"license": "mit"}}
    generator.save_pretrained(tmp_path / "saved", half_precision=half, push_to_hub=True, **options)
    for folder in (tmp_path / "saved", remote / "me/saved"):
        assert {value.dtype for value in load_file(folder / "model.safetensors").values()} == {dtype}
        assert "license: mit" in (folder / "README.md").read_text()
