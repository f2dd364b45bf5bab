"""Measurements and endurance tests that the documentation's figures come from; no wheel and no image holds them."""
