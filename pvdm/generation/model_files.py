"""A model as files: an exported folder (config.json, model.safetensors), here or on the Hub, or a checkpoint."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pvdm.errors import InputError, one_line, outside_cause, unread
from pvdm.generation.packaged_models import find_packaged, is_packaged_name, packaged_models

if TYPE_CHECKING:
    from torch import Tensor

CONFIG, WEIGHTS = "config.json", "model.safetensors"
MODEL_FILES = (CONFIG, WEIGHTS, "README.md", ".gitattributes", ".cache")
"""What an exported folder may contain, including what the Hub's client adds."""
CARD = "README.md"
NO_TOKEN = ("there is no token for the Hugging Face Hub here", "log in with `hf auth login`, or set HF_TOKEN")
ALWAYS_THERE = {".gitattributes"}
"""Files of a repository that is still empty."""
FORMAT = "pvdm-video-generator"
TORCH = "torch"
"""The runtime of an export that holds weights."""

ADAPTER = "adapter"
"""Key of a checkpoint that trained an adapter: its sizes; and the beginning of the names of its weights."""

DIVERGED = "its training has diverged, so take an earlier checkpoint, or train again with a lower learning rate"
"""The remedy for a model whose weights are not finite."""

logger = logging.getLogger(__name__)


def check_model(name: str | Path) -> None:
    """InputError unless the name can be loaded: a checkpoint, an exported folder, a model of the package, or a name on
    the Hub.

    It imports nothing slow, so that a mistyped name is refused at once.
    """
    path = Path(name)
    if path.is_dir():
        _parsed_config(path)
    elif is_packaged_name(name):
        find_packaged(name)
    elif not path.is_file():
        is_hub_name = re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", str(name)) and path.suffix != ".ckpt"
        if not is_hub_name or path.parent.exists():
            raise InputError(f"there is no model at {name}", f"give {_instead(path)}")


def _instead(missing: Path) -> str:
    """What to give instead of a missing path: last.ckpt where a run has no best.ckpt yet."""
    last = missing.with_name("last.ckpt")
    if missing.suffix == ".ckpt" and last.is_file():
        return f"{last}, the newest of this run (best.ckpt comes with the first validation)"
    return "an exported folder or a training checkpoint (.ckpt)"


def resolve_folder(name: str | Path, **download: Any) -> Path:
    """The folder of an exported model `name`: a local folder, else a model of the package, whose digests are checked,
    else downloaded from the Hub; InputError if there is none.
    """
    if Path(name).is_dir():
        if Path(name).as_posix() in packaged_models():
            logger.warning("%s is the folder here, not the model of that name that comes with pvdm", name)
        return Path(name)
    if Path(name).is_file():
        remedy = "pvdm export makes a folder of a checkpoint, and VideoGenerator.load reads it as it is"
        raise InputError(f"{name} is a file, and an exported model is a folder", remedy)
    check_model(name)
    if is_packaged_name(name):
        packaged = find_packaged(name)
        packaged.check()
        return packaged.folder
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    # The first is the base of the HTTP library's errors; which library depends on the version.
    hub_errors = (HfHubHTTPError.__bases__[0], OSError, ValueError, RuntimeError)
    logger.warning("no folder %s here; looking for it on the Hugging Face Hub", name)
    try:
        return Path(snapshot_download(str(name), allow_patterns=[CONFIG, WEIGHTS], **download))
    except hub_errors as error:
        reason = one_line(next(iter(str(error).strip().splitlines()), type(error).__name__))
        problem = f"{name} is neither a folder here nor a model on the Hub ({reason})"
        raise InputError(problem, "check the name, or the network if it is on the Hub") from error


def weights_file(name: str | Path) -> Path:
    """The file with the weights: of an exported model, here or on the Hub, or the checkpoint itself.

    Of an export for another runtime it is the last graph.
    """
    if Path(name).is_file():
        return Path(name)
    folder = resolve_folder(name)
    graphs = [path for part in ("denoise", "decode") for path in sorted(folder.glob(f"{part}.*"))]
    return folder / WEIGHTS if (folder / WEIGHTS).is_file() or not graphs else graphs[0]


def runtime_of(config: Mapping[str, Any]) -> str:
    """What runs an exported model, of its configuration: "torch", or what it has graphs for."""
    described = config.get("runtime", {"name": TORCH})
    return str(described["name"]) if isinstance(described, Mapping) and "name" in described else str(described)


def read_config(folder: Path) -> Mapping[str, Any]:
    """The parsed `config.json` of an exported model; InputError if it is missing or from another program."""
    from pvdm.generation.stored_config import checked

    return checked(_parsed_config(folder), folder / CONFIG)


def read_model_config(name: str | Path) -> Mapping[str, Any]:
    """The configuration of a model: of an exported one, here or on the Hub, or of a checkpoint; else InputError."""
    return read_checkpoint(name)[0] if Path(name).is_file() else read_config(resolve_folder(name))


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
    """The tensors of `model.safetensors`; InputError if it is missing, damaged or not finite."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from pvdm.runtime.finite import check_finite

    path = folder / WEIGHTS
    if not path.is_file():
        raise InputError(f"{folder} has no {WEIGHTS}", "export the model again")
    try:
        weights = load_file(path)
    except (SafetensorError, OSError, RuntimeError, MemoryError) as error:
        if (cause := outside_cause(error)) or isinstance(error, FileNotFoundError):  # or too many open files
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
    except SafetensorError as error:  # it wraps errors of the system
        raise OSError(one_line(error)) from error
    (folder / WEIGHTS).chmod((folder / CONFIG).stat().st_mode)  # safetensors makes it unreadable for others


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
    if ADAPTER in checkpoint:
        weights |= _adapted(weights, checkpoint)
    check_finite(weights, path, DIVERGED)
    return checked(checkpoint["pvdm"], path), weights


def _adapted(weights: Mapping[str, Tensor], checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """The weights that the adapter of a checkpoint changes."""
    from pvdm.diffusion.adapters.low_rank import AdapterConfig, changed, named_by_layer

    tensors = named_by_layer(checkpoint["state_dict"], f"{ADAPTER}.")
    layers = {name.rpartition(".")[0] for name in tensors}
    scale = AdapterConfig(**checkpoint[ADAPTER]).scale
    names = {layer: f"denoiser.{layer}.weight" for layer in layers}
    return {name: changed(weights[name], tensors, layer, scale) for layer, name in names.items()}


def _names_tensors(state: object) -> bool:
    """Whether this is a mapping from names to tensors."""
    from torch import Tensor

    return isinstance(state, Mapping) and all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    )


def check_name(name: str) -> None:
    """InputError unless the name is valid for a repository of the Hub."""
    if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", name):
        raise InputError(f"{name} is not a name on the Hub", "give owner/name, the owner being you or an organization")


def push_folder(folder: Path, name: str, *, private: bool = True, overwrite: bool = False, message: str = "") -> str:
    """Uploads an exported model and its card in one commit; the address of the repository.

    A missing repository is created, `private` or public. One that has files gets a new version with `overwrite` and is
    an InputError without. InputError, too, without a token, permission to write, or a network.
    """
    from huggingface_hub import HfApi

    check_name(name)
    api = HfApi(library_name="pvdm")
    with _refusals_named(name):
        api.whoami()  # first: fails if the token is missing or invalid
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
    """Turns errors of the Hub and the network into an InputError."""
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
