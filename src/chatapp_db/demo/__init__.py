"""The main job of the package from an empty folder to two support inboxes, for ``chatapp-db demo``."""
