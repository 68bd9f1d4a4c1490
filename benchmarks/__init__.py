"""How fast the package is, next to psycopg by hand and to its peers: `python -m benchmarks`."""
