"""A GGUF file in fewer bits: which tensor gets which type, and the bytes as ggml's own code makes them.

Q4_K_M and Q5_K_M are mixtures. Which tensor gets how many bits follows the rules of llama.cpp's own
`llama-quantize` (Falcon's special ones left out). Sources are the 16- and 32-bit types the converter writes.
"""

import ctypes
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from gguf import (
    GGML_QUANT_SIZES,
    GGMLQuantizationType,
    GGUFReader,
    GGUFValueType,
    GGUFWriter,
    LlamaFileType,
)

from app.domain.errors import StudioError
from app.domain.exports import Quantization

Kind = GGMLQuantizationType

_WANTED: Final = {
    Quantization.Q4_K_M: (LlamaFileType.MOSTLY_Q4_K_M, Kind.Q4_K),
    Quantization.Q5_K_M: (LlamaFileType.MOSTLY_Q5_K_M, Kind.Q5_K),
}
_FALLBACKS: Final = {Kind.Q4_K: Kind.Q5_0, Kind.Q5_K: Kind.Q5_1, Kind.Q6_K: Kind.Q8_0}
"""For rows whose length is no multiple of 256."""
_KEPT: Final = (
    "_norm.weight", "ffn_gate_inp.weight", "ssm_conv1d", "shortconv.conv.weight", "altup", "laurel",
    "per_layer_model_proj", "time_mix_", "attn_rel_b.weight", "position_embd", "token_types.weight",
)  # fmt: skip
"""In names of tensors that stay as they are: they are small, and an error in them costs much."""
_VALUES: Final = ("attn_v.weight", "attn_qkv.weight", "attn_kv_b.weight")
_LAYER: Final = re.compile(r"^blk\.(\d+)\.")
_LAYERS_OF_70B: Final = 80
_VALUES_AT_ONCE: Final = 4_194_304
"""What one thread has in 32 bits at a time is 16 MB."""
_NOT_COPIED: Final = ("GGUF.", "general.architecture", "general.file_type", "general.quantization_version")
_QUANTIZATION_VERSION: Final = 2

Tell = Callable[[float], None]


def quantise(source: Path, target: Path, wanted: Quantization, tell: Tell) -> Mapping[str, int]:
    """Write `target`; returns how many tensors became which type. Raises StudioError without ggml."""
    _ggml()
    file_type, kind = _WANTED[wanted]
    reader = GGUFReader(source)
    kinds = choose(reader.tensors, kind, experts=_experts(reader))
    writer = GGUFWriter(target, str(reader.fields["general.architecture"].contents()))
    try:
        _copy_settings(reader, writer, file_type)
        for tensor in reader.tensors:
            shape = [int(length) for length in reversed(tensor.shape)]
            size = _bytes(int(tensor.n_elements), kinds[tensor.name])
            writer.add_tensor_info(tensor.name, shape, np.dtype(np.float32), size, kinds[tensor.name])
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        _write_tensors(reader, writer, kinds, tell)
    finally:
        writer.close()
    return Counter(kind.name for kind in kinds.values())


def choose(tensors: Sequence[Any], default: Kind, *, experts: int = 0) -> dict[str, Kind]:
    """The type of every tensor, by its name and its place among the layers."""
    names = {str(tensor.name) for tensor in tensors}
    values = sorted((name for name in names if name.endswith(_VALUES)), key=_layer)
    layers = max(map(_layer, names), default=-1) + 1
    is_tied = "output.weight" not in names
    found: dict[str, Kind] = {}
    for tensor in tensors:
        name, width = str(tensor.name), int(tensor.shape[0])
        if len(tensor.shape) < 2 or not name.endswith("weight") or any(part in name for part in _KEPT):
            found[name] = tensor.tensor_type
        elif name == "output.weight" or (is_tied and name == "token_embd.weight"):
            found[name] = Kind.Q8_0 if width % 256 else Kind.Q6_K
        elif name in values:
            at = values.index(name)
            found[name] = _fitting(_of_values(default, at, len(values), layers, experts), width)
        else:
            found[name] = _fitting(_of_others(name, default, layers, experts), width)
    return found


def _of_values(default: Kind, at: int, count: int, layers: int, experts: int) -> Kind:
    if experts == 8:
        return Kind.Q8_0
    if _has_more_bits(at, count):
        return Kind.Q6_K
    return Kind.Q5_K if layers == _LAYERS_OF_70B and default is Kind.Q4_K else default


