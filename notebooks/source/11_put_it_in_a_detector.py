# %% [markdown]
# # 11 · Put it in a detector
#
# *35 minutes · previous: [10 · Across devices](10_across_devices.ipynb) · next:
# [12 · The same layer elsewhere](12_the_same_layer_elsewhere.ipynb) · [exercises](exercises/11_put_it_in_a_detector.ipynb)*
#
# A **detector** says what is in a picture, and where. YOLO is a well-known one: its first version, of 2016, has no BN; the
# second, of 2017, has BN after every convolution but the last. You build YOLOv1 with BN and without, find two layers that a copy of it
# lacks, follow two photos through it, and train a small detector.
#
# ```python
# nn.Conv2d(512, 1024, 3, padding=1),                                   nn.LeakyReLU(0.1)  # YOLOv1
# nn.Conv2d(512, 1024, 3, padding=1, bias=False), nn.BatchNorm2d(1024), nn.LeakyReLU(0.1)  # YOLOv2
# ```

# %%
import numpy as np
import pandas as pd
import torch
from torch import nn

from bnteach import figures, labs, training
from bnteach.trials import detector

# %% [markdown]
# ## The step to YOLOv2
#
# Each filter of a convolution gives one **map**: its answers at all places of the picture. YOLOv1 sends the maps through LeakyReLU
# ($x$ for $x > 0$, and $0.1\,x$ below). YOLOv2 puts BN between the two. BN subtracts the mean of each map over the batch, and a bias would be a part
# of this mean ([lesson 02](02_normalize.ipynb)). So the bias goes.


