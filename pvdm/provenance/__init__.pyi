from .credentials import make_credentials, stored_credentials
from .detection import Detection, detect
from .manifest import Manifest, read_manifest
from .metadata_fields import read_fields
from .origin import Provenance
from .watermark import Watermark

__all__ = [
    "Detection",
    "Manifest",
    "Provenance",
    "Watermark",
    "detect",
    "make_credentials",
    "read_fields",
    "read_manifest",
    "stored_credentials",
]
