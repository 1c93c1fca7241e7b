"""Spikes as events: the one sparse format, and how analog values become spikes."""

from snn.events.store import EventBatch, EventStore, load_array

__all__ = ["EventBatch", "EventStore", "load_array"]
