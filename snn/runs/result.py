"""``result.json``: what a completed run found, in one flat record.

Keys are dotted and their values plain, but for ``config`` (nested) and ``overrides`` (a list):

==============================  ===================================================================
``schema_version``              1; raised whenever a key changes its meaning or goes away
``config``, ``config_hash``     resolved configuration; hash of its part that decides the result
``overrides``                   task overrides of the command line, after that of
                                ``hydra.searchpath`` where configuration files were the user's own
``seed``                        the run's seed
``metrics.final.<split>.<m>``   of the weights after the last epoch; split is ``train``, ``val``,
                                ``test`` or ``test_unheard``, m ``accuracy``, ``loss`` (``nll`` +
                                ``regularizer``), ``hidden<i>/firing_rate`` (spikes per neuron and
                                step), ``silent_share``, ``saturated_share``, ``spikes_per_sample``,
                                or ``synops_per_sample``: input events (an encoder's spikes) times
                                the neurons of the first layer, plus each layer's spikes times its
                                recurrent and the next layer's (the readout's) neurons. Those of
                                test splits are missing with ``test=false``
``metrics.<w>.<test split>``    of both kinds of weights, on up to 256 samples spread over a test
``.neurobench/<m>``             split, m as NeuroBench defines it (:mod:`snn.network.complexity`):
                                ``footprint``, ``connection_sparsity``, ``activation_sparsity``,
                                ``dense_synops``, ``effective_macs``, ``effective_acs``,
                                ``membrane_updates`` (not of ``model=rnn``). With ``test=false``, of
                                the validation part, or of the training part where there is none
``metrics.best.<split>.<m>``    of the weights that did best on the validation part; null without
                                such a part
``best_epoch``, ``epochs``      counted from 1
``fit_seconds``                 all of training, validation included, interruptions left out
``epoch_seconds``               median time of an epoch's training part
``energy.source``               ``measured`` by counters, ``estimated`` by a model, or ``none``
``energy.counters``             which, and what they count; ``energy.not_read``: why not others
``energy.training.joules``      over the window of ``fit_seconds``; ``energy.training.seconds`` is
                                how much of it was read. Null without a counter
``energy.inference.``           of one sample, from a window of ``seconds`` in which ``samples`` of
``joules_per_sample``           ``split`` went through the network in batches of ``batch_size``
                                (``energy.inference.<those>``)
``samples_per_second``          training samples over that time
``together``                    how many runs shared the process, at most; where that is more than
                                1, all times and energies of training are those of all of them
``nb_parameters``               trainable parameters
``data.*``                      numbers of samples and events, as the data module reports them
``backend``                     what computed the network: ``einsum``, ``cpu`` or ``gpu``
``device``, ``threads``, ``git_revision``, ``versions.*``, ``peak_memory_mib.{host,gpu}``
``start``, ``end``              UTC, ISO 8601
==============================  ===================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from snn.config.identity import config_hash

RESULT_VERSION = 1


def _named(prefix: str, metrics: Mapping[str, float]) -> dict[str, float]:
    """``{"metrics.final.test.accuracy": 0.9}`` from ``{"test/accuracy": 0.9}``."""
    named = {}
    for key, value in metrics.items():
        split, metric = key.split("/", 1)
        named[f"metrics.{prefix}.{split}.{metric}"] = value
    return named


def make_result(
    *,
    config: Mapping[str, Any],
    overrides: Sequence[str],
    final: Mapping[str, float],
    best: Mapping[str, float] | None,
    best_epoch: int | None,
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """The record of a completed run.

    Args:
        config: resolved configuration.
        overrides: task overrides of the command line.
        final: ``{"<split>/<metric>": value}`` of the final weights.
        best: the same of the best-validation weights; None without a validation part.
        best_epoch: the epoch, counted from 1, after which those were saved.
        facts: the other entries, see the module's table.
    """
    absent = {key: None for key in final if key.split("/")[1] in ("accuracy", "loss")}
    return {
        "schema_version": RESULT_VERSION,
        "config_hash": config_hash(config),
        "overrides": list(overrides),
        "seed": config["seed"],
        **_named("final", final),
        **_named("best", absent if best is None else best),
        "best_epoch": best_epoch,
        **facts,
        "config": dict(config),
    }
