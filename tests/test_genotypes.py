"""Genotypes: two alleles a person and place, in equilibrium, and a secret that nothing tells."""

from __future__ import annotations

import numpy as np

from harness import registry
from harness.seeds import generator

Z = 3.29  # 99.9 %
Z_OF_500 = 4.75  # the same for the largest of 500


def test_alleles_are_binomial_with_the_frequency_of_their_place():
    n, m = 4_000, 500
    table = registry.dataset(f"genotypes:persons={n},snps={m}")[0].load(generator(1))
    x = table.frame.iloc[:, 1:-1].to_numpy()
    assert x.shape == (n, m)
    assert set(np.unique(x)) == {0, 1, 2}
    p = x.mean(axis=0) / 2
    error = np.sqrt(0.25 / (2 * n))
    assert p.min() > 0.05 - Z_OF_500 * error
    assert p.max() < 0.5 + Z_OF_500 * error
    assert abs(p.mean() - 0.275) < Z * 0.45 / np.sqrt(12 * m) + error
    carriers = (x == 1).mean(axis=0) - 2 * p * (1 - p)  # Hardy and Weinberg
    assert abs(carriers).max() < Z_OF_500 * np.sqrt(0.25 / n)
    together = np.corrcoef(x[:, :50].T)[np.triu_indices(50, 1)]
    assert abs(together).max() < Z_OF_500 / np.sqrt(n), "1,225 pairs of places"
    trait = table.frame["trait"].to_numpy()
    assert abs(trait.mean() - 0.5) < Z * np.sqrt(0.25 / n)
    assert abs((x[trait].mean(axis=0) - x[~trait].mean(axis=0)) / x.std(axis=0)).max() < Z_OF_500 * 2 / np.sqrt(n)
