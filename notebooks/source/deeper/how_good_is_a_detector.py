# %% [markdown]
# # How good is a detector?
#
# *25 minutes · after [lesson 11](../11_put_it_in_a_detector.ipynb)*
#
# A detector answers with boxes, classes, and how sure it is of each; the truth is a few boxes and classes, too. This notebook goes the way from one to the other
# with a small YOLO: how well two boxes fit, what the loss asks of each cell, and how a long list of boxes becomes one number, the mAP. All of it can be
# worked out by hand.

# %%
import numpy as np
import torch

from bnteach import figures
from bnteach.trials import detector

# %% [markdown]
# ## The scenes, and what the cells should say
#
# A scene has 32 × 32 pixels, with one to three handwritten digits, enlarged and dimmed a little.

# %%
_, test = detector.validation_and_test_scenes()
print(test)

# %% tags=["draws"] alt="Four scenes with one to three gray digits on a nearly white ground. Around each digit is a dashed box, and below it stands its class; a grid of 4 × 4 cells lies over each scene."
figure, axes = figures.new_figure(columns=4, size=(7.2, 2.1))
for ax, scene, boxes, labels in zip(axes, test.pictures, test.boxes, test.labels, strict=False):
    figures.boxes(figures.scene(scene[0], ax=ax), boxes, [str(digit) for digit in labels.tolist()])
    for place in (0.25, 0.5, 0.75):
        ax.axhline(place, color="#BBBBBB", linewidth=0.8)
        ax.axvline(place, color="#BBBBBB", linewidth=0.8)
figures.show(figure)

# %% [markdown]
# The dashed boxes are the true ones. YOLO lays a grid of **cells** over the picture. The cell in which the *center* of an object lies is
# **responsible** for it. A cell gives the center from its own left upper corner, in cells, and the size as a share of the picture.
#
# **Predict.** In scene 1, the second, which three cells are responsible? Count rows and columns from 0.

# %%
wanted = detector.targets(test, cells=4, classes=10)
for row, column in wanted.has_object[1].nonzero().tolist():
    center, size, classes = (part[1, row, column] for part in (wanted.center, wanted.size, wanted.classes))
    print(f"cell ({row}, {column}): a {classes.argmax()}, center {center.numpy().round(2)}, ", end="")
    print(f"width and height {size.numpy().round(2)}")

# %% [markdown]
# ## How well two boxes fit
#
# The measure is **IoU**, *intersection over union*: the area that two boxes share, divided by the area that they cover together.
#
# **Predict.** Two boxes are 3 wide and 1 high; one is moved to the right by 1. What is their IoU?

# %%
shared, together = 2 * 1, 3 + 3 - 2
a, b = torch.tensor([[0.0, 0, 3, 1], [1, 0, 4, 1]])  # left, top, right, bottom
print("by hand:", shared / together, "  bnteach:", detector.iou(a, b).item())
assert detector.iou(a, b) == 0.5

# %% [markdown]
# <details><summary>Answer</summary>
#
# They share 2 and cover 4. Moved by a third of its width, a box has lost half of its IoU.
#
# </details>
#
# ## What the loss asks
#
# A cell of YOLO gives two boxes, each with a **confidence** $c$, and a score $p$ for each class. In a cell with an object, the box that fits the true one better is
# the **responsible box**. All others should say: nothing here. Errors are squared and added:
#
# $$L = 5\sum_{\text{responsible boxes}}\left[(\Delta x)^2 + (\Delta y)^2 + (\Delta\sqrt{w})^2 + (\Delta\sqrt{h})^2\right] + \sum_{\text{responsible boxes}}(c - \text{IoU})^2
# + 0.5\sum_{\text{other boxes}} c^2 + \sum_{\text{cells with an object}}\ \sum_{\text{classes}}(\Delta p)^2$$
#
# Here $\Delta$ is answer minus truth, and $w$, $h$ are width and height. Their roots make an error of the same size count more in a small box; the network gives
# the roots. The confidence should become the IoU: how well the box fits. The weight 0.5 is there because most boxes have no object.
#
# We build an answer without an error, and spoil one number at a time.
#
# **Predict.** Which of three errors costs most: a class score that is wrong by 0.3, a confidence of 0.3 in an *empty* cell, or a center that is wrong by 0.1
# cells?

# %%
one = wanted.at(torch.tensor([1]))  # the cells of scene 1
box = torch.cat([one.center, one.size.sqrt(), one.has_object[..., None].float()], dim=-1)
perfect = torch.cat([box, torch.zeros_like(box), one.classes], dim=-1)  # the second box: nothing here
print("numbers of a cell:", perfect.shape[-1], "  loss:", detector.yolo_loss(perfect, one).item())

