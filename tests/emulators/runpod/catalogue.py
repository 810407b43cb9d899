"""GPUs and regions of the emulator, with prices and stock as they might be on some day."""

from dataclasses import dataclass, field

CUDA = ("12.4", "12.8", "13.0")


@dataclass
class GpuType:
    id: str
    name: str
    memory: int
    secure: float
    community: float = 0.0
    stock: dict[str, str] = field(default_factory=dict)
    """Region → HIGH, MEDIUM or LOW; a region that is missing has none."""
    manufacturer: str = "NVIDIA"
    most: int = 8
    cuda: tuple[str, ...] = CUDA


@dataclass
class Region:
    id: str
    name: str
    continent: str
    volumes: bool = True


def regions() -> dict[str, Region]:
    return {
        region.id: region
        for region in (
            Region("EU-RO-1", "Romania", "EUROPE"),
            Region("EU-CZ-1", "Czechia", "EUROPE"),
            Region("US-KS-2", "Kansas", "NORTH_AMERICA"),
            Region("US-TX-3", "Texas", "NORTH_AMERICA", volumes=False),
        )
    }


def gpu_types() -> dict[str, GpuType]:
    low, medium, high = "LOW", "MEDIUM", "HIGH"
    return {
        gpu.id: gpu
        for gpu in (
            GpuType("NVIDIA RTX A4000", "RTX A4000", 16, 0.25, 0.17, {"EU-RO-1": high, "US-KS-2": low}),
            GpuType("NVIDIA L4", "L4", 24, 0.39, 0.0, {"EU-RO-1": medium, "US-KS-2": high}),
            GpuType("NVIDIA GeForce RTX 4090", "RTX 4090", 24, 0.69, 0.34, {"EU-RO-1": high, "EU-CZ-1": low}),
            GpuType(
                "NVIDIA GeForce RTX 5090", "RTX 5090", 32, 0.94, 0.69, {"EU-RO-1": low}, cuda=("12.8", "13.0")
            ),
            GpuType("NVIDIA L40S", "L40S", 48, 0.86, 0.79, {"US-KS-2": medium, "US-TX-3": high}),
            GpuType(
                "NVIDIA A100 80GB PCIe", "A100 PCIe", 80, 1.64, 1.19, {"EU-CZ-1": medium, "US-KS-2": low}
            ),
            GpuType(
                "NVIDIA H100 80GB HBM3", "H100 SXM", 80, 2.99, 2.69, {"EU-RO-1": medium, "US-KS-2": high}
            ),
            GpuType("NVIDIA H200", "H200 SXM", 141, 3.99, 0.0, {}),
            GpuType("NVIDIA GeForce RTX 3070", "RTX 3070", 8, 0.0, 0.13, {}),
            GpuType("AMD Instinct MI300X OAM", "MI300X", 192, 2.49, 0.0, {"EU-RO-1": low}, "AMD", cuda=()),
        )
    }
