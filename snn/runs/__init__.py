"""The record of a run: its identity, its state, its result. Files only; no Lightning, no Hydra."""

from snn.config.identity import config_hash, differences, task_config
from snn.files import read_json, write_json
from snn.runs.directory import RunDirectory
from snn.runs.result import RESULT_VERSION, make_result
from snn.runs.status import Interrupted, recorded

__all__ = [
    "RESULT_VERSION",
    "Interrupted",
    "RunDirectory",
    "config_hash",
    "differences",
    "make_result",
    "read_json",
    "recorded",
    "task_config",
    "write_json",
]
