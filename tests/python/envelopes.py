"""A log's records, read by libraries that are not ours.

Every record's envelope is verified with securesystemslib's DSSE, and every rescore is read as a Statement of
in-toto-attestation. The records are those of docs/vectors/records.json and, where the environment's QUORATE_EXPORT
names a folder that `quorate ledger export` wrote, those of that log too.

    pip install securesystemslib==1.6.0 cryptography==50.0.2 in-toto-attestation==0.9.3 protobuf==7.36.2
    python -m unittest discover -s tests/python -p 'envelopes.py'
"""

import base64
import copy
import hashlib
import json
import os
import pathlib
import unittest

from google.protobuf import json_format
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

VECTORS = pathlib.Path(__file__).resolve().parents[2] / "docs" / "vectors" / "records.json"
IN_TOTO = "application/vnd.in-toto+json"
RESCORE = "https://quorate.org/rescore/v1"
WIDTH = 256


def vectors():
    """The records of the test vectors, as bytes."""
    entries = json.loads(VECTORS.read_text())["entries"]
    return [entry["envelope"].encode() for entry in entries]


def exported(folder):
    """The records of an export (C2SP tlog-tiles), as bytes: as many as its checkpoint says."""
    size = int((folder / "checkpoint").read_text().split("\n")[1])
    records = []
    for number in range((size + WIDTH - 1) // WIDTH):
        width = min(WIDTH, size - number * WIDTH)
        digits = f"{number % 1000:03}"
        while number >= 1000:
            number //= 1000
            digits = f"x{number % 1000:03}/{digits}"
        path = folder / "tile" / "entries" / digits
        bundle = (path if path.exists() else path.with_name(f"{path.name}.p") / str(width)).read_bytes()
        for _ in range(width):
            length = int.from_bytes(bundle[:2], "big")
            records.append(bundle[2 : 2 + length])
            bundle = bundle[2 + length :]
    return records


def keys_of(record):
    """The keys that an envelope names. A key's id is the key itself."""
    return [
        SSlibKey(signature["keyid"], "ed25519", "ed25519", {"public": signature["keyid"]})
        for signature in record["signatures"]
    ]


def verified(record):
    """The payload, after every signature on it was verified."""
    envelope, keys = Envelope.from_dict(copy.deepcopy(record)), keys_of(record)
    accepted = envelope.verify(keys, len(keys))
    assert len(accepted) == len(keys)
    return envelope.payload


class Records:
    """What must hold of every log."""

    records: list

    def test_every_signature_verifies(self):
        for index, record in enumerate(self.records):
            with self.subTest(index=index):
                self.assertTrue(json.loads(verified(json.loads(record))))

    def test_no_altered_payload_verifies(self):
        for index, bytes_ in enumerate(self.records):
            record = json.loads(bytes_)
            payload = bytearray(base64.b64decode(record["payload"]))
            payload[len(payload) // 2] ^= 1
            record["payload"] = base64.b64encode(payload).decode()
            with self.subTest(index=index), self.assertRaises(VerificationError):
                verified(record)

    def test_every_rescore_is_an_in_toto_statement_about_the_claims_artifact(self):
        artifacts, rescores = {}, 0
        for bytes_ in self.records:
            record = json.loads(bytes_)
            payload = verified(record)
            if record["payloadType"] == "application/vnd.quorate.sealed-claim.v1+json":
                claim = json.loads(payload)
                artifacts[claim["attempt"]] = claim["artifact"]
            if record["payloadType"] != IN_TOTO:
                continue
            rescores += 1
            read = json_format.Parse(payload, statement_pb2.Statement())
            statement = Statement.copy_from_pb(read)
            statement.validate()
            self.assertEqual(read.predicate_type, RESCORE)
            (subject,) = read.subject
            attempt = subject.name.removeprefix("attempt:")
            self.assertEqual(dict(subject.digest), {"blake3": artifacts[attempt]})
            self.assertIn(read.predicate["outcome"]["status"], {"valid", "invalid"})
        self.assertGreater(rescores, 0, "the log has no rescore")


class Vectors(Records, unittest.TestCase):
    """The test vectors, which have a record of every kind."""

    records = vectors()


@unittest.skipUnless("QUORATE_EXPORT" in os.environ, "QUORATE_EXPORT names no export of a log")
class Export(Records, unittest.TestCase):
    """A real log."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(os.environ["QUORATE_EXPORT"])
        cls.records = exported(cls.folder)

    def test_the_records_are_those_of_the_leaf_hashes(self):
        leaves = (hashlib.sha256(b"\0" + record).digest() for record in self.records[:WIDTH])
        tile = self.folder / "tile" / "0" / "000"
        if not tile.exists():
            tile = tile.with_name("000.p") / str(len(self.records))
        self.assertEqual(b"".join(leaves), tile.read_bytes())


if __name__ == "__main__":
    unittest.main()
