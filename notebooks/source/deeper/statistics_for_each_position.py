# %% [markdown]
# # What is wrong with statistics for each position?
#
# *25 minutes · after lesson [06 · Normalize channels](../06_normalize_channels.ipynb)*
#
# BN takes one mean for each channel of a batch of pictures. If each position of each map gets a mean of its own, as `x.mean(axis=0)`
# gives it, the network misreads most digits that are moved by one column. Here you measure three reasons (noise, small
# variances, and statistics that belong to another position), and you see which does the harm, the statistics or $\gamma$
# and $\beta$.

# %%
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from bnteach import data, training

# %%
_ = torch.set_num_threads(1)  # so small a network is fastest on one thread
digits = data.digits().images()
conv = training.small_cnn(channels=(6, 16), seed=0).conv_1  # 6 filters of 3 × 3, not trained
maps = conv(torch.from_numpy(digits.x_train)).detach().numpy()
batch = maps[:60]
for words, axes in {"per position": 0, "per channel": (0, 2, 3)}.items():
    mean = batch.mean(axis=axes)
    print(f"{words:12}  {mean.size:3} means of {batch.size // mean.size:4} values")

# %% [markdown]
# ## Noise
#
# If values are independent, the means of batches spread by $\sigma/\sqrt{m}$ (lesson 01). That is $1/\sqrt{60} \approx 0.129$ of
# $\sigma$ per position, and $1/\sqrt{3840} \approx 0.016$ per channel. We draw 400 batches of 60 pictures and measure.
#
# **Predict.** Are the values of a map independent, so that the spread per channel is 0.016?

# %%
rng = np.random.default_rng(0)
batches = [maps[rng.choice(len(maps), 60, replace=False)] for _ in range(400)]
for words, axes in {"per position": 0, "per channel": (0, 2, 3)}.items():
    noise = np.std([b.mean(axis=axes) for b in batches], axis=0) / maps.std(axis=axes)
    print(f"{words:12}  median noise {np.median(noise):.3f}")
print("per channel, filters 0 to 5:", noise.round(3))
fixed = maps.mean(axis=0).var(axis=(1, 2)) / maps.var(axis=(0, 2, 3))
print("share of the variance between positions:", fixed.round(2))

# %% [markdown]
# <details><summary>Answer</summary>
#
# Per position the noise is about as expected. (A little less: a picture is drawn only once for a batch.) Per channel it is
# another number for each filter, for two reasons. Some positions are bright in all pictures and others dark. This part of $\sigma^2$ (last
# line) adds no noise to the mean. And the 64 values of one map are not independent: where bright and dark balance each other within a map
# there is less noise, where they move together there is more (filters 0 and 3).
#
# </details>
#
# So for pictures take $\sigma/\sqrt{m}$ as a rough guide. The noise per position is some 16 times as large as that per channel.
#
# ## Small variances, and the neighbor's statistics
#
# The digits stand in frames of 12 × 12, in the middle, one column to the left, or one column to the right. $\hat{x}$ is computed
# after one untrained convolution, with the statistics of all training digits.


# %%
def framed(pictures, right=0):
    return np.pad(pictures, ((0, 0), (0, 0), (2, 2), (2 + right, 2 - right)))


middle = framed(digits.x_train)
shifts = rng.integers(-1, 2, size=len(middle))  # -1, 0 or 1 for each digit
moved = np.concatenate([framed(p[None], right) for p, right in zip(digits.x_train, shifts, strict=True)])
filters = nn.Conv2d(1, 6, 5, padding=2, bias=False)
filters.weight.data = torch.randn((6, 1, 5, 5), generator=torch.Generator().manual_seed(0))


def x_hats(axes, training_digits):
    """x_hat of the test digits in the middle, to the left, to the right."""
    z = filters(torch.from_numpy(training_digits)).detach().numpy()
    mean, var = z.mean(axis=axes, keepdims=True), z.var(axis=axes, keepdims=True)
    places = [
        filters(torch.from_numpy(framed(digits.x_test, right))).detach().numpy() for right in (0, -1, 1)
    ]
    return [(z - mean) / np.sqrt(var + 1e-5) for z in places]


cases = {
    "per channel": x_hats((0, 2, 3), middle),
    "per position": x_hats(0, middle),
    "per position, trained on moved": x_hats(0, moved),
}

# %% [markdown]
# First: how often is a value far out, $|\hat{x}| > 6$?
#
# **Predict.** In which of the three cases, for a digit moved to the left?

# %% tags=["nbval-ignore-output"]
print("far out                         middle    left   right")
for words, values in cases.items():
    print(f"{words:30}", *(f"{np.mean(abs(x_hat) > 6):7.2%}" for x_hat in values))
far = {words: [np.mean(abs(x_hat) > 6) for x_hat in values] for words, values in cases.items()}
assert max(far["per channel"]) < 0.001
assert min(far["per position"][1:]) > 0.01

# %% [markdown]
# <details><summary>Answer</summary>
#
# Per position, after a move, when the training digits were all in the middle. Where the digits hardly ever came in training, the
# variance is small; when ink comes there, BN divides by a small number.
#
# </details>
#
# Second: how far is the map of the moved digit from the map moved along? We take the median over all values, which
# a few far ones do not change.

# %% tags=["nbval-ignore-output"]
print("off from the map moved along              left   right")
for words, (at_rest, *shifted) in cases.items():
    off = [np.median(abs(x - np.roll(at_rest, k, axis=3))) for x, k in zip(shifted, (-1, 1), strict=True)]
    print(f"{words:38}", *(f"{value:7.2f}" for value in off))

