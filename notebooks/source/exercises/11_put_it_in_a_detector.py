# %% [markdown]
# # 11 · Put it in a detector: exercises
#
# *30 minutes · after the lesson [11 · Put it in a detector](../11_put_it_in_a_detector.ipynb); no other notebook is needed*
#
# You write what a detector does with its boxes, what its loss asks of a cell, and the fold of a whole network.
#
# **How it works.** Write your code in the place of `raise NotImplementedError()`, and run the cell. Its last line
# checks your code and says what it sees. If you are stuck, open a hint. When you are done, see
# [the solutions, explained](../solutions/11_put_it_in_a_detector.ipynb).

# %%
import numpy as np
import torch

from bnteach import check

# %% [markdown]
# ## Exercise 1: one box for each object
#
# *10 minutes · difficulty: 2 of 4*
#
# Often several boxes lie around one object. How much two boxes overlap is said by their IoU: the area that both share, divided by the area that they
# cover together. Write `keep_best(boxes, scores, limit)`, **non-maximum suppression**:
#
# - `boxes` has the shape $(n, 4)$: left, top, right, bottom, and $y$ grows downward. `scores` has the shape $(n,)$. All boxes are of one class.
# - The box with the best score is kept. All boxes whose IoU with it is *larger* than `limit` are dropped. Then the same with those that are
#   left, until none is left.
# - Return the indices of the boxes that are kept, a list or an array of integers, the best score first.
#
# <details><summary>Hint 1</summary>
#
# First a function for the IoU of two boxes. Then sort, and work down a list of those that are left.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The shared box begins at the larger of the two left edges, and ends at the smaller of the two right ones. Where that gives a
# negative width, it is 0.
#
# </details>
# <details><summary>Hint 3</summary>
#
# While indices are left: take the first, keep it, and go on with those of the others whose IoU with it is at most `limit`.
#
# </details>


# %% tags=["solution", "points-3"]
def keep_best(boxes, scores, limit):
    """The indices of the boxes that are kept, the best score first."""
    ### BEGIN SOLUTION
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    left, kept = np.argsort(-scores), []
    while len(left):
        best, others = left[0], left[1:]
        kept.append(best)
        start = np.maximum(boxes[best, :2], boxes[others, :2])
        end = np.minimum(boxes[best, 2:], boxes[others, 2:])
        shared = np.maximum(end - start, 0).prod(axis=1)
        iou = shared / (area[best] + area[others] - shared)
        left = others[iou <= limit]
    return kept
    ### END SOLUTION


check.keep_best(keep_best)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# - Without the 0 in `np.maximum`, two boxes that lie apart in both directions would share the product of two negative sides.
# - A box that was dropped is no longer in `left`. So it cannot drop another one.
# - A detector does this for each class on its own: a 3 may lie on a 5.

# %% [markdown]
# ## Exercise 2: the loss of a cell
#
# *10 minutes · difficulty: 2 of 4*
#
# Write `cell_loss(boxes, scores, center, size, label, fits)`, YOLO's loss of *one* cell that has an object. (Why it has these parts:
# [How good is a detector?](../deeper/how_good_is_a_detector.ipynb)) The **confidence** of a box says how sure the network is that it fits an object.
# Four parts are added:
#
# - **place**: 5 times the squared errors of $x$, $y$, $\sqrt w$, $\sqrt h$ of the **responsible** box, the one that fits best;
# - **confidence**: the squared difference between the confidence of this box and its IoU with the true one;
# - **others**: 0.5 times the squared confidence of each other box;
# - **classes**: the squared errors of the scores. The right ones are 1 for the true class and 0 for all others.
#
# `boxes` has a row for each box of the cell: $x$, $y$, $\sqrt w$, $\sqrt h$, confidence. `scores` has a number for each class. The truth: `center` is $(x, y)$, `size` is $(w, h)$, `label`
# is the number of the class. `fits` has the IoU of each box with the true one.
#
# <details><summary>Hint 1</summary>
#
# Which box is responsible? `fits` says it. Four sums follow, one for each point of the list.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `boxes[responsible, 2:4]` are roots, so compare them with `np.sqrt(size)`. `np.delete(boxes[:, 4], responsible)` gives the other
# confidences.
#
# </details>
# <details><summary>Hint 3</summary>
#
# The scores should be 1 for `label` and 0 else: `np.eye(len(scores))[label]`.
#
# </details>


