# %% [markdown]
# # A sweep, read with pandas
#
# `python sweep_summary.py DIR` writes `DIR/summary/results.csv`: a row per run, with what
# differed between the runs and what came out. This one is the thesis's grid on Fashion-MNIST,
# 81 runs, which lies in the repository.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

runs = pd.read_csv(Path("..") / "results" / "fashion_mnist" / "results.csv")
swept = ["model.nb_hidden", "data.nb_steps", "model.scale", "model.regularizer"]
measure = "metrics.best.val.accuracy"
print(runs[swept].nunique().to_string())
assert len(runs) == 81

# %% [markdown]
# The best points by validation accuracy. Test accuracies are for looking at when the choice is
# made.

# %%
best = runs.sort_values(measure, ascending=False, kind="stable")[[*swept, measure, "fit_seconds"]]
print(best.head(5).to_string(index=False))

# %% [markdown]
# Some runs stay at chance, 10 % for ten classes: their neurons fell silent. An average over
# them says little about the others, so they are counted and left out.

# %%
collapsed = runs[measure] < 0.2
print(collapsed.groupby(runs["model.regularizer"]).agg(["sum", "size"]).to_string())
runs = runs[~collapsed]

# %% [markdown]
# What a key does on average over the others, and what two do together.

# %%
for key in swept:
    print(runs.groupby(key)[measure].agg(["mean", "min", "max"]).round(3).to_string(), "\n")
table = runs.pivot_table(measure, index="model.scale", columns="model.nb_hidden")
print(table.round(3).to_string())

# %% [markdown]
# Accuracy against activity: a network that is nearly as good with a tenth of the spikes is
# often the one to take. The line joins the runs that no other beats in both.

# %%
spikes = "metrics.best.test.hidden0/spikes_per_sample"
front = runs.sort_values([spikes, measure], ascending=[True, False])
front = front[front[measure] > front[measure].cummax().shift(fill_value=-1.0)]
print(front[[*swept, spikes, measure]].to_string(index=False))

figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
for value, group in runs.groupby("model.regularizer"):
    ax.plot(group[spikes], group[measure], ".", label=f"regularizer {value:g}")
ax.step(front[spikes], front[measure], where="post", color="black", linewidth=0.8)
ax.set(xlabel="hidden spikes per image", ylabel="validation accuracy")
ax.legend()
plt.show()

# %% [markdown]
# A record has more than the table: `snn.analysis.records.read_records(DIR).runs` gives every
# run with its whole configuration and result.
