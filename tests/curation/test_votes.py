"""A blind comparison: pairs that tell nothing, votes that survive anything, and a server for this machine alone."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from pvdm.curation.preferences.blind_pairs import KEY, draw_pairs, read_key, write_pairs
from pvdm.curation.preferences.vote_server import vote_server
from pvdm.curation.preferences.votes import VOTES, Vote, VoteLog
from pvdm.errors import InputError
from pvdm.video import read_video

SOURCES = ("curated", "heap")
KEEPER = """
import sys
from pathlib import Path
from pvdm.curation.preferences.votes import Vote, VoteLog
log = VoteLog(Path(sys.argv[1]))
for number in range(10**6):
    log.add(Vote(number, "left", "", "", 0.0))
    print(number, flush=True)
"""


def clips(level: int, count: int = 6) -> list[torch.Tensor]:
    """Clips of one gray, which tell source and sample."""
    return [torch.full((3, 4, 16, 16), level + 10 * index, dtype=torch.uint8) for index in range(count)]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    samples = {name: clips(level) for name, level in zip(SOURCES, (20, 150), strict=True)}
    write_pairs(folder, samples, fps=8, question="Which is better?")
    return folder


@contextmanager
def served(folder: Path, voter: str = "") -> Iterator[int]:
    with vote_server(folder, port=0, voter=voter) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def ask(port: int, path: str, body: object = None, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    kind = {} if body is None else {"Content-Type": "application/json"}
    connection.request("GET" if body is None else "POST", path, body and json.dumps(body), {**kind, **headers})
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_pairs_are_of_equal_samples_and_sides_are_drawn(pairs):
    sources, drawn = read_key(pairs)
    assert tuple(sources) == SOURCES and [pair.number for pair in drawn] == [1, 2, 3, 4, 5, 6]
    assert sorted(pair.sample for pair in drawn) == list(range(6)) != [pair.sample for pair in drawn]
    assert {pair.left for pair in drawn} == set(SOURCES)
    for pair in drawn:
        for side in ("left", "right"):
            level = {"curated": 20, "heap": 150}[getattr(pair, side)] + 10 * pair.sample
            found = read_video(pairs / "pairs" / f"{pair.number:04d}-{side}.mp4").float().mean()
            assert found == pytest.approx(level, abs=4)


def test_nothing_that_is_seen_tells_the_source(pairs):
    seen = [path.name for path in (pairs / "pairs").iterdir()] + [(pairs / "index.html").read_text()]
    seen += [path.read_bytes().decode("latin-1") for path in (pairs / "pairs").iterdir()]
    assert not any(source in text for text in seen for source in SOURCES)
    with served(pairs) as port:
        assert ask(port, f"/{KEY}")[0] == ask(port, "/votes.jsonl")[0] == 404
        assert ask(port, "/pairs/../key.json")[0] == ask(port, "/pairs/%2e%2e/key.json")[0] == 404


def test_sides_and_order_are_drawn_and_balanced():
    for seed in range(5):
        pairs = draw_pairs(["a", "b", "c"], 10, seed)
        assert pairs == draw_pairs(["a", "b", "c"], 10, seed) != draw_pairs(["a", "b", "c"], 10, seed + 1)
        sides = Counter((pair.left, pair.right) for pair in pairs)
        assert set(sides.values()) == {5} and len(sides) == 6
        assert [pair.sample for pair in pairs] != sorted(pair.sample for pair in pairs)
    assert {draw_pairs(["a", "b"], 1, seed)[0].left for seed in range(20)} == {"a", "b"}


def test_votes_are_kept_and_the_last_of_a_voter_counts(pairs):
    with served(pairs, "anna") as port:
        assert ask(port, "/")[0] == ask(port, "/pairs/0001-left.mp4")[0] == 200
        for choice in ("left", "same"):
            assert ask(port, "/votes", {"pair": 2, "choice": choice, "seconds": 1.23})[0] == 204
        assert json.loads(ask(port, "/votes")[1]) == {"2": "same"}
    with served(pairs, "ben") as port:
        assert json.loads(ask(port, "/votes")[1]) == {}
        assert ask(port, "/votes", {"pair": 2, "choice": "right", "seconds": 2})[0] == 204
    found = VoteLog(pairs / VOTES).votes()
    assert [(vote.pair, vote.choice, vote.voter, vote.seconds) for vote in found] == [
        (2, "same", "anna", 1.2),
        (2, "right", "ben", 2.0),
    ]


@pytest.mark.parametrize(
    "body",
    [
        {"pair": 99, "choice": "left", "seconds": 1},
        {"pair": 1, "choice": "up", "seconds": 1},
        {"pair": True, "choice": "left", "seconds": 1},
        {"pair": 1, "choice": ["left"], "seconds": 1},
        {"pair": 1, "choice": "left", "seconds": "nan"},
        {"pair": 1, "choice": "left"},
        [1],
        "x" * 5000,
    ],
)
def test_what_is_no_vote_is_refused(tmp_path, pairs, body):
    (tmp_path / KEY).write_text((pairs / KEY).read_text())
    with served(tmp_path) as port:
        assert ask(port, "/votes", body)[0] == 400
    assert not (tmp_path / VOTES).exists()


def test_other_sites_in_the_browser_are_refused(pairs):
    vote = {"pair": 1, "choice": "left", "seconds": 1}
    with served(pairs) as port:
        assert ask(port, "/votes", Host="evil.example")[0] == 403
        assert ask(port, "/votes", vote, Origin="http://evil.example")[0] == 403
        assert ask(port, "/votes", vote, **{"Content-Type": "text/plain"})[0] == 404


def test_votes_survive_a_kill(tmp_path):
    file = tmp_path / VOTES
    keeper = subprocess.Popen([sys.executable, "-c", KEEPER, str(file)], stdout=subprocess.PIPE, text=True)
    said = [int(keeper.stdout.readline()) for _ in range(20)]
    os.kill(keeper.pid, signal.SIGKILL)
    said += [int(line) for line in keeper.stdout]
    keeper.wait()
    assert [vote.pair for vote in VoteLog(file).votes()][: len(said)] == said


def test_a_line_that_was_cut_short_costs_no_other_vote(tmp_path, caplog):
    log = VoteLog(tmp_path / VOTES)
    first, second = (Vote(number, "left", "", "", 0.0) for number in (1, 2))
    log.add(first)
    with log.file.open("ab") as file:
        file.write(b'{"pair": 7, "cho')
    assert log.votes() == [first] and "line 2" in caplog.text
    log.add(second)
    assert log.votes() == [first, second]


def test_a_vote_that_cannot_be_saved_is_said(pairs, tmp_path):
    (tmp_path / KEY).write_text((pairs / KEY).read_text())
    (tmp_path / VOTES).mkdir()
    with served(tmp_path) as port:
        status, text = ask(port, "/votes", {"pair": 1, "choice": "left", "seconds": 1})
    assert status == 507 and text


def test_folders_and_ports_that_cannot_be_served(tmp_path, pairs):
    with pytest.raises(InputError, match="holds no comparison; give the output of pvdm curate compare"):
        vote_server(tmp_path, port=0, voter="")
    with served(pairs) as port, pytest.raises(InputError, match=f"port {port} cannot be used .*--port"):
        vote_server(pairs, port=port, voter="")
    with pytest.raises(InputError, match="port 70000"):
        vote_server(pairs, port=70000, voter="")
