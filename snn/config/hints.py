"""What somebody may have meant by a key that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from snn.errors import ConfigError

# Names that other programs give to what has another one here.
ALIASES = {
    "optimizer.lr": ("lr", "learning_rate", "learningrate", "eta", "rate"),
    "optimizer.weight_decay": ("weight_decay", "wd", "l2"),
    "optimizer.momentum": ("momentum",),
    "optimizer": ("optim", "opt"),
    "trainer.max_epochs": (
        *("epochs", "epoch", "max_epochs", "max_epoch", "nb_epochs", "num_epochs", "n_epochs"),
    ),
    "trainer.gradient_clip_val": ("gradient_clip_val", "grad_clip", "clip", "max_grad_norm"),
    "trainer.accelerator": ("device", "accelerator", "gpu", "cuda", "cpu"),
    "model.nb_hidden": (
        *("hidden", "nb_hidden", "n_hidden", "num_hidden", "hidden_size", "hidden_units"),
        *("nb_units", "units", "neurons", "nb_neurons"),
    ),
    "model.regularizer": ("reg", "regularizer", "regularization"),
    "model.tau_mem": ("tau", "tau_mem", "tau_m"),
    "model.tau_syn": ("tau_syn", "tau_s"),
    "model.scale": ("scale", "slope", "steepness"),
    "data.batch_size": ("batch", "batch_size", "batchsize", "bs"),
    "data.nb_steps": ("steps", "nb_steps", "num_steps", "n_steps", "timesteps", "time_steps"),
    "data.root": ("root", "data_root", "data_dir", "datadir"),
    "data": ("dataset",),
    "scheduler": ("sched", "schedule", "lr_scheduler"),
    "callbacks": ("callback",),
    "ckpt_path": ("checkpoint", "ckpt", "resume"),
    "hydra.run.dir": ("dir", "out", "output", "output_dir", "outdir", "run_dir", "save_dir"),
    "threads": ("num_threads", "n_threads", "nb_threads"),
}
# Keys that others, where they are given, stand in for; keys that mean something beside others only.
STAND_IN = {"model.tau_mem": "model.beta", "model.tau_syn": "model.alpha"}
NEED_ONE_OF = {"model.tau_distribution": ("model.tau_mem_spread", "model.tau_syn_spread")}
# Keys of other networks that mean nothing to a target, and why.
_SURROGATE = "a network without spikes has an exact gradient"
_SPIKES = "a network without spikes has none to be regularised"
_NEURONS = "tanh and GRU units have no time constants, threshold or reset"
_ALWAYS = (
    "its weights are drawn by fan-in, its layers are recurrent, as PyTorch's operators have it"
)
MEANINGLESS = {
    "snn.training.rnn.rnn": {
        **dict.fromkeys(("scale", "surrogate", "detach_reset"), _SURROGATE),
        **dict.fromkeys(("regularizer", "regularizer_l2", "reduction"), _SPIKES),
        **dict.fromkeys(
            (
                *("alpha", "beta", "learn_alpha", "learn_beta", "threshold", "initial_potential"),
                *("tau_mem_spread", "tau_syn_spread", "tau_distribution", "reset", "timing"),
                *("neuron", "initial", "learn"),
            ),
            _NEURONS,
        ),
        "tau_mem": f"{_NEURONS}; the readout's is model.readout_tau_mem",
        "tau_syn": f"{_NEURONS}; the readout's is model.readout_tau_syn",
        **dict.fromkeys(
            ("recurrent", "self_recurrence", "recurrence", "bias", "fan", "weight_spread"), _ALWAYS
        ),
        "delays": "there are no spikes to be delayed",
        "normalize": "units without spikes are bounded already",
        "backend": "the kernels compute spiking networks",
    },
}
MEANT = {alias: key for key, aliases in ALIASES.items() for alias in aliases}
LIST_UP_TO = 240  # characters of names that are worth reading
NAMED = 3
ALL_KEYS = "python train.py --cfg job shows them"


def unknown_key(
    name: str, known: Iterable[str], groups: Iterable[str] = (), node: str | None = None
) -> str:
    """What is allowed instead of an unknown key: the one that is meant, or those there are.

    Args:
        name: the key, dotted or not.
        known: the keys of the whole configuration, dotted, or those of one node.
        groups: keys that hold others, which may be meant too.
        node: where ``name`` stands, if it is not dotted.
    """
    known = list(known)
    meant = _meant(name, known, {*known, *groups})
    if meant := [key for key in meant if key != f"{node}.{name}"]:
        listed = " or ".join(repr(key) for key in meant)
        return f"one of the keys known here; did you mean {listed}?"
    names = ", ".join(sorted(known))
    return f"one of the keys known here ({names if len(names) <= LIST_UP_TO else ALL_KEYS})"


def meaningless(key: str, target: object) -> str | None:
    """That a key has no meaning to the target of its node, and why, as the end of "must be".

    Args:
        key: dotted, e.g. ``model.scale``.
        target: of the node that it belongs to.
    """
    name = key.rsplit(".", 1)[-1]
    why = MEANINGLESS.get(str(target), {}).get(name)
    return None if why is None else f"left out (~{key} where a preset sets it): {why}"


def without_effect(given: Mapping[str, object], config: Mapping[str, object]) -> ConfigError | None:
    """The first value of a command line that changes nothing, as the error that says so.

    Args:
        given: ``{key: value}`` of the command line.
        config: of the run, ``{dotted key: value}``.
    """
    for key, instead in STAND_IN.items():
        if given.get(key) is not None and given.get(instead) is not None:
            allowed = f"left out with {instead}, which is used in its place"
            return ConfigError(key, given[key], allowed)
    for key, needed in NEED_ONE_OF.items():
        if given.get(key) is not None and all(config.get(name) is None for name in needed):
            allowed = f"left out, or given with {' or '.join(needed)}: else nothing is drawn by it"
            return ConfigError(key, given[key], allowed)
    return None


def _meant(name: str, known: list[str], real: set[str]) -> list[str]:
    """The keys that are nearest, at most :data:`NAMED`."""
    whole = any("." in key for key in known)
    leaf = name.rsplit(".", 1)[-1].lower()

    def alias(word: str) -> list[str]:
        key = MEANT.get(word)
        # Of one node's keys it cannot be seen whether the rest of the configuration has it.
        there = key is not None and (not whole or key in real or key.startswith("hydra."))
        return [key] if there else []

    of_leaf: dict[str, list[str]] = {}
    for key in known:
        of_leaf.setdefault(key.rsplit(".", 1)[-1], []).append(key)
    if found := alias(name.lower()) or difflib.get_close_matches(name, known, n=1):
        return found
    if found := of_leaf.get(leaf, []) or alias(leaf):
        return found[:NAMED]
    near = difflib.get_close_matches(leaf, list(of_leaf), n=1, cutoff=0.75)
    return [key for match in near for key in of_leaf[match]][:NAMED]
