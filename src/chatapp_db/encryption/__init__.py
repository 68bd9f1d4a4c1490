"""Secrets: sealed where they are stored, signed with, or known by their digest only; knows no table."""

from chatapp_db.encryption.envelope import Envelope
from chatapp_db.encryption.key_ring import KeyRing
from chatapp_db.encryption.place import Place
from chatapp_db.encryption.secret import Secret

__all__ = ["Envelope", "KeyRing", "Place", "Secret"]
