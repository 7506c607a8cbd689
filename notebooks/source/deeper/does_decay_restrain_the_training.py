# %% [markdown]
# # Does decay restrain the training?
#
# *15 minutes · deeper than [14b · Weight decay in front of BN](../14b_decay_in_front_of_bn.ipynb)*
#
# Weight decay is meant to restrain a training: a larger loss in training, for a better test. In front of BN the function does not see the length of the weights. You see what decay does there, with five
# decays and 20 seeds.

# %%
import numpy as np
import torch
from torch import nn

from bnteach import data, figures, training

# %% [markdown]
# ## The trial
#
# The networks are those of lesson 14b: four blocks, linear → BN → ReLU, and a last linear layer; or the same without BN. Only the weights of the blocks decay. The rate is 0.1, and there are 440 steps.

# %%
_ = torch.set_num_threads(1)  # the fastest for networks this small
digits = data.digits(dtype=np.float64)
x_train, y_train = torch.from_numpy(digits.x_train), torch.from_numpy(digits.y_train)


def linear(inputs, outputs):
    layer = nn.Linear(inputs, outputs, bias=False, dtype=torch.float64)
    nn.init.normal_(layer.weight, std=(2 / inputs) ** 0.5)  # He's weights
    return layer


def network(seed, batch_norm):
    torch.manual_seed(seed)
    blocks = []
    for inputs in (64, 100, 100, 100):
        norm = [nn.BatchNorm1d(100, eps=1e-12, dtype=torch.float64)] if batch_norm else []
        blocks.append(nn.Sequential(linear(inputs, 100), *norm, nn.ReLU()))
    return nn.Sequential(*blocks, linear(100, 10))


def trial(batch_norm, decay, seed, steps=440):
    """The training loss of the last epoch, the test accuracy in percent, the turn of a step in degrees."""
    net = network(seed, batch_norm)
    decaying = [block[0].weight for block in net[:-1]]
    others = [p for p in net.parameters() if p.ndim == 1] + [net[-1].weight]  # γ and β; the last layer
    groups = [{"params": decaying, "weight_decay": decay}, {"params": others}]
    optimizer = torch.optim.SGD(groups, lr=0.1)
    losses, w = [], [decaying[1].detach().flatten().clone()]
    for step in range(steps):
        if step % 22 == 0:  # a new epoch
            batches = torch.randperm(len(x_train)).split(60)
        batch = batches[step % 22]
        loss = nn.functional.cross_entropy(net(x_train[batch]), y_train[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        w.append(decaying[1].detach().flatten().clone())
    before, after = torch.stack(w[-23:-1]), torch.stack(w[-22:])
    turns = torch.rad2deg(torch.cosine_similarity(before, after).arccos())
    accuracy = 100 * training.accuracy(net, digits.x_test, digits.y_test)
    return np.mean(losses[-22:]), accuracy, turns.square().mean().sqrt().item()


decays = (0, 0.005, 0.01, 0.02, 0.05, 0.1)
for decay in (0.01, 0.1):
    loss, accuracy, turn = trial(batch_norm=True, decay=decay, seed=0)
    print(
        f"BN, decay {decay:4}, seed 0: loss {loss:.3f}, test {accuracy:.0f} %, a step turns w by {turn:.2f}°"
    )

# %% [markdown]
# All seeds take minutes, so they are stored. A verdict follows the rule of
# [lesson 07](../07_put_the_claims_on_trial.ipynb). The margins are a factor of 2 in the loss, which is 1 in $\log_2$, and one point of accuracy.
#
# **Predict.** Without BN each decay makes the training loss larger. And with BN, where decay is a growing rate: none, only the large decays, or all?


# %%
def trials():
    return {
        name: [[trial(batch_norm, decay, seed) for seed in range(20)] for decay in decays]
        for name, batch_norm in (("no BN", False), ("BN", True))
    }


def verdict(effects):
    return training.outcome(training.SeedSummary(effects), margin=1)


kept = training.stored("results/14_decay.json", trials, again=False)["results"]  # True: train for minutes
print("decay   larger loss: no BN, BN       better test: no BN, BN")
for i, decay in enumerate(decays[1:], start=1):
    larger, better = [], []
    for name in ("no BN", "BN"):
        losses, accuracies, _ = np.transpose(kept[name])  # (seeds, decays) each
        larger.append(verdict(np.log2(losses[:, i] / losses[:, 0])))
        better.append(verdict(accuracies[:, i] - accuracies[:, 0]))
    print(f"{decay:5}", *(f"{said:14}" for said in larger + better))

# %% tags=["draws"] alt="Two panels over six decays from 0 to 0.1, a dot for each of 20 seeds. Left, the training loss on a logarithmic axis. Without BN it rises with each decay, from about 0.02 to about 0.9. With BN it stays below 0.03 up to the decay 0.02, then it rises to about 0.1 and 0.35. Right, the turn of a step with BN: below half a degree up to the decay 0.02, far below the dash-dotted line of the equilibrium; near 3.5 degrees at 0.05 and around the line, near 8 degrees, at 0.1."
figure, (left, right) = figures.new_figure(columns=2, size=(7.2, 3.2))
for name, look in (("no BN", "without_bn"), ("BN", "with_bn")):
    losses, _, last_turns = np.transpose(kept[name])
    figures.dots(np.tile(range(6), 20), losses.ravel(), limits=(0.003, 3), ax=left, role=look)
    figures.curve(range(6), np.median(losses, axis=0), ax=left, role=look)
figures.dots(np.tile(range(6), 20), last_turns.ravel(), limits=(0.01, 30), ax=right, role="with_bn")
figures.curve(range(1, 6), np.degrees(np.sqrt(0.2 * np.array(decays[1:]))), ax=right, role="theory")
figures.frame(
    left, title="With BN the loss rises late …", x="decay", y="training loss", log="y", ylim=(0.003, 3)
)
figures.frame(
    right, title="… where the turns are large", x="decay", y="degrees; line: √(2ηλ)", log="y", ylim=(0.01, 30)
)
for ax in (left, right):
    ax.set_xticks(range(6), decays)
figures.key(left, {"without_bn": "no BN", "with_bn": "BN"}, place="upper left", markers=True)
assert losses[:, 1:4].max() < 0.03 < 0.05 < losses[:, 4:].min()  # with BN
figures.show(figure)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Only the two largest decays do, 0.05 and 0.1.
#
# </details>
#
# The left panel has a dot for each seed, and a line through the medians. Without BN each decay makes the loss more than twice as large by our rule, and the loss grows with the decay. With BN the decays up to 0.02 make no difference by our rule: the median falls by about a third, which is less than our margin.
#
# Why does the loss rise in the end, if the function does not see the length of the weights? The function does see the *turns*. In front of BN, decay is a growing rate, and the right panel shows
# how far a step turns $w$ in the end. Up to the decay 0.02, a step at the end still turns $w$ by less than one degree: these trainings end long before their equilibrium. With 0.05 and 0.1 a step turns $w$ by several
# degrees. Too large a rate does the same, so this may be the reason; we have not tried that rate without decay. No decay made the test better, by our rule.
#
# **Back to** [14b · Weight decay in front of BN](../14b_decay_in_front_of_bn.ipynb).
