"""Networks that read a digit step by step, and sequences of different lengths with the padding they need."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

__all__ = ["ColumnReader", "RowReader", "columns", "padded", "train_column_reader"]


class RowReader(nn.Module):
    """A recurrent network, with a normalization of what enters its activation.

        h_t = tanh(norm(W x_t + U h_{t−1}))     h_0 = 0     logits = V h_L + bias

    The same W and U serve all steps. Step t has the t-th norm, and the last one serves all steps from there
    on. So one norm is shared by all steps. With two, the first step has a norm of its own; with as many as
    there are steps, each one has: for batch normalization that means running statistics of its own.

    Args:
        norm: makes the normalization of a given width, such as `nn.LayerNorm`; `nn.Identity` for none.
        norms: how many of them.
        inputs, hidden: the width of x_t and of h_t.
        seed: of the weights. PyTorch's global random state is not touched.

    >>> RowReader(nn.LayerNorm)(torch.zeros(5, 8, 8)).shape  # 5 digits, 8 rows of 8 values
    torch.Size([5, 10])

    Source: Ba, Kiros & Hinton 2016, arXiv:1607.06450, eq. 4 (LayerNorm at this place); Cooijmans et al. 2016,
    arXiv:1603.09025 (statistics for each step; they normalize W x and U h apart).
    """

    def __init__(
        self,
        norm: Callable[[int], nn.Module],
        norms: int = 1,
        *,
        inputs: int = 8,
        hidden: int = 32,
        seed: int = 0,
    ):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.from_input = nn.Linear(inputs, hidden)
            self.from_before = nn.Linear(hidden, hidden, bias=False)
            nn.init.orthogonal_(self.from_before.weight)
            self.norms = nn.ModuleList(norm(hidden) for _ in range(norms))
            self.output = nn.Linear(hidden, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (n, 10) for sequences (n, steps, inputs)."""
        h = x.new_zeros(len(x), self.from_before.in_features)
        for t, from_input in enumerate(self.from_input(x).unbind(dim=1)):
            norm = self.norms[min(t, len(self.norms) - 1)]
            h = torch.tanh(norm(from_input + self.from_before(h)))
        return self.output(h)


def columns(pictures: np.ndarray, repeats: Sequence[int]) -> list[torch.Tensor]:
    """Each picture as the sequence of its columns, from the first one with ink to the last.

    Args:
        pictures: (n, 64) or (n, 8, 8).
        repeats: how many times each picture's columns come, (n,): 2 is a reader at half the speed.

    Returns:
        n tensors of shape (steps, 8), of different lengths.

    >>> one = np.zeros((1, 8, 8), np.float32)
    >>> one[0, :, 3:5] = 1
    >>> [tuple(sequence.shape) for sequence in columns(one, repeats=[3])]
    [(6, 8)]
    """
    sequences = []
    for picture, times in zip(pictures.reshape(-1, 8, 8), repeats, strict=True):
        inked = np.flatnonzero(picture.any(axis=0))
        used = picture.T[inked[0] : inked[-1] + 1]
        sequences.append(torch.from_numpy(np.repeat(used, times, axis=0)))
    return sequences


def padded(sequences: Sequence[torch.Tensor], length: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Sequences of different lengths in one tensor, with zeros behind those that end early.

    Args:
        sequences: tensors (steps, width).
        length: of all afterward; the longest one's if None.

    Returns:
        x (n, length, width), and which steps are real: (n, length), bool.

    Raises:
        ValueError: length is shorter than a sequence.

    >>> x, real = padded([torch.ones(1, 2), torch.ones(3, 2)])
    >>> real.int().tolist()
    [[1, 0, 0], [1, 1, 1]]
    """
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    longest = int(lengths.max())
    length = longest if length is None else length
    if length < longest:
        raise ValueError(f"length is {length}, expected at least {longest}, the longest sequence")
    x = torch.zeros(len(sequences), length, sequences[0].shape[1])
    for row, sequence in zip(x, sequences, strict=True):
        row[: len(sequence)] = sequence
    return x, torch.arange(length) < lengths[:, None]


class ColumnReader(nn.Module):
    """Two layers that look at each step and its two neighbors, then the mean over the real steps.

    Padding is set to zero after each layer, and is left out of the mean. So the normalization is the only
    place where it can have a say.

    Args:
        norm: makes a module of a given width that is called as `norm(x, real)`, x (n, steps, width).
        hidden: the width.
        seed: of the weights. PyTorch's global random state is not touched.
    """

    def __init__(self, norm: Callable[[int], nn.Module], *, hidden: int = 32, seed: int = 0):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.linears = nn.ModuleList([nn.Linear(3 * 8, hidden), nn.Linear(3 * hidden, hidden)])
            self.norms = nn.ModuleList([norm(hidden), norm(hidden)])
            self.output = nn.Linear(hidden, 10)

    def forward(self, x: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        """Logits (n, 10) for sequences (n, steps, 8)."""
        for linear, norm in zip(self.linears, self.norms, strict=True):
            around = nn.functional.pad(x, (0, 0, 1, 1))
            x = linear(torch.cat([around[:, :-2], around[:, 1:-1], around[:, 2:]], dim=2))
            x = torch.relu(norm(x, real)) * real[..., None]
        return self.output(x.sum(dim=1) / real.sum(dim=1, keepdim=True))


def train_column_reader(
    network: ColumnReader,
    sequences: Sequence[torch.Tensor],
    labels: np.ndarray,
    *,
    similar_lengths: bool = False,
    epochs: int = 3,
    batch_size: int = 30,
    learning_rate: float = 0.01,
    seed: int = 0,
) -> None:
    """Train with Adam on padded batches.

    Args:
        network: is put in training mode and changed.
        sequences, labels: n of each.
        similar_lengths: put sequences of similar length together, which needs little padding ("bucketing").
        epochs, batch_size, learning_rate: as in `training_steps`.
        seed: of the shuffling.
    """
    lengths, labels = np.array([len(sequence) for sequence in sequences]), torch.from_numpy(labels)
    optimizer, random = torch.optim.Adam(network.parameters(), lr=learning_rate), np.random.default_rng(seed)
    network.train()
    for _ in range(epochs):
        order = random.permutation(len(sequences))
        if similar_lengths:
            order = order[np.argsort(lengths[order], kind="stable")]
        batches = np.array_split(order, len(order) // batch_size)
        for k in random.permutation(len(batches)):
            x, real = padded([sequences[i] for i in batches[k]])
            optimizer.zero_grad()
            cross_entropy(network(x, real), labels[batches[k]]).backward()
            optimizer.step()
