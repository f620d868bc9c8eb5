"""The examples in public docstrings give what they show."""

import doctest
import inspect

import jax
import jax.numpy as jnp
import pytest
import sympy

import circuits
import learning
import physsim

# What an example need not import.
NAMES = {"circuits": circuits, "jnp": jnp, "learning": learning, "physsim": physsim, "sympy": sympy}
USUAL = {
    "physsim.symbolic",
    "physsim.lattice",
    "physsim.integrate",
    "physsim.default_solver",
    "circuits.loads",
    "circuits.ladder",
    "circuits.Circuit.simulate",
    "circuits.Circuit.modes",
    "learning.RHEL",
    "learning.ReversibleAdjoint",
    "learning.fit",
}


def examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    for package in (physsim, circuits, learning):
        for name, value in vars(package).items():
            if inspect.isclass(value) or inspect.isfunction(inspect.unwrap(value)):
                home = inspect.getmodule(inspect.unwrap(value))
                found = finder.find(value, f"{package.__name__}.{name}", home, NAMES)
                yield from (test for test in found if test.examples)


EXAMPLES = {test.name: test for test in examples()}


def test_what_is_used_most_has_one():
    assert set(EXAMPLES) >= USUAL


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name):
    runner = doctest.DocTestRunner()
    report = []
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        failed, tried = runner.run(EXAMPLES[name], out=report.append)
    assert tried and not failed, "".join(report)
