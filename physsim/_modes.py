"""Where a system can rest, and its small motions about a state."""

from collections.abc import Callable
from typing import NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Inexact

from ._checks import check_finite, check_state, is_traced
from ._hamiltonian import AbstractHamiltonian, AbstractSeparableHamiltonian
from ._normal_form import normal_form, root_of, rounding_of, symmetrised
from ._types import PhaseState

Field = Callable[[Float[Array, " n"]], Float[Array, " n"]]

_ITERATIONS = 100
_ROUNDING = 64.0
_SMALLEST_FRACTION = 2.0**-30


@final
class Modes(eqx.Module):
    """Small motions about a state: column k of `shapes` times exp((-rate + i frequency) t).

    `frequencies` [k], in radians per unit time, ascend; 0 where a motion does not
    oscillate. `rates` [k], per unit time: positive where it decays, negative where it
    grows. `shapes` [n, k] are positions.

    Lossless separable systems have k = n real shapes with shapes^T M shapes = 1, M being
    the inverse of d2T/dp2. A mode of negative curvature -sigma^2 has frequency 0 and rate
    -sigma (exp(-sigma t) is a motion too, but not listed); one of no curvature has both 0,
    and drifts. Other systems have one column for each pair of complex eigenvalues and one
    for each real eigenvalue, so n <= k <= 2n; an overdamped oscillator takes two. Their
    shapes are complex, shape^H M shape = 1 and the largest entry positive.
    """

    frequencies: Float[Array, " k"]
    rates: Float[Array, " k"]
    shapes: Inexact[Array, "n k"]

    @property
    def eigenvalues(self) -> Inexact[Array, " k"]:
        """-rate + i frequency, the eigenvalues of the linearised flow."""
        return jax.lax.complex(-self.rates, self.frequencies)

    @property
    def squares(self) -> Float[Array, " k"]:
        """frequency^2 - rate^2: of a lossless separable system the curvature, with its sign."""
        return self.frequencies**2 - self.rates**2

    @property
    def stable(self) -> Bool[Array, ""]:
        """Whether no motion grows exponentially."""
        return jnp.all(self.rates >= 0)


def operating_point(
    H: AbstractHamiltonian,
    q0: Float[Array, " n"] | None = None,
    u: Float[Array, " m"] | None = None,
) -> PhaseState:
    """A state of rest of `H` at the constant inputs `u` [m] (zero by default), found from `q0`.

    There all forces and velocities vanish: in a circuit this is its DC solution, with no
    voltage across any junction. Newton's method with halved steps, from `q0` [n] (zero by
    default) and p = 0; of a direction without stiffness (a free coordinate) the start's
    value is kept. Of several points of rest it finds one near the start, which may be
    unstable: see `normal_modes(H, y).stable`. It can be differentiated by `H` and `u`. The
    time of a system that depends on it is the last input.

    Raises `ValueError` if it does not converge, naming the coordinate with the largest
    force, and for shapes that don't fit; inside `jax.jit` the first is an equinox error.
    """
    n = len(H.coordinates)
    q0 = jnp.zeros(n) if q0 is None else q0
    start = check_state(H, PhaseState(q0, jnp.zeros_like(jnp.asarray(q0))))
    u = _inputs(H, u, start.q.dtype)
    if not is_traced((H, start, u)):
        check_finite(H)
    point, misses = _rest(H.conservative, start, u)
    if is_traced((point, misses)):
        # Not `> 1`, which is false of NaN.
        bad = ~(jnp.max(jnp.concatenate([miss.relative for miss in misses])) <= 1)
        return eqx.error_if(point, bad, "no operating point was found: pass another q0")
    for miss, what in zip(misses, ("force on", "velocity of"), strict=True):
        if not np.all(np.asarray(miss.relative) <= 1):
            worst = int(np.argmax(np.nan_to_num(np.asarray(miss.relative), nan=np.inf)))
            raise ValueError(
                f"no operating point was found from q0: the {what} {H.coordinates[worst]} does "
                f"not vanish, it is still {float(miss.value[worst]):.3g}. Pass another q0, or a "
                "smaller bias u: there may be no state of rest"
            )
    return point


