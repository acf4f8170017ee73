"""An exported folder on the Hugging Face Hub, and what may stand in its way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pvdm.errors import InputError, one_line
from pvdm.generation.model_files import CONFIG, WEIGHTS

CARD = "README.md"
NO_TOKEN = "there is no token for the Hugging Face Hub here; log in with `hf auth login`, or set HF_TOKEN"
ALWAYS_THERE = {".gitattributes"}
"""Files of a repository that nothing was pushed to."""


def check_name(name: str) -> None:
    """InputError unless it is one that a repository of the Hub can have."""
    if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", name):
        raise InputError(f"{name} is no name on the Hub", "give owner/name, the owner being you or an organization")


def push_folder(folder: Path, name: str, *, private: bool = True, overwrite: bool = False, message: str = "") -> str:
    """Uploads an exported model and its card in one commit; the address of the repository.

    A repository that is not there is made, `private` or not; one that holds files gets a new version with `overwrite`,
    and is an InputError without. InputError too for want of a token, of the right to write, or of a network.
    """
    from huggingface_hub import HfApi

    check_name(name)
    api = HfApi(library_name="pvdm")
    with _refusals_named(name):
        api.whoami()  # before all else: it says whether the token is there and valid
        if api.repo_exists(name) and not overwrite and set(api.list_repo_files(name)) - ALWAYS_THERE:
            raise InputError(
                f"{name} exists on the Hub already",
                "pass --overwrite for a new version, or choose another name",
            )
        address = api.create_repo(name, private=private, exist_ok=True)
        files = {"folder_path": folder, "allow_patterns": [CONFIG, WEIGHTS, CARD]}
        api.upload_folder(repo_id=name, commit_message=message or "Upload model by pvdm push", **files)
    return str(address)


@contextmanager
def _refusals_named(name: str) -> Iterator[None]:
    """Turns what the Hub and the network refuse into an InputError."""
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    http_error = HfHubHTTPError.__bases__[0]  # of the HTTP library; which that is depends on the version
    try:
        yield
    except LocalTokenNotFoundError as error:
        raise InputError(NO_TOKEN) from error
    except HfHubHTTPError as error:
        raise InputError(_refusal(name, error)) from error
    except (http_error, OSError) as error:
        raise InputError(
            f"the Hugging Face Hub cannot be reached ({_reason(error)})",
            "check the network and try again",
        ) from error


def _refusal(name: str, error: Any) -> str:
    status = getattr(error.response, "status_code", None)
    if status == 401:
        return "the Hugging Face Hub does not know this token; make a new one and log in with `hf auth login`"
    if status == 403:
        return f"this token may not write to {name}; give a name of your own, or a token with the right to write there"
    return f"the Hugging Face Hub refused {name} ({_reason(error)}); mend that, or try again later"


def _reason(error: Any) -> str:
    return one_line(next(iter(str(error).strip().splitlines()), type(error).__name__))
