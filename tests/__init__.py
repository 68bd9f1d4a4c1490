"""The tests: each is named after the fact it proves, on a real PostgreSQL."""
