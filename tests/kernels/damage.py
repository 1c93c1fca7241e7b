"""Arguments of the kernels, damaged here and there, and how they are named."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from snn.events import EventBatch, EventStore
from snn.neurons import LIFDynamics, Neuron

NUMBERS = (-(2**62), -1, 0, 1, 2, 3, 7, 63, 2**31, 2**40, 2**62)
FLOATS = (0.0, -1.0, 1e-300, 1e300, float("nan"), float("inf"))
DTYPES = (torch.float16, torch.float32, torch.float64, torch.int64, torch.int16, torch.complex64)


def values(rng: random.Random, x: Tensor) -> Tensor:
    """The same tensor in another form: nothing about it is wrong."""
    with torch.no_grad():
        kind = rng.choice(("strided", "backwards", "misaligned", "negated", "copied"))
        if kind == "strided":
            room = x.new_zeros(*x.shape, 2) if x.dim() else x.new_zeros(2)
            room[..., 0] = x
            new = room[..., 0]
        elif kind == "backwards" and x.dim() > 1:
            new = x.transpose(0, -1).contiguous().transpose(0, -1)
        elif kind == "misaligned" and x.numel() and not x.is_complex():
            raw = bytearray(x.numel() * x.itemsize + 1)
            new = torch.frombuffer(raw, dtype=x.dtype, count=x.numel(), offset=1).view(x.shape)
            new.copy_(x)
        elif kind == "negated" and x.dtype in (torch.float32, torch.float64):
            new = torch.complex(torch.zeros_like(x), -x).conj().imag
        else:
            new = x.clone()
    return new.requires_grad_(x.requires_grad)


def damaged(rng: random.Random, x: Tensor) -> Any:
    """A tensor, or something else, in place of this one."""
    if not isinstance(x, Tensor):
        return None
    x = x.detach()
    if x.layout is not torch.strided or x.device.type == "meta" or x.numel() > 2**40:
        return x
    kind = rng.choice((
        "shorter", "longer", "narrower", "deeper", "flat", "scalar", "empty", "turned", "dtype",
        "meta", "sparse", "huge", "nothing", "number", "value", "values",
    ))  # fmt: skip
    if kind == "shorter" and x.dim() and x.shape[0]:
        return x[:-1]
    if kind == "longer" and x.dim():
        return torch.cat([x, x])
    if kind == "narrower" and x.dim() and x.shape[-1]:
        return x[..., :-1]
    if kind == "deeper":
        return x[None]
    if kind == "flat":
        return x.flatten()
    if kind == "scalar" and x.numel():
        return x.flatten()[0]
    if kind == "empty":
        return x.new_empty(rng.choice([(0,), (0, 0), (0, 3, 4), (2, 0, 3)]))
    if kind == "turned" and x.dim() > 1:
        return x.transpose(0, -1)
    if kind == "dtype":
        return x.to(rng.choice(DTYPES))
    if kind == "meta":
        return x.to("meta")
    if kind == "sparse" and x.dim() and not x.is_complex():
        return x.to_sparse()
    if kind == "huge":
        return x.flatten()[:1].expand(2**52) if x.numel() else x
    if kind == "nothing":
        return None
    if kind == "number":
        return rng.choice((3, 0.5, "0.5"))
    if kind == "value" and x.numel():
        x = x.clone(memory_format=torch.contiguous_format)
        bound = 2**60 if x.dtype == torch.int64 else 2**14
        wrong = (0, 1, 5, 99) if x.dtype == torch.uint8 else (-1, 0, 1, 5, 99, bound, -bound)
        for _ in range(rng.choice((1, 1, 1, 5))):
            x.view(-1)[rng.randrange(x.numel())] = rng.choice(wrong)
        return x
    return values(rng, x)


def damaged_list(rng: random.Random, given: list[Any]) -> list[Any]:
    given = list(given)
    kind = rng.choice(("item",) * 4 + ("dropped", "doubled", "none", "turned"))
    if kind == "none" or not given:
        return []
    place = rng.randrange(len(given))
    if kind == "dropped":
        return given[:place] + given[place + 1 :]
    if kind == "doubled":
        return [*given, given[place]]
    if kind == "turned":
        return given[::-1]
    given[place] = damaged_value(rng, given[place])
    return given


def damaged_value(rng: random.Random, value: Any) -> Any:
    if isinstance(value, Tensor):
        return damaged(rng, value)
    if isinstance(value, EventStore):
        return damaged_store(rng, value)
    if isinstance(value, EventBatch):
        if rng.random() < 0.3:
            return replace(value, index=damaged(rng, value.index))
        return replace(value, store=damaged_store(rng, value.store))
    if isinstance(value, LIFDynamics | Neuron):
        return value
    if isinstance(value, dict) and value:
        name = rng.choice(list(value))
        if rng.random() < 0.1:
            return {key: kept for key, kept in value.items() if key != name}
        return value | {name: damaged_value(rng, value[name])}
    if isinstance(value, list):
        return damaged_list(rng, value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        name = rng.choice(value._fields)
        return value._replace(**{name: damaged_value(rng, getattr(value, name))})
    if isinstance(value, bool) or value is None:
        return rng.choice((None, True, False))
    if isinstance(value, int):
        return rng.choice(NUMBERS)
    if isinstance(value, float):
        return rng.choice(FLOATS)
    return rng.choice((None, "typo", 3))


def damaged_store(rng: random.Random, store: EventStore) -> EventStore:
    name = rng.choice(("indptr", "units", "nb_steps", "nb_units"))
    return replace(store, **{name: damaged_value(rng, getattr(store, name))})


def described(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"{value.dtype}{tuple(value.shape)}@{value.device}".removeprefix("torch.")
    if isinstance(value, EventBatch):
        return f"events({described(value.store)}, {described(value.index)})"
    if isinstance(value, EventStore):
        return f"store({described(value.indptr)}, {described(value.units)}, {value.nb_steps})"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(described, value))}]"
    return repr(value)


def shaken(rng: random.Random, given: dict[str, Any]) -> dict[str, Any]:
    """The arguments with one to three of them damaged."""
    given = dict(given)
    for _ in range(rng.choice((1, 1, 2, 3))):
        name = rng.choice(list(given))
        given[name] = damaged_value(rng, given[name])
    return given
