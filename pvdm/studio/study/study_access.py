"""Who may ask the server of a study: people by their link, each as one person, and the owner for the result."""

from __future__ import annotations

import hmac
import secrets
import socket
from email.message import Message
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from pvdm.evaluation.preferences.study_records import StudySettings
from pvdm.studio.access import Access, is_loopback

EVERYWHERE = ("0.0.0.0", "::")
"""Addresses that stand for all of a machine."""


class StudyAccess:
    """The rules of one server: those of the studio, a token of the owner, and a cookie that tells people apart.

    Args:
        settings: The study, whose tokens these are; people need theirs unless the host is this machine's own address.
        host: Where it is served.
        person: Name of everybody; without it each browser is a person.
    """

    def __init__(self, settings: StudySettings, host: str, *, person: str | None = None) -> None:
        study = settings.owner[:6]  # cookies know no ports, and this host may serve other studies
        token = None if is_loopback(host) else settings.invitation
        self._access, self._owner = Access(host, token, cookie_name=f"pvdm_study_{study}"), settings.owner
        self._person, self._person_cookie = person, f"pvdm_person_{study}"

    def links(self, port: int) -> tuple[str, str]:
        """The addresses for people and for the owner."""
        host = socket.gethostname() if self._access.host in EVERYWHERE else self._access.host
        base = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
        people = f"{base}?token={self._access.token}" if self._access.token else base
        return people, f"{base}results?token={self._owner}"

    def is_own(self, headers: Message) -> bool:
        """Whether a request names this server, and not somebody else's domain that leads here."""
        return self._access.is_own(headers.get("Host", ""))

    def refusal(self, method: str, address: str, headers: Message) -> tuple[int, str] | None:
        """The status and the sentence by which a request of a person is refused; None if it may pass."""
        pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        query = urlsplit(address).query.encode("latin-1")
        return self._access.refusal({"type": "http", "method": method, "headers": pairs, "query_string": query})

    def is_owner(self, token: str) -> bool:
        """Whether this is the token of the result, in a time that does not tell how much of it is right."""
        return hmac.compare_digest(token.encode(), self._owner.encode())

    def invitation_cookie(self) -> str | None:
        """The header that lets a browser keep the token of people; None without one."""
        return self._access.cookie()

    def person(self, headers: Message) -> str | None:
        """The name of who asks; None for a browser that has none yet."""
        if self._person is not None:
            return self._person
        try:
            cookie = SimpleCookie(headers.get("Cookie", "")).get(self._person_cookie)
        except CookieError:
            return None
        return cookie.value if cookie else None

    def new_person(self) -> tuple[str, str]:
        """A new name, and the header that lets a browser keep it for a year."""
        name = secrets.token_urlsafe(16)
        return name, f"{self._person_cookie}={name}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Strict"
