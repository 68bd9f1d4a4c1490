"""A support desk: who is waiting, and what is answered."""
