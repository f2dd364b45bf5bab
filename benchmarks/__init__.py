"""Measurements that docs/performance.md comes from; no wheel and no image holds them."""
