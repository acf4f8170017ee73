"""What clients send as jobs: huge, broken, renamed or hostile, and what they are told."""

from __future__ import annotations

import json
import tempfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from fuzzing import damage_frame, encode, moving
from generation.small_models import hinted_generator, noise_video
from PIL import Image
from studio.job_client import done, ended, post, refused, studio_client

from pvdm.video import write_video

FORM = "multipart/form-data; boundary=x"


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """A studio of clips of 8 frames of 32x32 that takes 200 kB and 100 frames."""
    temporary, tempfile.tempdir = tempfile.tempdir, str(tmp_path_factory.mktemp("temporary"))
    try:
        limits = {"upload_bytes": 200_000, "frames": 100, "pixels": 640 * 480, "waiting": 2}
        with studio_client(hinted_generator(), **limits) as client:
            yield client
        assert not list(Path(tempfile.tempdir).iterdir())
    finally:
        tempfile.tempdir = temporary


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("video") / "a.mp4"
    write_video(path, noise_video(10), fps=10)
    return path.read_bytes()


def picture(height: int = 32, width: int = 32, kind: str = "PNG") -> bytes:
    file = BytesIO()
    Image.fromarray(np.full((height, width, 3), 90, np.uint8)).save(file, kind)
    return file.getvalue()


def job_folders(client) -> list[Path]:
    return [path for parent in Path(tempfile.gettempdir()).iterdir() for path in parent.iterdir()]


def test_a_video_by_another_name_is_a_video(client, video):
    files = done(client, post(client, "extend", {"video": ("../../../etc/cron.d/x.exe\0.txt", video)}, steps=1))
    assert list(files) == ["result.mp4"] and files["result.mp4"][4:8] == b"ftyp"


def test_a_picture_of_any_kind_begins_a_video(client):
    files = {"first_frame": ("a.mp4", picture(kind="JPEG")), "last_frame": ("/dev/null", picture(40, 32, "WEBP"))}
    settings = {"steps": 1, "keep_given": True, "hint_guidance": 1, "format": "gif"}
    assert done(client, post(client, "image-to-video", files, **settings))["result.gif"].startswith(b"GIF89a")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a video",
        b"\x80\x05cos\nsystem\n(S'touch hacked'\ntR.",
        b"PK\x03\x04" + bytes(100),
        picture(),
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///SECRET\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile 'SECRET'\n",
        b'<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"></MPD>',
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    ],
)
def test_what_is_no_video_is_refused_and_leads_nowhere(client, video, tmp_path, content):
    """Playlists would make a decoder read other files, and a pickle would run."""
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(video)
    sent = content.replace(b"SECRET", str(secret).encode())
    told = refused(post(client, "extend", {"video": ("a.mp4", sent)}))
    assert told == "the file video is no video that can be read; send an mp4, WebM, Matroska, AVI, MPEG or GIF file"


def test_a_broken_video_is_refused_without_a_path(client, tmp_path):
    path = tmp_path / "a.mp4"
    encode(path, moving(24, 96, 128), options={"g": "8", "bf": "0", "sc_threshold": "0", "crf": "10"})
    damage_frame(path, 11)
    told = refused(post(client, "extend", {"video": path.read_bytes()}))
    assert told.startswith("video.mp4 cannot be decoded as a video (frame 11 is damaged)")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no picture", "the file cannot be read as a picture"),
        (picture(482, 640), "the picture has 640x482 pixels; give one of at most"),
        (picture(1, 40), "the picture has 40x1 pixels; give one whose sides differ by less than 16 times"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "the file cannot be read as a picture"),
    ],
)
def test_what_is_no_picture_is_refused(client, content, message):
    assert refused(post(client, "image-to-video", {"first_frame": content})).startswith(message)


@pytest.mark.parametrize(
    ("size", "frames", "message"),
    [
        ((482, 640), 1, "the file video has pictures of 640x482 pixels; send one of at most 0.3 megapixels"),
        ((16, 272), 1, "the file video has pictures of 272x16 pixels; send one whose sides differ by less than 16"),
        ((16, 16), 101, "the file video has 101 frames; send one of at most 100"),
        ((16, 16), 802, "the file video has far more than 100 frames; send a shorter video"),
    ],
)
def test_a_video_with_too_much_in_it_is_refused(client, tmp_path, size, frames, message):
    encode(tmp_path / "a.mp4", moving(frames, *size), options={"preset": "ultrafast"})
    content = (tmp_path / "a.mp4").read_bytes()
    assert refused(post(client, "extend", {"video": content}, steps=1)).startswith(message)


def test_a_huge_upload_is_refused_as_soon_as_it_is_too_large(client):
    sent = []

    def endless():
        yield b'--x\r\nContent-Disposition: form-data; name="video"; filename="a"\r\n\r\n'
        while len(sent) < 10_000:
            sent.append(1)
            yield bytes(10_000)

    answer = client.post("/api/jobs", content=endless(), headers={"content-type": FORM})
    assert "more than 0 MB" in refused(answer, 413)
    told = refused(post(client, "extend", {"video": bytes(200_001)}), 413)
    assert told.endswith("send a shorter or smaller video")


