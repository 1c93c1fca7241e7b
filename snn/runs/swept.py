"""What tells the points of a sweep apart: keys whose values differ, and short words for them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

# Short names of the keys that are swept most; others are called by their last part.
SHORT = {
    "model.nb_hidden": "hidden",
    "data.nb_steps": "steps",
    "model.scale": "scale",
    "model.regularizer": "reg",
    "model.regularizer_l2": "l2",
    "data.batch_size": "batch",
    "trainer.max_epochs": "epochs",
    "optimizer.weight_decay": "decay",
}


def values_of(overrides: Iterable[str]) -> dict[str, str]:
    """``{key: value}`` as the command line said it; ``~key`` is off."""
    said = {}
    for override in overrides:
        key, _, value = override.partition("=")
        said[key.lstrip("+~")] = "off" if key.startswith("~") else value
    return said


def swept_keys(points: Iterable[Iterable[str]]) -> list[str]:
    """Keys that some points set to other values than others, or leave alone.

    Args:
        points: the overrides of each.
    """
    said = [values_of(overrides) for overrides in points]
    keys = dict.fromkeys(key for values in said for key in values)
    return [key for key in keys if len({values.get(key) for values in said}) > 1]


def swept_values(points: Mapping[str, Sequence[str]], name: str) -> dict[str, str]:
    """What sets a point of a plan apart, ``{key: value}``; nothing of a point that is not there."""
    said = values_of(points.get(name, ()))
    return {key: said[key] for key in swept_keys(points.values()) if key in said}


def word(key: str, value: str) -> str:
    """A key and its value in a word: ``hidden100``, ``lr0.01``; of a group its choice, ``sgd``."""
    text = re.sub(r"[^\w.+-]+", "x", _brief(value).strip("[]'\" "))
    is_choice = "." not in key and re.fullmatch(r"[A-Za-z]\w*", text) and text not in WORDS
    return text if is_choice else f"{SHORT.get(key, re.split(r'[./@]', key)[-1])}{text}"


def _brief(value: str) -> str:
    """A number that was drawn at random, to four digits; anything else as it is."""
    drawn = len(value) > DRAWN and re.fullmatch(r"[+-]?\d*\.?\d+(e[+-]?\d+)?", value, re.I)
    return f"{float(value):.4g}" if drawn else value


WORDS = ("true", "false", "null", "off")
DRAWN = 9  # characters of a number that nobody has typed
