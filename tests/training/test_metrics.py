import torch
from torchmetrics import MeanMetric

from snn.training.metrics import BatchMean, SplitMetrics


def test_the_mean_is_that_of_torchmetrics():
    ours, theirs = BatchMean(), MeanMetric()
    for value, samples in ((0.3, 256), (1.7, 256), (-2.0, 17)):
        ours.update(torch.tensor(value), samples)
        theirs.update(torch.tensor(value), samples)
    assert torch.equal(ours.compute(), theirs.compute())
    ours.reset()
    ours.update(torch.tensor(2.0), 3)
    assert ours.compute() == 2.0


def test_a_loss_that_is_not_a_number_shows():
    mean = BatchMean()
    mean.update(torch.tensor(1.0), 10)
    mean.update(torch.tensor(float("nan")), 10)
    assert mean.compute().isnan()


def test_an_update_works_without_a_value_at_hand():
    """On "meta" there is nothing to look at, as on a GPU that has not got so far yet."""
    metrics = SplitMetrics(3, [5]).to("meta")
    logits = torch.zeros(4, 3, device="meta")
    labels = torch.zeros(4, dtype=torch.int64, device="meta")
    scalar, counts = torch.zeros((), device="meta"), torch.zeros(4, 5, device="meta")
    metrics.update(logits, labels, [counts], 10, scalar, scalar)
    assert metrics.compute()["accuracy"].device.type == "meta"
