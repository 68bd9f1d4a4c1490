"""The companies themselves, and what each has subscribed to."""
