"""The company's agents, the packages they start from, and the widget they answer in."""
