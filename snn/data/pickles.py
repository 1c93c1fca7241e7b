"""A restricted unpickler: numpy arrays and plain containers, nothing else.

A pickle is a program, and the usual reader runs whatever it names. This one knows a handful of
constructors, its own, and checks what reaches numpy: the shape against the buffer, no structured
types. Anything else, DataFrames included, is refused before it is imported.
"""

import io
import math
import pickle
import re
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np

from snn.errors import DataError

_SIMPLE_DTYPE = re.compile(r"[<>=|]?([biufc]\d{1,2}|[SU]\d{1,6}|O8?|\?)")


class Refused(pickle.UnpicklingError):
    """The pickle asks for something that data have no need of."""


class _Dtype:
    """Stands for a numpy dtype while a pickle is being read: its state is checked first."""

    def __init__(self, code: str, *_: object) -> None:
        code = code.decode("latin1") if isinstance(code, bytes) else code
        if not (isinstance(code, str) and _SIMPLE_DTYPE.fullmatch(code)):
            raise Refused(f"the numpy type {code!r}")
        self.dtype = np.dtype("O" if code.startswith("O") else code)

    def __setstate__(self, state: tuple) -> None:
        # (version, byte order, subarray, names, fields, itemsize, alignment, flags, ...)
        if any(part is not None for part in state[2:5]):
            raise Refused("a structured numpy type")
        order = state[1].decode("latin1") if isinstance(state[1], bytes) else state[1]
        if order not in ("<", ">", "=", "|"):
            raise Refused(f"the byte order {order!r}")
        if order in "<>":
            self.dtype = self.dtype.newbyteorder(order)


class _Array(np.ndarray):
    """An array whose pickled state is checked before numpy sees it."""

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, fortran, content = state
        dtype = _simple(dtype)
        _check_shape(shape)
        content = content.encode("latin1") if isinstance(content, str) else content
        if dtype.hasobject:
            sound = isinstance(content, list) and len(content) == math.prod(shape)
        else:
            sound = isinstance(content, bytes) and len(content) == math.prod(shape) * dtype.itemsize
        if not sound:
            raise Refused(f"an array of shape {shape} whose content has another size")
        super().__setstate__((1, shape, dtype, bool(fortran), content))


def _simple(dtype: object) -> np.dtype:
    if not isinstance(dtype, _Dtype):
        raise Refused(f"{type(dtype).__name__} in place of a numpy type")
    return dtype.dtype


def _check_shape(shape: object) -> None:
    if not (isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)):
        raise Refused(f"the array shape {shape!r}")


def _reconstruct(*_: object) -> _Array:
    return np.ndarray.__new__(_Array, (0,), np.int8)


def _frombuffer(content: object, dtype: object, shape: object, order: object) -> np.ndarray:
    dtype = _simple(dtype)
    _check_shape(shape)
    if dtype.hasobject or order not in ("C", "F"):
        raise Refused("an array of objects from a buffer")
    return np.frombuffer(content, dtype).reshape(shape, order=order)


def _scalar(dtype: object, content: object = None) -> np.generic:
    dtype = _simple(dtype)
    content = content.encode("latin1") if isinstance(content, str) else content
    if dtype.hasobject or not isinstance(content, bytes) or len(content) != dtype.itemsize:
        raise Refused("a numpy scalar whose content has another size")
    return np.frombuffer(content, dtype)[0]


def _encode(text: object, encoding: object = "latin1") -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise Refused(f"the text encoding {encoding!r}")
    return text.encode("latin1")


def _ndarray_type(*_: object) -> None:  # only ever passed to _reconstruct, which ignores it
    raise Refused("numpy.ndarray called as a function")


class _Constructor:
    """A callable that a pickle can call but not alter (it may set attributes of what it names)."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable) -> None:
        self._function = function

    def __call__(self, *args: object) -> object:
        return self._function(*args)

    def __setstate__(self, state: object) -> None:
        raise Refused("a change of the reader itself")


_KNOWN = {
    ("numpy", "dtype"): _Constructor(_Dtype),
    ("numpy", "ndarray"): _Constructor(_ndarray_type),
    ("_codecs", "encode"): _Constructor(_encode),
    ("collections", "OrderedDict"): _Constructor(OrderedDict),
    **{
        (module, name): _Constructor(function)
        for package in ("numpy.core", "numpy._core")
        for module, name, function in (
            (f"{package}.multiarray", "_reconstruct", _reconstruct),
            (f"{package}.multiarray", "scalar", _scalar),
            (f"{package}.numeric", "_frombuffer", _frombuffer),
        )
    },
    **{
        (module, name): _Constructor(kind)
        for module in ("builtins", "__builtin__")
        for name, kind in (
            ("set", set),
            ("frozenset", frozenset),
            ("bytes", bytes),
            ("bytearray", bytearray),
            ("complex", complex),
        )
    },
}


class _RestrictedUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        try:
            return _KNOWN[module, name]
        except KeyError:
            raise Refused(f"{module}.{name}") from None


def load_pickle(content: bytes, path: Path) -> object:
    """Reads a pickle of numpy arrays, numbers, strings, lists, tuples, dicts and sets.

    Args:
        content: the pickle, unpacked. Text of Python 2 is taken as latin-1.
        path: the file it came from, for messages.

    Raises:
        DataError: the pickle is damaged, or names anything else; nothing of it has been run.
    """
    try:
        return _RestrictedUnpickler(io.BytesIO(content), encoding="latin1").load()
    except Refused as refusal:
        hint = ""
        if "pandas" in str(refusal):
            hint = (
                ". It holds a pandas object; convert it once, in an environment that trusts it: "
                "pickle.dump(pandas.read_pickle(IN).to_dict('list'), open(OUT, 'wb'))"
            )
        raise DataError(
            f"{path}: refused, because it asks for {refusal}; only numpy arrays and plain "
            f"containers are read{hint}"
        ) from refusal
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise DataError(f"{path}: damaged pickle ({type(error).__name__}: {error})") from error
