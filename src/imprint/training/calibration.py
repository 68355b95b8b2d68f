"""Confidence that can be read as a frequency: one temperature for a classifier, fitted after training.

Reads: logits and true classes of pictures that were not trained on. Writes: a temperature, an error. Does not: know
networks.
"""

# N pictures, V values of an attribute

from __future__ import annotations

import math

import torch
from torch import Tensor

BINS = 15  # of the expected calibration error, as in the paper
COLDEST, HOTTEST = 0.05, 20.0
HALVINGS = 60


def fit_temperature(logits_NV: Tensor, truth_N: Tensor) -> float:
    """The temperature T at which softmax(logits / T) has the smallest negative log-likelihood.

    The loss is convex in 1/T, so the zero of its slope is found by halving. The targets are Platt's for right and
    wrong: a classifier that made no mistake on N pictures is not thereby certain, and each picture says its class with
    (N + 1) / (N + 2) only; the other classes share the rest. To count one miss for every other class instead would
    make a good classifier of many classes doubt far more than it errs.

    Args:
        logits_NV: raw, at least one row.
        truth_N: true classes.
    Returns: T in COLDEST..HOTTEST.
    Source: Guo et al., arXiv:1706.04599, section 4.2; Platt, "Probabilistic outputs for support vector machines", 1999.
    """
    logits_NV = logits_NV.double()
    count, values = logits_NV.shape
    target_NV = torch.full_like(logits_NV, 1 / (count + 2) / max(1, values - 1))
    target_NV[torch.arange(count), truth_N] = (count + 1) / (count + 2)

    def slope(beta: float) -> float:
        """Derivative of the mean loss by beta = 1/T: expected logit under the model, less that under the targets."""
        return float((((logits_NV * beta).softmax(1) - target_NV) * logits_NV).sum(1).mean())

    low, high = math.log(1 / HOTTEST), math.log(1 / COLDEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(math.exp(middle)) < 0 else (low, middle)
    return math.exp(-(low + high) / 2)


def negative_log_likelihood(logits_NV: Tensor, truth_N: Tensor, temperature: float = 1.0) -> float:
    """Mean -log of the probability given to the true class."""
    log_share_NV = (logits_NV.double() / temperature).log_softmax(1)
    return float(-log_share_NV.gather(1, truth_N[:, None]).mean())


def expected_calibration_error(probabilities_NV: Tensor, truth_N: Tensor, bins: int = BINS) -> float:
    """Mean distance between confidence and accuracy over bins of equal width, weighted by the pictures in each.

    Args:
        probabilities_NV: rows sum to 1, at least one row.
        truth_N: true classes.
        bins: of the confidence, >= 1.
    Source: Naeini et al., AAAI 2015; Guo et al., arXiv:1706.04599, equation 3.
    """
    confidence_N, said_N = probabilities_NV.double().max(1)
    return calibration_gap(confidence_N, said_N == truth_N, bins)


def calibration_gap(confidence_N: Tensor, right_N: Tensor, bins: int = BINS) -> float:
    """`expected_calibration_error` of answers given as confidence, 0..1, and whether they were right."""
    confidence_N = confidence_N.double()
    bin_N = (confidence_N * bins).ceil().long().clamp(1, bins) - 1
    gap_b = torch.zeros(bins, dtype=torch.float64).index_add(0, bin_N, confidence_N - right_N.double())
    return float(gap_b.abs().sum() / len(confidence_N))
