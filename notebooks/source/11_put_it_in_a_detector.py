# %% [markdown]
# # 11 · Put it in a detector
#
# *40 minutes · previous: [10 · Across devices](10_across_devices.ipynb) · next:
# [12 · The same layer elsewhere](12_the_same_layer_elsewhere.ipynb) · [exercises](exercises/11_put_it_in_a_detector.ipynb)*
#
# A **detector** says what is in a picture, and where. YOLO is a well-known one: its first version, of 2016, has no BN; the
# second, of 2017, has BN after every convolution but the last. You find two layers that a copy of YOLOv1 lacks, send two photos through
# it with BN and without, and train a small detector.
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
# ($x$ for $x > 0$, and $0.1\,x$ below). YOLOv2 puts BN between the two. BN subtracts the mean of each map, and any bias with it
# ([lesson 02](02_normalize.ipynb)). So the bias goes.


# %%
def block(maps_in, maps, side, stride, batch_norm):
    conv = nn.Conv2d(maps_in, maps, side, stride, padding=side // 2, bias=not batch_norm)
    return [conv, nn.BatchNorm2d(maps), nn.LeakyReLU(0.1)] if batch_norm else [conv, nn.LeakyReLU(0.1)]


# %% [markdown]
# ## A listing with two convolutions too few
#
# To try BN in this network, we need all of it. Figure 3 of YOLOv1's paper has 24 convolutions. 3×3×192 are 192 filters with a side of 3.
#
# | row | convolutions | count | size of a map |
# |---|---|---|---|
# | 1 | 7×7×64 with stride 2; pool | 1 | 112 × 112 |
# | 2 | 3×3×192; pool | 1 | 56 × 56 |
# | 3 | 1×1×128, 3×3×256, 1×1×256, 3×3×512; pool | 4 | 28 × 28 |
# | 4 | four times 1×1×256 and 3×3×512 | 8 | 28 × 28 |
# | 5 | 1×1×512, 3×3×1024; pool | 2 | 14 × 14 |
# | 6 | twice 1×1×512 and 3×3×1024 | 4 | 14 × 14 |
# | 7 | 3×3×1024, 3×3×1024 with stride 2 | 2 | 7 × 7 |
# | 8 | 3×3×1024, 3×3×1024 | 2 | 7 × 7 |
#
# A listing on the web lacks two of them. Ours below has the same fault. An entry is (number of maps, side, stride).

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


def convolutions(rows, batch_norm, maps_in=3):
    network = nn.Sequential()
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
# Two **dense** layers (`nn.Linear`) follow, without BN. For each of 7 × 7 parts of the picture, the **cells**, they give 30 numbers: two boxes
# of 5 numbers (center, size, confidence), and a score for each of 20 classes.


# %%
def yolo_v1(rows):
    network = convolutions(rows, batch_norm=False)
    dense = [nn.Linear(1024 * 7 * 7, 4096), nn.LeakyReLU(0.1), nn.Linear(4096, 7 * 7 * 30)]
    return network.append(nn.Sequential(nn.Flatten(), *dense, nn.Unflatten(1, (7, 7, 30))))


def count(network):
    return sum(isinstance(layer, nn.Conv2d) for layer in network.modules())


# %% [markdown]
# We test the listing on PyTorch's **meta** device, where tensors have a shape, but no numbers.
#
# **Predict.** Which two convolutions are missing? And will the answer have the wrong shape?

# %%
with torch.device("meta"):
    copy, x = yolo_v1(listing), torch.empty(1, 3, 448, 448)
    for number, row in enumerate(copy, start=1):
        x = row(x)
        print(f"row {number}: {count(row)} convolutions, then", " × ".join(map(str, x.shape[1:])))
assert x.shape == (1, 7, 7, 30)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Row 4 has six convolutions in place of eight: a pair of 1×1×256 and 3×3×512 is missing. The pair takes 512 maps of 28 × 28 and gives as
# many. So without it all shapes are right.
#
# </details>
#
# A test of shapes does not find such a fault; counting does. Mend `listing` yourself, in an empty cell.

# %%
paper = [*listing[:3], [(256, 1, 1), (512, 3, 1)] * 4, *listing[4:]]
with torch.device("meta"):
    mended = yolo_v1(paper)
for name, network in {"listing": copy, "mended": mended}.items():
    parameters = sum(parameter.numel() for parameter in network.parameters())
    print(f"{name}: {count(network)} convolutions, {parameters:,} parameters")
assert count(mended) == 24

# %% [markdown]
# ## Two photos on their way through 24 layers
#
# Does so deep a network need BN? Before training it should at least tell two photos apart. We send a temple and a flower through the mended
# convolutions, made smaller (224 × 224) to save time, and in training mode: the two photos are the batch. After each layer we measure the root mean square (RMS) of the maps, and of their
# **difference**, temple minus flower.

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
# **An estimate** of the difference, without BN:
#
# 1. A filter adds up $n$ inputs. PyTorch's usual weights have the variance $1/(3n)$, so the mean square is multiplied by
#    $n \cdot 1/(3n) = 1/3$. The bias is the same for both photos, so it is not in the difference.
# 2. LeakyReLU multiplies by 1 above 0 and by 0.1 below. If the difference is small, both photos are on the same side of 0 and get the same factor. With half of the values above 0, the mean square is multiplied by $(1 + 0.1^2)/2 = 0.505$.
# 3. So a layer multiplies the RMS of the difference by $\sqrt{0.505/3} = 0.41$.
#
# **Predict.** What is left of the difference after 24 layers: about $10^{-2}$, $10^{-5}$, or $10^{-10}$? And do the maps become as small as their difference?
#
# Two controls without BN have biases 0: one with the usual weights, one with **He's weights**, whose variance $2/(1.01\,n)$ makes the factor 1.

# %% tags=["nbval-ignore-output"]
_ = torch.manual_seed(0)
with_bn, without = convolutions(paper, batch_norm=True), convolutions(paper, batch_norm=False)
filters = [layer for layer in without.modules() if isinstance(layer, nn.Conv2d)]
in_evaluation = sizes(with_bn.eval())
measured = {"with BN": sizes(with_bn.train()), "without BN": sizes(without)}
for conv in filters:
    nn.init.zeros_(conv.bias)
measured["without BN, biases 0"] = sizes(without)
for conv in filters:
    nn.init.kaiming_normal_(conv.weight, a=0.1)
measured["without BN, He's weights"] = sizes(without)
for name, found in {**measured, "with BN, evaluation mode": in_evaluation}.items():
    maps, difference = found[-1]
    print(f"{name:24} maps {maps:.1e}, difference {difference:.1e}, ratio {difference / maps:.1g}")

# %% tags=["draws"] alt="Four panels, each with the size of the maps and the size of their difference after each of 24 convolutions, logarithmic. With BN both lines are level, near 1. Without BN the difference falls in a straight line from 0.2 to a ten-thousand-millionth, but the maps stay near a hundredth. With biases 0 both fall together in a straight line. With He's weights the maps stay near 0.4, and the difference falls slowly to 0.1."
figure, axes = figures.new_figure(columns=4, size=(8.6, 3.2))
titles = ["with BN", "without BN", "without BN,\nbiases 0", "without BN, He's\nweights, biases 0"]
for ax, title, found in zip(axes, titles, measured.values(), strict=True):
    role = "with_bn" if title == "with BN" else "without_bn"
    figures.curve(range(1, 25), found[:, 0], ax=ax, role="before")
    figures.curve(range(1, 25), found[:, 1], ax=ax, role=role)
    figures.frame(ax, title=title, x="convolution", ylim=(1e-11, 10), log="y")
    figures.key(ax, {"before": "maps", role: "difference"}, place=(0.02, 0.6 if ax is axes[3] else 0.03))
axes[0].set_ylabel("RMS of the layer's output")
figures.show(figure)

# %% [markdown]
# <details><summary>Answer</summary>
#
# About $10^{-10}$. The photos themselves differ by 0.5, and $0.5\cdot 0.41^{24}$ is $3\cdot 10^{-10}$; the measured factor is 0.39. But the maps stay at 0.005.
#
# </details>
#
# **Why do the maps not shrink, too?** Each layer adds its biases. They are the same for both photos, so they cancel in the difference, but not in the
# maps, which are soon nearly all bias. With biases 0 the maps shrink together with their difference. So small weights alone do not make the difference small beside the maps; with biases they do.
#
# **With BN**, each layer subtracts one number for each map, its mean over both photos and all places. A bias, and whatever else is the same everywhere, is gone. The division by the
# standard deviation keeps maps and difference from shrinking. ($\beta$ is a bias, but 0 at the start.) In evaluation mode, the running statistics are still 0 and 1: BN
# does almost nothing, and the maps shrink.
#
# **BN is not the only cure.** With He's weights and biases 0, the difference stays 0.4 times as large as the maps, and neither becomes tiny.

# %%
own = rms(photos[0] - photos[1])
factor = (measured["without BN"][-1, 1] / own) ** (1 / 24)
print(f"without BN: the photos differ by {own:.2f}, then a layer's factor is {factor:.2f} (estimated: 0.41)")
left = {name: found[-1, 1] / found[-1, 0] for name, found in measured.items()}
assert left["with BN"] > 0.5 > left["without BN, He's weights"] > 0.1 > 1e-6 > left["without BN"]
assert left["without BN, biases 0"] > 0.1 > 1e-9 > in_evaluation[-1].max()

# %% [markdown]
# ## Lab: does the estimate hold?
#
# Very different digits go through twelve dense layers with ReLU, without biases. The **weight scale** is
# $\sqrt n$ times the standard deviation of the weights: a layer's factor is about *weight scale* $/\sqrt 2$. *Signal* means the differences.
#
# 1. Work out what is left of the signal at a scale of 1, and at 1.4. Compare with the line below the picture.
# 2. Switch BN on, and change the scale. What happens to the signal, and to the gradient?

# %% tags=["nbval-ignore-output"]
labs.Depth(activation="ReLU", scale=1.0)

# %% [markdown]
# <details><summary>What you may have found</summary>
#
# 1. $0.71^{12} = 0.016$, but 0.006 is left; $0.99^{12} = 0.89$, but 0.35 is left. Where two values lie on both sides of 0, ReLU cuts off a part of their difference.
# 2. Neither changes with the scale. (The signal becomes 2.2 times as large on its way. The gradient becomes 9.9 times as large on its way back: see [lesson 14](14_deep_enough_to_break.ipynb).)
#
# </details>
#
# ## Does a small detector learn more with BN?
#
# A network that tells photos apart does not yet detect anything. The 24 layers would have to be trained for days, so we try a smaller network: does BN help it to *detect*? A found box is **right** if its class is, and its **IoU** with the true
# box is at least 0.5: the area that both share, divided by the area that they cover together. A detector's **mAP** (*mean average precision*) is 100 % if it
# finds every object with a right box, and nothing else. On PASCAL VOC 2007, YOLOv2's paper reports 63.4 without BN and 65.8 with it.
#
# Our world is small: scenes of 32 × 32 pixels with one to three digits, 4 × 4 cells, and seven convolutions.

# %%
small = [[(8, 3, 1), POOL], [(32, 3, 1), POOL], [(64, 3, 1), POOL], [(128, 3, 1), (64, 1, 1), (128, 3, 1)]]
network = convolutions(small, batch_norm=True, maps_in=1)
network.append(nn.Conv2d(128, 20, 1))  # the last, without BN: 2 boxes of 5 numbers and 10 classes
print(count(network), "convolutions, then shape", tuple(network(torch.zeros(2, 1, 32, 32)).shape[1:]))
assert count(network) == 7

# %% [markdown]
# `trained_detector` builds and trains it. With BN and without, it starts from He's weights. Each gets the best of six learning rates.

# %% tags=["nbval-ignore-output"]
_ = torch.set_num_threads(1)  # so small a network is fastest on one thread
_, test = detector.validation_and_test_scenes()
for batch_norm, rate in ((True, 0.002), (False, 0.004)):
    network = detector.trained_detector(batch_norm, learning_rate=rate, steps=200)
    print(f"BN {batch_norm!s:6} mAP on {len(test)} scenes: {detector.mean_ap(network, test):.1f} %")

# %% [markdown]
# After 800 steps they find this (two scenes, seed 0, best learning rates, stored). Dashed: the true boxes. Without BN, a 6 is called 8, and a 5 has no box; with BN, one box of
# a 0 is too large, and one is too small.

# %% tags=["draws"] alt="Two scenes, left with the boxes found with BN, right with those found without. The first scene has a 6 and a 0: with BN both have the right class; without BN the 6 is called 8. The second has an 8, a 0 and a 5: with BN all three are found, the box of the 0 is too small; without BN the 5 has no box."
figure, axes = figures.new_figure(columns=2, rows=2, size=(6.4, 6.4))
drawn = training.stored("results/11_boxes.json", detector.boxes_at_best_rates)["results"]
names = {"with_bn": "with BN", "without_bn": "without BN"}
for column, (role, found) in zip(np.reshape(axes, (2, 2)).T, drawn.items(), strict=True):
    for ax, picture, truth, true, boxes, labels in zip(
        column, test.pictures, test.boxes, test.labels, found["boxes"], found["labels"], strict=False
    ):
        figures.boxes(figures.scene(picture[0], ax=ax), truth)
        figures.boxes(ax, boxes, role=role)
        for (_, top, right, bottom), label in zip(boxes, labels, strict=True):
            look = {"size": 13, "weight": "bold", "color": figures.ROLES[role].color}
            ax.text(right + 0.06, (top + bottom) / 2, f"{label:.0f}", va="center", **look)
        ax.set_title(f"{names[role]}; true: {', '.join(map(str, true.tolist()))}")
figures.show(figure)

# %% [markdown]
# Two scenes do not decide. So 120 detectors are stored: six learning rates, 200 and 800 steps, five seeds. The best rates are chosen
# on 300 other scenes. By the rule of [lesson 07](07_put_the_claims_on_trial.ipynb), the answer is *for it* if BN leads by more than 2 points in all
# five seeds, and *no difference* if all five lie between −2 and 2. In other cases it is *against it* or *undecided*.
#
# **Predict.** Is the lead of BN after 800 steps (A) larger than after 200, (B) smaller, or (C) undecided?

# %%
runs = pd.DataFrame(training.stored("results/11_learning_rates.json", detector.sweep_of_rates)["results"])


def at_best_rate(steps, batch_norm):
    these = runs[(runs["steps"] == steps) & (runs["batch_norm"] == batch_norm)]
    means = these.groupby("learning_rate")["mAP to choose by"].mean()
    rate = means.idxmax()  # the rate with the largest mean
    return rate, these[these["learning_rate"] == rate].sort_values("seed")["mAP"].to_numpy()


leads = {}
for steps in (200, 800):
    (_, with_bn), (_, without) = at_best_rate(steps, True), at_best_rate(steps, False)
    leads[f"{steps} steps"] = with_bn - without
    print(f"{steps} steps: mAP with BN {with_bn.mean():.0f}, without {without.mean():.0f}")
leads["change"] = leads["800 steps"] - leads["200 steps"]
for name, lead in leads.items():
    print(f"lead, {name}:", *lead.round(1), training.outcome(training.SeedSummary(lead), margin=2))
assert min(leads["200 steps"].min(), leads["800 steps"].min()) > 2

# %% tags=["draws"] alt="mAP against the learning rate from 0.0005 to 0.016, after 200 steps and after 800 steps; a dot for each of five seeds, lines through the means, a ring around the chosen rate. With BN the line lies above the one without at every rate. After 200 steps both are low, at most about 23 and 9. After 800 steps they rise to about 91 with BN, at 0.008, and 83 without, at 0.004. At 0.016 the detectors with BN lie wide apart, between 23 and 78, and those without are near 0."
figure, axes = figures.new_figure(columns=2, size=(7.2, 3.2))
for ax, steps in zip(axes, (200, 800), strict=True):
    for role, batch_norm in (("without_bn", False), ("with_bn", True)):
        found = runs[(runs["steps"] == steps) & (runs["batch_norm"] == batch_norm)]
        means, (chosen, _) = found.groupby("learning_rate")["mAP"].mean(), at_best_rate(steps, batch_norm)
        figures.curve(means.index, means, ax=ax, role=role)
        figures.dots(found["learning_rate"], found["mAP"], limits=(0, 100), ax=ax, role=role)
        ax.plot(chosen, means[chosen], "o", ms=15, mfc="none", mec="black", mew=1.4)
    figures.frame(ax, title=f"{steps} steps", x="learning rate, thousandths", ylim=(0, 100), log="x")
    ax.set_xticks(means.index, [f"{1000 * rate:g}" for rate in means.index])
    ax.minorticks_off()
axes[0].set_ylabel("mAP, percent")
figures.key(axes[0], names, place="upper left")
axes[0].text(0.5, 80, "ring: the chosen rate", transform=axes[0].get_yaxis_transform(), size=9.5)
figures.show(figure)

# %% [markdown]
# <details><summary>Answer</summary>
#
# (C): it is smaller for four seeds, and larger for one.
#
# </details>
#
# So in this small world BN helps, after 800 steps by 5 to 17 points. Above 91 % little room is left.
#
# It may be only *speed*: neither was trained to its end. *Why* it helps is not shown, nor whether it does with large photos, many classes, or
# other test scenes.
#
# Deeper: [How good is a detector?](deeper/how_good_is_a_detector.ipynb)
# [What does BN cost a detector?](deeper/what_does_bn_cost_a_detector.ipynb)
#
# **Shown:** a wrong network with the right shapes; what makes photos alike in 24 untrained layers; a small detector that learns more with BN in 200 and 800 steps.
#
# **Practice:** [the exercises](exercises/11_put_it_in_a_detector.ipynb), 30 minutes.
#
# **Next:** [12 · The same layer elsewhere](12_the_same_layer_elsewhere.ipynb).
#
# Sources:
#
# - J. Redmon and others, "You Only Look Once", 2016, arXiv:1506.02640 (YOLOv1: figure 3).
# - J. Redmon and A. Farhadi, "YOLO9000", 2017, arXiv:1612.08242 (YOLOv2: table 2).
# - K. He and others, "Delving Deep into Rectifiers", 2015, arXiv:1502.01852 (initial weights).
