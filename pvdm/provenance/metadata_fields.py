"""Standard metadata: an XMP packet with the IPTC's fields for generated media, and a comment, in each format.

XMP specification, part 3 (Adobe, 2020), says where the packet belongs. The fields are those of the IPTC Photo Metadata
Standard 2025.1: Digital Source Type, AI System Used and AI System Version Used.
"""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from pvdm.errors import InputError

if TYPE_CHECKING:
    from pvdm.provenance.origin import Provenance

SPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "iptc": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
}
FIELDS = {
    "comment": "dc:description/rdf:Alt/rdf:li",
    "software": "xmp:CreatorTool",
    "source_type": "iptc:DigitalSourceType",
    "system": "iptc:AISystemUsed",
    "system_version": "iptc:AISystemVersionUsed",
}
"""Where the fields lie in a packet's description."""

PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{rdf}"><rdf:Description rdf:about="" xmlns:dc="{dc}" \
xmlns:xmp="{xmp}" xmlns:Iptc4xmpExt="{iptc}">
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{comment}</rdf:li></rdf:Alt></dc:description>
<xmp:CreatorTool>{software}</xmp:CreatorTool>
<Iptc4xmpExt:DigitalSourceType>{source_type}</Iptc4xmpExt:DigitalSourceType>
<Iptc4xmpExt:AISystemUsed>{system}</Iptc4xmpExt:AISystemUsed>
<Iptc4xmpExt:AISystemVersionUsed>{system_version}</Iptc4xmpExt:AISystemVersionUsed>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""

XMP_BOX = UUID("be7acfcb-97a9-42e8-9c71-999491e3afac").bytes
JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\0"
PNG_SIGNATURE, PNG_HEADER = 8, 25
"""Bytes of the signature and of the chunk IHDR."""
PNG_PLAIN = b"\0" * 5
"""Between name and text: neither compressed nor of a language."""
GIF_FLAGS, GIF_HEADER = 10, 13
"""The place of the flags of the global colors, and the bytes before these."""
WEBP_XMP_FLAG, WEBP_FLAGS = 0x04, 20
LARGEST = 1 << 16
COMMENT = re.compile(rb"[A-Z][a-z ]{1,50} by AI: pvdm [^\0\r\n]{1,1000}? \(SHA-256 [0-9a-f]{64}\)")
"""What `Provenance.comment` says."""


def write_fields(path: Path, suffix: str, provenance: Provenance) -> None:
    """Writes the fields into a complete file of a format; one that holds no packet (.webm) has its encoder's comment.

    The bytes depend on the provenance alone: no date, no random number.
    """
    if put := PUT.get(suffix.lower()):
        put(path, packet(provenance).encode(), provenance.comment.encode())


def read_fields(path: str | Path) -> dict[str, str]:
    """The fields of a file, by the names in `FIELDS`, or the comment of one without a packet, such as .webm or another
    container of the same video; empty if it has none. InputError if it cannot be read."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})", "give a video or a picture") from error
    for text in re.findall(rb"<x:xmpmeta.*?</x:xmpmeta>", content, re.DOTALL):
        if len(text) <= LARGEST and b"<!" not in text and (fields := _parsed(text)):
            return fields
    comment = COMMENT.search(content)
    return {"comment": comment[0].decode(errors="replace")} if comment else {}


def packet(provenance: Provenance) -> str:
    """The XMP packet, from which readers find the fields in a file of any format."""
    version = f"SHA-256 {provenance.sha256}"
    values = {name: escape(getattr(provenance, name, version)) for name in FIELDS}
    return PACKET.format(**SPACES, **values)


def _parsed(text: bytes) -> dict[str, str]:
    try:
        description = ElementTree.fromstring(text).find("rdf:RDF/rdf:Description", SPACES)
    except ElementTree.ParseError:
        return {}
    if description is None or description.find(FIELDS["source_type"], SPACES) is None:
        return {}
    return {name: description.findtext(place, "", SPACES) for name, place in FIELDS.items()}


def _into_mp4(path: Path, xmp: bytes, comment: bytes) -> None:
    """A box at the end, where it moves no other; the encoder has written the comment."""
    with path.open("ab") as file:
        file.write(struct.pack(">I", 24 + len(xmp)) + b"uuid" + XMP_BOX + xmp)


def _into_gif(path: Path, xmp: bytes, comment: bytes) -> None:
    """A comment and an application extension before the first frame, as FFmpeg takes any at the end for a frame.

    The packet is followed by XMP's "magic trailer", through which readers of blocks find its end.
    """
    blocks = b"".join(bytes([len(part)]) + part for part in (comment[i : i + 255] for i in range(0, len(comment), 255)))
    magic = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    content = path.read_bytes()
    has_colors, bits = content[GIF_FLAGS] & 0x80, content[GIF_FLAGS] & 7
    place = GIF_HEADER + (3 << bits + 1 if has_colors else 0)
    extensions = b"!\xfe" + blocks + b"\0" + b"!\xff\x0bXMP DataXMP" + xmp + magic
    path.write_bytes(content[:place] + extensions + content[place:])


def _into_webp(path: Path, xmp: bytes, comment: bytes) -> None:
    """A chunk at the end, and the flag that announces it."""
    content = bytearray(path.read_bytes())
    content[WEBP_FLAGS] |= WEBP_XMP_FLAG
    content += b"XMP " + struct.pack("<I", len(xmp)) + xmp + b"\0" * (len(xmp) % 2)
    content[4:8] = struct.pack("<I", len(content) - 8)
    path.write_bytes(content)


def _into_png(path: Path, xmp: bytes, comment: bytes) -> None:
    """Text chunks after the header."""
    content, place = path.read_bytes(), PNG_SIGNATURE + PNG_HEADER
    texts = (b"Comment" + PNG_PLAIN + comment, b"XML:com.adobe.xmp" + PNG_PLAIN + xmp)
    chunks = b"".join(_png_chunk(b"iTXt", text) for text in texts)
    path.write_bytes(content[:place] + chunks + content[place:])


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _into_jpeg(path: Path, xmp: bytes, comment: bytes) -> None:
    """Segments APP1 and COM after the segment APP0, which must come first."""
    content = path.read_bytes()
    place = 4 + struct.unpack(">H", content[4:6])[0] if content[2:4] == b"\xff\xe0" else 2
    parts = (b"\xff\xe1", JPEG_XMP + xmp), (b"\xff\xfe", comment)
    segments = (mark + struct.pack(">H", 2 + len(data)) + data for mark, data in parts)
    path.write_bytes(content[:place] + b"".join(segments) + content[place:])


PUT = {
    ".mp4": _into_mp4,
    ".gif": _into_gif,
    ".webp": _into_webp,
    ".png": _into_png,
    ".jpg": _into_jpeg,
    ".jpeg": _into_jpeg,
}
"""What writes packet and comment into a file of each format."""
