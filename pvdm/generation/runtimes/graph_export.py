"""A model's networks exported as graphs, to a folder that `VideoGenerator.from_pretrained` runs without their code."""

from __future__ import annotations

import json
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn
from torch.export import Dim, ExportedProgram

from pvdm.errors import InputError, one_line
from pvdm.files.atomic_write import replacing
from pvdm.generation.model_files import CARD, CONFIG, FORMAT
from pvdm.generation.runtimes.graphs import SUFFIXES, DecodeGraph, DenoiseGraph, EncodeGraph

if TYPE_CHECKING:
    from pvdm.generation.stored_model import StoredModel

GraphFormat = Literal["torch-export", "onnx"]

RUNTIMES: dict[str, str] = {"torch-export": "torch-export", "onnx": "onnxruntime"}
"""What runs them, as `VideoGenerator.from_pretrained` names it."""

OPSET = 20
FILES = (CONFIG, CARD, "*.pt2", "*.onnx", "*.onnx.data")
"""What an exported folder may contain."""

LARGEST_FILE = 1_900_000_000
"""Bytes of weights that an ONNX file holds itself; protobuf's limit is 2 GiB."""

TALKATIVE = ("torch.onnx", "torch.export", "torch.fx.experimental.symbolic_shapes", "onnxscript", "onnx_ir", "root")
"""Loggers that tell developers of exporters what an error tells users."""

INSTALL = "pip install 'pvdm[onnx]'"

logger = logging.getLogger(__name__)


def export_graphs(
    model: StoredModel,
    folder: Path,
    kind: GraphFormat,
    *,
    quantize: Literal["int8"] | None = None,
    license: str | None = None,
    overwrite: bool = False,
) -> None:
    """Writes the graphs of a model on the CPU in float32, its configuration and its card into a new folder.

    quantize: "int8" stores the weights of linear layers in ONNX graphs as 8-bit integers and multiplies by these.
    InputError if the folder exists and holds anything but an export, for an operator that the format lacks, and if a
    package is missing. Memory holds the weights twice.
    """
    if quantize and kind != "onnx":
        raise InputError(f"{quantize} is for ONNX graphs", "choose {format=onnx}, or leave {quantize} out")
    model.check_has_weights()
    if kind == "onnx":
        check_installed()
    with replacing(folder, overwrite=overwrite, own=FILES) as temporary:
        temporary.mkdir()
        write_graphs(model, temporary, kind, quantize=quantize)
        described = {"name": RUNTIMES[kind], "quantize": quantize}
        text = json.dumps({"format": FORMAT, **model.to_config(), "runtime": described}, indent=2)
        (temporary / CONFIG).write_text(text + "\n", encoding="utf-8")
        model.generate_model_card(license=license).save(temporary / CARD)


def write_graphs(model: StoredModel, folder: Path, kind: GraphFormat, *, quantize: str | None = None) -> None:
    """Writes encode, decode, and what of denoise and guide the model has into an existing folder."""
    for name, graph in graphs_of(model).items():
        path = folder / f"{name}{SUFFIXES[RUNTIMES[kind]]}"
        logger.info("exporting %s", path.name)
        program = traced(graph, name)
        if kind == "onnx":
            write_onnx(program, graph, path)
        else:
            with _quiet():
                torch.export.save(program, path)
        if quantize:
            quantize_onnx(path)


def graphs_of(model: StoredModel) -> dict[str, nn.Module]:
    """The graphs by their names; their inputs are those of graphs.py."""
    graphs: dict[str, nn.Module] = {"encode": EncodeGraph(model.autoencoder), "decode": DecodeGraph(model.autoencoder)}
    networks = {"denoise": model.denoiser, "guide": model.guide}
    graphs |= {name: DenoiseGraph(network) for name, network in networks.items() if network is not None}
    return {name: graph.eval() for name, graph in graphs.items()}


def traced(graph: nn.Module, name: str) -> ExportedProgram:
    """The program of a graph for any batch; InputError for code that depends on the values of tensors."""
    values, batch = tuple(item.absent(2) for item in graph.inputs), Dim("batch")
    shapes: Any = tuple({0: batch} for _ in values)
    is_variadic = isinstance(graph, DenoiseGraph)
    with _exporting(name, "torch-export"), torch.no_grad():
        return torch.export.export(graph, values, dynamic_shapes=(shapes,) if is_variadic else shapes)


def write_onnx(program: ExportedProgram, graph: nn.Module, path: Path) -> None:
    """Writes a program as ONNX, with the weights beside it if they exceed what a file can hold.

    InputError that names an operator which ONNX lacks.
    """
    names = {"input_names": [item.name for item in graph.inputs], "output_names": [graph.output]}
    with _exporting(path.stem, "onnx"):
        found = torch.onnx.export(program, dynamo=True, opset_version=OPSET, verbose=False, **names)
    size = sum(value.numel() * value.element_size() for value in program.state_dict.values())
    found.save(path, external_data=size > LARGEST_FILE)


def quantize_onnx(path: Path) -> None:
    """Replaces the linear layers of an ONNX graph by products of 8-bit integers, in place.

    Weights have a scale for each output; those of inputs are found as they come (dynamic quantization).
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    options = {"weight_type": QuantType.QInt8, "per_channel": True, "op_types_to_quantize": ["MatMul", "Gemm"]}
    with _quiet():
        quantize_dynamic(path, path, **options)


@contextmanager
def _exporting(name: str, kind: str) -> Iterator[None]:
    """Turns an exporter's refusal into an InputError that names the operator."""
    try:
        with _quiet(), _plain_attention():
            yield
    except (RuntimeError, torch.onnx.OnnxExporterError) as error:
        other = "torch-export" if kind == "onnx" else "safetensors"
        remedy = f"update torch and onnxscript, or choose {{format}} {other}"
        problem = f"the network {name} uses {unsupported_operator(error)}, which {kind} cannot express"
        raise InputError(problem, remedy) from error


def unsupported_operator(error: BaseException) -> str:
    """The operator that an exporter's error names; else its reason."""
    reasons, cause = [], error
    while cause is not None:
        reasons.append(str(cause))
        cause = cause.__cause__ or cause.__context__
    found = re.search(r"OpOverload\(op='([\w:.]+)'", " ".join(reasons)) or re.search(
        r"\b((?:aten|prims|torchvision|pvdm)[:.]{1,2}\w+(?:\.\w+)?)", " ".join(reasons)
    )
    return f"the operator {found[1]}" if found else f"something else ({one_line(reasons[-1].splitlines()[0])})"


@contextmanager
def _quiet() -> Iterator[None]:
    """Silences what exporters say of their own deprecated parts and of each folded constant."""
    loggers = [logging.getLogger(name) for name in TALKATIVE]
    levels = [log.level for log in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for log in loggers:
            log.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for log, level in zip(loggers, levels, strict=True):
                log.setLevel(level)


@contextmanager
def _plain_attention() -> Iterator[None]:
    """PyTorch's transformer layers as plain operators instead of one fused, which formats lack."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def check_installed() -> None:
    """InputError unless the packages of the extra `onnx` are there."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise InputError(f"exporting to ONNX needs {error.name}", INSTALL) from error
