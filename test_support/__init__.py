"""What tests share: each helper is written once, here, and no test imports another test."""
