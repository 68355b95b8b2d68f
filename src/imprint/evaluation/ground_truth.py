"""Is it really the subject? For individuals of the embedded world the answer is known, attribute by attribute and mark.

Reads: pictures, fresh renders of the world. Writes: `GroundTruth`. Does not: use the training photos.

Attributes are read off by the judge's heads. The mark, which no caption word names, is found by a ridge-penalised
logistic probe on the judge's features, trained on fresh renders of the subject against its hardest impostors: the same
individual without the mark, in the same place and pose, and other individuals of its class.
"""

# N pictures, D feature width
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imprint.errors import InputError
from imprint.evaluation.judges import ImageJudge, Pixels, pooled_features, read_attributes
from imprint.nano.world.marks import HIDDEN_BY_MARK
from imprint.nano.world.render import render
from imprint.nano.world.spec import Spec, sample_spec
from imprint.nano.world.subjects import SUBJECTS, subject_spec

FRESH_SEED = 5_000_000  # beyond the seeds that training photos are rendered from
TRAIN_COUNT = 48  # renders of each of the three sorts; 64 and 96 did not move the accuracy of the probe
CHECK_COUNT = 16
READABLE = 0.6  # an attribute that the judge cannot read off the real subject says nothing about a picture of it
RIDGE = 1.0  # penalty on standardised features
NEWTON_STEPS = 25

Through = Callable[[Sequence[Pixels]], Sequence[Pixels]]


@dataclass(frozen=True)
class GroundTruth:
    """How truly pictures show a subject of the world.

    Attributes:
        score: geometric mean of the two below, 0..1: right colours without the mark, or the mark on a stranger, is not
            the subject.
        attributes: mean probability of the subject's own attributes (not scene, style or expression), 0..1.
        mark: mean probability that this is the subject and no impostor, 0..1.
    """

    score: float
    attributes: float
    mark: float


@dataclass(frozen=True)
class TruthProbe:
    """A subject's ground truth, ready to be asked.

    Attributes:
        subject: its name in the world.
        judge: whose features the probe was trained on.
        attributes: the subject's own attributes that the judge can read, with their true values.
        weights_D: of the probe, on standardised features.
        bias: of the probe.
        mean_D: of the features, for standardising.
        scale_D: the same.
        accuracy: balanced accuracy of the probe on renders that it was not trained on, 0..1.
    """

    subject: str
    judge: ImageJudge
    attributes: Mapping[str, str]
    weights_D: NDArray[np.float64]
    bias: float
    mean_D: NDArray[np.float64]
    scale_D: NDArray[np.float64]
    accuracy: float

    def marks(self, pictures: Sequence[Pixels]) -> NDArray[np.float64]:
        """Probability, for each picture, that it shows the subject and no impostor, shape (N,)."""
        features = (pooled_features(self.judge, pictures) - self.mean_D) / self.scale_D
        return _sigmoid(features @ self.weights_D + self.bias)

    def __call__(self, pictures: Sequence[Pixels]) -> GroundTruth:
        """Judge pictures that were asked to show the subject in a style with colours."""
        mark = float(self.marks(pictures).mean())
        reading = read_attributes(self.judge, pictures)
        right = [_mean(reading.of(name, value)) for name, value in self.attributes.items()]
        attributes = float(np.mean(right)) if right else mark
        return GroundTruth(score=float(np.sqrt(attributes * mark)), attributes=attributes, mark=mark)


def fit_truth(
    judge: ImageJudge, subject: str, *, style: str | None = "photo", through: Through | None = None,
    count: int = TRAIN_COUNT,
) -> TruthProbe:
    """Prepare the ground truth of one subject. Deterministic; a few seconds on one core.

    Args:
        judge: names attributes and gives features.
        subject: a name in `SUBJECTS`.
        style: of the renders; None for all styles.
        through: what generated pictures also go through (the base's autoencoder), so that its blur does not count
            as an impostor; None for crisp renders.
        count: renders of each sort to train on, >= 8.
    Raises: InputError: if the world has no such subject.
    """
    if subject not in SUBJECTS:
        raise InputError("the world has no subject of that name", got=subject, allowed=", ".join(SUBJECTS))
    real, impostors = _renders(subject, style, FRESH_SEED, count, through)
    features = pooled_features(judge, [*real, *impostors])
    labels = np.repeat([1.0, 0.0], [len(real), len(impostors)])
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    weights, bias = _logistic_ridge((features - mean) / scale, labels)
    probe = TruthProbe(subject, judge, _readable(judge, subject, real), weights, bias, mean, scale, 0.0)
    check_real, check_impostors = _renders(subject, style, FRESH_SEED + count, CHECK_COUNT, through)
    hits = float((probe.marks(check_real) > 0.5).mean()), float((probe.marks(check_impostors) < 0.5).mean())
    return replace(probe, accuracy=sum(hits) / 2)


