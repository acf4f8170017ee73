"""`pvdm configs`: every config is listed with what it is, printed as it stands, and copied for changes."""

import pytest

from pvdm import configs
from pvdm.cli import main
from pvdm.training.cli.command import find_configs


def test_a_list_has_a_line_for_each_config(capsys):
    assert main(["configs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == configs.names()
    assert all(len(line.split(maxsplit=1)[1]) > 20 and len(line) <= 120 for line in lines)


def test_every_config_begins_with_what_it_is():
    for name in configs.names():
        first = configs.find(name).read_text(encoding="utf-8").splitlines()[0]
        assert first.startswith("# ") and first.endswith(".")


@pytest.mark.parametrize("name", ["data/ucf101", "data/ucf101.yaml", "configs/data/ucf101.yaml"])
def test_a_config_is_printed_as_it_stands(capsys, name):
    assert main(["configs", name]) == 0
    assert capsys.readouterr().out == (configs.FOLDER / "data" / "ucf101.yaml").read_text(encoding="utf-8")


def test_a_copy_is_what_training_takes(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert main(["configs", "copy", "gan", "sizes/pvdm-s"]) == 0
    copies = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.yaml"))
    assert copies == ["configs/gan.yaml", "configs/sizes/pvdm-s.yaml"]
    assert (tmp_path / copies[0]).read_bytes() == configs.find("gan").read_bytes()
    assert find_configs(["fit", "-c", "configs/gan.yaml"])[2] == "configs/gan.yaml"


def test_a_copy_of_ones_own_is_kept(monkeypatch, tmp_path, caplog):
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "configs" / "gan.yaml"
    own.parent.mkdir()
    own.write_text("mine: 1\n")
    assert main(["configs", "copy", "autoencoder", "gan"]) == 2
    assert "exists already" in caplog.text and own.read_text() == "mine: 1\n"
    assert not (own.parent / "autoencoder.yaml").exists()
    assert main(["configs", "copy", "gan", "--overwrite"]) == 0
    assert own.read_bytes() == configs.find("gan").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["autoencodr"], "there is no config autoencodr (did you mean autoencoder?); `pvdm configs` lists them"),
        (["copy"], "there is no config to copy"),
        (["copy", "../setup"], "there is no config ../setup"),
    ],
)
def test_an_unknown_config_is_refused(caplog, arguments, words):
    assert main(["configs", *arguments]) == 2
    assert words in caplog.text
