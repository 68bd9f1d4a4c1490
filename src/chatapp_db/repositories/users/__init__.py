"""The people of a company: how they come to it, and what they did."""
