# %% [markdown]
# # Does BN destroy the non-linearity?
#
# *10 minutes · deeper than [02 · Normalize](../02_normalize.ipynb)*
#
# A sentence that is often read: "Normalization pulls the data into the linear region of the activation and destroys the non-linearity; γ and β restore it." It makes three
# claims, and we test each one. The experiment that looks best turns out to say little.

# %%
import numpy as np
from torch import nn

from bnteach.data import digits
from bnteach.training import mlp, over_seeds, train

# %% [markdown]
# ## Is the activation nearly linear?
#
# Is a sigmoid or tanh linear on values with standard deviation 1? We fit a straight line, and ask which share of the output's variance the line
# explains (the square of the correlation). 100 % would be linear.
#
# **Predict.** Which share is it: about 50 %, 80 %, or more than 90 %?

# %%
bell = np.random.default_rng(0).normal(size=100_000)
for name, f in (("sigmoid", lambda z: 1 / (1 + np.exp(-z))), ("tanh", np.tanh)):
    print(f"{name:8} a straight line explains {np.corrcoef(bell, f(bell))[0, 1] ** 2:.0%}")

# %% [markdown]
# Nearly linear, but not quite.
#
# ## Does the rest matter?
#
# We train three networks with five hidden layers on the digits: with sigmoid, $\gamma$ and $\beta$; with sigmoid, but *without* $\gamma$ and $\beta$ (`affine=False` in
# PyTorch); and one *without any activation*. The third one is linear altogether, however many layers it has.
#
# **Predict.** The first one reaches about 97 %. And the two others?


# %% tags=["nbval-ignore-output"]
def three_networks(seed):
    accuracies = []
    for activation, affine in ((nn.Sigmoid, True), (nn.Sigmoid, False), (nn.Identity, True)):
        net = mlp([64] + [100] * 5 + [10], activation, batch_norm=True, seed=seed)
        for k in range(1, 6):  # in the place of the layers that `mlp` has made
            setattr(net, f"bn_{k}", nn.BatchNorm1d(100, affine=affine))
        history = train(net, digits(), epochs=8, learning_rate=0.2, seed=seed, every=1000, progress=False)
        accuracies.append(history.test_accuracy[-1])
    return [*accuracies, accuracies[1] - accuracies[0]]


accuracies = over_seeds(three_networks, range(5), progress=False)
names = ("with γ, β", "without γ, β", "linear", "without − with")
for name, mean, half in zip(names, accuracies.mean, accuracies.half_width, strict=True):
    print(f"{name:14} {mean:5.1%} ± {half:.1%}")

_, _, linear, difference = accuracies.values.T
assert (abs(difference) < 0.02).all()
assert (linear > 0.9).all()

# %% [markdown]
# <details><summary>Answer</summary>
#
# About 97 % and 95 %. (± is the 95 % interval of the mean over five seeds; it covers the choice of the seed, not the choice of the data.) The interval of the difference leaves no room for a loss larger
# than about 1 % without $\gamma$ and $\beta$.
#
# </details>
#
# But look at the third line: on these digits even a *linear* network is nearly as good. So this experiment says little about
# non-linearity. Without the third network, we might have been proud of the second.
#
# [Lesson 03](../03_scale_and_shift.ipynb) takes a problem that no linear network can solve. There a sigmoid network without $\beta$ fails; with ReLU neither $\gamma$ nor $\beta$ is needed. What is missing there is not
# the non-linearity as such but a **bias** before the activation, and $\beta$ is one.
#
# ---
# **Shown:** the sentence is **partly true**. A sigmoid is nearly linear on normalized values. Whether this costs anything cannot be seen on the digits. Where something is lost, it is the bias.
#
# **Back to** [02 · Normalize](../02_normalize.ipynb).
