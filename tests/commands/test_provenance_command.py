"""`pvdm provenance`, and what the commands that generate write into their files."""

import json

import pytest
import torch
from provenance.test_watermark import PAYLOAD, textured

from pvdm.cli import main
from pvdm.files.weights import sha256_of
from pvdm.provenance import Watermark, read_fields, read_manifest
from pvdm.provenance.credentials import make_credentials
from pvdm.video import read_video, save_video


def status(*arguments: object) -> int:
    """The exit status of a part of `pvdm provenance`."""
    try:
        return main(["provenance", *map(str, arguments)])
    except SystemExit as end:
        return end.code


def test_once_there_is_a_key_what_is_sampled_is_signed(pvdm, model, tmp_path, capsys):
    assert status("keygen", "--name", "Ada") == 0
    output = tmp_path / "a.mp4"
    pvdm("sample", model, "--num-videos", 1, "--steps", 1, "--output", output)
    digest = sha256_of(f"{model}/model.safetensors")
    capsys.readouterr()
    assert status("verify", output) == 0
    text = capsys.readouterr().out
    assert (
        "trusted: unchanged" in text and "signer       Ada" in text and f"model        model (SHA-256 {digest}" in text
    )
    content = output.read_bytes()
    output.write_bytes(content[:-40] + bytes(30) + content[-10:])
    assert status("verify", output, "--json") == 4
    assert json.loads(capsys.readouterr().out)["state"] == "invalid"
    pvdm("sample", model, "--num-videos", 1, "--steps", 1, "--output", output, "--overwrite", "--no-provenance")
    assert status("verify", output) == 1 and read_fields(output) == {}
    assert "no manifest" in capsys.readouterr().out


def test_others_know_a_signer_by_the_authority_that_they_trust(tmp_path, monkeypatch, model, pvdm):
    monkeypatch.setenv("PVDM_PROVENANCE", str(tmp_path / "ada"))
    folder = make_credentials("Ada")
    pvdm("sample", model, "--num-videos", 1, "--steps", 1, "--output", tmp_path / "a.gif")
    monkeypatch.setenv("PVDM_PROVENANCE", str(tmp_path / "ben"))
    assert status("verify", tmp_path / "a.gif") == 3
    assert status("verify", tmp_path / "a.gif", "--trust", folder / "authority.pem") == 0
    chain = ["--certificate", folder / "certificate.pem", "--key", folder / "key.pem"]
    assert status("keygen", *chain) == 0 and (tmp_path / "ben" / "key.pem").is_file()


def test_without_a_key_the_fields_name_the_model_and_what_it_was_given(pvdm, model, tmp_path):
    pvdm("extend", model, "--frames", 8, "--steps", 1, "--output", tmp_path / "a.mp4")
    assert read_fields(tmp_path / "a.mp4")["source_type"].endswith("/trainedAlgorithmicMedia")
    more = ["--input", tmp_path / "a.mp4", "--frames", 16, "--steps", 1]
    pvdm("extend", model, *more, "--output", tmp_path / "b.mp4")
    assert read_fields(tmp_path / "b.mp4")["source_type"].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert read_manifest(tmp_path / "b.mp4").state == "none"


def test_a_watermark_is_put_into_samples_and_read_from_files(pvdm, model, tmp_path, capsys):
    for name, more in (("plain", []), ("marked", ["--watermark", 77])):
        options = ["--num-videos", 1, "--steps", 1, "--format", "png", "--no-provenance", *more]
        pvdm("sample", model, *options, "--output", tmp_path / name)
    plain, marked = (read_video(tmp_path / name / "sample_000000_seed0") for name in ("plain", "marked"))
    assert torch.equal(Watermark(77).marked(plain), marked)
    save_video(Watermark(PAYLOAD).marked(textured()), tmp_path / "frames", fps=8)
    for path in (tmp_path / "frames", tmp_path / "frames" / "frame_000002.png"):
        assert status("detect", path) == 0
        assert capsys.readouterr().out.startswith(f"watermark {PAYLOAD}, 0 of 63 bits wrong")
    assert status("detect", tmp_path / "plain" / "sample_000000_seed0", "--json") == 1
    assert json.loads(capsys.readouterr().out)["found"] is False


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["keygen", "--key", "a.pem"], "--certificate and --key go together; give both, or neither to make new ones"),
        (["keygen", "--name", " "], "a name of 0 characters; give one of 1 to 52"),
        (["keygen", "--name", 53 * "a"], "a name of 53 characters; give one of 1 to 52"),
        (["keygen", "--days", 40000], "--days is 40000; give at most 36500"),
        (["verify", "nothere.mp4"], "nothere.mp4 does not exist; give one file"),
        (["detect", "nothere.mp4"], "nothere.mp4 does not exist; give a video file or a folder of frames"),
    ],
)
def test_mistakes_are_one_sentence(refusal, arguments, sentence):
    assert refusal("provenance", *arguments) == f"pvdm: error: {sentence}"


def test_an_expired_key_is_refused_before_the_work(refusal, model, tmp_path):
    make_credentials(days=0)
    text = refusal("sample", model, "--output", tmp_path / "a.mp4")
    assert "has expired on" in text and text.endswith("keygen --overwrite, or pass --no-provenance")
    assert not (tmp_path / "a.mp4").exists()
    assert "--watermark is 65536; give a number from 0 to 65535" in refusal(
        "sample", model, "--output", tmp_path / "a.mp4", "--watermark", 65536
    )