def _renders(
    subject: str, style: str | None, seed: int, count: int, through: Through | None,
) -> tuple[list[Pixels], list[Pixels]]:
    """Pictures of the subject, and twice as many of its impostors: unmarked twins and strangers of its class."""
    real = [subject_spec(subject, seed + i, style=style) for i in range(count)]
    twins = [replace(spec, mark="") for spec in real]
    strangers = [_stranger(spec, seed + i) for i, spec in enumerate(real)]
    shown = [render(spec) for spec in (*real, *twins, *strangers)]
    shown = list(through(shown)) if through else shown
    return shown[:count], shown[count:]


def _stranger(spec: Spec, seed: int) -> Spec:
    """Another individual of the subject's class in its place: the class kept, every other attribute drawn anew."""
    other = sample_spec(seed, spec.kind)
    kept = {name: spec.attributes[name] for name in ("gender", "age", "species", "object") if name in spec.attributes}
    return replace(spec, mark="", attributes={**other.attributes, **kept}, detail_seed=other.detail_seed)


def _readable(judge: ImageJudge, subject: str, real: Sequence[Pixels]) -> dict[str, str]:
    """The subject's own attributes that the judge gets right on real pictures of it."""
    reading = read_attributes(judge, real)
    own = Spec(SUBJECTS[subject].kind, SUBJECTS[subject].attributes, scene="studio", style="photo").visible()
    left_out = {"scene", "style", "expression", *HIDDEN_BY_MARK.get(subject, ())}
    return {
        name: value
        for name, value in own.items()
        if name not in left_out and _mean(reading.of(name, value)) >= READABLE
    }


def _mean(probabilities_N: NDArray[np.float64] | None) -> float:
    return 0.0 if probabilities_N is None else float(probabilities_N.mean())


def _logistic_ridge(x_ND: NDArray[np.float64], y_N: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Class-balanced logistic regression with a ridge penalty, by Newton's method from zero."""
    count, width = x_ND.shape
    design_NE = np.concatenate([x_ND, np.ones((count, 1))], axis=1)
    positive = float(y_N.sum())
    weight_N = y_N * (0.5 * count / positive) + (1.0 - y_N) * (0.5 * count / (count - positive))
    theta_E = np.zeros(width + 1, dtype=np.float64)
    for _ in range(NEWTON_STEPS):
        step_E = _newton_step(design_NE, y_N, weight_N, theta_E)
        theta_E -= step_E
        if float(np.abs(step_E).max()) < 1e-8:
            break
    return theta_E[:-1], float(theta_E[-1])


def _newton_step(
    design_NE: NDArray[np.float64], y_N: NDArray[np.float64], weight_N: NDArray[np.float64],
    theta_E: NDArray[np.float64],
) -> NDArray[np.float64]:
    penalty_EE = np.diag(np.array([RIDGE] * (len(theta_E) - 1) + [1e-6]))  # the bias is free
    p_N = _sigmoid(design_NE @ theta_E)
    curvature_N = weight_N * np.maximum(p_N * (1 - p_N), 1e-6)
    gradient_E = design_NE.transpose() @ (weight_N * (p_N - y_N)) + penalty_EE @ theta_E
    hessian_EE = (design_NE * curvature_N[:, None]).transpose() @ design_NE + penalty_EE
    return np.asarray(np.linalg.solve(hessian_EE, gradient_E), dtype=np.float64)


def _sigmoid(x_N: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1.0 / (1.0 + np.exp(-np.clip(x_N, -40.0, 40.0)))
