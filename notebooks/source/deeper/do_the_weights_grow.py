# %% [markdown]
# # Do the weights before BN grow?
#
# *10 minutes · deeper than [02 · Normalize](../02_normalize.ipynb)*
#
# If the weights right before BN are made longer, the output of BN stays the same, and the layer learns more slowly: lesson 02 shows both. Here you see
# that gradient descent itself makes these weights longer, and by how much.

# %%
import numpy as np
import torch
from torch import nn

from bnteach.data import digits

# %% [markdown]
# ## The gradient is perpendicular to the weights
#
# In lesson 02 the loss stays the same when the weights are multiplied by 10. This holds for every factor: $L(aw) = L(w)$ for all $a > 0$. So if $w$ becomes a little longer and keeps its direction, the loss does not change: its derivative along
# $w$ is 0. This derivative is the dot product $\sum w \cdot dw$ of the weights and their gradient. A dot product of 0 means that the two are **perpendicular**.
#
# We check it for four units that get eight samples with five values each. As in lesson 02, $\varepsilon$ is 0.

# %%
rng = np.random.default_rng(0)
h, factors = torch.from_numpy(rng.normal(size=(8, 5))), torch.from_numpy(rng.normal(size=(8, 4)))
w = torch.from_numpy(rng.normal(size=(5, 4))).requires_grad_()
z = h @ w
x_hat = (z - z.mean(dim=0)) / z.std(dim=0, correction=0)
(factors * x_hat).sum().backward()  # a simple loss: any other will do
print("dot product for each unit:", (w * w.grad).sum(dim=0).detach().numpy().round(9) + 0.0)
assert (w * w.grad).sum(dim=0).abs().max() < 1e-12

# %% [markdown]
# ## So each step makes them longer
#
# A step of gradient descent goes from $w$ to $w - \eta\,dw$, with the learning rate $\eta$. The step is perpendicular to $w$, so Pythagoras gives the new length:
#
# $$\|w - \eta\,dw\|^2 = \|w\|^2 + \eta^2\,\|dw\|^2$$
#
# **Predict.** A network is trained for ten epochs. Do its first weights become longer by the same amount in every epoch?


# %% tags=["nbval-ignore-output"]
def lengths(seed):
    """The length of the first layer's weights, at the start and after each epoch."""
    torch.manual_seed(seed)
    first = nn.Linear(64, 50, bias=False)
    net = nn.Sequential(first, nn.BatchNorm1d(50), nn.ReLU(), nn.Linear(50, 10)).double()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    length = [first.weight.norm().item()]
    for _ in range(10):
        for rows in torch.randperm(len(pictures)).split(60):
            loss = nn.functional.cross_entropy(net(pictures[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        length.append(first.weight.norm().item())
    return length


data = digits(dtype=np.float64)
pictures, labels = torch.from_numpy(data.x_train), torch.from_numpy(data.y_train)
five = np.array([lengths(seed) for seed in range(5)])
growth = five / five[:, :1]  # as a factor of the length at the start
for epoch in (0, 1, 2, 5, 10):
    print(f"epoch {epoch:2}: {growth[:, epoch].min():.2f} to {growth[:, epoch].max():.2f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# No: they grow fast at first, then more slowly, for every seed. The gradient becomes smaller as the loss falls, and also because the weights become longer.
#
# </details>
#
# At the end the weights are about 1.25 times as long as at the start. By lesson 02, a step with the same learning rate then turns their direction about $1.25^2 \approx 1.6$ times less: the layer
# has made its own learning slower. (In this training $\varepsilon$ is not 0, so all this holds only nearly.)

# %%
assert (np.diff(growth) > 0).all()

# %% [markdown]
# ---
# **Shown:** the gradient is perpendicular to weights right before BN. So each step makes them longer, and the layer learns more slowly from step to step.
#
# **Back to** [02 · Normalize](../02_normalize.ipynb); what weight decay does here: [Should γ and β decay?](should_gamma_and_beta_decay.ipynb).
#
# Sources:
# - T. van Laarhoven, "L2 Regularization versus Batch and Weight Normalization", 2017, arXiv:1706.05350.
