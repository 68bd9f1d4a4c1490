"""Who writes, what is open, who has it, and what is answered from memory."""