def normal_modes(
    H: AbstractHamiltonian,
    y: PhaseState | None = None,
    u: Float[Array, " m"] | None = None,
) -> Modes:
    """Frequencies, decay rates and shapes of small motions about `y`, inputs `u` [m] held.

    `y`, with q and p of shape [n], should be a state of rest, and is
    `operating_point(H, u=u)` by default; elsewhere the modes are those of the linearised
    flow at that instant. A lossless separable system leads to the symmetric problem
    K x = omega^2 M x, and can be differentiated (the shapes where no two frequencies
    agree); any other to the eigenvalues of the Jacobian of its vector field, with NumPy on
    concrete values. Frequencies and rates below rounding are 0; of modes with equal
    frequencies any combination may come out.

    Raises `ValueError` for shapes that don't fit, for a coordinate without mass in a
    lossless separable system, and for traced values in the other case.
    """
    y = operating_point(H, u=u) if y is None else check_state(H, y)
    u = _inputs(H, u, y.q.dtype)
    if isinstance(H, AbstractSeparableHamiltonian) and H.is_lossless:
        return _symmetric_modes(H, y, u)
    if is_traced((H, y, u)):
        raise ValueError(
            "modes of damped or non-separable systems can't be traced: call normal_modes "
            "outside jax.jit and jax.grad"
        )
    return _general_modes(H, y, u)


def _inputs(H, u, dtype) -> Float[Array, " m"]:
    m = len(H.input_names)
    u = jnp.zeros(m, dtype) if u is None else jnp.asarray(u).astype(dtype)
    if u.shape != (m,):
        names = f", for {', '.join(H.input_names)}" if m else ""
        raise ValueError(f"u must have shape ({m},){names}; got {u.shape}")
    return u


class Miss(NamedTuple):
    """What is left of a residual, and that relative to what is tolerated."""

    value: Float[Array, " n"]
    relative: Float[Array, " n"]


@eqx.filter_jit
def _rest(H, start: PhaseState, u) -> tuple[PhaseState, tuple[Miss, Miss]]:
    """The point of rest, and the forces and velocities left there."""
    n = start.q.size
    if isinstance(H, AbstractSeparableHamiltonian):
        # Apart, since forces and velocities are in units of their own.
        q, force = _solve(lambda q: H.force(q, u), start.q)
        p, velocity = _solve(lambda p: H.vector_field(q, p, u)[0], start.p)
        return PhaseState(q, p), (force, velocity)

    def field(x):
        velocity, force = H.vector_field(x[:n], x[n:], u)
        return jnp.concatenate([force, velocity])

    x, miss = _solve(field, jnp.concatenate([start.q, start.p]))
    halves = jax.tree.map(lambda v: (v[:n], v[n:]), miss)
    force, velocity = (Miss(halves.value[i], halves.relative[i]) for i in (0, 1))
    return PhaseState(x[:n], x[n:]), (force, velocity)


def _solve(field: Field, start: Float[Array, " n"]) -> tuple[Float[Array, " n"], Miss]:
    x = jax.lax.custom_root(field, start, _newton, _solve_linear)
    return x, _miss(field, x, start)


def _miss(field: Field, x, start) -> Miss:
    """The residual against the size of the terms that cancel in it, times rounding."""
    value, jacobian = field(x), jax.jacfwd(field)(x)
    size = jnp.abs(jacobian) @ jnp.abs(x) + jnp.abs(field(start)) + jnp.abs(field(0.0 * x))
    tolerated = _ROUNDING * x.size * jnp.finfo(x.dtype).eps * size
    return Miss(value, jnp.where(value == 0, 0.0, jnp.abs(value) / tolerated))