# %% tags=["solution", "points-2"]
def cell_loss(boxes, scores, center, size, label, fits):
    """YOLO's loss of one cell that has an object, one number."""
    ### BEGIN SOLUTION
    responsible = fits.argmax()
    truth = np.concatenate([center, np.sqrt(size)])
    place = ((boxes[responsible, :4] - truth) ** 2).sum()
    confidence = (boxes[responsible, 4] - fits[responsible]) ** 2
    others = (np.delete(boxes[:, 4], responsible) ** 2).sum()
    classes = ((scores - np.eye(len(scores))[label]) ** 2).sum()
    return 5 * place + confidence + 0.5 * others + classes
    ### END SOLUTION


check.cell_loss(cell_loss)

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# - Responsible is the box that *fits* best, not the most confident one. So two boxes of a cell can learn different shapes.
# - The confidence is asked to be the IoU, not 1. A detector that says 1 for a box that fits badly is told off.
# - In a cell without an object only **others** is left, with all boxes.

# %% [markdown]
# ## Exercise 3: fold a whole network
#
# *10 minutes · difficulty: 3 of 4*
#
# To **fold** a BN is to write it into the convolution in front: in evaluation mode BN multiplies each map by a constant and adds one, and so
# do the weights and the bias of a convolution ([lesson 09](../09_slim_and_fold.ipynb)).
#
# Write `fold_network(network)`. `network` is a `torch.nn.Sequential` in evaluation mode. Return a new one, in evaluation mode, that gives the
# same answers.
#
# - A `BatchNorm2d` *directly* behind a `Conv2d` is folded into it. Every other layer stays, also a BN that has another place.
#   (Two BN layers in a row do not occur.)
# - The given network is as before. Layers that stay may be shared by both networks.
# - The check tries it on BN, conv, BN, LeakyReLU, conv, BN, max-pool, conv, LeakyReLU, BN, with random weights.
# - For one pair you may use PyTorch's `torch.nn.utils.fusion.fuse_conv_bn_eval`.
#
# <details><summary>Hint 1</summary>
#
# Go through the layers, and build a list of new ones. When may a BN be folded into the last layer of this list?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Only a `BatchNorm2d` directly behind a `Conv2d`. Replace the last layer of the list then; in all other cases append the
# layer.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `torch.nn.utils.fusion.fuse_conv_bn_eval(conv, bn)` gives a new convolution, and leaves both as they are. End with
# `torch.nn.Sequential(*layers).eval()`.
#
# </details>


# %% tags=["solution", "points-3"]
def fold_network(network):
    """The same network for evaluation, without the BN layers that can be folded."""
    ### BEGIN SOLUTION
    layers = []
    for layer in network:
        behind_conv = layers and isinstance(layers[-1], torch.nn.Conv2d)
        if isinstance(layer, torch.nn.BatchNorm2d) and behind_conv:
            layers[-1] = torch.nn.utils.fusion.fuse_conv_bn_eval(layers[-1], layer)
        else:
            layers.append(layer)
    return torch.nn.Sequential(*layers).eval()
    ### END SOLUTION


check.fold_network(fold_network)

# %% [markdown]
# Now fold the detector of the lesson. The training takes some seconds. **Predict first**: how much does its mAP change?

# %% tags=["nbval-ignore-output"]
from bnteach.trials import detector

_ = torch.set_num_threads(1)
_, test = detector.validation_and_test_scenes()
trained = detector.trained_detector(batch_norm=True, learning_rate=0.002, steps=200).eval()
print(f"{len(trained)} layers, mAP {detector.mean_ap(trained, test):.2f} %")

# In an empty cell: the same line for fold_network(trained).

# %% [markdown] tags=["solution"]
# ### The solution, explained
#
# - Between LeakyReLU and BN nothing can be folded *backward*: the activation is not linear. In the direction of the next convolution it can, but for
#   the zeros around the maps.
# - In the detector 6 of 23 layers go, and its mAP stays the same to a hundredth of a point: the same numbers are only rounded in another order.
# - What goes wrong most often is to write into `conv.weight` of the given network. Then it is spoiled: it has the fold *and* its BN.

# %% [markdown]
# **In words: which test?** The listing of the lesson answers with 7 × 7 × 30 numbers, as it should, and two convolutions are missing. Beside
# counting, name a test that would have found it, and two more that would *not*.
#
# <details><summary>A model answer</summary>
#
# Load published weights: two entries have no place to go. Or compare the answers, for the same weights, with those of another implementation.
#
# Not found by: the shape of the answer, a training that lowers the loss, or a gradient check. The wrong network is a right *other* network.
#
# </details>
#
# ## How far you are

# %%
check.report()