# %%
def block(maps_in, maps, side, stride, batch_norm):
    conv = nn.Conv2d(maps_in, maps, side, stride, padding=side // 2, bias=not batch_norm)
    return [conv, nn.BatchNorm2d(maps), nn.LeakyReLU(0.1)] if batch_norm else [conv, nn.LeakyReLU(0.1)]


# %% [markdown]
# ## A listing with two convolutions too few
#
# YOLOv1 in figure 3 of its paper. 3×3×192 are 192 filters with a side of 3, so they give 192 maps.
#
# | | convolutions | size of a map |
# |---|---|---|
# | 1 | 7×7×64 with stride 2; pool | 112 × 112 |
# | 2 | 3×3×192; pool | 56 × 56 |
# | 3 | 1×1×128, 3×3×256, 1×1×256, 3×3×512; pool | 28 × 28 |
# | 4 | four times 1×1×256 and 3×3×512 | 28 × 28 |
# | 5 | 1×1×512, 3×3×1024; pool | 14 × 14 |
# | 6 | twice 1×1×512 and 3×3×1024 | 14 × 14 |
# | 7 | 3×3×1024, 3×3×1024 with stride 2 | 7 × 7 |
# | 8 | 3×3×1024, 3×3×1024 | 7 × 7 |
#
# And a listing such as one finds on the web, rebuilt with the same fault. It should have these 24 convolutions, each written as
# (number of maps, side, stride).

# %%
POOL = "pool"
listing = [
    [(64, 7, 2), POOL],
    [(192, 3, 1), POOL],
    [(128, 1, 1), (256, 3, 1), (256, 1, 1), (512, 3, 1), POOL],
    [(256, 1, 1), (512, 3, 1), (256, 1, 1), (512, 3, 1), (256, 1, 1), (512, 3, 1)],
    [(512, 1, 1), (1024, 3, 1), POOL],
    [(512, 1, 1), (1024, 3, 1), (512, 1, 1), (1024, 3, 1)],
    [(1024, 3, 1), (1024, 3, 2)],
    [(1024, 3, 1), (1024, 3, 1)],
]


def convolutions(rows, batch_norm):
    network, maps_in = nn.Sequential(), 3
    for row in rows:
        layers = []
        for entry in row:
            if entry == POOL:
                layers.append(nn.MaxPool2d(2))
            else:
                layers += block(maps_in, *entry, batch_norm)
                maps_in = entry[0]
        network.append(nn.Sequential(*layers))
    return network


# %% [markdown]
# Two **dense** layers (`nn.Linear`) follow, without BN. They give 7 × 7 × 30 numbers: for each of 7 × 7 parts of the picture, where its objects are and
# what they are. (We leave out the paper's dropout, which changes no shape.)
#
# We test the listing on PyTorch's **meta** device, where tensors have a shape, but no numbers.
#
# **Predict.** Which two convolutions are missing? And will the answer have the wrong shape?

# %%
with torch.device("meta"):
    dense = [nn.Linear(1024 * 7 * 7, 4096), nn.LeakyReLU(0.1), nn.Linear(4096, 7 * 7 * 30)]
    copy = convolutions(listing, batch_norm=False)
    copy.append(nn.Sequential(nn.Flatten(), *dense, nn.Unflatten(1, (7, 7, 30))))
    x = torch.empty(1, 3, 448, 448)
    for number, row in enumerate(copy, start=1):
        x = row(x)
        count = sum(isinstance(layer, nn.Conv2d) for layer in row)
        print(f"row {number}: {count} convolutions, then", " × ".join(map(str, x.shape[1:])))
assert x.shape == (1, 7, 7, 30)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Row 4 has six convolutions in place of eight: a pair of 1×1×256 and 3×3×512 is missing. The pair takes 512 maps of 28 × 28 and gives as
# many. So without it all shapes are right, and a test of shapes does not find such a fault.
#
# </details>
#
# Mend `listing` yourself, in an empty cell. The next cell has the mended one.

# %%
paper = [*listing[:3], [(256, 1, 1), (512, 3, 1)] * 4, *listing[4:]]
print("convolutions:", sum(entry != POOL for row in paper for entry in row))

# %% [markdown]
# ## Two photos on their way through 24 layers
#
# Can so deep a network tell two photos apart *before* it is trained? We send a temple and a flower through the untrained
# convolutions. After each layer we measure two sizes: that of the maps, and that of their **difference**, the maps of the temple minus those of the flower.
# Both are root mean squares (RMS).

# %%
from sklearn.datasets import load_sample_images
from torch.nn.functional import interpolate

photos = torch.tensor(np.stack(load_sample_images().images) / 255)  # they come with scikit-learn
photos = photos.permute(0, 3, 1, 2)[..., 106:533]  # a square of each
photos = interpolate(photos, size=(224, 224), mode="bilinear", antialias=True)


# %%
def rms(x):
    return x.square().mean().sqrt().item()


@torch.no_grad()
def sizes(network):
    x, found = photos, []
    for row in network.double():  # in float32, rounding would hide the small differences
        for layer in row:
            x = layer(x)
            if isinstance(layer, nn.LeakyReLU):
                found.append([rms(x), rms(x[0] - x[1])])
    return np.array(found)


# %% [markdown]
# **An estimate.** PyTorch's usual weights are small: their variance is $1/(3n)$, for the $n$ inputs of a filter. LeakyReLU keeps
# $(1 + 0.1^2)/2$ of a mean square. So a layer multiplies a difference by about $\sqrt{1.01/6} = 0.41$.
#
# **Predict.** Without BN, what is left of the difference after 24 layers: about $10^{-2}$, $10^{-5}$, or $10^{-10}$? Do the maps become as small as that?
#
# We also try **He's weights**, which are larger: with the variance $2/(1.01\,n)$, the factor is 1.

# %% tags=["nbval-ignore-output"]
_ = torch.manual_seed(0)
measured = {"with_bn": sizes(convolutions(paper, batch_norm=True))}
network = convolutions(paper, batch_norm=False)
measured["without_bn"] = sizes(network)
for layer in network.modules():
    if isinstance(layer, nn.Conv2d):
        _ = nn.init.kaiming_normal_(layer.weight, a=0.1), nn.init.zeros_(layer.bias)
measured["theory"] = sizes(network)
names = {"with_bn": "with BN", "without_bn": "without BN", "theory": "without BN, He's weights"}
for role, found in measured.items():
    print(f"{names[role]:25} after 24 layers: maps {found[-1, 0]:.1e}, difference {found[-1, 1]:.1e}")

# %% tags=["draws"] alt="Three panels, each with the size of the maps and the size of their difference after each of 24 convolutions, logarithmic. With BN both lines are level, near 1. Without BN the difference falls in a straight line from 0.2 to a ten-thousand-millionth, but the maps stay near a hundredth from the fourth layer on. With He's weights both stay near 0.4, and the difference falls slowly to 0.1."
figure, axes = figures.new_figure(columns=3, size=(7.6, 2.9))
for ax, (role, found) in zip(axes, measured.items(), strict=True):
    figures.curve(range(1, 25), found[:, 0], ax=ax, role="before")
    figures.curve(range(1, 25), found[:, 1], ax=ax, role=role)
    figures.frame(ax, title=names[role], x="convolution", ylim=(1e-11, 10), log="y")
axes[0].set_ylabel("RMS")
figures.key(axes[0], {"before": "the maps", "with_bn": "their difference"}, place="lower left")
figures.show(figure)

# %% [markdown]
# <details><summary>Answer</summary>
#
# About $10^{-10}$: $0.41^{24}$ is $5\cdot 10^{-10}$. But the maps stay near 0.01.
#
# </details>
#
# **Why do the maps not shrink with their difference?** Each layer adds its biases. They are the same for both photos, so they cancel in the difference, but keep
# up the values. Soon the maps are nearly all bias, and look the same for every photo: no later layer can tell the temple from the flower.
#
# **With BN** each map is divided by its own standard deviation, in each layer. Small weights cannot make it small, and there is no bias. The difference stays as large as
# the maps.
#
# **BN is not the only cure.** With He's weights, and without biases at the start, the difference is still a third as large as the maps.

# %%
kept = (measured["without_bn"][-1, 1] / measured["without_bn"][11, 1]) ** (1 / 12)
print(f"factor of a layer without BN, layers 13 to 24: {kept:.2f}, estimated {(1.01 / 6) ** 0.5:.2f}")
left = {role: found[-1, 1] / found[-1, 0] for role, found in measured.items()}
print("difference / maps after 24 layers:", *(f"{names[role]} {ratio:.2g};" for role, ratio in left.items()))
assert left["with_bn"] > 0.5 > left["theory"] > 0.1 > 1e-6 > left["without_bn"]

# %% [markdown]
# To keep photos apart is necessary, not sufficient. BN also pulls apart two photos that are nearly alike
# ([What does BN cost a detector?](deeper/what_does_bn_cost_a_detector.ipynb)).
#
# ## Lab: does the estimate hold?
#
# Twelve dense layers with ReLU, without biases. The **weight scale** is $\sqrt n$ times the standard deviation of the weights, so the factor of a layer is about
# *weight scale* $/\sqrt 2$. The line below the picture says what is left of the *signal*, the differences between pictures.
#
# 1. Work out what twelve layers leave at a weight scale of 1, and of 0.5. Compare.
# 2. At which weight scale should nothing be lost? Is nothing lost?
# 3. Switch BN on. What does the weight scale change now?

# %% tags=["nbval-ignore-output"]
labs.Depth(activation="ReLU", scale=2.0)

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. $0.71^{12} = 0.016$, and 0.006 is left; $0.35^{12} = 4\cdot 10^{-6}$, and $10^{-6}$ is left.
# 2. At $\sqrt 2$, about 1.4; 0.35 is left, because ReLU makes large differences smaller than the estimate says.
# 3. Nothing.
#
# </details>
#
# ## Does a small detector learn more with BN?
#
# A detector is judged by its **mAP**, the *mean average precision*, in percent. It is 100 if the detector finds every object, with the right class and a box that
# fits, and nothing else. YOLOv2's paper reports 63.4 without BN and 65.8 with it, one run each.
#
# We take a smaller world, in which many runs are possible: scenes of 32 × 32 pixels with one to three digits, and a YOLO of 7 convolutions, the
# last without BN. With BN and without, it starts from the same weights, He's: so here BN has no vanished difference to bring back.

# %% tags=["nbval-ignore-output"]
_ = torch.set_num_threads(1)  # so small a network is fastest on one thread
_, test = detector.validation_and_test_scenes()
for batch_norm in (True, False):
    network = detector.trained_detector(batch_norm, learning_rate=0.002, steps=200)
    print(f"BN {batch_norm!s:6} mAP on {len(test)} scenes: {detector.mean_ap(network, test):.1f} %")

# %% [markdown]
# After 800 steps they find this (seed 0, each at its best learning rate, stored). Dashed: the true boxes.

# %% tags=["draws"] alt="Four scenes twice, with dashed true boxes. Above, with BN: around each of the eight digits a box with the right class, one of which fits badly. Below, without BN: a 6 is called 8, a 5 has no box, and one 0 has two boxes; the rest is right."
figure, axes = figures.new_figure(columns=4, rows=2, size=(7.2, 4.1))
drawn = training.stored("results/11_boxes.json", detector.boxes_at_best_rates)["results"]
for row, (role, found) in zip(np.reshape(axes, (2, 4)), drawn.items(), strict=True):
    for ax, picture, truth, *answer in zip(row, test.pictures, test.boxes, *found.values(), strict=False):
        boxes, labels, _scores = answer
        figures.boxes(figures.scene(picture[0], ax=ax), truth)
        figures.boxes(ax, boxes, [f"{digit:.0f}" for digit in labels], role=role)
    row[0].set_ylabel(names[role])
figures.show(figure)

# %% [markdown]
# A wrong class, a digit without a box, two boxes for one digit, a box that fits badly: such are the mistakes. Four scenes do not show which detector is
# better. For a fair comparison 100 detectors are stored: five learning rates, 200 and 800 steps, five seeds. (`detector.sweep_of_rates()` repeats it, in
# about 40 minutes.)
#
# Each detector gets its own best rate, chosen on 300 other scenes. We judge by the rule of [lesson 07](07_put_the_claims_on_trial.ipynb), with a margin of 2 points.
#
# **Predict.** After 200 steps BN is ahead. Four times as many steps: does the lead, at the best rates, grow or shrink?

# %%
runs = pd.DataFrame(training.stored("results/11_learning_rates.json", detector.sweep_of_rates)["results"])
runs = runs.set_index(["steps", "batch_norm", "learning_rate", "seed"]).sort_index().unstack("seed")
mAP = runs["mAP"]  # a row for each setting, a column for each seed
to_choose = runs["mAP to choose by"].mean(axis=1)
for steps in (200, 800):
    without, with_bn = (mAP.loc[steps, bn, to_choose[steps, bn].idxmax()] for bn in (False, True))
    lead = training.SeedSummary((with_bn - without).to_numpy())
    print(f"{steps} steps: with BN {with_bn.mean():.0f}, without {without.mean():.0f};", end=" ")
    print("lead", *lead.values.round(1), training.outcome(lead, margin=2))
    assert lead.values.min() > 2

# %% tags=["draws"] alt="mAP against the learning rate from 0.0005 to 0.008, after 200 steps and after 800 steps; a dot for each of five seeds, lines through the means. With BN the line lies above the one without at every rate. After 200 steps both are low, at most about 26 and 14. After 800 steps both rise, to about 91 with BN and 83 without; the dots without BN are wide apart at the largest rate, those with BN close together."
figure, axes = figures.new_figure(columns=2, size=(7.2, 3.0))
for ax, steps in zip(axes, (200, 800), strict=True):
    for role, batch_norm in (("without_bn", False), ("with_bn", True)):
        found = mAP.loc[steps, batch_norm]
        figures.curve(found.index, found.mean(axis=1), ax=ax, role=role)
        figures.dots(np.repeat(found.index, 5), found.to_numpy().ravel(), limits=(0, 100), ax=ax, role=role)
    figures.frame(ax, title=f"{steps} steps", x="learning rate, thousandths", ylim=(0, 100), log="x")
    ax.set_xticks(found.index, [f"{1000 * rate:g}" for rate in found.index])
    ax.minorticks_off()
axes[0].set_ylabel("mAP, percent")
figures.key(axes[0], {role: names[role] for role in drawn}, place="upper left")
figures.show(figure)

# %% [markdown]
# <details><summary>Answer</summary>
#
# It shrinks, from 14 points to 9.
#
# </details>
#
# So in this small world BN helps, at each rate on average and at the best rates in each seed. It may be only *speed*: to know, one would have to train until neither gets
# better. And *why* it helps, this lesson does not find out; the claims of [lesson 07](07_put_the_claims_on_trial.ipynb) are candidates.
#
# The seeds are for weights and training scenes; the 300 test scenes are always the same. Large photos and many classes were not tried. Deeper:
# [How good is a detector?](deeper/how_good_is_a_detector.ipynb)
#
# **Shown:** YOLOv2's step to BN; a wrong network whose answer has the right shape; why two photos become alike in 24 untrained layers without BN;
# a small detector that learns more with BN.
#
# **Practice:** [the exercises](exercises/11_put_it_in_a_detector.ipynb), 30 minutes.
#
# **Next:** [12 · The same layer elsewhere](12_the_same_layer_elsewhere.ipynb).
#
# Sources:
#
# - J. Redmon, S. Divvala, R. Girshick and A. Farhadi, "You Only Look Once", 2016, arXiv:1506.02640 (YOLOv1: figure 3, section 2).
# - J. Redmon and A. Farhadi, "YOLO9000", 2017, arXiv:1612.08242 (YOLOv2: section 2, table 2).
# - K. He and others, "Delving Deep into Rectifiers", 2015, arXiv:1502.01852 (initial weights).