def _newton(field: Field, start: Float[Array, " n"]) -> Float[Array, " n"]:
    """Newton's iteration, its steps halved until the residual shrinks, down to rounding."""

    def size(x):
        return jnp.linalg.norm(field(x))

    def unfinished(carry):
        _, now, fraction, count = carry
        return (count < _ITERATIONS) & (fraction > _SMALLEST_FRACTION) & (now > 0)

    def improve(carry):
        x, now, _, count = carry
        delta = _solve_linear_at(field, x, -field(x))

        def too_long(fraction):
            return (fraction > _SMALLEST_FRACTION) & ~(size(x + fraction * delta) < now)

        fraction = jax.lax.while_loop(too_long, lambda f: f / 2, jnp.ones_like(now))
        fraction = jnp.where(fraction > _SMALLEST_FRACTION, fraction, 0.0)
        x = x + fraction * delta
        return x, size(x), fraction, count + 1

    first = (start, size(start), jnp.ones((), start.dtype), jnp.zeros((), int))
    return jax.lax.while_loop(unfinished, improve, first)[0]


def _solve_linear(linear, b):
    return _solve_linear_at(linear, jnp.zeros_like(b), b)


def _solve_linear_at(field, x, b):
    # The pseudo-inverse leaves directions without stiffness alone.
    return jnp.linalg.pinv(jax.jacfwd(field)(x)) @ b


def _symmetric_modes(H, y: PhaseState, u) -> Modes:
    form = normal_form(H.prepare(), y.q, y.p, u)
    _check_mass(H, form.inverse_mass, form.root)
    frequencies, growth = root_of(form.squares), root_of(-form.squares)
    return Modes(frequencies, -growth, form.root @ form.vectors)


def _check_mass(H, inverse_mass, root):
    if is_traced(root) or np.all(np.isfinite(np.asarray(root))):
        return
    values, vectors = np.linalg.eigh(np.asarray(inverse_mass))
    worst = int(np.argmax(np.abs(vectors[:, int(np.argmin(values))])))
    raise ValueError(
        f"the kinetic energy has no positive curvature in the momentum of {H.coordinates[worst]}: "
        "a mode needs a mass (in a circuit, a capacitance) at every coordinate"
    )


def _general_modes(H, y: PhaseState, u) -> Modes:
    n = y.q.size
    matrix, mobility = (np.asarray(x) for x in _linearised(H, y, u))
    values, vectors = np.linalg.eig(matrix)
    threshold = float(rounding_of(values))
    frequencies = _cleaned(np.imag(values), threshold)
    rates = _cleaned(-np.real(values), threshold)
    order = np.lexsort((rates, frequencies))
    # Of a complex pair the member above the real axis.
    order = order[frequencies[order] >= 0]
    dtype = y.q.dtype
    shapes = _scaled(vectors[:n, order], mobility)
    return Modes(
        jnp.asarray(frequencies[order], dtype),
        jnp.asarray(rates[order], dtype),
        jnp.asarray(shapes, np.result_type(dtype, np.complex64)),
    )


@eqx.filter_jit
def _linearised(H, y: PhaseState, u):
    """The Jacobian [2n, 2n] of the flow, and the inverse masses [n, n]."""
    n = y.q.size

    def field(x):
        return jnp.concatenate(H.vector_field(x[:n], x[n:], u))

    mobility = jax.jacfwd(lambda p: H.conservative.vector_field(y.q, p, u)[0])(y.p)
    return jax.jacfwd(field)(jnp.concatenate([y.q, y.p])), symmetrised(mobility)


def _cleaned(values, threshold):
    return np.where(np.abs(values) > threshold, values, 0.0)


def _scaled(shapes, mobility):
    """Columns with x^H M x = 1, M the inverse of `mobility` or, where it has none, 1."""
    try:
        root = np.linalg.cholesky(mobility)
        weighted = np.linalg.solve(root, shapes)
    except np.linalg.LinAlgError:
        weighted = shapes
    length = np.linalg.norm(weighted, axis=0)
    largest = shapes[np.argmax(np.abs(shapes), axis=0), np.arange(shapes.shape[1])]
    phase = np.where(largest == 0, 1.0, largest / np.where(largest == 0, 1.0, np.abs(largest)))
    return shapes / (phase * np.where(length == 0, 1.0, length))
