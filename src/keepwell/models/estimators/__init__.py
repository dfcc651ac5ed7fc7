"""One estimator a module."""
