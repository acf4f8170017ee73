"""A model as files: an exported folder (config.json, model.safetensors) or a training checkpoint."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pvdm.errors import InputError, one_line, outside_cause, unread

if TYPE_CHECKING:
    from torch import Tensor

CONFIG, WEIGHTS = "config.json", "model.safetensors"
MODEL_FILES = (CONFIG, WEIGHTS, "README.md", ".gitattributes", ".cache")
"""What an exported folder may hold, also one that the Hub's client has fetched."""
CARD = "README.md"
NO_TOKEN = ("there is no token for the Hugging Face Hub here", "log in with `hf auth login`, or set HF_TOKEN")
ALWAYS_THERE = {".gitattributes"}
"""Files of a repository that nothing was pushed to."""
FORMAT = "pvdm-video-generator"

DIVERGED = "its training has diverged, so take an earlier checkpoint, or train again with a lower learning rate"
"""What to do about a model whose weights are not finite."""

logger = logging.getLogger(__name__)


def check_model(name: str | Path) -> None:
    """InputError unless something may be loaded by this name: a checkpoint, an exported folder, a name on the Hub.

    It imports nothing that takes time, so that a mistyped name is refused at once.
    """
    path = Path(name)
    if path.is_dir():
        _parsed_config(path)
    elif not path.is_file():
        is_hub_name = re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", str(name)) and path.suffix != ".ckpt"
        if not is_hub_name or path.parent.exists():
            raise InputError(f"there is no model at {name}", f"give {_instead(path)}")


def _instead(missing: Path) -> str:
    """What to give in place of a path: the newest checkpoint of a run that was never validated and so has no best."""
    last = missing.with_name("last.ckpt")
    if missing.suffix == ".ckpt" and last.is_file():
        return f"{last}, the newest of this run (best.ckpt comes with the first validation)"
    return "an exported folder or a training checkpoint (.ckpt)"


def resolve_folder(name: str | Path, **download: Any) -> Path:
    """An exported model's folder: here, or else fetched from the Hub by its `owner/name`; else InputError."""
    if Path(name).is_dir():
        return Path(name)
    check_model(name)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    # The base of the HTTP library's errors comes first; which library that is depends on the version.
    hub_errors = (HfHubHTTPError.__bases__[0], OSError, ValueError, RuntimeError)
    logger.warning("there is no folder %s here; looking for it on the Hugging Face Hub", name)
    try:
        return Path(snapshot_download(str(name), allow_patterns=[CONFIG, WEIGHTS], **download))
    except hub_errors as error:
        reason = one_line(next(iter(str(error).strip().splitlines()), type(error).__name__))
        problem = f"{name} is neither a folder here nor a model on the Hub ({reason})"
        raise InputError(problem, "check the name, or the network if it is on the Hub") from error


def weights_file(name: str | Path) -> Path:
    """The file that holds the weights of an exported model, here or on the Hub, or a checkpoint itself."""
    return Path(name) if Path(name).is_file() else resolve_folder(name) / WEIGHTS


def read_config(folder: Path) -> Mapping[str, Any]:
    """The parsed `config.json` of an exported model; InputError if it is absent or another program's."""
    from pvdm.generation.stored_config import checked

    return checked(_parsed_config(folder), folder / CONFIG)


def _parsed_config(folder: Path) -> Mapping[str, Any]:
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{folder} has no {CONFIG}", "it is not an exported model (see pvdm export --help)") from error
    except (OSError, MemoryError) as error:
        if (cause := outside_cause(error)) and not path.is_dir():
            raise unread(path, cause) from error
        raise InputError(f"{path} cannot be read ({error})", "check what it is, or export again") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged ({error})", "export the model again") from error
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise InputError(f"{path} is not a pvdm model's", "export one with pvdm export or pvdm convert")
    return config


def read_weights(folder: Path) -> dict[str, Tensor]:
    """The tensors of `model.safetensors`; InputError if absent, damaged or not finite."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from pvdm.runtime.finite import check_finite

    path = folder / WEIGHTS
    if not path.is_file():
        raise InputError(f"{folder} has no {WEIGHTS}", "export the model again")
    try:
        weights = load_file(path)
    except (SafetensorError, OSError, RuntimeError, MemoryError) as error:
        if (cause := outside_cause(error)) or isinstance(error, FileNotFoundError):  # said of too many open files, too
            raise unread(path, cause or "the system does not open it") from error
        raise InputError(f"{path} is damaged or incomplete ({error})", "copy or export it again") from error
    check_finite(weights, path, DIVERGED)
    return weights


def write_model(folder: Path, config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
    """Writes both files into an existing folder; InputError if a weight is not finite."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    from pvdm.runtime.finite import check_finite

    check_finite(weights, "the model", DIVERGED)
    text = json.dumps({"format": FORMAT, **config}, indent=2)
    (folder / CONFIG).write_text(text + "\n", encoding="utf-8")
    try:
        save_file({name: value.contiguous() for name, value in weights.items()}, folder / WEIGHTS)
    except SafetensorError as error:  # what the system refuses, in words of its own
        raise OSError(one_line(error)) from error
    (folder / WEIGHTS).chmod((folder / CONFIG).stat().st_mode)  # safetensors lets nobody else read it


def read_checkpoint(path: str | Path) -> tuple[Mapping[str, Any], dict[str, Tensor]]:
    """Configuration and averaged, finite weights of the generator in a training checkpoint; else InputError."""
    from pvdm.files.pickles import read_pickle
    from pvdm.generation.stored_config import checked
    from pvdm.runtime.finite import check_finite

    checkpoint = read_pickle(path)
    if not {"pvdm", "state_dict"} <= checkpoint.keys() or not _names_tensors(checkpoint["state_dict"]):
        raise InputError(f"{path} is not a checkpoint of pvdm fit", "released weights are loaded by pvdm convert")
    prefix = "generator."
    weights = {
        name.removeprefix(prefix): value for name, value in checkpoint["state_dict"].items() if name.startswith(prefix)
    }
    check_finite(weights, path, DIVERGED)
    return checked(checkpoint["pvdm"], path), weights


def _names_tensors(state: object) -> bool:
    """Whether this is a mapping from names to tensors."""
    from torch import Tensor

    return isinstance(state, Mapping) and all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    )


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
        raise InputError(*NO_TOKEN) from error
    except HfHubHTTPError as error:
        raise _refusal(name, error) from error
    except (http_error, OSError) as error:
        raise InputError(
            f"the Hugging Face Hub cannot be reached ({_reason(error)})",
            "check the network and try again",
        ) from error


def _refusal(name: str, error: Any) -> InputError:
    status = getattr(error.response, "status_code", None)
    if status == 401:
        problem = "the Hugging Face Hub does not know this token"
        return InputError(problem, "make a new one and log in with `hf auth login`")
    if status == 403:
        problem = f"this token may not write to {name}"
        return InputError(problem, "give a name of your own, or a token with the right to write there")
    return InputError(f"the Hugging Face Hub refused {name} ({_reason(error)})", "fix that, or try again later")


def _reason(error: Any) -> str:
    return one_line(next(iter(str(error).strip().splitlines()), type(error).__name__))
