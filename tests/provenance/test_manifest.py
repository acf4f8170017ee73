"""C2PA manifests: a file says who made it by what, and any change of it shows."""

from pathlib import Path

import pytest
import torch

from pvdm.errors import InputError
from pvdm.provenance import Provenance
from pvdm.provenance.credentials import (
    AUTHORITY,
    CERTIFICATES,
    FOLDER,
    KEY,
    make_credentials,
    read_credentials,
    store_credentials,
    stored_credentials,
)
from pvdm.provenance.manifest import Manifest, read_manifest
from pvdm.video import probe, save_video

VIDEO = torch.arange(3 * 4 * 16 * 16, dtype=torch.int32).reshape(3, 4, 16, 16).remainder(256).byte()


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv(FOLDER, str(tmp_path / "mine"))
    return make_credentials("Ada")


def signed(path: Path) -> Path:
    provenance = Provenance("owner/model", "0" * 64, credentials=stored_credentials())
    save_video(VIDEO, path, fps=8, provenance=provenance)
    return path


@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "a.WEBP"])
def test_a_signed_file_says_who_made_it_by_what(tmp_path, folder, name):
    found = read_manifest(signed(tmp_path / name))
    assert (found.state, found.signer, found.problems) == ("trusted", "Ada", ())
    assert found.software.startswith("pvdm ") and found.source_type.endswith("/trainedAlgorithmicMedia")
    assert found.model == {"name": "owner/model", "sha256": "0" * 64, "adapters": []}
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "mine"])
    assert name == "a.WEBP" or probe(tmp_path / name).frames == 4


def test_each_frame_of_a_folder_is_signed(tmp_path, folder):
    signed(tmp_path / "frames")
    assert read_manifest(tmp_path / "frames" / "frame_000003.png").state == "trusted"
    assert len(list((tmp_path / "frames").iterdir())) == 4


def test_without_its_authority_a_signature_is_valid_and_a_change_is_seen(tmp_path, folder):
    path = signed(tmp_path / "a.mp4")
    (folder / AUTHORITY).rename(tmp_path / "known.pem")
    assert read_manifest(path).state == "valid"
    assert read_manifest(path, [tmp_path / "known.pem"]).state == "trusted"
    content = bytearray(path.read_bytes())
    content[content.index(b"mdat") + 300] ^= 1
    path.write_bytes(content)
    found = read_manifest(path, [tmp_path / "known.pem"])
    assert found.state == "invalid" and any("bmffHash.mismatch" in problem for problem in found.problems)


def test_files_without_manifest_have_none(tmp_path, folder):
    for name in ("a.mp4", "a.webm"):
        save_video(VIDEO, tmp_path / name, fps=8)
        assert read_manifest(tmp_path / name).state == "none"
    (tmp_path / "a.mp4").write_bytes(b"")
    assert read_manifest(tmp_path / "a.mp4").state == "none"
    with pytest.raises(InputError, match=r"nothere.mp4 does not exist"):
        read_manifest(tmp_path / "nothere.mp4")


def test_an_expired_certificate_is_refused_by_name(folder):
    make_credentials(days=0, overwrite=True)
    with pytest.raises(InputError, match=r"certificate.pem has expired on .*; make one by pvdm provenance keygen"):
        stored_credentials()


def test_an_expired_signature_is_told_from_a_changed_file():
    ended = ("signingCredential.untrusted: unknown", "signingCredential.expired: certificate expired")
    assert Manifest("invalid", problems=ended).is_expired
    for problems in ((), ended[:1], (*ended, "assertion.bmffHash.mismatch: changed")):
        assert not Manifest("invalid", problems=problems).is_expired


def test_credentials_must_belong_together(tmp_path, folder):
    assert (folder / KEY).stat().st_mode & 0o777 == 0o600
    first = {name: (folder / name).read_bytes() for name in (CERTIFICATES, KEY)}
    with pytest.raises(InputError, match="exists already"):
        make_credentials()
    make_credentials(overwrite=True)
    (tmp_path / "other.pem").write_bytes(first[KEY])
    with pytest.raises(InputError, match="is not the key of"):
        read_credentials(folder / CERTIFICATES, tmp_path / "other.pem")
    with pytest.raises(InputError, match="holds no certificate"):
        read_credentials(tmp_path / "other.pem", folder / KEY)
    store_credentials(first[CERTIFICATES], first[KEY], overwrite=True)
    assert stored_credentials().certificates == first[CERTIFICATES] and not (folder / AUTHORITY).exists()


def test_without_credentials_or_packages(tmp_path, monkeypatch, folder):
    monkeypatch.setattr("pvdm.provenance.credentials.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"need c2pa-python and cryptography; pip install 'pvdm\[provenance\]'"):
        stored_credentials()
    monkeypatch.setenv(FOLDER, str(tmp_path / "empty"))
    assert stored_credentials() is None
