"""Certificates as no tool makes them: written byte for byte (RFC 5280), signed by openssl."""

import base64
import os
import subprocess
import time

ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
COMMON_NAME = bytes.fromhex("0603550403")
ORGANIZATION = bytes.fromhex("060355040a")
ALT_NAMES = bytes.fromhex("0603551d11")
BASIC_CONSTRAINTS = bytes.fromhex("0603551d13")
COMMENT = bytes.fromhex("06096086480186f842010d")
IS_AUTHORITY = bytes.fromhex("30030101ff")

# What a person's terminal, browser or log must never be given as it is.
EVIL = b"\x1b[31m<script>alert(1)</script>\x07\r\n\xc2\x9b2J"


def tlv(tag, *parts):
    value = b"".join(parts)
    n = len(value)
    if n < 128:
        return bytes([tag, n]) + value
    length = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + value


def sequence(*parts):
    return tlv(0x30, *parts)


def name(common, organization=b"vpce-probe tests"):
    return sequence(*(tlv(0x31, sequence(kind, tlv(0x0c, text)))
                      for kind, text in ((ORGANIZATION, organization), (COMMON_NAME, common))))


def extension(kind, value):
    return sequence(kind, tlv(0x04, value))


def moment(seconds):
    return tlv(0x17, time.strftime("%y%m%d%H%M%SZ", time.gmtime(seconds)).encode())


def pem(der):
    text = base64.encodebytes(der).decode()
    return f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n"


class Authority:
    """A root with one key, and one key for all the servers."""

    def __init__(self, folder):
        self.folder = folder
        self.serial = 1 << 24
        self.name = name(b"Hostile Tests Root")
        for key in ("root", "server"):
            self.openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out",
                         self.path(key + ".key"))
        root = self.certificate(self.name, [], issuer_key="root", subject_key="root",
                                more=[extension(BASIC_CONSTRAINTS, IS_AUTHORITY)])
        with open(self.path("root.crt"), "w", encoding="ascii") as f:
            f.write(pem(root))

    def path(self, file):
        return os.path.join(self.folder, file)

    def openssl(self, *arguments, stdin=b""):
        return subprocess.run(["openssl", *arguments], input=stdin, check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout

    def certificate(self, subject, alt_names, issuer=None, issuer_key="root",
                    subject_key="server", more=()):
        """DER. alt_names: bytes, whatever they are."""
        self.serial += 1
        public = self.openssl("pkey", "-in", self.path(subject_key + ".key"), "-pubout",
                              "-outform", "DER")
        extensions = list(more)
        if alt_names:
            extensions.append(extension(ALT_NAMES, sequence(*(tlv(0x82, n) for n in alt_names))))
        now = time.time()
        body = sequence(
            tlv(0xa0, tlv(0x02, b"\x02")), tlv(0x02, self.serial.to_bytes(4, "big")),
            ECDSA_SHA256, issuer or self.name,
            sequence(moment(now - 86400), moment(now + 300 * 86400)), subject, public,
            tlv(0xa3, sequence(*extensions)))
        signature = self.openssl("dgst", "-sha256", "-sign", self.path(issuer_key + ".key"),
                                 stdin=body)
        return sequence(body, ECDSA_SHA256, tlv(0x03, b"\0", signature))

    def chain(self, file, *certificates):
        """A file for a server: its key and what it sends."""
        with open(self.path("server.key"), encoding="ascii") as key:
            text = key.read()
        with open(self.path(file), "w", encoding="ascii") as f:
            f.write(text + "".join(pem(der) for der in certificates))
        return self.path(file)

    def filler(self, size):
        """A certificate of about that size which nobody asked for."""
        return self.certificate(name(b"filler"), [],
                                more=[extension(COMMENT, tlv(0x16, b"x" * size))])
