import os
import pickle
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from snn.data.pickles import load_pickle
from snn.errors import DataError

PATH = Path("some/file.pkl")


class Call:
    """Pickles as a call of any function."""

    def __init__(self, function, *arguments, state=None):
        self.reduced = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.reduced


CONTENT = {
    "text": "Space",
    "number": [1, 2.5, True, None, 3 + 4j, 10**30],
    "bytes": b"\xff",
    "containers": ((1, 2), {3}, frozenset({4}), bytearray(b"5"), OrderedDict(a=1)),
}
ARRAYS = [
    np.arange(24.0).reshape(2, 3, 4),
    np.asfortranarray(np.arange(6, dtype=np.int16).reshape(2, 3)),
    np.array([1.5, -2], np.float16),
    np.array([1, 2], ">u4"),
    np.array([True, False]),
    np.array([b"ab", b"c"]),
    np.array(["Space", "A"]),
    np.zeros((0, 12)),
    np.array(3.0),
    np.array(["a", 1, None], dtype=object),
]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_containers(protocol):
    assert load_pickle(pickle.dumps(CONTENT, protocol=protocol), PATH) == CONTENT


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: str(array.dtype))
def test_arrays(protocol, array):
    loaded = load_pickle(pickle.dumps([array, array], protocol=protocol), PATH)
    assert loaded[0] is loaded[1]
    # numpy itself turns foreign byte orders into the machine's own
    assert loaded[0].dtype.newbyteorder("=") == array.dtype.newbyteorder("=")
    assert loaded[0].shape == array.shape
    assert np.array_equal(loaded[0], array)


@pytest.mark.parametrize("value", [np.float64(2.5), np.int16(-3), np.bool_(True)])
def test_scalars(value):
    loaded = load_pickle(pickle.dumps(value), PATH)
    assert loaded == value
    assert loaded.dtype == value.dtype


def test_a_malicious_pickle_does_not_run(tmp_path):
    trace = tmp_path / "trace"
    content = pickle.dumps([Call(os.system, f"touch {trace}")])
    with pytest.raises(DataError, match=r"asks for (posix|nt)\.system") as error:
        load_pickle(content, PATH)
    assert str(PATH) in str(error.value)
    assert not trace.exists()
    pickle.loads(content)  # it is one indeed
    assert trace.exists()


def test_a_malicious_pickle_is_refused_by_the_data_module(places, root, tmp_path):
    from snn.data import TBL

    trace = tmp_path / "trace"
    path = root / "TBL/tutorial5_braille_spiking_data.pkl"
    path.parent.mkdir()
    path.write_bytes(pickle.dumps([Call(eval, f"open({str(trace)!r}, 'w')")]))
    with pytest.raises(DataError, match=r"builtins\.eval") as error:
        TBL(**places).setup()
    assert str(path) in str(error.value)
    assert not trace.exists()


def array_state(shape, dtype, content):
    return pickle.dumps(
        Call(
            np._core.multiarray._reconstruct,
            np.ndarray,
            (0,),
            b"b",
            state=(1, shape, dtype, False, content),
        )
    )


def with_global(module, name, rest):
    return (
        b"\x80\x04\x8c"
        + bytes([len(module)])
        + module
        + b"\x8c"
        + bytes([len(name)])
        + name
        + (b"\x93" + rest + b".")
    )


HOSTILE = {
    "class": pickle.dumps(Path("x")),
    "module function": pickle.dumps(Call(subprocess.run, ["true"])),
    "getattr": pickle.dumps(Call(getattr, "text", "upper")),
    "import": pickle.dumps(Call(__import__, "os")),
    "dotted name": with_global(b"collections", b"OrderedDict.__init__.__globals__", b""),
    "numpy function": pickle.dumps(Call(np.load, "x")),
    "numpy test hook": with_global(b"numpy.testing", b"runstring", b""),
    "structured array": pickle.dumps(np.zeros(2, [("a", "f8"), ("b", "O")])),
    "datetime array": pickle.dumps(np.zeros(2, "M8[s]")),
    "array too large": array_state((1000,), np.dtype("f8"), b"x" * 8),
    "negative shape": array_state((-1, -8), np.dtype("f8"), b"x" * 64),
    "objects from bytes": array_state((1,), np.dtype("O"), b"\1" * 8),
    "no dtype": array_state((1,), "f8", b"x" * 8),
    "object scalar": pickle.dumps(
        Call(np._core.multiarray.scalar, np.dtype("O"), pickle.dumps(Path("x")))
    ),
    "ndarray called": pickle.dumps(Call(np.ndarray, (3,))),
    "other codec": pickle.dumps(Call(__import__("codecs").encode, "x", "rot13")),
    # (None, {"x": 1}): pickle sets attributes of what it is given
    "altering the reader": with_global(b"_codecs", b"encode", b"N}\x8c\x01xK\x01s\x86b"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_everything_else_is_refused(case):
    with pytest.raises(DataError, match="refused, because it asks for"):
        load_pickle(HOSTILE[case], PATH)


def test_data_frames_are_refused_with_a_way_out():
    content = with_global(b"pandas.core.frame", b"DataFrame", b")\x81")
    with pytest.raises(DataError, match=r"pandas\.read_pickle"):
        load_pickle(content, PATH)


@pytest.mark.parametrize("cut", [0, 1, 10, 50, 100, -1])
def test_cut_pickles(cut):
    with pytest.raises(DataError, match="damaged pickle"):
        load_pickle(pickle.dumps([np.arange(30.0), "x"])[:cut], PATH)


def test_random_damage_never_ends_in_another_error():
    content = bytearray(pickle.dumps([{"letter": "A", "taxel_data": np.arange(24.0)}] * 3))
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), 3):
            damaged[place] = rng.integers(256)
        try:
            load_pickle(bytes(damaged), PATH)
        except DataError:
            refused += 1
    assert refused > 20


def test_nothing_is_imported_for_a_refused_name():
    assert "antigravity" not in sys.modules
    with pytest.raises(DataError, match=r"antigravity\.fly"):
        load_pickle(b"cantigravity\nfly\n.", PATH)
    assert "antigravity" not in sys.modules
