# %% [markdown]
# # Fashion-MNIST: from images to a confusion matrix
#
# Images become spikes, a recurrent network learns a part of them, and a matrix shows what it
# takes for what. The data are looked for below `$SNN_DATA`, else in `./data`, and downloaded if
# they are missing.

# %%
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

from snn.data import FashionMNIST
from snn.data.fashion_mnist import CLASS_NAMES
from snn.data.idx import read_idx
from snn.events import EventBatch, EventStore
from snn.events.encoding import TTFS
from snn.network import SpikingNetwork
from snn.network.layers import LeakyReadout, RecurrentLIF
from snn.neurons import LIFDynamics

torch.manual_seed(0)
root = Path(os.environ.get("SNN_DATA", "data"))

# %% [markdown]
# Four files: images and labels for training, the same for testing. A part of them is enough
# here.

# %%
nb_train, nb_test = 6000, 2000
paths = FashionMNIST.fetch(root)
images, labels = read_idx(paths[0], 3)[:nb_train], read_idx(paths[1], 1)[:nb_train]
test_images, test_labels = read_idx(paths[2], 3)[:nb_test], read_idx(paths[3], 1)[:nb_test]
y, test_y = (torch.from_numpy(part.astype(np.int64)) for part in (labels, test_labels))

# %% [markdown]
# Each pixel is a unit that spikes once, the brighter the earlier; dark ones never.

# %%
nb_steps = 100
encoder = TTFS(tau=20.0, threshold=0.2)


def encode(images: np.ndarray) -> EventStore:
    sizes = {"nb_samples": len(images), "nb_steps": nb_steps, "nb_units": 784}
    return EventStore.from_events(*encoder(images.reshape(-1, 784) / 255, nb_steps), **sizes)


x, test_x = encode(images), encode(test_images)
print(f"{x.nb_events / len(x):.0f} spikes per image, of {784 * nb_steps} places for one")

figure, axes = plt.subplots(2, 4, figsize=(9, 4), layout="constrained")
for k in range(4):
    axes[0, k].imshow(images[k], cmap="gray")
    axes[0, k].axis("off")
    step, unit = EventBatch(x, torch.tensor([k])).to_dense()[0].nonzero(as_tuple=True)
    axes[1, k].plot(step, unit, ".k", markersize=1)
    axes[1, k].set(xlabel="step", xlim=(0, nb_steps))
plt.show()

# %% [markdown]
# Batches are picked from the events; nothing is made dense but what is drawn.

# %%
alpha, beta = np.exp(-1 / 5), np.exp(-1 / 10)
hidden = RecurrentLIF(784, 100, float(alpha), float(beta), LIFDynamics(scale=80.0))
network = SpikingNetwork([hidden], LeakyReadout(100, 10, float(alpha), float(beta)))
optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
for epoch in range(4):
    total = 0.0
    for index in torch.randperm(len(x)).split(256):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(EventBatch(x, index)).logits, y[index])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(index)
    print(f"epoch {epoch + 1}: loss {total / len(x):.3f}")

# %% [markdown]
# Rows are true classes, columns what the network says.

# %%
with torch.no_grad():
    parts = torch.arange(len(test_x)).split(256)
    guess = torch.cat([network(EventBatch(test_x, index)).logits.argmax(1) for index in parts])
accuracy = (guess == test_y).float().mean().item()
print(f"test accuracy {accuracy:.1%} on {len(test_y)} images")
assert accuracy > 0.4

matrix = torch.zeros(10, 10, dtype=torch.int64)
matrix.index_put_((test_y, guess), torch.tensor(1), accumulate=True)
figure, ax = plt.subplots(figsize=(6, 5), layout="constrained")
shares = matrix / matrix.sum(1, keepdim=True).clamp_min(1)
ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
for (row, column), count in np.ndenumerate(matrix.numpy()):
    if count:
        color = "white" if shares[row, column] > 0.5 else "black"
        ax.text(column, row, count, ha="center", va="center", fontsize=7, color=color)
ax.set_xticks(range(10), CLASS_NAMES, rotation=60, ha="right")
ax.set_yticks(range(10), CLASS_NAMES)
ax.set(xlabel="predicted", ylabel="true")
plt.show()
