"""The server of a study: pairs that tell nothing, votes that survive anything, many people, and nobody else's pages."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from studio.small_study import LEVELS, Person, served, small_study

from pvdm.errors import InputError
from pvdm.evaluation.preferences.study_store import STORE, StudyStore
from pvdm.studio.study.study_server import StudyServer
from pvdm.video import read_video

SERVER = """
import sys
from pathlib import Path
from pvdm.studio.study.study_server import StudyServer
with StudyServer(Path(sys.argv[1])) as server:
    print(server.server_port, flush=True)
    server.serve_forever()
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    return small_study(tmp_path_factory.mktemp("study"), checks=1, repeats=1)


@pytest.fixture
def folder(written, tmp_path) -> Path:
    """The study without votes."""
    (tmp_path / "videos").symlink_to(written / "videos")
    (tmp_path / STORE).write_bytes((written / STORE).read_bytes())
    return tmp_path


def owner_link(server: StudyServer, name: str) -> str:
    return f"/{name}?{server.links[1].partition('?')[2]}"


def test_videos_are_those_of_the_tasks_and_no_others(folder):
    with served(folder) as server:
        person = Person(server.server_port)
        assert person.ask("/videos/0/left.mp4")[0] == 404  # nobody yet
        assert len(person.tasks()["tasks"]) == 2
        store, shown = server.store, {}
        for side in ("left", "right"):
            status, content = person.ask(f"/videos/0/{side}.mp4")
            task = store.task(1, 0)
            assert status == 200 and content == store.video(task, side).read_bytes()
            shown[side] = read_video(store.video(task, side)).float().mean()
        pair = store.pairs[task.pair]
        one, other = ("right", "left") if task.is_mirrored else ("left", "right")
        if not pair.is_check:
            assert shown[one] == pytest.approx(LEVELS[pair.one] + 10 * pair.sample, abs=4)
            assert shown[other] == pytest.approx(LEVELS[pair.other] + 10 * pair.sample, abs=4)
        for path in (
            "/videos/2/left.mp4",
            "/videos/0/up.mp4",
            "/videos/../study.sqlite",
            "/study.sqlite",
            "/videos/0000-0.mp4",
        ):
            assert person.ask(path)[0] == 404
        assert Person(server.server_port).ask("/videos/0/left.mp4")[0] == 404


def test_nothing_that_is_seen_tells_the_source(folder):
    with served(folder) as server:
        person = Person(server.server_port)
        seen = [person.ask("/")[1], json.dumps(person.tasks()).encode()]
        seen += [person.ask(f"/videos/{place}/{side}.mp4")[1] for place in (0, 1) for side in ("left", "right")]
        assert not any(source.encode() in content for content in seen for source in (*LEVELS, "check", "damaged"))
        assert [person.ask(path)[0] for path in ("/results", "/results.json", "/votes.csv?token=guess")] == [403] * 3


def test_the_last_answer_of_a_person_counts_and_the_next_pair_follows(folder):
    with served(folder) as server:
        person = Person(server.server_port)
        assert person.tasks()["total"] == 8
        assert [person.vote(0, choice) for choice in ("left", "same")] == [200, 200]
        assert person.vote(0, "right", "motion") == 200
        assert (
            person.tasks()["tasks"][0] == {"quality": "same", "motion": "right"} and len(person.tasks()["tasks"]) == 3
        )
        found = [(vote.person, vote.place, vote.question, vote.choice, vote.seconds) for vote in server.store.votes()]
        assert found == [(1, 0, "motion", "right", 1.2), (1, 0, "quality", "same", 1.2)]


def test_a_voter_with_a_name_needs_no_cookie(folder):
    with served(folder, voter="anna") as server:
        person = Person(server.server_port)
        person.tasks()
        assert person.vote(0, "left") == 200 and not person.cookies and server.store.person("anna") == 1


@pytest.mark.parametrize(
    "body",
    [
        {"place": 5, "question": "quality", "choice": "left", "seconds": 1},
        {"place": 0, "question": "beauty", "choice": "left", "seconds": 1},
        {"place": 0, "question": "quality", "choice": "up", "seconds": 1},
        {"place": True, "question": "quality", "choice": "left", "seconds": 1},
        {"place": 0, "question": "quality", "choice": ["left"], "seconds": 1},
        {"place": 0, "question": "quality", "choice": "left", "seconds": "nan"},
        {"place": 0, "question": "quality", "choice": "left"},
        {"place": 10**30, "question": "quality", "choice": "left", "seconds": 1},
        [1],
        "x" * 5000,
    ],
)
def test_what_is_no_vote_is_refused(folder, body):
    with served(folder) as server:
        person = Person(server.server_port)
        person.tasks()
        assert person.ask("/votes", body)[0] == 400 and server.store.votes() == []


def test_other_sites_in_the_browser_are_refused(folder):
    vote = {"place": 0, "question": "quality", "choice": "left", "seconds": 1}
    with served(folder) as server:
        person = Person(server.server_port)
        assert person.ask("/votes", vote)[0] == 403  # without a cookie
        person.tasks()
        assert person.ask("/tasks", vote, Host="evil.example")[0] == 421
        assert person.ask(owner_link(server, "results.json"), Host="evil.example")[0] == 421
        assert person.ask("/votes", vote, Origin="http://evil.example")[0] == 403
        assert person.ask("/votes", vote, **{"Content-Type": "text/plain"})[0] == 404
        assert server.store.votes() == []


