"""This computer's memory, as psutil tells it."""

from app.domain.preflight_ports import ComputerMemory


class PsutilComputer:
    def memory(self) -> ComputerMemory:
        import psutil  # noqa: PLC0415 the app starts without it

        found = psutil.virtual_memory()
        return ComputerMemory(int(found.total), int(found.available))
