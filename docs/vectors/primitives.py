"""BLAKE3, Ed25519, the VRF of RFC 9381 and base58, in plain Python: slow, short, and of the standard library alone.

For checking test vectors. Nothing here takes constant time, so keep it away from secrets that matter.
"""

import hashlib
import struct

# BLAKE3 (https://github.com/BLAKE3-team/BLAKE3-specs)

IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
COLUMNS_AND_DIAGONALS = (
    (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
    (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14),
)  # fmt: skip
CHUNK_START, CHUNK_END, PARENT, ROOT, CONTEXT, KEY_MATERIAL = 1, 2, 4, 8, 32, 64
MASK = 0xFFFFFFFF


def rotate(word, bits):
    return (word >> bits | word << (32 - bits)) & MASK


def compress(chaining, block, counter, flags):
    """The sixteen output words for a block of at most 64 bytes."""
    words = list(struct.unpack("<16I", block.ljust(64, b"\0")))
    state = [*chaining, *IV[:4], counter & MASK, counter >> 32, len(block), flags]
    for _ in range(7):
        for i, (a, b, c, d) in enumerate(COLUMNS_AND_DIAGONALS):
            for word, right, left in ((words[2 * i], 16, 12), (words[2 * i + 1], 8, 7)):
                state[a] = (state[a] + state[b] + word) & MASK
                state[d] = rotate(state[d] ^ state[a], right)
                state[c] = (state[c] + state[d]) & MASK
                state[b] = rotate(state[b] ^ state[c], left)
        words = [words[i] for i in PERMUTATION]
    low = [state[i] ^ state[i + 8] for i in range(8)]
    return low + [state[i + 8] ^ chaining[i] for i in range(8)]


def chunk_output(key, chunk, counter, flags):
    """What the chunk's last compression takes: chaining value, block, counter, flags."""
    blocks = [chunk[i : i + 64] for i in range(0, len(chunk), 64)] or [b""]
    chaining = key
    for i, block in enumerate(blocks[:-1]):
        start = CHUNK_START if i == 0 else 0
        chaining = compress(chaining, block, counter, flags | start)[:8]
    start = CHUNK_START if len(blocks) == 1 else 0
    return chaining, blocks[-1], counter, flags | start | CHUNK_END


def tree_output(key, data, first, flags):
    if len(data) <= 1024:
        return chunk_output(key, data, first, flags)
    left_chunks = 1
    while left_chunks * 2 * 1024 < len(data):
        left_chunks *= 2
    left = tree_output(key, data[: left_chunks * 1024], first, flags)
    right = tree_output(key, data[left_chunks * 1024 :], first + left_chunks, flags)
    children = compress(*left)[:8] + compress(*right)[:8]
    return key, struct.pack("<16I", *children), 0, flags | PARENT


def blake3(data, key=IV, flags=0, length=32):
    chaining, block, _, block_flags = tree_output(key, data, 0, flags)
    output = b""
    while len(output) < length:
        words = compress(chaining, block, len(output) // 64, block_flags | ROOT)
        output += struct.pack("<16I", *words)
    return output[:length]


def blake3_derive_key(context, material, length=32):
    key = struct.unpack("<8I", blake3(context.encode(), flags=CONTEXT))
    return blake3(material, key, KEY_MATERIAL, length)


# Ed25519 (RFC 8032)

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
IDENTITY = (0, 1, 1, 0)


def add(a, b):
    """Of two points in extended coordinates (X, Y, Z, T)."""
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = f - e, h - g, h + g, f + e
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(scalar, point):
    result = IDENTITY
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point, scalar = add(point, point), scalar >> 1
    return result


def negate(point):
    return -point[0] % P, point[1], point[2], -point[3] % P


def encode_point(point):
    inverse = pow(point[2], -1, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def decode_point(data):
    """The point, or None for whatever is not its one canonical spelling."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if len(data) != 32 or y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


BASE = decode_point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def is_small(point):
    return encode_point(multiply(8, point)) == encode_point(IDENTITY)


def sha512_scalar(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % ORDER


def expand(secret):
    hashed = hashlib.sha512(secret).digest()
    scalar = int.from_bytes(hashed[:32], "little")
    return scalar & (1 << 254) - 8 | 1 << 254, hashed[32:]


def public_key(secret):
    return encode_point(multiply(expand(secret)[0], BASE))


def sign(secret, message):
    scalar, prefix = expand(secret)
    nonce = sha512_scalar(prefix, message)
    r = encode_point(multiply(nonce, BASE))
    s = (nonce + sha512_scalar(r, public_key(secret), message) * scalar) % ORDER
    return r + s.to_bytes(32, "little")


def verify(key, message, signature):
    """Without cofactor, and refusing keys and nonces of small order."""
    point, r = decode_point(key), decode_point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if point is None or r is None or len(signature) != 64 or s >= ORDER or is_small(point) or is_small(r):
        return False
    challenge = sha512_scalar(signature[:32], key, message)
    expected = add(multiply(s, BASE), negate(multiply(challenge, point)))
    return encode_point(expected) == signature[:32]


# ECVRF-EDWARDS25519-SHA512-TAI (RFC 9381)


def suite_hash(purpose, *parts):
    return hashlib.sha512(b"\x03" + bytes([purpose]) + b"".join(parts) + b"\0").digest()


def vrf_verify(key, data, proof):
    """The 64-byte output, or None where the proof does not show it."""
    point, gamma = decode_point(key), decode_point(proof[:32])
    c, s = int.from_bytes(proof[32:48], "little"), int.from_bytes(proof[48:], "little")
    if point is None or gamma is None or len(proof) != 80 or s >= ORDER or is_small(point):
        return None
    for counter in range(256):
        hashed = decode_point(suite_hash(1, key, data, bytes([counter]))[:32])
        if hashed is not None and not is_small(hashed):
            break
    else:
        return None
    h = multiply(8, hashed)
    u = add(multiply(s, BASE), negate(multiply(c, point)))
    v = add(multiply(s, h), negate(multiply(c, gamma)))
    challenge = suite_hash(2, key, *(encode_point(p) for p in (h, gamma, u, v)))[:16]
    if challenge != proof[32:48]:
        return None
    return suite_hash(3, encode_point(multiply(8, gamma)))


# libp2p peer ids of Ed25519 keys, in base58

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
PEER_ID_PREFIX = bytes.fromhex("002408011220")


def peer_id_key(text):
    number = 0
    for character in text:
        number = number * 58 + ALPHABET.index(character)
    zeros = len(text) - len(text.lstrip("1"))
    data = bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
    assert data[:6] == PEER_ID_PREFIX and len(data) == 38, text
    return data[6:]
