# %% [markdown]
# # A network by hand
#
# A spiking network from its layers, trained with nothing but PyTorch: no configuration, no
# Lightning.

# %%
import math

import matplotlib.pyplot as plt
import torch

from snn.events import EventStore
from snn.network import SpikingNetwork
from snn.network.layers import LeakyReadout, RecurrentLIF
from snn.neurons import LIFDynamics
from snn.training.losses import SpikeRegularizer

torch.manual_seed(0)

# %% [markdown]
# Two classes of spike patterns. Every unit spikes once, at a time that the class decides, give
# or take three steps; the first class is drawn from one set of times, the second from another.

# %%
samples, steps, units = 400, 50, 40
labels = torch.arange(samples) % 2
times = torch.randint(5, steps - 5, (2, units))
step = (times[labels] + torch.randint(-3, 4, (samples, units))).clamp(0, steps - 1)
x = EventStore.from_events(
    torch.arange(samples).repeat_interleave(units),
    step.flatten(),
    torch.arange(units).repeat(samples),
    nb_samples=samples,
    nb_steps=steps,
    nb_units=units,
)
dense = x.to_dense()  # [sample, step, unit]
print(x.nb_events, "events;", "dense:", tuple(dense.shape))

# %% [markdown]
# The layers. `alpha` and `beta` are the decay of the synaptic current and of the membrane
# potential in one step of 1 ms.

# %%
alpha, beta = math.exp(-1 / 5), math.exp(-1 / 10)
hidden = RecurrentLIF(units, 30, alpha, beta, LIFDynamics(scale=20.0), weight_scale=0.8)
network = SpikingNetwork([hidden], LeakyReadout(30, 2, alpha, beta))
print(sum(p.numel() for p in network.parameters()), "parameters")

# %% [markdown]
# The network gives logits, the maxima of the readout over time, and the spikes of every neuron.
# The regulariser makes spikes cost something. The last hundred samples are kept for testing.

# %%
train, test = slice(0, 300), slice(300, 400)
optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
regularizer = SpikeRegularizer(rate=1e-6)
losses = []
for _ in range(40):
    optimizer.zero_grad()
    logits, counts = network(dense[train])
    loss = torch.nn.functional.cross_entropy(logits, labels[train]) + regularizer(counts)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())

with torch.no_grad():
    accuracy = (network(dense[test]).logits.argmax(1) == labels[test]).float().mean().item()
print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f}, test accuracy {accuracy:.1%}")
assert accuracy > 0.9

# %% [markdown]
# `trace` keeps every spike and potential of a forward pass.

# %%
with torch.no_grad():
    trace = network.trace(dense[test][:1])
figure, axes = plt.subplots(3, 1, sharex=True, figsize=(7, 5), layout="constrained")
for ax, spikes, name in ((axes[0], trace.input, "input"), (axes[1], trace.spikes[0], "hidden")):
    t, unit = spikes[0].nonzero(as_tuple=True)
    ax.plot(t, unit, "|k", markersize=4)
    ax.set_ylabel(f"{name} unit")
axes[2].plot(trace.output[0], label=["class 0", "class 1"])
axes[2].legend()
axes[2].set(xlabel="step", ylabel="readout")
plt.show()