@pytest.mark.parametrize(
    ("body", "kind", "status", "message"),
    [
        (b"{}", "text/plain", 415, "the request is of the type text/plain"),
        (b"{", "application/json", 400, "the description is not JSON"),
        (b"[" * 100_000, "application/json", 400, "the description is not JSON"),
        (b'{"task": NaN}', "application/json", 400, "the description is not JSON"),
        (b"[]", "application/json", 400, "the description is no JSON object"),
        (b"{}", "application/json", 400, "there is no task 'None'; choose one of sample,"),
        (b'{"task": ["x"]}', "application/json", 400, "there is no task \"['x']\""),
        (b'{"task": "sample", "owner": "me"}', "application/json", 400, "there is no 'owner' in a description"),
        (b'{"task": "sample", "settings": 3}', "application/json", 400, "the settings are no object"),
        (b"--y", FORM, 400, "the form cannot be read"),
        (b"", "multipart/form-data", 400, "the form cannot be read (Missing boundary in multipart)"),
        (b"--x--", FORM, 400, "the form has no field job"),
        (b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--', FORM, 400, "there is no field 'a'"),
        (b" " * (2 << 20), "application/json", 413, "the request has more than 1 MB"),
    ],
)
def test_nonsense_is_one_sentence(client, body, kind, status, message):
    answer = client.post("/api/jobs", content=body, headers={"content-type": kind})
    assert refused(answer, status).startswith(message)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "steps is 0; give a whole number from 1 to 200"),
        ({"steps": 2.0}, "steps is 2.0; give"),
        ({"steps": True}, "steps is True; give"),
        ({"seed": -1}, "seed is -1; give"),
        ({"guidance": 1e300}, "guidance is 1e+300; give a number from 0 to 20"),
        ({"frames": 101}, "the result would have 101 frames; this studio makes up to 100, ask for less"),
        ({"prompt": "a" * 10_000}, "prompt is aaaa"),
        ({"prompt": "a ball"}, "this model was not trained with text"),
        ({"label": "ball"}, "this model has no classes"),
        ({"scores": {"motion": 1}}, "this model was not trained with a score motion"),
        ({"scores": {"motion": "much"}}, "scores is {'motion': 'much'}; give an object of names and numbers"),
        ({"label_guidance": 1}, "label_guidance is given without label; give label, or leave it out"),
        ({"format": "exe"}, "format is exe; give one of mp4, webm, gif, webp"),
        ({"output": "/etc/passwd"}, "there is no setting 'output'; it takes videos, frames, seed,"),
    ],
)
def test_wrong_settings_are_named(client, settings, message):
    answer = post(client, "sample", **settings)
    told = ended(client, answer)["error"] if answer.status_code == 202 else refused(answer)
    assert told.startswith(message)


@pytest.mark.parametrize(
    ("task", "files", "message"),
    [
        ("recombine", {}, "this model was not trained to keep content or motion: it takes"),
        ("views", {}, "this model was not trained with cameras: it takes"),
        ("extend", {}, "the file video is missing; send it in a field video of the form"),
        ("image-to-video", {}, "no file is given; send first_frame or last_frame"),
        ("sample", {"video": b"1"}, "this task takes no file video; it takes none"),
        ("export", {"video": b"1"}, "an export takes no file"),
        ("sample", {"other": b"1"}, "there is no file 'other'; it takes video, content, motion,"),
    ],
)
def test_what_the_model_or_the_task_does_not_take_is_refused_by_name(client, task, files, message):
    assert refused(post(client, task, files)).startswith(message)


@pytest.mark.parametrize("path", ["x", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "x/files/..%2f..%2fpasswd", "x/files/a.mp4"])
def test_no_other_path_is_ever_read(client, path):
    assert client.get(f"/api/jobs/{path}").status_code == 404


def test_jobs_of_a_client_are_limited_and_can_be_cancelled(client):
    jobs = [post(client, "sample", steps=100, frames=96).json() for _ in range(2)]
    assert jobs[1]["place"] == 1
    assert "of your jobs wait or run; wait until one is done" in refused(post(client, "sample"), 429)
    for job in reversed(jobs):
        assert client.delete(f"/api/jobs/{job['id']}").status_code == 200
    while client.get(f"/api/jobs/{jobs[0]['id']}").json()["state"] == "running":
        pass
    assert client.get(f"/api/jobs/{jobs[0]['id']}").json()["state"] == "cancelled"
    assert done(client, post(client, "sample", steps=1))


def test_another_site_may_not_send_a_job(client):
    answer = client.post("/api/jobs", json={"task": "sample"}, headers={"origin": "http://evil.example"})
    assert "another site" in refused(answer, 403)


def test_refused_uploads_leave_nothing(client):
    before = len(job_folders(client))
    refused(post(client, "extend", {"video": b"no video"}))
    assert len(job_folders(client)) == before


def test_the_page_describes_what_there_is_and_asks_no_other_host(client):
    answer = client.get("/api")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    for text in ("POST /api/jobs", "image-to-video", "hint_guidance", "stream", "httpx.Client"):
        assert text in answer.text
    assert "http" not in answer.text.replace("httpx", "").replace("http://127.0.0.1:7860", "")
    body = client.get("/openapi.json").json()["paths"]["/api/jobs"]["post"]["requestBody"]["content"]
    assert "sample" in json.dumps(body["application/json"])
