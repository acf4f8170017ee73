"""Hosts, origins and the token."""

from __future__ import annotations

import socket

import pytest

from pvdm.studio.access import COOKIE, Access

HERE = Access("127.0.0.1")
OPEN = Access("0.0.0.0", token="secret")


def request(host: str = "127.0.0.1:7860", method: str = "GET", query: str = "", kind: str = "http", **headers: str):
    named = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in named.items()]
    return {"type": kind, "method": method, "headers": raw, "query_string": query.encode()}


def status(access: Access, *given, **more) -> int | None:
    refusal = access.refusal(request(*given, **more))
    return refusal and refusal[0]


def test_only_an_address_for_all_needs_a_token():
    assert [Access.of(host).token for host in ("127.0.0.1", "localhost", "::1", "127.0.0.9")] == [None] * 4
    one, other = Access.of("0.0.0.0").token, Access.of("192.168.1.5").token
    assert one != other and len(one) >= 32


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:7860", "LOCALHOST", "[::1]:7860"])
def test_this_machine_is_known_by_its_own_names(host):
    assert status(HERE, host) is None


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:7860", "10.0.0.1", "", "[", "localhost.evil"])
def test_other_names_that_lead_here_are_refused(host):
    assert status(HERE, host) == 421


def test_an_open_studio_is_known_by_addresses_and_the_names_it_was_given():
    access = Access("0.0.0.0", "secret", names=("studio.example",))
    hosts = {"10.0.0.1:80": None, "studio.example": None, socket.gethostname(): None, "evil.example": 421}
    assert {host: status(access, host, query="token=secret") for host in hosts} == hosts


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({}, None),
        ({"origin": "http://127.0.0.1:7860"}, None),
        ({"origin": "https://127.0.0.1:7860", "sec_fetch_site": "same-origin"}, None),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:8080"}, 403),
        ({"origin": "null"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
    ],
)
def test_what_changes_something_comes_from_the_own_page(headers, wanted):
    assert status(HERE, method="POST", **headers) == status(HERE, kind="websocket", **headers) == wanted
    assert status(HERE, method="DELETE", **headers) == wanted
    assert status(HERE, **headers) is None  # reading: browsers show the answer to no other site


@pytest.mark.parametrize(
    "given",
    [{"query": "token=secret"}, {"cookie": f"a=b; {COOKIE}=secret"}, {"authorization": "Bearer secret"}],
)
def test_the_token_is_taken_in_three_ways(given):
    assert status(OPEN, **given) is None
    wrong = {name: value.replace("secret", "Secret") for name, value in given.items()}
    assert status(OPEN, **wrong) == 401


@pytest.mark.parametrize("given", [{}, {"query": "token="}, {"cookie": "\x00=;"}, {"authorization": "Bearer \xe9"}])
def test_without_the_token_nothing_is_answered(given):
    assert status(OPEN, **given) == status(OPEN, kind="websocket", **given) == 401
