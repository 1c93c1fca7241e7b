"""IDX files of unsigned bytes, the format of MNIST and its kin (Y. LeCun)."""

import math
from pathlib import Path

import numpy as np

from snn.data.lookup import read_bytes
from snn.errors import DataError

_UNSIGNED_BYTE = 0x08


def read_idx(path: Path, nb_dims: int) -> np.ndarray:
    """Reads an IDX file of bytes, packed (``.gz``) or not.

    Header: two zero bytes, the type, the number of dimensions, then each as big-endian uint32.

    Returns:
        uint8 ``[*dims]``, read-only.

    Raises:
        DataError: damaged gzip, wrong magic number, or a length that the header does not tell.
    """
    content = read_bytes(path)
    magic = bytes([0, 0, _UNSIGNED_BYTE, nb_dims])
    if content[:4] != magic:
        raise DataError(
            f"{path}: wrong magic number {content[:4].hex() or '(empty file)'} at byte 0, "
            f"expected {magic.hex()} (IDX, bytes, {nb_dims} dimensions)"
        )
    start = 4 + 4 * nb_dims
    if len(content) < start:
        raise DataError(f"{path}: ends at byte {len(content)}, inside its header of {start}")
    dims = tuple(int(n) for n in np.frombuffer(content, ">u4", nb_dims, offset=4))
    if len(content) != start + math.prod(dims):
        raise DataError(
            f"{path}: {len(content)} bytes, but its header promises {start + math.prod(dims)} "
            f"(dimensions {dims}); truncated or damaged"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(dims)
