"""A second, naive opinion: the equations of SpyTorch's tutorials 4 and 5, scalar by scalar.

Plain Python floats and loops, so that it shares nothing with the code it is compared with.
"""

from __future__ import annotations

import math


def recurrent(x, w1, v1, w2, alpha, beta, start=0.0, leak=False):
    """One sample: spikes and potentials ``[step][unit]``, outputs ``[step + 1][class]``."""
    inputs, hidden, classes = len(w1), len(v1), len(w2[0])
    gain = 1.0 - beta if leak else 1.0
    current, potential, before = [0.0] * hidden, [start] * hidden, [0.0] * hidden
    f, o = [0.0] * classes, [0.0] * classes
    spikes, potentials, outputs = [], [], [list(o)]
    for row in x:
        s = [1.0 if u - 1.0 > 0 else 0.0 for u in potential]
        spikes.append(s)
        potentials.append(list(potential))
        for i in range(hidden):
            drive = sum(row[j] * w1[j][i] for j in range(inputs))
            drive += sum(before[j] * v1[j][i] for j in range(hidden))
            potential[i] = (beta * potential[i] + gain * current[i]) * (1.0 - s[i])
            current[i] = alpha * current[i] + drive
        for k in range(classes):
            o[k] = beta * o[k] + gain * f[k]
            f[k] = alpha * f[k] + sum(s[j] * w2[j][k] for j in range(hidden))
        outputs.append(list(o))
        before = s
    return spikes, potentials, outputs


def log_softmax(logits):
    top = max(logits)
    total = math.log(sum(math.exp(v - top) for v in logits)) + top
    return [v - total for v in logits]
