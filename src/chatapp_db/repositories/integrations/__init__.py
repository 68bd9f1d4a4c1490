"""Other services: those a company signs in to, and those that are told what happens."""
