"""The networks of both stages with their configuration, loaded from and saved to files."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from huggingface_hub import ModelCard, PyTorchModelHubMixin
from torch import Tensor, nn

from pvdm.autoencoder import (
    AnyAutoencoderConfig,
    AutoencoderConfig,
    ProjectedAutoencoder,
    SpectralAutoencoder,
    SpectralConfig,
    TriplaneShape,
    autoencoder_config,
    stored_fields,
)
from pvdm.conditions.text import TextConfig, TextEncoder, text_encoder
from pvdm.diffusion import DiffusionConfig, JointTransformer, NoiseSchedule, TransformerConfig, TriplaneUNet, UNetConfig
from pvdm.errors import ArgumentError, InputError
from pvdm.files.atomic_write import replacing
from pvdm.generation import model_files as files
from pvdm.generation.acceleration.fast_inference import speed_up
from pvdm.generation.model_card import model_card
from pvdm.generation.runtimes.graph_runtime import check_asked, use_graphs
from pvdm.generation.stored_config import AnyDenoiserConfig, denoiser_config, denoiser_fields
from pvdm.runtime.finite import check_finite
from pvdm.video.series.stored_values import StoredValues

if TYPE_CHECKING:
    from typing_extensions import Self

logger = logging.getLogger(__name__)


USUAL_FPS = 25.0

AUTOENCODERS = {AutoencoderConfig: ProjectedAutoencoder, SpectralConfig: SpectralAutoencoder}
DENOISERS = {UNetConfig: TriplaneUNet, TransformerConfig: JointTransformer}


class StoredModel(nn.Module, PyTorchModelHubMixin, library_name="pvdm", tags=["video-generation"]):
    """The networks of `VideoGenerator`, loaded and saved.

    Args:
        autoencoder: Sizes of the autoencoder, whose class says which one it is.
        denoiser: Sizes of the denoiser, whose class says which one it is; None for an export of stage 1, which only
            reconstructs.
        diffusion: Noise schedule and what the denoiser predicts.
        fps: Frames per second of the training clips, at which video is read and written; None if not recorded.
        training_step: Number of optimizer updates behind the weights.
        classes: Names of the denoiser's classes in the order of their indices; None if they have no names.
        data: Description of the training data, JSON-able: source, license, counts, clips.
        text: The encoder of its prompts; None for a model without text.
        sound: The encoder of what it hears, see `sound_encoder`; None for a model without sound.
        score_ranges: Between which two values 90 % of the training clips had each score of the denoiser.
        energy: What its trainings took, each a record of `Energy` with the key "part", autoencoder or denoiser.
    """

    source: str = "the model"
    """The file or folder that the weights are from, for messages."""

    runtime: str = files.TORCH
    """What runs the networks, see `from_pretrained`."""

    stored_dtype: torch.dtype = torch.float32
    """Dtype of the weights that `save_pretrained` writes."""

    def __init__(
        self,
        autoencoder: AnyAutoencoderConfig,
        denoiser: AnyDenoiserConfig | None = None,
        diffusion: DiffusionConfig | None = None,
        fps: float | None = None,
        training_step: int = 0,
        classes: Sequence[str] | None = None,
        data: Mapping[str, Any] | None = None,
        text: TextConfig | None = None,
        sound: str | None = None,
        score_ranges: Mapping[str, tuple[float, float]] | None = None,
        energy: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__()
        self.autoencoder = speed_up(AUTOENCODERS[type(autoencoder)](autoencoder))
        self.denoiser = speed_up(DENOISERS[type(denoiser)](denoiser)) if denoiser else None
        self.diffusion = diffusion or DiffusionConfig()
        self.guide = None
        if self._has_guide and (block := self.diffusion.skipped_block) is None:
            self.guide = copy.deepcopy(self.denoiser).requires_grad_(False)
        elif self._has_guide:
            vars(self)["guide"] = self.denoiser.without_block(block)  # no part of the model, as it has no own weights
        self.schedule = NoiseSchedule(self.diffusion)
        self.pace = fps
        self.training_step = training_step
        self.classes = tuple(classes) if classes else None
        self.data = dict(data) if data else None
        self.text, self.sound, self.score_ranges = text, sound, dict(score_ranges or {})
        self.energy = tuple(energy)
        if self.classes and len(self.classes) != self.class_count:
            problem = f"{len(self.classes)} classes have names, the denoiser has {self.class_count or 'none'}"
            raise ArgumentError(problem, "give one name for each class of the denoiser", option="classes")
        if denoiser and TriplaneShape(*denoiser.latent_shape) != autoencoder.latent_shape:
            problem = f"the denoiser is for latents of {denoiser.latent_shape}, not {tuple(autoencoder.latent_shape)}"
            raise ArgumentError(problem, "give both the same sizes", option="denoiser")
        if denoiser and text and denoiser.text_tokens != text.tokens:
            problem = f"the denoiser is for texts of {denoiser.text_tokens} tokens, not {text.tokens}"
            raise ArgumentError(problem, "give both the same number", option="text")

    @property
    def _has_guide(self) -> bool:
        return self.denoiser is not None and self.diffusion.autoguidance > 0

    @property
    def frames(self) -> int:
        """Frames of a clip."""
        return self.autoencoder.config.frames

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.autoencoder.config.height, self.autoencoder.config.width

    @property
    def fps(self) -> float:
        """Frames per second of generated video: `pace`, or 25 if that is not known."""
        return self.pace or USUAL_FPS

    @fps.setter
    def fps(self, value: float | None) -> None:
        self.pace = value

    @property
    def stored_values(self) -> StoredValues | None:
        """How the image series that it was trained on store their values; None if it was trained on other videos."""
        said = (self.data or {}).get("values")
        return StoredValues(**said) if said else None

    @property
    def value_range(self) -> tuple[float, float] | None:
        """The lowest and highest value of these image series."""
        return (self.stored_values.low, self.stored_values.high) if self.stored_values else None

    @property
    def class_count(self) -> int | None:
        """Number of classes of the denoiser; None if it takes no labels."""
        return self.denoiser.config.classes if self.denoiser else None

    @property
    def takes(self) -> str:
        """What this model may be given, in words."""
        if self.denoiser is None:
            return "videos, which it reconstructs"
        config = self.denoiser.config
        parts = {
            "the previous clip": True,
            f"a class of {config.classes}": config.classes,
            "a prompt": self.text,
            "a camera": config.camera_width,
            "sound": config.sound_width,
            f"scores ({', '.join(config.scores)})": config.scores,
            "given frames": config.hints,
            "video of low resolution": config.blurred_hints,
            "content or motion of a video": config.plane_times,
        }
        *most, last = [name for name, there in parts.items() if there]
        return f"{', '.join(most)} and {last}" if most else last

    @property
    def text_encoder(self) -> TextEncoder:
        """The encoder of prompts, loaded once; InputError for a model without text, or if it cannot be loaded."""
        if self.text is None:
            problem = f"this model was not trained with text: it takes {self.takes}"
            raise InputError(problem, "leave out the prompt, or train with model.text")
        key = (self.text.encoder, self.text.tokens)
        loaded = vars(self).setdefault("_text_encoders", {})  # in a dict, as they are no parts of this model
        if key not in loaded:
            loaded[key] = text_encoder(self.text)
        return loaded[key]

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return next(chain(self.parameters(), self.buffers())).device

    def check_has_weights(self) -> None:
        """InputError if the networks are graphs, whose weights cannot be changed or stored."""
        if self.runtime != files.TORCH:
            problem = f"{self.source} holds graphs for {self.runtime}, whose weights cannot be changed or stored"
            raise InputError(problem, "give the model that they were exported from")

    def to_config(self) -> dict[str, Any]:
        """The configuration that rebuilds this model without its weights, JSON-able."""
        return {
            "autoencoder": stored_fields(self.autoencoder.config),
            "denoiser": denoiser_fields(self.denoiser.config) if self.denoiser else None,
            "diffusion": asdict(self.diffusion),
            "fps": self.pace,
            "training_step": self.training_step,
            "classes": list(self.classes) if self.classes else None,
            "data": self.data,
            **({"text": asdict(self.text)} if self.text else {}),
            **({"sound": self.sound} if self.sound else {}),
            **({"score_ranges": self.score_ranges} if self.score_ranges else {}),
            **({"energy": [dict(record) for record in self.energy]} if self.energy else {}),
            "versions": {name: version(name) for name in ("pvdm", "torch")},
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """A model of these sizes with new weights; InputError if the configuration is not one of `to_config`.

        `classes`, `data`, `text`, `sound`, `score_ranges` and `energy` are optional: older configurations lack them.
        """
        optional = {"classes", "data", "sound", "score_ranges", "energy"}
        known = {
            "format",
            "autoencoder",
            "denoiser",
            "diffusion",
            "fps",
            "training_step",
            "text",
            "versions",
            "runtime",
        } | optional
        try:
            if unknown := config.keys() - known:
                raise ValueError(f"unknown {sorted(unknown)[0]}")
            return cls(
                autoencoder_config(config["autoencoder"]),
                denoiser_config(config["denoiser"]) if config["denoiser"] else None,
                DiffusionConfig(**config["diffusion"]),
                config["fps"],
                config["training_step"],
                **{name: config[name] for name in optional & config.keys()},
                text=TextConfig(**config["text"]) if config.get("text") else None,
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            problem = f"the model's configuration is not one of this version of pvdm ({error})"
            raise InputError(problem, "update pvdm, or export the model again with this version") from error

    def load_weights(self, weights: Mapping[str, Tensor]) -> Self:
        """Loads weights and sets evaluation mode; InputError unless all names and shapes match."""
        try:
            self.load_state_dict(dict(weights))
        except RuntimeError as error:
            reason = str(error).splitlines()[-1].strip()
            raise InputError(
                f"the model's weights do not fit its configuration ({reason})", "export it again"
            ) from error
        return self.eval()

    @classmethod
    def from_pretrained(cls, path: str | Path, *, runtime: str | None = None, **download: Any) -> Self:
        """The model of an exported folder, or of `owner/name` on the Hub, on the CPU in float32.

        Args:
            path: Of the folder, or its name.
            runtime: What runs it: "torch", or "onnxruntime" or "torch-export" for a folder of graphs; by default what
                the folder is for. InputError as of `check_asked`.
            download: Goes to `huggingface_hub.snapshot_download` (revision, token, cache_dir, ...).
        """
        folder = files.resolve_folder(path, **download)
        config = files.read_config(folder)
        held = files.runtime_of(config)
        check_asked(path, held, runtime)
        with torch.device("cpu" if held == files.TORCH else "meta"):  # sizes without memory
            model = cls.from_config(config).eval()
        if held == files.TORCH:
            model.load_weights(files.read_weights(folder))
        else:
            use_graphs(model, folder, held)
        model.source, model.runtime = str(path), held
        return model

    @classmethod
    def from_checkpoint(cls, path: str | Path) -> Self:
        """The averaged model of a training checkpoint (.ckpt) of either stage."""
        config, weights = files.read_checkpoint(path)
        model = cls.from_config(config).load_weights(weights)
        model.source = str(path)
        return model

    @classmethod
    def load(cls, path: str | Path, **download: Any) -> Self:
        """The model of an exported folder or a training checkpoint, whichever `path` is."""
        return cls.from_checkpoint(path) if Path(path).is_file() else cls.from_pretrained(path, **download)

    def save_pretrained(
        self,
        save_directory: str | Path,
        *,
        half_precision: bool = False,
        overwrite: bool = False,
        **hub: Any,
    ) -> str | None:
        """Writes `config.json`, `model.safetensors` and a card; existing output is an InputError unless `overwrite`.

        A folder that contains anything but a model is never replaced. Weights are stored as float32, whatever their
        dtype in memory, or as float16 with `half_precision`; InputError if one is not finite, or too large for float16.
        `hub` is passed to huggingface_hub's `save_pretrained`; its `model_card_kwargs`, such as `license`, to the card.
        """
        self.check_has_weights()
        if half_precision:
            return self._of_half_precision().save_pretrained(save_directory, overwrite=overwrite, **hub)
        hub.setdefault("repo_id", Path(save_directory).name)  # not the temporary folder's
        push, push_options = hub.pop("push_to_hub", False), dict(hub)
        with replacing(Path(save_directory), overwrite=overwrite, own=files.MODEL_FILES) as temporary:
            super().save_pretrained(temporary, config=hub.get("config"), model_card_kwargs=hub.get("model_card_kwargs"))
        return self.push_to_hub(**push_options) if push else None

    def _of_half_precision(self) -> Self:
        """A copy that is stored as float16; InputError if a weight exceeds its range."""
        check_finite(self.state_dict(), self.source, files.DIVERGED)
        half = copy.deepcopy(self).half()
        half.stored_dtype = torch.float16
        check_finite(half.state_dict(), f"{self.source} in half precision", "leave that out")
        return half

    def _save_pretrained(self, save_directory: Path) -> None:
        weights = self.state_dict()
        coarse = {
            str(value.dtype).removeprefix("torch.")
            for value in weights.values()
            if value.is_floating_point() and value.dtype.itemsize < 4
        }
        if coarse and self.stored_dtype == torch.float32:
            kinds = " and ".join(sorted(coarse))
            logger.warning("%s weights are stored as float32, which does not make them more exact", kinds)
        stored = {
            name: value.to(self.stored_dtype) if value.is_floating_point() else value for name, value in weights.items()
        }
        files.write_model(save_directory, self.to_config(), stored)

    def generate_model_card(self, **options: Any) -> ModelCard:
        """README.md of an export; the options are those of `model_card`."""
        networks = {name: sum(map(torch.numel, part.parameters())) for name, part in self.named_children()}
        return ModelCard(model_card(self.to_config(), parameters=networks, **options))
