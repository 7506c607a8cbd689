# ruff: noqa: NPY002 (learners do use the old random numbers)
"""Whatever a learner's code does, there is a clear verdict, and the kernel and later checks are unharmed."""

import dataclasses
import os
import random
import sys
import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from bnteach import check
from bnteach.check.answers import is_blank


def right(x, eps):
    return (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps)


@pytest.fixture(autouse=True)
def the_kernel_is_unharmed():
    """After each test a right answer passes, and nothing that a learner could reach has changed."""
    before = state()
    yield
    assert state() == before
    assert check.standardize(right).state == "passed"


def state():
    """What a learner's code might have changed."""
    print_options = np.get_printoptions(), dict(vars(torch._tensor_str.PRINT_OPTS))
    return np.geterr(), print_options, os.getcwd(), torch.get_default_dtype(), plt.get_fignums()


def why(answer, of=check.standardize):
    """The reason of a verdict that must be `not yet` and name nothing."""
    verdict = of(answer)
    assert (verdict.state, verdict.mistakes) == ("not yet", ()), verdict
    assert str(verdict).startswith("✗")
    assert "<strong" in verdict._repr_html_()
    return verdict.why


class BadWords(Exception):
    def __str__(self):
        raise ValueError


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "Your function returns None, expected x_hat. Is a `return` missing?"),
        ("text", "x_hat is a str, expected an array of real numbers."),
        ([[1.0], [1.0, 2.0]], "x_hat is a list whose rows differ in length"),
        (np.ones((3, 2), complex), "x_hat is an array of shape (3, 2) and dtype complex128, expected"),
        ((np.ones(2), np.ones(2)), "Your function returns 2 values, expected one: x_hat."),
        ((np.ones(2),), "Your function returns a tuple of 1 value, expected one: x_hat."),
        (np.ones((2, 3)), "it has shape (2, 3), expected (3, 2) for x of shape (3, 2)."),
        (np.full((3, 2), np.nan), "6 of its 6 values are NaN or infinite."),
    ],
)
def test_an_odd_value(value, words):
    assert words in why(lambda x, eps: value)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1.0, "Your function returns a float, expected 2 values: total, product."),
        ((1.0,), "Your function returns 1 value, expected 2 values: total, product."),
        ((1.0, None), "product is None, expected an array."),
    ],
)
def test_the_wrong_number_of_values(two_values, value, words):
    assert words in why(lambda dy, x: value, two_values)


def test_an_exception_is_told_with_the_learners_own_line():
    def inner(x):
        return np.linalg.inv(x)  # the line

    words = why(lambda x, eps: inner(x))
    assert words.startswith("LinAlgError: Last 2 dimensions of the array must be square, at line ")
    assert "of test_robustness.py: return np.linalg.inv(x)  # the line. It happens with x of" in words
    assert words.endswith("but not with every input.")


@pytest.mark.parametrize("error", [KeyError(3), BadWords(), BaseException("odd"), StopIteration()])
def test_every_exception_is_caught(error):
    def answer(x, eps):
        raise error

    assert type(error).__name__ in why(answer)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x, eps: x.mean(dim=0), "`axis=` stands where PyTorch has `dim=`."),
        (lambda x, eps: x.sum(0, keepdim=True), "write `keepdims=`, with an s."),
        (lambda x, eps: x.var(0, unbiased=False), "they divide by n, unless `ddof=1` is given."),
        (lambda x, eps: torch.sqrt(x.var(0)), "call np in the place of torch, or begin with torch.from_nump"),
        (lambda x, eps: x.unsqueeze(0), "which lack some methods of PyTorch's tensors."),
        (lambda x, eps: x - x.mean(axis=1)[:-1], "NumPy lines shapes up from the last axis on."),
    ],
)
def test_what_a_message_means_is_told(answer, words):
    assert words in why(answer)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x: x, "takes (x). The check calls it with 2 arguments: x, eps."),
        (lambda: 1, "takes (). The check calls it with 2 arguments: x, eps."),
        (lambda x, *, eps: x, "takes (x, *, eps). The check calls it with 2"),
    ],
)
def test_the_wrong_arguments(answer, words):
    assert words in why(answer)


@pytest.mark.parametrize(
    "answer", [lambda x, eps=3, more=1: right(x, eps), lambda *all_of_them: right(*all_of_them)]
)
def test_arguments_that_fit_are_fine(answer):
    assert check.standardize(answer).state == "passed"


