"""What agents answer from, in sources and in chunks."""
