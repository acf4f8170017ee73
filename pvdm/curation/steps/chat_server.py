"""Models behind an OpenAI-compatible address, such as those that vLLM, llama.cpp and Ollama serve."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import numpy as np

from pvdm.errors import InputError, one_line

KEY = "PVDM_CAPTION_KEY"
"""The environment variable that holds the key of a server that asks for one."""

TIMEOUT = 120.0
"""Seconds without data after which a request is given up."""

WAITS = (1.0, 3.0, 9.0)
"""Seconds before each further try; a server may ask for more, up to LONGEST_WAIT."""

LONGEST_WAIT = 60.0
TEMPORARY = (408, 409, 425, 429, 500, 502, 503, 504)
"""Status codes after which another try may succeed."""

RUNS = "see that the model is served there, and run the command again"
MOST_TOKENS = 160
JPEG_QUALITY = 90


@dataclass(frozen=True)
class ChatServer:
    """A model that answers at `{base}/chat/completions`.

    Args:
        base: Such as http://localhost:8000/v1.
        model: The model's name on the server.
    """

    base: str
    model: str

    @classmethod
    def at(cls, address: str, *, option: str | None = None) -> ChatServer:
        """The server of an address such as http://host:8000/v1#model; InputError for anything else."""
        base, _, model = address.partition("#")
        try:
            is_whole = bool(urlsplit(base).hostname and urlsplit(base).port != 0)
        except ValueError:
            is_whole = False
        if not is_whole:
            raise InputError(f"{address} is no address", "give one such as http://host:8000/v1#model", option=option)
        if not model:
            raise InputError(f"{address} names no model", f"give {base}#model, with its name there", option=option)
        return cls(base.rstrip("/"), model)

    def __call__(self, prompt: str, pictures: Sequence[np.ndarray] = ()) -> str:
        """The answer to a prompt about pictures, (h, w, 3) uint8 RGB; InputError if there is none after all tries."""
        content: list[dict[str, Any]] = [{"type": "text", "text": prompt}]
        content += [{"type": "image_url", "image_url": {"url": data_url(picture)}} for picture in pictures]
        message = {"role": "user", "content": content if pictures else prompt}
        question = {"model": self.model, "messages": [message], "max_tokens": MOST_TOKENS, "temperature": 0}
        return self._text(self._retried(json.dumps(question).encode()))

    def _retried(self, question: bytes) -> bytes:
        for wait in WAITS:
            try:
                return self._answer(question)
            except _Busy as error:
                time.sleep(max(wait, error.wait))
        return self._answer(question)

    def _answer(self, question: bytes) -> bytes:
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get(KEY):
            headers["Authorization"] = f"Bearer {key}"
        try:
            with urlopen(Request(f"{self.base}/chat/completions", question, headers), timeout=TIMEOUT) as answer:
                return answer.read()
        except HTTPError as error:
            with error:
                raise self._refused(error) from error
        except (OSError, HTTPException, ValueError) as error:  # URLError and time-outs are OSErrors
            raise _Busy(self._no_answer(getattr(error, "reason", None) or error), RUNS) from error

    def _refused(self, error: HTTPError) -> InputError:
        problem = self._no_answer(_reason(error))
        if error.code not in TEMPORARY:
            return InputError(problem, f"set {KEY} to the key" if error.code in (401, 403) else RUNS)
        busy, asked = _Busy(problem, RUNS), error.headers.get("Retry-After", "")
        busy.wait = min(float(asked), LONGEST_WAIT) if asked.isdecimal() else 0.0
        return busy

    def _no_answer(self, reason: object) -> str:
        return f"{self.base} gives no answer by {self.model} ({one_line(reason)})"

    def _text(self, answer: bytes) -> str:
        try:
            text = json.loads(answer)["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError) as error:
            raise InputError(self._no_answer("what it returns is no chat completion"), RUNS) from error
        if not isinstance(text, str):
            raise InputError(self._no_answer("its answer holds no text"), RUNS)
        return text


class _Busy(InputError):
    """Another try may succeed, after some seconds."""

    wait = 0.0


def data_url(picture: np.ndarray) -> str:
    """A picture, (h, w, 3) uint8 RGB, as a JPEG within an address."""
    import cv2

    _, content = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"


def _reason(error: HTTPError) -> str:
    """The server's own words, if it has any."""
    try:
        told = json.loads(error.read())
        text = told.get("error", told)
        return str(text.get("message", text) if isinstance(text, dict) else text)
    except (OSError, HTTPException, ValueError, AttributeError):
        return f"{error.code} {error.reason}"
