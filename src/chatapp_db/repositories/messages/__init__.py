"""What is said: written, brought in, read back, and found by its words."""
