"""What is wrong with events and labels: the same errors from all kernels."""

from __future__ import annotations

from torch import Tensor


def unknown_unit(inputs: int) -> IndexError:
    """An event names a unit that the first layer has no weights for."""
    return IndexError(f"an event's unit lies outside 0..{inputs - 1}")


def damaged_rows() -> ValueError:
    """``indptr`` of an event store does not say where rows begin and end."""
    return ValueError("the row bounds of events descend, or lie outside of the events")


def unknown_sample(index: Tensor, nb_samples: int) -> IndexError:
    """A batch names a sample that its store does not have."""
    low, high = (int(i) for i in index.aminmax())
    return IndexError(f"sample index outside 0..{nb_samples - 1}: {low}..{high}")


def unknown_label(batch: int, classes: int) -> IndexError:
    """A label is no class, or there are more or fewer than samples."""
    return IndexError(f"labels must be {batch} classes in 0..{classes - 1}")