def _of_others(name: str, default: Kind, layers: int, experts: int) -> Kind:
    if "ffn_down" in name and _has_more_bits(_layer(name), layers):
        return Kind.Q6_K
    if experts == 8 and "attn_k.weight" in name:
        return Kind.Q8_0
    if experts == 8 and "attn_output.weight" in name:
        return Kind.Q5_K
    return default


def _has_more_bits(layer: int, layers: int) -> bool:
    """The first and last eighth of the layers, and every third of the others."""
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


def _fitting(kind: Kind, width: int) -> Kind:
    if width % GGML_QUANT_SIZES[kind][0] == 0:
        return kind
    smaller = _FALLBACKS.get(kind, kind)
    return smaller if width % GGML_QUANT_SIZES[smaller][0] == 0 else Kind.F16


def _layer(name: str) -> int:
    found = _LAYER.match(name)
    return int(found[1]) if found else -1


def _experts(reader: Any) -> int:
    field = next((f for name, f in reader.fields.items() if name.endswith(".expert_count")), None)
    return int(field.contents()) if field is not None else 0


def _copy_settings(reader: Any, writer: Any, file_type: LlamaFileType) -> None:
    for field in reader.fields.values():
        if field.name.startswith(_NOT_COPIED):
            continue
        kind = field.types[0]
        inner = field.types[-1] if kind == GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), kind, sub_type=inner)
    writer.add_file_type(file_type)
    writer.add_quantization_version(_QUANTIZATION_VERSION)


def _write_tensors(reader: Any, writer: Any, kinds: Mapping[str, Kind], tell: Tell) -> None:
    total = sum(int(tensor.n_elements) for tensor in reader.tensors)
    done = 0
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        for tensor in reader.tensors:
            kind = kinds[tensor.name]
            data = tensor.data if kind == tensor.tensor_type else _encoded(tensor, kind, threads)
            writer.write_tensor_data(np.ascontiguousarray(data))
            done += int(tensor.n_elements)
            tell(done / total)


def _encoded(tensor: Any, kind: Kind, threads: ThreadPoolExecutor) -> Any:
    """Bytes of the tensor in its new type."""
    width = int(tensor.shape[0])
    rows = tensor.data.view(_STORED[tensor.tensor_type]).reshape(-1, width)
    step = max(_VALUES_AT_ONCE // width, 1)
    pieces = (rows[at : at + step] for at in range(0, len(rows), step))
    return np.concatenate(list(threads.map(lambda piece: encode(_floats(piece), kind), pieces)))


_STORED: Final = {Kind.F32: np.float32, Kind.F16: np.float16, Kind.BF16: np.uint16}


def _floats(rows: Any) -> Any:
    """In 32 bits; what is kept in `uint16` is bfloat16."""
    if rows.dtype == np.uint16:
        return (rows.astype(np.uint32) << 16).view(np.float32)
    return np.ascontiguousarray(rows, dtype=np.float32)


def encode(rows: Any, kind: Kind) -> Any:
    """`rows`, `[rows, width]` in float32, as bytes of that type."""
    if kind == Kind.F16:
        return rows.astype(np.float16).view(np.uint8).reshape(-1)
    count, width = rows.shape
    target = np.empty(_bytes(rows.size, kind), dtype=np.uint8)
    written = _ggml().ggml_quantize_chunk(
        int(kind), rows.ctypes.data, target.ctypes.data, 0, count, width, None
    )
    assert written == target.nbytes, (kind, written, target.nbytes)
    return target


def _bytes(values: int, kind: Kind) -> int:
    values_in_block, bytes_of_block = GGML_QUANT_SIZES[kind]
    return values // values_in_block * bytes_of_block


@cache
def _ggml() -> Any:
    """ggml's own library. Raises StudioError."""
    try:
        import libggml  # noqa: PLC0415 only these two formats need it

        folder = Path(str(libggml.__file__)).parent
        ending = {"win32": "dll", "darwin": "dylib"}.get(sys.platform, "so")
        path = next(iter(sorted(folder.rglob(f"*ggml-base*.{ending}"))))
        library = ctypes.CDLL(str(path))
    except (ImportError, OSError, StopIteration) as error:
        raise StudioError(
            "Q4_K_M and Q5_K_M need ggml's quantiser, which is not installed or cannot be loaded.",
            'Run: pip install "tunewright[export]". Or choose F16, BF16 or Q8_0, which do without.',
        ) from error
    library.ggml_quantize_chunk.restype = ctypes.c_size_t
    library.ggml_quantize_chunk.argtypes = [
        ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p,
        ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p,
    ]  # fmt: skip
    return library
