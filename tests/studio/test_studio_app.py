"""The application as its clients see it: pages, errors, streams, uploads, limits."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from io import BytesIO

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from starlette.websockets import WebSocketDisconnect
from studio_stubs import stub_studio

from pvdm.studio.access import COOKIE, Access
from pvdm.studio.app import studio_app

HELLO = {"type": "hello", "codecs": ["jpeg"], "buffer": 4}


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(
        studio_app(stub_studio(messages=2.0, picture_bytes=2**20, upload_bytes=2**21, clients=2))
    ) as client:
        yield client


def texts(socket, kind: str) -> dict:
    """The next message of a type; frames and others are passed over."""
    for _ in range(200):
        message = socket.receive()
        if message.get("text") and (found := json.loads(message["text"]))["type"] == kind:
            return found
    raise AssertionError(f"no message {kind}")


def frame_of(socket) -> tuple[int, ...]:
    while (message := socket.receive()).get("bytes") is None:
        pass
    return struct.unpack(">BBHIII", message["bytes"][:16])


def test_the_page_and_its_files_are_served_and_protected(client):
    page = client.get("/")
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"] and "unsafe" not in str(page.headers)
    assert page.headers["x-frame-options"] == "DENY" and page.headers["x-content-type-options"] == "nosniff"
    assert client.get("/page/index.html").content == page.content
    for path in ("/page/none.js", "/page/..%2Fapp.py", "/page/../app.py", "/page/%2e%2e/app.py", "/app.py"):
        answer = client.get(path)
        assert answer.status_code == 404 and answer.json().keys() == {"error"}


def test_the_model_and_the_interface_are_described(client):
    assert (
        client.get("/api/model").json().items() >= {"name": "stub", "frames": 4, "words": ["a", "ball", "red"]}.items()
    )
    assert "/api/streams/{stream}/picture" in client.get("/openapi.json").json()["paths"]
    assert client.get("/docs").status_code == 404


def test_a_stream_from_hello_to_pause(client):
    with client.websocket_connect("/stream") as socket:
        socket.send_json(HELLO)
        welcome = texts(socket, "welcome")
        assert welcome["codec"] == "jpeg" and welcome["settings"]["steps"] == 4 and welcome["model"]["fps"] == 10.0
        assert texts(socket, "status")["state"] == "paused"
        socket.send_json({"type": "play"})
        assert texts(socket, "clip")["id"] == 1
        assert frame_of(socket) == (2, 1, 0, 0, 1, 0)
        socket.send_json({"type": "pause", "frame": 0})
        assert texts(socket, "paused") == {"type": "paused", "clip": 1, "epoch": 1}
    with client.websocket_connect("/stream") as socket:
        socket.send_json({**HELLO, "stream": welcome["stream"]})
        assert texts(socket, "welcome")["stream"] == welcome["stream"]
        assert [clip["id"] for clip in texts(socket, "timeline")["clips"]] == [1]


def test_a_client_that_lost_its_connection_takes_its_stream_over(client):
    with client.websocket_connect("/stream") as one:
        one.send_json(HELLO)
        name = texts(one, "welcome")["stream"]
        with client.websocket_connect("/stream") as other:
            other.send_json({**HELLO, "stream": name})
            assert texts(other, "welcome")["stream"] == name
            assert texts(one, "error")["message"].startswith("this stream was opened in another place; open the page")
            assert texts(other, "status")["streams"] == 1


def test_nonsense_is_answered_and_too_much_of_it_ends_the_connection(client):
    with client.websocket_connect("/stream") as socket:
        socket.send_json(HELLO)
        for nonsense in ("{", "[]", "null", '{"type": 1}', "[" * 9999):
            socket.send_text(nonsense)
            assert texts(socket, "error")["message"].startswith(("a message is no object", "there is no message of"))
        socket.send_bytes(b"\x00")
        assert "a message is no object in JSON" in texts(socket, "error")["message"]
        with pytest.raises(WebSocketDisconnect):
            for _ in range(40):
                socket.send_json({"type": "shown", "frame": 0})
            while True:
                if "text" in (message := socket.receive()):
                    last = message["text"]
                if message["type"] == "websocket.close":
                    raise WebSocketDisconnect(message["code"])
        assert "more than 2 messages a second; send fewer" in last


@pytest.mark.parametrize(
    ("hello", "words"),
    [
        ({"type": "play"}, "the first message is no hello"),
        ({**HELLO, "codecs": ["av1"]}, "the client names no codec that the studio has; name one of"),
        ({**HELLO, "buffer": "many"}, "the buffer is no number of frames"),
    ],
)
def test_a_hello_that_is_none_is_one_sentence(client, hello, words):
    with client.websocket_connect("/stream") as socket:
        socket.send_json(hello)
        assert texts(socket, "error")["message"].startswith(words)
        assert socket.receive()["type"] == "websocket.close"


def test_a_full_studio_says_so(client):
    with client.websocket_connect("/stream") as one, client.websocket_connect("/stream") as two:
        for socket in (one, two):
            socket.send_json(HELLO)
            texts(socket, "welcome")
        with client.websocket_connect("/stream") as third:
            third.send_json(HELLO)
            assert texts(third, "error")["message"] == "the studio is full: it holds 2 streams; try again in a minute"


def test_pictures_are_uploaded_checked_and_set(client):
    data = BytesIO()
    Image.new("RGB", (32, 16)).save(data, "PNG")
    with client.websocket_connect("/stream") as socket:
        socket.send_json(HELLO)
        address = f"/api/streams/{texts(socket, 'welcome')['stream']}/picture"
        found = client.post(address, files={"picture": data.getvalue()}).json()
        assert found.items() >= {"height": 16, "width": 32, "cut": "50 % is cut, left and right"}.items()
        socket.send_json({"type": "set", "settings": {"anchor": found["picture"]}})
        socket.send_json({"type": "play"})
        assert texts(socket, "clip")["settings"]["anchor"] == found["picture"]
        for body, words in ((b"x", "cannot be read as a picture"), (b"x" * (2**20 + 1), "the file has more than 1 MB")):
            answer = client.post(address, files={"picture": body})
            assert answer.status_code == 400 and words in answer.json()["error"]
        assert client.post(address, files={"picture": b"x" * 2**21}).status_code == 413
        assert "picture" in client.post(address).json()["error"]
    assert (
        client.post(address, files={"picture": data.getvalue()}).json()["error"].startswith("there is no such stream")
    )


def test_a_body_without_a_length_is_bounded(client):
    parts = (b"x" * 2**19 for _ in range(8))
    kind = {"content-type": "multipart/form-data; boundary=b"}
    assert client.post("/api/streams/a/picture", content=parts, headers=kind).status_code >= 400


def test_other_sites_and_names_are_refused(client):
    assert client.get("/", headers={"host": "evil.example"}).status_code == 421
    answer = client.post("/api/streams/a/picture", headers={"origin": "http://evil.example"})
    assert answer.status_code == 403 and "another site" in answer.json()["error"]
    with (
        pytest.raises(WebSocketDisconnect) as closed,
        client.websocket_connect("/stream", headers={"origin": "http://x"}),
    ):
        pass
    assert closed.value.code == 1008


def test_the_token_opens_the_page_and_the_browser_keeps_it():
    access = Access("0.0.0.0", token="secret", names=("testserver",))
    with TestClient(studio_app(stub_studio(access=access))) as client:
        refused = client.get("/?token=wrong")
        assert (
            refused.status_code == 401 and "set-cookie" not in refused.headers and "?token=" in refused.json()["error"]
        )
        assert refused.headers["x-frame-options"] == "DENY"
        kept = client.get("/?token=secret").headers["set-cookie"]
        assert kept == f"{COOKIE}=secret; Path=/; HttpOnly; SameSite=Strict"
        assert client.get("/api/model").status_code == 200
        with client.websocket_connect("/stream") as socket:
            socket.send_json(HELLO)
            texts(socket, "welcome")