# %% [markdown]
# Per channel the map moves along: 0. Per position half of all values are off by more than half a standard deviation, because every position
# now gets the mean and the variance that were meant for its neighbor's values. With statistics of moved digits it is less.
#
# ## Which does the harm: the statistics, or γ and β?
#
# The mistake of lesson 06 gives each position statistics *and* a $\gamma$ and a $\beta$ of its own. This layer can have each for
# itself:


# %%
class Norm(nn.Module):
    def __init__(self, channels, statistics, parameters, side=12):
        super().__init__()
        self.flat = statistics == "position"
        if self.flat:
            self.norm = nn.BatchNorm1d(channels * side * side, affine=False)  # without γ and β
        else:
            self.norm = nn.BatchNorm2d(channels, affine=False)
        shape = (channels, side, side) if parameters == "position" else (channels, 1, 1)
        self.gamma, self.beta = nn.Parameter(torch.ones(shape)), nn.Parameter(torch.zeros(shape))

    def forward(self, x):
        x_hat = self.norm(x.flatten(1) if self.flat else x).reshape(x.shape)
        return self.gamma * x_hat + self.beta


# %%
def learn(seed, statistics, parameters, pictures):
    torch.manual_seed(seed)
    first = nn.Conv2d(1, 6, 5, padding=2, bias=False), Norm(6, statistics, parameters), nn.ReLU()
    second = nn.Conv2d(6, 16, 5, padding=2, bias=False), Norm(16, statistics, parameters), nn.ReLU()
    network = nn.Sequential(*first, *second, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(16, 10))
    adam = {"optimizer": torch.optim.Adam, "learning_rate": 0.01}
    framed_digits = replace(digits, x_train=pictures, x_test=framed(digits.x_test))
    training.train(network, framed_digits, epochs=4, seed=seed, every=1000, progress=False, **adam)
    tests = [framed(digits.x_test, right) for right in (0, -1, 1)]
    on_training = training.accuracy(network, pictures, digits.y_train)
    return [on_training, *(training.accuracy(network, test, digits.y_test) for test in tests)]


kinds = [("channel", "position"), ("position", "channel"), ("position", "position"), ("channel", "channel")]


def five_seeds():
    how = {f"{kind}, in the middle": (*kind, middle) for kind in kinds[:3]}
    how |= {f"{kind}, moved": (*kind, moved) for kind in kinds[2:]}
    return {words: [learn(seed, *settings) for seed in range(5)] for words, settings in how.items()}


FULL = False  # the results are stored; True: train for ten seconds
kept = training.stored("results/06_positions.json", five_seeds, again=FULL)["results"]


def show(statistics, parameters, digits_are):
    five = np.array(kept[f"{(statistics, parameters)}, {digits_are}"])
    words = f"statistics per {statistics:8}  γ, β per {parameters:8}"
    print(words, *(f"{share:9.0%}" for share in five.mean(axis=0)))
    return five


# %% [markdown]
# As in lesson 06, the training digits are in the middle, and the test digits are moved by one column. (There BN per channel
# is right for 96 % of them, in the middle and after a move.) The results of five seeds are stored; one network is trained here.
#
# **Predict.** Which costs more after a move: statistics per position alone, or $\gamma$ and $\beta$ per position alone?

# %% tags=["nbval-ignore-output"]
print("means of five seeds                         training   middle      left     right")
parameters_alone = show("channel", "position", "in the middle")
statistics_alone = show("position", "channel", "in the middle")
both = show("position", "position", "in the middle")
here = learn(0, "position", "channel", middle)
print("the second row, seed 0, trained here        ", *(f"{share:9.0%}" for share in here))
assert max(here[2:]) < parameters_alone[:, 2:].min()

# %% [markdown]
# <details><summary>Answer</summary>
#
# The statistics.
#
# </details>
#
# Why is the second row worse in the middle than the third, which has both? Look at the column *training*: with the statistics
# alone, the networks do not even learn the training digits well. A $\gamma$ and a $\beta$ for each position help to fit digits that
# are all in the middle. After a move they help little.
#
# ## Is it cured by moved training digits?
#
# Lesson 06 trained with the digits in the middle. It is only fair to train on moved digits too.
#
# **Predict.** Does the network with statistics, $\gamma$ and $\beta$ for each position catch up?

# %% tags=["nbval-ignore-output"]
print("means of five seeds                         training   middle      left     right")
assert parameters_alone[:, 2:].min() > statistics_alone[:, 2:].max()
assert (both[:, 0] > statistics_alone[:, 0]).all()
by_channel = show("channel", "channel", "moved")
by_position = show("position", "position", "moved")
assert by_position.mean(axis=0)[1:].min() > 0.75
assert (by_channel.mean(axis=0) > by_position.mean(axis=0)).all()

# %% [markdown]
# <details><summary>Answer</summary>
#
# Nearly. It is much better than before, but makes about twice as many errors as the network with BN per channel.
#
# </details>
#
# It also learns and stores $H\cdot W$ times as many numbers, and is tied to one size of picture.
#
# **Shown:** statistics for each position are noisy, and belong to a position; a convolution does not.
#
# **Practice:** [the exercises of lesson 06](../exercises/06_normalize_channels.ipynb), 30 minutes.
#
# **Back to** [06 · Normalize channels](../06_normalize_channels.ipynb).
