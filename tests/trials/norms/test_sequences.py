"""Sequences of different lengths, and the two networks that read them."""

import numpy as np
import pytest
import torch
from torch import nn

from bnteach.data import digits
from bnteach.training import over_seeds, train
from bnteach.trials.norms.sequences import ColumnReader, RowReader, columns, padded, train_column_reader


class NoNorm(nn.Identity):
    def forward(self, x, real):
        return x


def test_columns_leave_out_the_empty_edges_and_repeat():
    picture = np.zeros((2, 8, 8), np.float32)
    picture[0, 1, 2], picture[0, 5, 4] = 0.5, 0.75  # ink in columns 2 and 4, none in column 3
    picture[1, :, 7] = 1
    first, second = columns(picture.reshape(2, 64), repeats=[2, 1])
    assert first.shape == (6, 8)
    assert first[:, 1].tolist() == [0.5, 0.5, 0, 0, 0, 0]
    assert first[:, 5].tolist() == [0, 0, 0, 0, 0.75, 0.75]
    assert second.tolist() == [[1.0] * 8]


def test_padded_agrees_with_pytorch():
    sequences = [torch.randn(n, 3) for n in (4, 1, 7)]
    x, real = padded(sequences)
    assert torch.equal(x, nn.utils.rnn.pad_sequence(sequences, batch_first=True))
    assert torch.equal(x[real], torch.cat(sequences))
    x, real = padded(sequences, length=9)
    assert x.shape == (3, 9, 3)
    assert real.sum(dim=1).tolist() == [4, 1, 7]


def test_padded_refuses_a_length_that_cuts():
    with pytest.raises(ValueError, match="length is 3, expected at least 4"):
        padded([torch.zeros(4, 2)], length=3)


def test_row_reader_without_a_norm_is_pytorchs_rnn():
    reader, rnn = RowReader(nn.Identity, seed=3), nn.RNN(8, 32, batch_first=True)
    weights = {
        "weight_ih_l0": reader.from_input.weight,
        "weight_hh_l0": reader.from_before.weight,
        "bias_ih_l0": reader.from_input.bias,
        "bias_hh_l0": torch.zeros(32),
    }
    rnn.load_state_dict(weights)
    x = torch.randn(5, 6, 8)
    assert torch.allclose(reader(x), reader.output(rnn(x)[0][:, -1]), atol=1e-5)


def test_step_t_has_the_t_th_norm_and_the_last_one_serves_the_rest():
    reader = RowReader(nn.BatchNorm1d, norms=3)
    reader(torch.randn(5, 6, 8))
    assert [norm.num_batches_tracked.item() for norm in reader.norms] == [1, 1, 4]


@pytest.mark.parametrize(
    "build",
    [lambda seed: RowReader(nn.LayerNorm, seed=seed), lambda seed: ColumnReader(nn.Identity, seed=seed)],
)
def test_the_seed_decides_the_weights_and_the_global_state_stays(build):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one, again, other = (build(seed).output.weight for seed in (5, 5, 6))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_without_a_norm_column_reader_does_not_see_padding():
    sequences = columns(digits().x_train[:12], repeats=[1, 2, 3] * 4)
    network = ColumnReader(NoNorm, seed=1)
    short, long = network(*padded(sequences)), network(*padded(sequences, length=60))
    assert torch.allclose(short, long, atol=1e-6)


class CountsRealSteps(nn.Identity):
    """Writes down the share of the padding in each batch of the first layer."""

    def forward(self, x, real):
        if self.training:
            self.shares = [*getattr(self, "shares", []), 1 - real.float().mean().item()]
        return x


def test_similar_lengths_need_little_padding_and_the_network_learns():
    data = digits()
    repeats = np.random.default_rng(0).choice([1, 1, 1, 2, 4], len(data.x_train))
    sequences, shares = columns(data.x_train, repeats), {}
    for similar in (False, True):
        network = ColumnReader(CountsRealSteps)
        train_column_reader(network, sequences, data.y_train, similar_lengths=similar, epochs=2)
        shares[similar] = np.array(network.norms[0].shares)
        answers = network(*padded(columns(data.x_test, [1] * len(data.x_test)))).argmax(dim=1).numpy()
        assert (answers == data.y_test).mean() > 0.5
    assert len(shares[True]) == len(shares[False]) == 2 * (1347 // 30)
    assert shares[False].mean() > 0.5
    assert shares[True].mean() < 0.1


def test_the_row_reader_learns_through_the_usual_loop():
    from dataclasses import replace

    data = digits()
    rows = replace(data, x_train=data.x_train.reshape(-1, 8, 8), x_test=data.x_test.reshape(-1, 8, 8))

    def last_accuracy(seed):
        network = RowReader(nn.LayerNorm, seed=seed)
        return train(network, rows, epochs=3, seed=seed, progress=False).test_accuracy[-1]

    assert (over_seeds(last_accuracy, range(2), progress=False).values > 0.5).all()
