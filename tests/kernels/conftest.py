import pytest

from snn.kernels.cpu import library

# Each instruction set that was built and that this machine has.
SETS = [
    name for name in library.INSTRUCTION_SETS if isinstance(library.load(name), library.Library)
] or ["baseline"]  # which is missing then, as its tests will say


@pytest.fixture(params=SETS)
def instruction_set(request, monkeypatch):
    """Runs a test once for each instruction set."""
    monkeypatch.setenv("SNN_CPU_KERNELS", request.param)
    monkeypatch.setattr(library, "_loads", {})
    assert library.load().name == request.param
    return request.param
