"""Files of weights: given, cached or fetched; an incomplete download is never kept, and errors say what to do."""

import threading
from dataclasses import replace
from email.message import Message
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path
from urllib.error import URLError

import pytest

from pvdm.errors import InputError
from pvdm.files import weights
from pvdm.files.weights import WeightsFile, sha256_of

CONTENT = bytes(range(256)) * 10
DIGEST = sha256(CONTENT).hexdigest()
HEADERS = {"/whole": {}, "/broken": {"Content-Length": "9999"}, "/page": {"Content-Type": "text/html; charset=utf-8"}}


class Site(BaseHTTPRequestHandler):
    """Responds with the content and headers of the path, then stops."""

    def do_GET(self) -> None:
        if self.path not in HEADERS:
            self.send_error(404)
            return
        self.send_response(200)
        for name, value in HEADERS[self.path].items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(CONTENT)

    def log_message(self, *_) -> None:
        pass


@pytest.fixture(scope="module")
def site():
    with HTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path) -> Path:
    """An empty folder as torch's cache, and no proxy."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "torch"


def known(url: str | None, digest: str | None = DIGEST) -> WeightsFile:
    return WeightsFile(name="net.pt", url=url, sha256=digest, remedy="give its path as --net")


def no_network(*_, **__):
    raise URLError("no route to host")


def refused(file: WeightsFile, cache: Path) -> str:
    """The error of a failed download, after which the cache is empty, without even its folders."""
    with pytest.raises(InputError) as error:
        file.path()
    assert not cache.exists()
    message = str(error.value)
    assert message.startswith(f"net.pt is needed and {file.url} cannot be fetched (")
    assert message.endswith(f"; place the file at {file.cached} or give its path as --net")
    return message


@pytest.mark.parametrize("digest", [DIGEST, DIGEST[:8], None])
def test_a_file_is_fetched_once(site, cache, monkeypatch, digest):
    file = known(f"{site}/whole", digest)
    path = file.path()
    assert path == cache / "hub" / "checkpoints" / "net.pt"
    assert path.read_bytes() == CONTENT
    assert list(path.parent.iterdir()) == [path]
    monkeypatch.setattr(weights, "urlopen", no_network)
    assert file.path() == path


def test_a_file_of_this_machine_is_fetched_alike(tmp_path):
    (tmp_path / "source").write_bytes(CONTENT)
    assert known((tmp_path / "source").as_uri()).path().read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("/broken", "the connection ended after 2560 of 9999 bytes"),
        ("/page", "the server returned a web page"),
        ("/absent", "not found"),
    ],
)
def test_an_incomplete_download_is_not_kept(site, cache, page, reason):
    assert f"({reason})" in refused(known(f"{site}{page}"), cache).lower()


def test_another_digest_is_refused(site, cache):
    found = refused(known(f"{site}/whole", "0" * 64), cache)
    assert f"its SHA-256 starts with {DIGEST[:8]} and should start with 00000000" in found


def test_without_network_the_sentence_says_where_to_place_the_file(cache, monkeypatch):
    monkeypatch.setattr(weights, "urlopen", no_network)
    assert "(no route to host)" in refused(known("https://example.org/net.pt"), cache)


def test_a_server_that_does_not_answer_is_reported(cache):
    assert "(" in refused(known("http://127.0.0.1:9/net.pt"), cache)


class Interrupted(BytesIO):
    """A response that raises an exception after its first bytes."""

    headers = Message()

    def __init__(self, error: BaseException) -> None:
        super().__init__(CONTENT)
        self.error = error

    def read(self, _) -> bytes:
        if self.tell():
            raise self.error
        return super().read(100)


def test_a_connection_lost_on_the_way_leaves_nothing(cache, monkeypatch):
    error = ConnectionResetError("Connection reset by peer")
    monkeypatch.setattr(weights, "urlopen", lambda *_, **__: Interrupted(error))
    assert "(connection reset by peer)" in refused(known("https://example.org/net.pt"), cache)


def test_an_interruption_leaves_nothing(cache, monkeypatch):
    monkeypatch.setattr(weights, "urlopen", lambda *_, **__: Interrupted(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        known("https://example.org/net.pt").path()
    assert not cache.exists()


def test_a_cache_that_cannot_be_written_is_named(site, cache):
    cache.write_text("a file where the folder should be")
    with pytest.raises(InputError, match=r"net\.pt cannot be written .*choose another place"):
        known(f"{site}/whole").path()


def test_without_an_address_a_path_is_needed(cache, tmp_path):
    file = known(None)
    with pytest.raises(InputError, match=r"^net\.pt is needed and has no address .*; give its path as --net$"):
        file.path()
    with pytest.raises(InputError, match=r"no file .*absent\.pt \(net\.pt is needed\); give its path"):
        file.path(tmp_path / "absent.pt")


def test_a_given_path_is_taken(tmp_path):
    path = tmp_path / "mine.pt"
    path.write_bytes(b"other weights")
    assert known("https://example.org/net.pt").path(path) == path
    assert known("https://example.org/net.pt").path(str(path)) == path


@pytest.mark.parametrize("place", ["given", "kept"])
def test_the_known_name_with_another_content_is_damaged(tmp_path, place):
    file = known("https://example.org/net.pt")
    path = tmp_path / "net.pt" if place == "given" else file.cached
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(CONTENT[:-1])
    given = path if place == "given" else None
    wanted = (
        rf"net\.pt is damaged \(its SHA-256 should start with {DIGEST[:8]}\); delete it and fetch https://.* or give"
    )
    with pytest.raises(InputError, match=wanted):
        file.path(given)
    assert replace(file, sha256=None).path(given) == path


def test_the_digest_is_that_of_the_bytes(tmp_path):
    path = tmp_path / "large"
    path.write_bytes(bytes(3 << 20))
    assert sha256_of(path) == sha256(bytes(3 << 20)).hexdigest()
