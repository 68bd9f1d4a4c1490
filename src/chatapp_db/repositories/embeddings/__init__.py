"""Which vectors are where, and what a vector store has yet to be told."""