def test_other_machines_need_the_link(folder):
    with served(folder, host="0.0.0.0") as server:
        person, stranger = Person(server.server_port), Person(server.server_port)
        assert [stranger.ask("/")[0], stranger.ask("/tasks", {})[0], stranger.ask("/?token=x")[0]] == [401, 401, 401]
        assert person.ask(f"/?{server.links[0].partition('?')[2]}")[0] == 200
        assert person.tasks()["total"] == 8 and person.vote(0, "left") == 200  # by the cookie
        link = server.links
    with served(folder, host="0.0.0.0", port=server.server_port) as server:
        assert server.links == link  # it remains valid


def test_the_owner_sees_the_result_and_all_votes(folder):
    with served(folder) as server:
        person = Person(server.server_port)
        person.tasks()
        place = next(place for place in (0, 1) if server.store.task(1, place).kind == "pair")
        assert person.ask(owner_link(server, "results"))[0] == 200
        empty = json.loads(person.ask(owner_link(server, "results.json"))[1])
        assert empty["people"] == 0 and [asked["votes"] for asked in empty["questions"]] == [0, 0]
        person.vote(place, "left")
        result = json.loads(person.ask(owner_link(server, "results.json"))[1])
        (left,) = (vote.left for vote in server.store.votes())
        assert result["people"] == 1 and result["questions"][0]["ratings"][0]["source"] == left
        rows = person.ask(owner_link(server, "votes.csv"))[1].decode().splitlines()
        assert len(rows) == 2 and ",left," in rows[1]


def test_many_people_at_once_are_given_all_pairs_alike(written, tmp_path):
    folder = small_study(tmp_path, samples=4, size=(2, 2), most=2, checks=1)
    with served(folder) as server, served(folder) as second:

        def judge(port: int) -> int:
            person = Person(port)
            for place in range(person.tasks()["total"]):
                assert [person.vote(place, "left", question) for question in ("quality", "motion")] == [200, 200]
            return place

        with ThreadPoolExecutor(6) as pool:
            places = list(pool.map(judge, [server.server_port, second.server_port] * 3))
        votes = server.store.votes()
        assert places == [2] * 6 and second.store.votes() == votes
    assert len(votes) == len({(vote.person, vote.place, vote.question) for vote in votes}) == 6 * 3 * 2
    times = Counter(vote.pair for vote in votes if vote.kind == "pair" and vote.question == "motion")
    assert len(times) == 4 and max(times.values()) - min(times.values()) <= 2  # those who come at once see the same


def test_a_kill_loses_no_vote(folder):
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(folder)], stdout=subprocess.PIPE, text=True)
    person, said = Person(int(process.stdout.readline())), []
    for place in range(person.tasks()["total"]):
        person.vote(place, "left")
        person.vote(place, "right", "motion")
        said += [(place, "left"), (place, "right")]
        if place == 4:
            break
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert (folder / f"{STORE}-wal").stat().st_size > 0
    with served(folder) as server:
        assert sorted((vote.place, vote.choice) for vote in server.store.votes()) == said
        again = Person(server.server_port)
        again.cookies = person.cookies
        assert [len(answers) for answers in again.tasks()["tasks"]] == [2] * 5 + [0] * 2
    with sqlite3.connect(folder / STORE) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_vote_that_cannot_be_saved_is_said(folder, caplog):
    with served(folder) as server:
        person = Person(server.server_port)
        person.tasks()
        server.store._connection.execute("PRAGMA query_only = ON")  # as a full or failing disk
        status, text = person.ask("/votes", {"place": 0, "question": "motion", "choice": "left", "seconds": 1})
    assert status == 507 and "readonly" in json.loads(text)["error"] and "could not be saved" in caplog.text


def test_slow_and_silent_clients_hold_nobody_up(folder):
    with served(folder) as server, socket.create_connection(("127.0.0.1", server.server_port)) as silent:
        silent.sendall(b"POST /votes HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{")
        assert Person(server.server_port).tasks()["total"] == 8


def test_folders_and_ports_that_cannot_be_served(tmp_path, folder):
    with pytest.raises(InputError, match="holds no study; give a folder that pvdm study or pvdm curate compare"):
        StudyServer(tmp_path / "nowhere")
    (tmp_path / "other.sqlite").write_bytes(b"x" * 5000)
    with pytest.raises(InputError, match=r"other.sqlite cannot be used as a study \(file is not a database\)"):
        StudyStore(tmp_path / "other.sqlite")
    with (
        served(folder) as server,
        pytest.raises(InputError, match=r"\(Address already in use\); give another --port or host"),
    ):
        StudyServer(folder, port=server.server_port)
    with pytest.raises(InputError, match="cannot be served at port 99999"):
        StudyServer(folder, port=99999)
    with pytest.raises(InputError, match=r"no\.such\.host\.invalid cannot be served"):
        StudyServer(folder, host="no.such.host.invalid")
