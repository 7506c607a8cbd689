"""The GAN, and the measures of fake pictures."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from bnteach.data import digits
from bnteach.training import mlp, train
from bnteach.trials.norms.gan import discriminator, fakes, generator, train_gan
from bnteach.trials.norms.gan_trials import score_pictures


@pytest.fixture(scope="module")
def data():
    return digits()


def kinds(network, kind):
    return [layer for layer in network.modules() if isinstance(layer, kind)]


def test_the_norms_stand_where_they_were_asked_for():
    judge = discriminator(nn.Identity, nn.BatchNorm1d)
    assert isinstance(judge[1], nn.Identity)
    assert isinstance(judge[4], nn.BatchNorm1d)
    assert len(kinds(discriminator(nn.LayerNorm), nn.LayerNorm)) == 2


@pytest.mark.parametrize(
    "build",
    [
        lambda seed: generator(seed=seed),
        lambda seed: discriminator(nn.Identity, seed=seed),
    ],
)
def test_the_seed_decides_the_weights_and_the_global_state_stays(build):
    before = torch.get_rng_state()
    one, again, other = (build(seed)[0].weight for seed in (5, 5, 6))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


class Notes(nn.Module):
    """A discriminator that notes the sizes of its batches."""

    def __init__(self):
        super().__init__()
        self.inner, self.sizes = nn.Linear(64, 1), []

    def forward(self, x):
        self.sizes.append(len(x))
        return self.inner(x)


def test_mixed_is_one_batch_and_separate_is_two(data):
    for mixed, sizes in ((False, [20, 20, 20, 20]), (True, [40, 40])):
        judge = Notes()
        train_gan(generator(), judge, data.x_train, mixed=mixed, steps=1, batch_size=20)
        assert judge.sizes == sizes


def test_the_first_step_of_the_discriminator_lowers_the_usual_loss(data):
    """Its loss is binary cross-entropy, by PyTorch's own function: real 1, fake 0."""
    maker, judge = generator(seed=1), discriminator(nn.Identity, seed=1)
    real, fake = torch.from_numpy(data.x_train[:200]), fakes(maker, 200)

    def loss():
        scores, truth = judge(torch.cat([real, fake])), torch.cat([torch.ones(200, 1), torch.zeros(200, 1)])
        return binary_cross_entropy_with_logits(scores, truth).item()

    before, weights = loss(), [p.detach().clone() for p in maker.parameters()]
    train_gan(maker, judge, data.x_train, steps=5)
    assert loss() < before
    assert all(not torch.equal(p, old) for p, old in zip(maker.parameters(), weights, strict=True))


def test_the_generator_learns_the_mean_picture(data):
    maker = generator()
    classifier = mlp([64, 10])
    before = score_pictures(fakes(maker, 300), classifier, data.x_train).off
    train_gan(maker, discriminator(nn.LayerNorm), data.x_train, steps=200)
    assert score_pictures(fakes(maker, 300), classifier, data.x_train).off < before / 2


def test_fakes_leave_the_generator_as_it_was():
    maker = generator()
    mean = maker[1].running_mean.clone()
    assert torch.equal(fakes(maker, 7), fakes(maker, 7))
    assert fakes(maker, 7).shape == (7, 64)
    assert maker.training
    assert torch.equal(maker[1].running_mean, mean)


def test_the_scores_know_digits_from_one_digit_and_from_noise(data):
    classifier = mlp([64, 100, 10], nn.ReLU, init_scale=2**0.5)
    train(classifier, data, epochs=10, progress=False)
    real = score_pictures(torch.from_numpy(data.x_test), classifier, data.x_train)
    ones = score_pictures(torch.from_numpy(data.x_test[data.y_test == 1]), classifier, data.x_train)
    noise = score_pictures(torch.rand(300, 64), classifier, data.x_train)
    assert real.classes > 9.5
    assert ones.classes < 2.5
    assert real.sure > 2 * noise.sure
    assert real.off < 0.02 < noise.off


def test_the_measures_are_exact_where_they_can_be():
    pictures = torch.eye(64)[:10]
    classifier = nn.Linear(64, 10, bias=False)
    classifier.weight.data = 50 * torch.eye(10, 64)  # picture k is digit k, for sure
    scores = score_pictures(pictures, classifier, np.zeros((5, 64), np.float32))
    assert scores.sure == 1
    assert scores.classes == pytest.approx(10)
    assert scores.off == pytest.approx(10 * 0.1 / 64)
    assert score_pictures(pictures[:1], classifier, pictures[:1].numpy())[1:] == pytest.approx((1, 0))
