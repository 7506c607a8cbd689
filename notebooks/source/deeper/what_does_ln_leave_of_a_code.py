# %% [markdown]
# # What does LN leave of a code?
#
# *15 minutes · deeper, after lesson [08 · Choose a norm](../08_choose_a_norm.ipynb)*
#
# An **autoencoder** squeezes a picture into a few numbers, the **code**, and makes the picture again from them. Norms help in its hidden layers.
# In a code of two numbers LN leaves one bit, and you see which digits are lost.

# %%
import numpy as np
import torch
from torch import nn

from bnteach import data, figures, training

# %% [markdown]
# ## The network
#
# 64 pixels → 64 → 32 → a code of **two numbers** → 32 → 64 → 64 pixels. The loss is the mean squared difference between the picture and what comes
# out. We may put a norm into the four hidden layers, and one into the code.


# %%
def autoencoder(hidden, code, seed):
    torch.manual_seed(seed)

    def layer(inputs, outputs):
        return nn.Linear(inputs, outputs), hidden(outputs), nn.ReLU()

    encode = *layer(64, 64), *layer(64, 32), nn.Linear(32, 2), code(2)
    decode = *layer(2, 32), *layer(32, 64), nn.Linear(64, 64), nn.Sigmoid()
    return nn.Sequential(nn.Sequential(*encode), nn.Sequential(*decode))


digits = data.digits()
x_train, x_test = torch.from_numpy(digits.x_train), torch.from_numpy(digits.x_test)


def learn(network, seed):
    optimizer = torch.optim.Adam(network.parameters(), lr=0.003)
    shuffle = torch.Generator().manual_seed(seed)
    for _epoch in range(8):
        for batch in torch.randperm(1347, generator=shuffle).split(60)[:22]:  # full batches only
            loss = ((network(x_train[batch]) - x_train[batch]) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network.eval()


# %% [markdown]
# ## Five autoencoders
#
# Whoever answers every picture with the mean picture has the error in the first line. The *gain* of a network is what it is below that, in percent.
#
# **Predict.** What does LN do in a code of two numbers?

# %% tags=["nbval-ignore-output"]
of_the_mean = ((x_test - x_train.mean(dim=0)) ** 2).mean().item()
print(f"error of the mean picture: {of_the_mean:.4f}")
kinds = {"none": nn.Identity, "BN": nn.BatchNorm1d, "LN": nn.LayerNorm}
networks, gains = {}, {}
for hidden, code in (("none", "none"), ("BN", "none"), ("LN", "none"), ("BN", "BN"), ("BN", "LN")):

    def gain(seed, hidden=hidden, code=code):
        network = learn(autoencoder(kinds[hidden], kinds[code], seed), seed)
        networks[hidden, code] = network  # that of the last seed is kept
        error = ((network(x_test) - x_test) ** 2).mean().item()
        return 100 * (1 - error / of_the_mean)

    gains[hidden, code] = training.over_seeds(gain, progress=False).values
    print(f"hidden {hidden:4}  code {code:4}  gain", *(f"{g:3.0f}" for g in gains[hidden, code]), "%")
for norm in ("BN", "LN"):
    assert (gains[norm, "none"] - gains["none", "none"] > 2).all()
assert (gains["BN", "LN"] < gains["BN", "none"] / 3).all()

# %% [markdown]
# Each number is one of five seeds.
#
# <details><summary>Answer</summary>
#
# In the hidden layers both help, in every seed by more than the margin of 2 points. LN in the code takes away at least two thirds of the gain, in every seed.
#
# </details>
#
# ## One bit
#
# Which codes are there, for the 450 test digits? We round them to one digit and count.
#
# **Predict.** How many different codes does LN leave?

# %% tags=["nbval-ignore-output"]
for norm in ("none", "BN", "LN"):
    codes = networks["BN", norm][0](x_test).detach().numpy().round(1)
    _, counts = np.unique(codes, axis=0, return_counts=True)
    share = np.sort(counts)[-2:].sum() / len(codes)
    print(
        f"{norm:4} in the code: {len(counts):3d} codes; the two most frequent are those of {share:.0%} of the digits"
    )
assert share > 0.95

# %% tags=["draws", "nbval-ignore-output"] alt="Three rows of eight digits. First: eight test digits. Second: what the autoencoder without a norm in the code makes of them, blurred digits of different shapes. Third: with LN in the code, where there are only two different shapes."
figure, (ax,) = figures.new_figure(size=(6.4, 2.6))
rows = {
    "test digits": x_test[:8],
    "no norm in the code": networks["BN", "none"](x_test[:8]).detach(),
    "LN in the code": networks["BN", "LN"](x_test[:8]).detach(),
}
for k, (words, pictures) in enumerate(rows.items()):
    ax.text(-0.15, k + 0.45, words, ha="right", va="center")
    for i, picture in enumerate(pictures):
        ax.imshow(picture.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1, extent=(i, i + 0.9, k + 0.9, k))
ax.set(xlim=(-2.4, 8), ylim=(2.95, -0.05))
ax.set_axis_off()
figures.show(figure)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Two, but for a few digits: (−1, +1) and (+1, −1), times γ plus β. That is one bit. (Where the two numbers are nearly equal, ε counts, and the code lies between.)
#
# </details>
#
# BN in the code does no such harm. In evaluation it is a straight line for each of the two numbers, and keeps their different values.
#
# LN, GN and IN **take two degrees of freedom from each set**: its mean and its standard deviation. In a set of 100 that is little, in a set of 2 it leaves a
# sign. For BN the same holds along the batch.
#
# **Shown:** a norm fits where its set is large; LN of two numbers is one bit.
#
# **Practice:** [the exercises of lesson 08](../exercises/08_choose_a_norm.ipynb), 30 minutes.
#
# **Back to** [08 · Choose a norm](../08_choose_a_norm.ipynb).
