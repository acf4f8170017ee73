"""`pvdm doctor`: what it finds here, and that it notices what is broken."""

from __future__ import annotations

import json
from importlib.metadata import metadata

import numpy as np
import pytest
import torch
from packaging.requirements import Requirement

from pvdm.cli import main
from pvdm.commands.installation import codec_trials, installed_packages, machine
from pvdm.commands.installation.finding import amount
from pvdm.generation import packaged_models
from pvdm.video.encoders import Mp4Encoder


class BlackEncoder(Mp4Encoder):
    """Writes other pictures than it is given."""

    def write(self, frame: np.ndarray) -> None:
        super().write(np.zeros_like(frame))


def test_it_examines_this_machine(capsys):
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    lines = {part: {finding["name"]: finding for finding in findings} for part, findings in found.items()}
    assert list(found) == ["versions", "devices", "codecs", "models", "caches", "extras"]
    assert torch.__version__ in lines["versions"]["torch"]["found"]
    assert lines["codecs"]["mp4 (H.264)"]["state"] == "ok"
    assert {"H.264", "HEVC", "AV1", "VP9"} <= set(lines["codecs"]["read"]["found"].split(", "))
    assert lines["models"]["pvdm/sprites-64"]["found"].startswith("intact")
    assert {*lines["extras"], "test"} == set(metadata("pvdm").get_all("Provides-Extra"))
    assert not [finding for findings in found.values() for finding in findings if finding["state"] == "broken"]
    assert all(finding["remedy"] for findings in found.values() for finding in findings if finding["state"] != "ok")


def test_what_is_broken_is_marked_and_ends_it_with_2(tmp_path, monkeypatch, capsys, caplog):
    (tmp_path / "models.json").write_text("{")
    monkeypatch.setattr(packaged_models, "FOLDER", tmp_path)
    monkeypatch.setitem(codec_trials.WRITTEN, "mp4 (H.264)", BlackEncoder)
    monkeypatch.setitem(codec_trials.WRITTEN, "gif", BlackEncoder)
    assert main(["doctor"]) == 2
    lines = capsys.readouterr().out.splitlines()
    (mp4,) = [line for line in lines if "mp4" in line]
    assert mp4.startswith("!") and "frames came back with an error of 160 gray levels" in mp4
    assert [line[0] for line in lines if " gif " in line] == ["-"]  # pvdm does without
    assert caplog.messages[-1].startswith("pvdm: error: broken: mp4 (H.264), models; ")
    assert "reinstall pvdm" in caplog.messages[-1]


def test_a_codec_without_encoder_is_not_called_broken(monkeypatch):
    monkeypatch.setattr(codec_trials, "READ", {"A": ("h264", "no_encoder"), "B": ("no_decoder", "libx264")})
    *_, tried, a, b = codec_trials.codec_findings()
    assert tried.found == "" and a.state == "ok" and "nothing to try it with" in a.found
    assert b.state == "absent" and "no_decoder" in b.found


def test_missing_and_old_packages_come_with_the_command(monkeypatch):
    needed = ["numpy>=99", "pvdm-none>=1.2", "pillow>=1", 'einops-none==2; extra == "text"', 'pillow; extra == "text"']
    monkeypatch.setattr(installed_packages, "_requirements", lambda: [*map(Requirement, needed)])
    findings = {finding.name: finding for finding in installed_packages.version_findings()}
    assert "not >=99" in findings["numpy"].found and findings["numpy"].remedy == "pip install 'numpy>=99'"
    assert findings["pvdm-none"].state == "broken" and "pillow" not in findings and "others" not in findings
    text = next(finding for finding in installed_packages.extra_findings() if finding.name == "text")
    assert (text.state, text.remedy) == ("absent", "pip install einops-none==2")


@pytest.mark.parametrize(("driver", "state"), [("NVRM version: NVIDIA UNIX  570.86.15  Thu\n", "absent"), (None, "ok")])
def test_a_gpu_that_pytorch_does_not_find_is_said(tmp_path, monkeypatch, driver, state):
    monkeypatch.setattr(machine, "DRIVER", tmp_path / "version")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(machine.shutil, "which", lambda name: None)
    if driver:
        machine.DRIVER.write_text(driver)
    *_, gpu = machine.device_findings()
    assert gpu.state == state and ("570.86.15" in gpu.found) == bool(driver)


def test_amounts():
    assert [*map(amount, (12, 1536, 5 << 30, 3 << 41))] == ["12 bytes", "1.5 KiB", "5.0 GiB", "6144.0 GiB"]
