"""The engines, one module each; only the one that a URL names is imported."""