(row, column), (empty_row, empty_column) = (
    which.nonzero()[0] for which in (one.has_object[0], ~one.has_object[0])
)
for words, place, error in (
    ("a class score + 0.3", (row, column, 10), 0.3),
    ("confidence 0.3 in an empty cell", (empty_row, empty_column, 4), 0.3),
    ("x + 0.1 cells", (row, column, 0), 0.1),
):
    spoiled = perfect.clone()
    spoiled[0][place] += error
    print(f"{words:33}{detector.yolo_loss(spoiled, one).item():.4f}")
width = one.size[0, row, column, 0].item()
fit = (width - 0.1 / 4) / (width + 0.1 / 4)  # 0.1 cells are 0.1 / 4 of the scene
print(f"x + 0.1, by hand: 5 · 0.1² + (1 − {fit:.3f})² = {5 * 0.1**2 + (1 - fit) ** 2:.4f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# The class score: $0.3^2 = 0.09$. The confidence costs $0.5\cdot 0.3^2 = 0.045$. The moved center costs twice: its place, $5\cdot 0.1^2$, and a confidence of 1 that is now too high, because the box
# fits less well.
#
# </details>
#
# ## From boxes to hits
#
# The **score** of a box is its confidence times its class score. Often several boxes lie around one object. So the box with the best score is kept, and all boxes of
# the same class that overlap it by more than 0.5 are dropped; then the same with those that are left: **non-maximum suppression** (exercise 1).
#
# Of what remains a box is a **hit** if its IoU with a true box of its class is at least 0.5, and if no better-scored box took this object before. Here are the boxes that
# a short training gives, 200 steps with BN.

# %% tags=["nbval-ignore-output"]
_ = torch.set_num_threads(1)
network = detector.trained_detector(batch_norm=True, learning_rate=0.002, steps=200)
found = detector.detect(network, test.pictures)
for number in range(3):
    hits = detector.hits_of(found[number], test.boxes[number], test.labels[number])
    print(f"scene {number}, true digits {test.labels[number].tolist()}:")
    for digit, score, hit in zip(found[number].labels, found[number].scores, hits, strict=True):
        print(f"    a {digit}, score {score:.2f}", "hit" if hit else "no hit")

# %% [markdown]
# ## Average precision
#
# Take one class, and go down the list of its boxes in all pictures, the best score first. After each box there are two numbers:
#
# - **precision**: the share of hits among all boxes so far;
# - **recall**: the share of all objects that were found so far.
#
# An example with four objects and six boxes. **Average precision** (AP) is the area under the curve of precision over recall. Recall moves on only at a hit, by $1/4$. And
# at each hit counts the best precision *from there on*, at this box or a later one.
#
# **Predict.** What is AP here? It is a sum of three precisions, divided by 4.

# %%
hits, objects = np.array([1, 0, 1, 1, 0, 0], dtype=bool), 4
precision, recall = hits.cumsum() / np.arange(1, 7), hits.cumsum() / objects
print("hit      ", *(f"{hit:5d}" for hit in hits))
print("precision", *(f"{p:5.2f}" for p in precision))
print("recall   ", *(f"{r:5.2f}" for r in recall))

# %%
from_here = np.maximum.accumulate(precision[::-1])[::-1]  # the best at this place or later
scores = np.linspace(0.9, 0.2, 6)
print("AP, in NumPy:", from_here[hits].sum() / objects, "  by hand:", (1 + 0.75 + 0.75) / 4)
assert detector.average_precision(scores, hits, objects) == 0.625

# %% [markdown]
# <details><summary>Answer</summary>
#
# 0.625. After the third box precision is 0.67, but after the fourth 0.75; so 0.75 counts twice. The object that was never found counts as 0.
#
# </details>
#
# (scikit-learn's `average_precision_score` differs in two things: it takes the precision at the hit itself, and knows only the objects in the list.)
#
# **mAP** is the mean of AP over the classes.

# %% tags=["nbval-ignore-output"]
print(f"mAP of the detector above: {detector.mean_ap(network, test):.1f} %")

# %% [markdown]
# So mAP punishes a wrong class, an object without a box, a box too many, and a box that fits badly; but a box that fits with an IoU of 0.5 counts as much as a perfect one.
#
# **Shown:** a cell answers for the center that lies in it; the confidence learns the IoU; mAP is an area under precision over recall.
#
# **Practice:** [the exercises of lesson 11](../exercises/11_put_it_in_a_detector.ipynb), 30 minutes: non-maximum suppression and the loss of a cell, written by you.
#
# **Back to** [11 · Put it in a detector](../11_put_it_in_a_detector.ipynb).
#
# Sources:
#
# - J. Redmon and others, "You Only Look Once", 2016, arXiv:1506.02640, section 2 (cells, equation 3).
# - M. Everingham and others, "The PASCAL Visual Object Classes Challenge: A Retrospective", 2015 (mAP).
