"""The encoding a second time, straight from docs/encoding.md, one value after another, in plain Python.

It shares nothing with ``linkage`` but the table of nicknames: the standard library, and CMAC from ``cryptography``. It
is what another implementation would look like, and what ``linkage.hashing.encode`` must agree with bit for bit.
"""

import csv
import hashlib
import hmac
import itertools
import json
import math
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.cmac import CMAC

_TABLE = Path(__file__).parents[2] / "linkage" / "hashing" / "nicknames.csv"
NICKNAMES = dict(csv.reader(line for line in _TABLE.read_text(encoding="utf-8").splitlines() if line[0] != "#"))


def cmac(key, message):
    mac = CMAC(AES256(key))
    mac.update(message)
    return mac.finalize()


def derive(secret, context, label):
    """Section 2: HKDF-SHA256 (RFC 5869) with one block of output."""
    canonical = json.dumps(context, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    prk = hmac.digest(hashlib.sha256(canonical).digest(), secret, "sha256")
    return hmac.digest(prk, b"linkage/v1/" + label.encode() + b"\x01", "sha256")


def soundex(word):
    codes = {c: str(n) for n, group in enumerate("BFPV CGJKQSXZ DT L MN R".split(), 1) for c in group}
    result, last = word[0], codes.get(word[0])
    for letter in word[1:]:
        code = codes.get(letter)
        if code and code != last:
            result += code
        if letter not in "HW":
            last = code
    return (result + "000")[:4]


def key_part(kind, transform, value):
    """Section 3."""
    if transform == "phonetic":
        first = value.split(" ")[0]
        if kind == "given_name":
            first = NICKNAMES.get(first, first)
        letters = "".join(c for c in first if c.isalpha())
        return soundex(letters) if letters else ""
    if transform == "initial":
        return value[0]
    if (kind, transform) == ("date", "year"):
        return value[:4]
    if (kind, transform) == ("date", "month_day"):
        return value[5:]
    if (kind, transform) == ("street", "number"):
        return next((word for word in value.split(" ") if word[0].isdigit()), "")
    if (kind, transform) == ("postal_code", "area"):
        return value[:3]
    if (kind, transform) == ("ssn", "last4"):
        return value[-4:]
    if kind in ("date", "ssn"):
        return value if len(value) > 4 else ""
    return value


def key(blocking, kinds, record):
    """Section 3: the texts of a pass key; None where the record cannot give a part."""
    texts = []
    for label in blocking["key"]:
        identifier, _, transform = label.partition(".")
        value = record.get(identifier, "")
        texts.append(key_part(kinds[identifier], transform, value) if value else "")
    if not all(texts):
        return None
    return tuple(sorted(texts)) if blocking.get("unordered") else tuple(texts)


def plainly_one(spec, a, b):
    """Section 3: whether two records that meet in a fine pass are plainly one person."""
    told = [
        i for i in spec["identifiers"] if i["kind"] not in ("sex", "suffix") and a.get(i["name"]) and b.get(i["name"])
    ]
    same = [i for i in told if a[i["name"]] == b[i["name"]]]
    return len(same) >= 3 and 3 * len(same) >= 2 * len(told) and any(i["about"] == "person" for i in same)


def persons(spec, records):
    """Section 3: the first record of each record's person."""
    kinds = {i["name"]: i["kind"] for i in spec["identifiers"]}
    person = list(range(len(records)))
    for blocking in spec["passes"]:
        if blocking.get("cap") is not None:
            continue
        keys = [key(blocking, kinds, record) for record in records]
        for a, b in itertools.combinations(range(len(records)), 2):
            meet = keys[a] is not None and keys[a] == keys[b] and keys.count(keys[a]) <= 16
            if meet and plainly_one(spec, records[a], records[b]):
                one, other = sorted((person[a], person[b]))
                person = [one if who == other else who for who in person]
    return person


def taking_part(spec, records):
    """Section 3: the positions of the records that take part in each pass that any record can give the key of."""
    kinds = {i["name"]: i["kind"] for i in spec["identifiers"]}
    person = persons(spec, records)
    found = {}
    for blocking in spec["passes"]:
        keys = [key(blocking, kinds, record) for record in records]
        cap = spec["block_cap"] if blocking.get("cap") is None else blocking["cap"]
        found[blocking["name"]] = [
            at
            for at, own in enumerate(keys)
            if own is not None and len({person[n] for n, other in enumerate(keys) if other == own}) <= cap
        ]
    return found


def block_id(derived, blocking, kinds, record):
    """Section 3; None where the record takes no part."""
    digests = []
    for label in blocking["key"]:
        identifier, _, transform = label.partition(".")
        value = record.get(identifier, "")
        text = key_part(kinds[identifier], transform, value) if value else ""
        if not text:
            return None
        shown = "any" if blocking.get("unordered") else label
        digests.append(cmac(derived(f"key-part/{blocking['name']}/{shown}"), text.encode()))
    if blocking.get("unordered"):
        digests.sort(key=lambda d: (int.from_bytes(d[:8], "little"), int.from_bytes(d[8:], "little")))
    return cmac(derived(f"block/{blocking['name']}"), b"".join(digests))


def bigrams(words):
    found = []
    seen = {}
    for word in words:
        padded = f"_{word}_"
        for pair in itertools.pairwise(padded):
            bigram = "".join(pair)
            seen[bigram] = seen.get(bigram, 0) + 1
            found.append(bigram if seen[bigram] == 1 else f"{bigram}{min(seen[bigram], 9)}")
    return found


def positions(text, label=""):
    return [f"{label}{i}:{c}" for i, c in enumerate(text)]


def groups(kind, value):
    """Section 4: lists of features, each with its share of the bits."""
    words = [word for word in value.split(" ") if word]
    if kind == "date":
        year, _, rest = value.partition("-")
        month, _, day = rest.partition("-")
        wholes = [f"{label}:{part}" for label, part in (("Y", year), ("M", month), ("D", day)) if part]
        return [(0.8, positions(year, "y") + positions(month, "m") + positions(day, "d")), (0.2, wholes)]
    if kind == "street":
        numbers = [word for word in words if word[0].isdigit()]
        names = [word for word in words if not word[0].isdigit()]
        first = list(dict.fromkeys("#" + word[:6] for word in numbers)) + bigrams(numbers)
        if numbers and names:
            return [(0.35, first), (0.65, bigrams(names))]
        return [(1.0, first or bigrams(names))]
    if kind == "ssn":
        tail, head = positions(value[-4:], "t"), positions(value[:-4][::-1], "h")
        return [(0.5, tail), (0.5, head)] if head else [(0.5, tail)]
    if kind == "middle_name":
        initial = [(0.5, [f"i:{value[0]}"])]
        return [*initial, (0.5, bigrams(words))] if len(value) > 1 else initial
    if kind in ("sex", "suffix"):
        return [(1.0, [value[:7]])]
    if kind in ("postal_code", "phone", "code"):
        return [(1.0, positions(value))]
    return [(1.0, bigrams(words))]


def bloom_filter(feature_key, filter_key, block, identifier, value):
    """Section 5."""
    bits, set_bits = identifier["filter"]["bits"], identifier["filter"]["set_bits"]
    filled = bytearray(bits // 8)
    for share, features in groups(identifier["kind"], value[:400]):
        each, extra = divmod(math.floor(set_bits * share + 0.5), len(features))
        for i, feature in enumerate(features):
            left, part = each + (i < extra), 0
            while left > 0:
                tag = cmac(filter_key, block + cmac(feature_key, f"{part}:{feature}".encode()))
                for byte in tag[: min(left, 16)]:
                    position = byte % bits
                    filled[position // 8] |= 1 << position % 8
                left, part = left - 16, part + 1
    return bytes(filled)


def encode_record(spec, derived, record):
    """Return {pass: {"block": 16 bytes, "checks": [ints], "filters": {identifier: bytes}}} of canonical values."""
    kinds = {identifier["name"]: identifier["kind"] for identifier in spec["identifiers"]}
    blocks = {p["name"]: block_id(derived, p, kinds, record) for p in spec["passes"]}
    encoded = {}
    for number, blocking in enumerate(spec["passes"]):
        name = blocking["name"]
        if blocks[name] is None:
            continue
        checks = []
        for earlier in spec["passes"][:number]:
            other = blocks[earlier["name"]]
            tag = cmac(derived(f"check/{name}"), blocks[name] + other) if other else b"\0" * 4
            checks.append(max(1, int.from_bytes(tag[:4], "little")) if other else 0)
        filters = {
            identifier["name"]: bloom_filter(
                derived(f"features/{identifier.get('group') or identifier['name']}"),
                derived(f"filter/{name}"),
                blocks[name],
                identifier,
                record[identifier["name"]],
            )
            for identifier in spec["identifiers"]
            if record.get(identifier["name"])
        }
        encoded[name] = {"block": blocks[name], "checks": checks, "filters": filters}
    return encoded
