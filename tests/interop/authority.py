"""Certificate authorities, by Python's `cryptography`."""

from __future__ import annotations

import ipaddress
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certificates import Certificates, Pair

DAY = timedelta(days=1)
HERE = ["localhost", "127.0.0.1"]


def make_all(folder: Path) -> Certificates:
    authority = Authority(folder, "authority")
    strange = Authority(folder, "strange-authority")
    proxies = Authority(folder, "proxy-authority")
    return Certificates(
        authority=authority.path,
        right=authority.sign("right", HERE),
        rsa=authority.sign("rsa", HERE, key=rsa.generate_private_key(65537, 2048)),
        name_only=authority.sign("name-only", ["localhost"]),
        address_only=authority.sign("address-only", ["127.0.0.1"]),
        wrong_name=authority.sign("wrong-name", ["other.example"]),
        expired=authority.sign("expired", HERE, begin=-30 * DAY, end=-DAY),
        early=authority.sign("early", HERE, begin=DAY, end=30 * DAY),
        stranger=strange.sign("stranger", HERE),
        client=authority.sign("client", [], usage=ExtendedKeyUsageOID.CLIENT_AUTH),
        strange_client=strange.sign("strange-client", [], usage=ExtendedKeyUsageOID.CLIENT_AUTH),
        proxy_authority=proxies.path,
        proxy=proxies.sign("proxy", HERE),
    )


class Authority:
    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = subject(name)
        self.key = ec.generate_private_key(ec.SECP256R1())
        builder = draft(self.name, self.name, self.key.public_key(), -DAY, DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        builder = builder.add_extension(usage, critical=True)
        self.path = write(folder / f"{name}.pem", self.finish(builder))

    def finish(self, builder: x509.CertificateBuilder) -> bytes:
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
        )
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def sign(
        self,
        name: str,
        hosts: list[str],
        begin: timedelta = -DAY,
        end: timedelta = DAY,
        usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
        key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None,
    ) -> Pair:
        key = key or ec.generate_private_key(ec.SECP256R1())
        builder = draft(subject(name), self.name, key.public_key(), begin, end)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if hosts:
            names = x509.SubjectAlternativeName([general_name(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return Pair(
            write(self.folder / f"{name}.pem", self.finish(builder)), write(self.folder / f"{name}.key", pem)
        )


def draft(
    name: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    begin: timedelta,
    end: timedelta,
) -> x509.CertificateBuilder:
    now = datetime.now(timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now + begin)
    builder = builder.not_valid_after(now + end)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def write(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return str(path)
