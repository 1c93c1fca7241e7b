"""A small configuration, and what a change makes of it."""

from __future__ import annotations

import json

CONFIG = {
    "seed": 1,
    "threads": None,
    "data": {"root": "/a", "nb_steps": 100},
    "model": {"nb_hidden": [100, 50]},
    "trainer": {"max_epochs": 3, "accelerator": "cpu"},
}


def changed(**dotted: object) -> dict:
    config = json.loads(json.dumps(CONFIG))
    for key, value in dotted.items():
        *parents, leaf = key.split("__")
        node = config
        for parent in parents:
            node = node[parent]
        node[leaf] = value
    return config