def test_a_class_for_a_function_and_a_function_for_a_class(two_values):
    class Standardize:
        def __call__(self, x, eps):
            return right(x, eps)

    assert why(Standardize) == "standardize is a class, expected a function."
    assert check.standardize(Standardize()).state == "passed"
    assert why([right]) == "standardize is a list, expected a function."
    of_class = dataclasses.replace(two_values, name="TwoValues")
    assert why(right, of_class) == "TwoValues is a function, expected a class."


def test_an_empty_class_is_not_attempted(two_values):
    class Empty:
        def __init__(self, size):
            self.size = size

        def forward(self, x): ...

    class Begun(Empty):
        def forward(self, x):
            return x

    assert dataclasses.replace(two_values, name="TwoValues")(Empty).state == "not attempted"
    assert not is_blank(Begun)


def test_different_results_for_the_same_input():
    kept = []

    def remembers(x, eps):
        kept.append(x)
        return right(x, eps) + 0.1 * (len(kept) - 1)

    for answer in (remembers, lambda x, eps: right(x, eps) + np.random.normal(size=x.shape)):
        assert "different results for the same input" in why(answer)


def test_not_attempted():
    def only_a_docstring(x, eps):
        """Standardize."""

    def to_do(x, eps):
        raise NotImplementedError

    def dots(x, eps):
        return ...

    def some_dots(x, eps):
        mean = ...
        return (x - mean) / ...

    def a_line_given(x, eps):
        x_hat = ...
        return x_hat

    for answer in (None, ..., only_a_docstring, to_do, dots, some_dots, a_line_given, lambda x, eps: None):
        assert check.standardize(answer).state == "not attempted", answer
    assert check.standardize(only_a_docstring).why == check.standardize(to_do).why == ""
    assert "A `...` is still there, at line" in check.standardize(some_dots).why


def test_half_attempted(two_values):
    words = why(lambda dy, x: (dy.sum(0), ...), two_values)
    assert words == "product is still `...`: it is not written yet. Before that, total came out right."
    assert two_values(lambda dy, x: (..., ...)).state == "not attempted"
    assert two_values(lambda dy, x, both=...: both).state == "not attempted"


def test_inputs_are_lent_as_copies():
    def spoils(x, eps):
        result = right(x, eps)
        x[:] = 0
        return result

    verdict = check.standardize(spoils)
    assert (verdict.state, verdict.mistake) == ("not yet", "input_modified")
    assert "It changes x." in verdict.why
    assert check.standardize(right).state == "passed"


def test_a_changed_input_is_told_beside_another_fault():
    assert "Your code changes x in place" in why(lambda x, eps: x.__imul__(0.123) + x.max())


def test_what_is_printed_is_shown_and_cut(capsys):
    def chatty(x, eps):
        print("the mean:", *range(3), "x" * 500)
        for number in range(40):
            print(number)
        warnings.warn("shown nowhere", stacklevel=1)
        sys.stderr.write("to stderr\n")
        return right(x, eps)

    text = str(check.standardize(chatty))
    assert "Your code printed:\n    the mean: 0 1 2 xxx" in text
    assert text.count("\n") < 15
    assert max(map(len, text.splitlines())) < 110
    assert capsys.readouterr() == ("", "")


def test_the_keyboard_is_not_waited_for():
    assert "EOFError: a check cannot answer input()" in why(lambda x, eps: input("eps?"))


def test_settings_are_put_back(tmp_path):
    def seeded():
        np.random.seed(5)
        random.seed(5)
        torch.manual_seed(5)

    def numbers():
        return np.random.normal(), random.random(), torch.rand(1).item()

    def changes(x, eps):
        numbers()
        torch.set_default_dtype(torch.float64)
        torch.set_printoptions(precision=1)
        np.set_printoptions(precision=1)
        np.seterr(all="raise")
        os.chdir(tmp_path)
        plt.figure()
        warnings.simplefilter("error")
        return right(x, eps)

    seeded()
    expected = numbers()
    seeded()
    assert check.standardize(changes).state == "passed"
    assert numbers() == expected


def test_leaving_is_caught():
    assert why(lambda x, eps: sys.exit("bye")).startswith("Your code ends the kernel, at line ")


def test_recursion_without_end():
    def again(x, eps):
        return again(x, eps)

    assert "Your function calls itself without end, at line" in why(again)


def test_a_check_in_the_function_that_it_checks_answers_at_once():
    def standardize(x, eps):
        check.standardize(standardize)
        return right(x, eps)

    begin = time.monotonic()
    assert "Your function calls a check." in why(standardize)
    assert time.monotonic() - begin < 0.5


def test_it_works_where_the_working_directory_is_gone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tmp_path.rmdir()
    assert check.standardize(right).state == "passed"
    monkeypatch.undo()
