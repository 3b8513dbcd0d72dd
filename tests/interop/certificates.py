"""Certificates for one run: what authorities say of servers and clients, rightly or wrongly."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, as files in PEM."""

    certificate: str
    key: str


@dataclass(frozen=True)
class Certificates:
    authority: str
    right: Pair
    rsa: Pair
    name_only: Pair
    address_only: Pair
    wrong_name: Pair
    expired: Pair
    early: Pair
    stranger: Pair
    client: Pair
    strange_client: Pair
    # Proxies have an authority of their own, so that it shows which of the two is asked.
    proxy_authority: str
    proxy: Pair


def make(folder: Path, installed: Path) -> Certificates:
    """Makes them all, with the library that `install` brought."""
    sys.path.append(str(installed / "python"))
    from authority import make_all

    return make_all(folder)
