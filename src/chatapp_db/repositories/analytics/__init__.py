"""How conversations, agents and days did, told from what is in the tables."""
