"""What a company uses of its plan."""
