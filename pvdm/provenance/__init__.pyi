from .metadata_fields import read_fields, write_fields
from .origin import Provenance

__all__ = ["Provenance", "read_fields", "write_fields"]
