"""Networks that are graphs in files: they look to a generator like the networks that they were exported from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from pvdm.autoencoder import AnyAutoencoderConfig, Triplane, TriplaneShape
from pvdm.autoencoder.video_autoencoder import VideoAutoencoder
from pvdm.diffusion.condition import Condition
from pvdm.errors import InputError
from pvdm.files.weights import sha256_of
from pvdm.generation.runtimes.graphs import SUFFIXES, denoise_inputs, denoise_values
from pvdm.generation.stored_config import AnyDenoiserConfig

if TYPE_CHECKING:
    from pvdm.generation.stored_model import StoredModel

RunGraph = Callable[[Mapping[str, Tensor]], Tensor]
"""Tensors by the names of inputs, in their order -> the output, all on the CPU."""

EXPORTED = "export it again with pvdm export"


class Graph(nn.Module):
    """A graph of a file: tensors by the names of its inputs, on any device -> its output there.

    It computes on the CPU. Its state is the digest of the file, so that models of other graphs have another state.

    Args:
        path: The file; InputError if it is missing or damaged.
        runtime: One of `READERS`; InputError if its package is missing.
    """

    def __init__(self, path: Path, runtime: str) -> None:
        super().__init__()
        if not path.is_file():
            raise InputError(f"{path.parent} has no {path.name}", EXPORTED)
        self._run = READERS[runtime](path)
        self.register_buffer("digest", torch.tensor(list(bytes.fromhex(sha256_of(path))), dtype=torch.uint8))

    def forward(self, values: Mapping[str, Tensor]) -> Tensor:
        """values: (b, ...) each -> (b, ...)."""
        device = next(iter(values.values())).device
        own = {name: value.detach().cpu().contiguous() for name, value in values.items()}
        return self._run(own).to(device)


class GraphAutoencoder(VideoAutoencoder):
    """An autoencoder whose two directions are graphs.

    Args:
        config: Its sizes.
        bound: Largest magnitude of its latents; None if they have none.
        encoder: See graphs.py.
        decoder: See graphs.py.
    """

    def __init__(self, config: AnyAutoencoderConfig, bound: float | None, encoder: Graph, decoder: Graph) -> None:
        super().__init__(config)
        self.latent_bound, self.encoder, self.decoder = bound, encoder, decoder

    def encode(self, video: Tensor) -> Triplane:
        """video: (b, 3, t, h, w), float in [-1, 1] -> its planes."""
        self.check_video(video)
        return Triplane.split(self.encoder({"video": video.float()}), self.config.latent_shape)

    def decode(self, triplane: Triplane) -> Tensor:
        """Planes -> video (b, 3, t, h, w), float."""
        self.check_planes(triplane)
        return self.decoder({"latent": triplane.flatten().float()})

    def regions(self) -> list[nn.Module]:
        """None: a graph is compiled already."""
        return []


class GraphDenoiser(nn.Module):
    """A denoiser that is a graph: (z, t, condition) -> what it was trained to predict.

    Args:
        config: Its sizes.
        graph: See graphs.py.
    """

    def __init__(self, config: AnyDenoiserConfig, graph: Graph) -> None:
        super().__init__()
        self.config, self.shape, self.graph = config, TriplaneShape(*config.latent_shape), graph
        self._names = [item.name for item in denoise_inputs(config)]

    def forward(self, z: Tensor, t: Tensor, condition: Condition | Tensor | None = None) -> Tensor:
        """z: (b, c, l) flat latents; t: (b,) or (b, 2) times; condition: a tensor like z is the context.

        ValueError for a label that is not a class, and for a part that the network does not take.
        """
        condition = Condition.of(condition)
        condition.labels(len(z), self.config.classes)  # its checks, which a graph cannot make
        values = denoise_values(self.config, z, t, condition)
        return self.graph(dict(zip(self._names, values, strict=True))).to(z.dtype)

    def regions(self) -> list[nn.Module]:
        """None: a graph is compiled already."""
        return []


def check_asked(path: str | Path, held: str, runtime: str | None) -> None:
    """InputError if a folder for the runtime `held` is asked for by another.

    Also if one of torch.export is not asked for by its name, since its programs may run any code when they are loaded.
    """
    if runtime not in (None, held):
        raise InputError(f"{path} is for the runtime {held}, not {runtime}", "export it with another --format")
    if held == "torch-export" and runtime is None:
        problem = f"{path} holds programs of torch.export, which may run any code when they are loaded"
        raise InputError(problem, 'load it by from_pretrained(..., runtime="torch-export") if you trust its source')


def use_graphs(model: StoredModel, folder: Path, runtime: str) -> None:
    """Puts the graphs of an exported folder in place of the networks of a model, whose weights are not read.

    InputError for a file that is missing or damaged, and for a package that is missing.
    """
    if runtime not in READERS:
        raise InputError(f"{folder} is for the runtime {runtime!r}", f"this version knows {', '.join(READERS)}")
    replaced = model.autoencoder
    graphs = [Graph(folder / f"{name}{SUFFIXES[runtime]}", runtime) for name in ("encode", "decode")]
    model.autoencoder = GraphAutoencoder(replaced.config, replaced.latent_bound, *graphs)
    for part, name in (("denoiser", "denoise"), ("guide", "guide")):
        if (network := getattr(model, part)) is not None:
            graph = Graph(folder / f"{name}{SUFFIXES[runtime]}", runtime)
            setattr(model, part, GraphDenoiser(network.config, graph))


def _onnxruntime_graph(path: Path) -> RunGraph:
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError(f"{path} runs by onnxruntime, which is not installed", "pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = torch.get_num_threads(), 3
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except _onnxruntime_errors() as error:
        raise InputError(f"{path} is damaged, or not for this onnxruntime ({_first_line(error)})", EXPORTED) from error

    def run(values: Mapping[str, Tensor]) -> Tensor:
        return torch.from_numpy(session.run(None, {name: value.numpy() for name, value in values.items()})[0])

    return run


def _onnxruntime_errors() -> tuple[type[Exception], ...]:
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return state.Fail, state.InvalidProtobuf, state.InvalidGraph, state.NotImplemented, state.RuntimeException


def _torch_export_graph(path: Path) -> RunGraph:
    try:
        module = torch.export.load(path).module()
    except (RuntimeError, OSError, ValueError, KeyError) as error:
        raise InputError(f"{path} is damaged, or not for this torch ({_first_line(error)})", EXPORTED) from error

    @torch.no_grad()
    def run(values: Mapping[str, Tensor]) -> Tensor:
        return module(*values.values())

    return run


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


READERS: dict[str, Callable[[Path], RunGraph]] = {
    "onnxruntime": _onnxruntime_graph,
    "torch-export": _torch_export_graph,
}
"""What runs graphs, by the name in an export's configuration."""
