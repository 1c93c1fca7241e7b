"""Names and charts in TensorBoard, which sorts curves by name: what matters has to come first.

The names in ``metrics.csv`` and ``result.json`` are not touched: ``val/accuracy`` is
``accuracy/val`` here. So train and validation of one quantity stand side by side.
"""

from __future__ import annotations

import re

_SPLIT = r"(?P<split>running|train|val|val_best|test\w*)"
# In the order of their names: accuracy, loss, its parts, spikes, time, and gradients at the end.
_RULES = (
    (rf"{_SPLIT}/accuracy", r"accuracy/\g<split>"),
    (rf"{_SPLIT}/loss", r"loss/\g<split>"),
    (rf"{_SPLIT}/(?P<part>nll|regularizer)", r"loss_parts/\g<part>/\g<split>"),
    (rf"{_SPLIT}/(?P<layer>hidden\d+)/(?P<what>\w+)", r"spikes/\g<layer>/\g<what>/\g<split>"),
    (r"gradient_norm/(?P<name>.+)", r"weights/gradient_norm/\g<name>"),
)

CHARTS = {
    "accuracy and loss": {
        "accuracy": ["Multiline", ["accuracy/.*"]],
        "loss": ["Multiline", ["loss/.*"]],
        "negative log-likelihood": ["Multiline", ["loss_parts/nll/.*"]],
        "regularizer": ["Multiline", ["loss_parts/regularizer/.*"]],
    },
    "spikes": {
        "firing rate": ["Multiline", [r"spikes/hidden\d+/firing_rate/.*"]],
        "spikes per sample": ["Multiline", [r"spikes/hidden\d+/spikes_per_sample/.*"]],
        "silent share": ["Multiline", [r"spikes/hidden\d+/silent_share/.*"]],
        "saturated share": ["Multiline", [r"spikes/hidden\d+/saturated_share/.*"]],
    },
    "gradients": {"gradient norm": ["Multiline", ["weights/gradient_norm/.*"]]},
}
"""Charts of several curves, for the tab CUSTOM SCALARS: all splits of one quantity in one."""


def tag_of(metric: str) -> str:
    """What a metric is called in TensorBoard; one that is not of this program keeps its name."""
    for pattern, tag in _RULES:
        if match := re.fullmatch(pattern, metric):
            return match.expand(tag)
    return metric
