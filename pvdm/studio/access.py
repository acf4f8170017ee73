"""Who may use the studio: hosts, origins, the token; and what browsers are told to refuse."""

from __future__ import annotations

import hmac
import ipaddress
import json
import secrets
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

Scope, Message = MutableMapping[str, Any], MutableMapping[str, Any]
Receive, Send = Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "pvdm_studio"
READING = ("GET", "HEAD", "OPTIONS")
REFUSED = 1008  # the WebSocket's code for a violation of the rules
PROTECTION = {
    "content-security-policy": "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


@dataclass(frozen=True)
class Access:
    """The rules of access.

    Args:
        host: The address that the studio listens at.
        token: The secret that clients must know; None if it listens at this machine's own address alone.
        names: Further names by which it is reached, such as that of a proxy.
        cookie_name: Of the cookie that keeps the token; cookies know no ports, so each server needs its own.
    """

    host: str
    token: str | None = None
    names: tuple[str, ...] = ()
    cookie_name: str = COOKIE

    @classmethod
    def of(cls, host: str, names: tuple[str, ...] = ()) -> Access:
        """The rules for an address: with a new token, unless only this machine reaches it."""
        return cls(host, None if is_loopback(host) else secrets.token_urlsafe(24), names)

    def refusal(self, scope: Scope) -> tuple[int, str] | None:
        """The status and the sentence by which a request is refused; None if it may pass."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        if not self.is_own(host):
            return (
                421,
                "this studio is not known by that name; open the address that it printed, or start it with --name",
            )
        changes = scope["type"] == "websocket" or scope["method"] not in READING
        if changes and not _is_same_site(headers, host):
            return 403, "this request comes from another site; open the studio's own page"
        if not self._is_known(headers, scope.get("query_string", b"")):
            return 401, "the token is missing or wrong; open the address with ?token=... that the studio printed"
        return None

    def is_own(self, host: str) -> bool:
        """Whether a Host header names this studio.

        A name of somebody else's domain that leads here (DNS rebinding) does not; an IP address cannot be such a name.
        """
        name = _name_of(host)
        if not name:
            return False
        own = {"localhost", self.host.lower(), *(known.lower() for known in self.names)}
        if not is_loopback(self.host):
            own.add(socket.gethostname().lower())
        return name in own or (_is_address(name) and (not is_loopback(self.host) or is_loopback(name)))

    def _is_known(self, headers: MutableMapping[str, str], query: bytes) -> bool:
        """Whether the client knows the token: by the address, a cookie, or as a bearer."""
        if self.token is None:
            return True
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(self.cookie_name)
        except CookieError:
            cookie = None
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        given = (*parse_qs(query.decode("latin-1")).get("token", [])[:1], bearer, cookie.value if cookie else "")
        return any(hmac.compare_digest(one.encode(), self.token.encode()) for one in given)

    def cookie(self) -> str | None:
        """The header that lets a browser keep the token; None without one."""
        return None if self.token is None else f"{self.cookie_name}={self.token}; Path=/; HttpOnly; SameSite=Strict"


class Guard:
    """ASGI middleware: refuses what the rules do not allow and bodies that are too large, and adds headers."""

    def __init__(self, app: App, access: Access, most_bytes: int) -> None:
        self._app, self._access, self._most_bytes = app, access, most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        refusal = self._access.refusal(scope)
        if refusal and scope["type"] == "websocket":
            await receive()
            return await send({"type": "websocket.close", "code": REFUSED, "reason": refusal[1]})
        if refusal is None and scope["type"] == "http" and self._is_too_large(scope):
            refusal = 413, f"the upload has more than {self._most_bytes // 2**20} MB; send a smaller file"
        if refusal:
            return await _refuse(self._protected(send, scope), *refusal)
        if scope["type"] == "websocket":
            return await self._app(scope, receive, send)
        return await self._app(scope, self._bounded(receive), self._protected(send, scope))

    def _is_too_large(self, scope: Scope) -> bool:
        length = dict(scope["headers"]).get(b"content-length", b"0")
        return not length.isdigit() or int(length) > self._most_bytes

    def _bounded(self, receive: Receive) -> Receive:
        """`receive` that ends a body without a length where it becomes too large, as if its client had gone."""
        taken = 0

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            return message if taken <= self._most_bytes else {"type": "http.disconnect"}

        return bounded

    def _protected(self, send: Send, scope: Scope) -> Send:
        """`send` with the headers of protection, and the cookie for who has shown the token in the address."""
        extra = dict(PROTECTION)
        if b"token=" in scope.get("query_string", b"") and (cookie := self._access.cookie()):
            extra["set-cookie"] = cookie

        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name.lower() for name, _ in message.get("headers", ())}
                added = [(name.encode(), value.encode()) for name, value in extra.items() if name.encode() not in own]
                is_refused = message["status"] in (401, 403, 421)
                added = [pair for pair in added if pair[0] != b"set-cookie" or not is_refused]
                message = {**message, "headers": [*message.get("headers", ()), *added]}
            await send(message)

        return protected


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    return host.lower() == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _name_of(host: str) -> str:
    """The name in a Host header, without its port; empty for nonsense."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _is_same_site(headers: MutableMapping[str, str], host: str) -> bool:
    """Whether a request comes from the studio's own page, or from no browser, which sends neither header."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() == host.lower()


async def _refuse(send: Send, status: int, text: str) -> None:
    body = json.dumps({"error": text}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
