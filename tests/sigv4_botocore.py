#!/usr/bin/python3
"""Compares our signatures with those of botocore, over random requests.

Usage: sigv4_botocore.py SIGV4_SIGN [SEED]

Exit status: 0 all alike, 1 differences or an error, 77 botocore is absent.
"""

import json
import random
import subprocess
import sys
import time
import urllib.parse

try:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
except ImportError:
    print("botocore is not installed; skipped")
    sys.exit(77)

N = 2000
# what may stand in the path of a URL; "#" and "?" end it
PATH = "abzABZ019-._~!$&'()*+,;=:@%/"
TEXT = "abz AZ09-._~!$&'()*+,;=:@%/?#\"<>[]\\^`{|}äሴ😀"
VALUE = "abz AZ09-._~!$&'()*+,;=:@%/?#\"<>[]\\^`{|} \t  "
NAMES = ["Content-Type", "X-Amz-Target", "x-amz-meta-a", "X-AMZ-META-B", "my-header", "My-Header1",
         "Accept", "range", "zz", "a"]


def text(rng, alphabet, most):
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(0, most)))


def path(rng):
    segments = [rng.choice(["..", ".", "", text(rng, PATH, 12), text(rng, PATH, 3)])
                for _ in range(rng.randint(0, 6))]
    return "/" + "/".join(segments)


def query(rng):
    def quote(s):
        return urllib.parse.quote(s, safe="-_.~")
    pairs = [(text(rng, TEXT, 5), text(rng, TEXT, 8)) for _ in range(rng.randint(0, 6))]
    return "&".join(f"{quote(k)}={quote(v)}" for k, v in pairs)


def request(rng):
    return {
        "method": rng.choice(["GET", "PUT", "POST", "DELETE", "HEAD"]),
        "path": path(rng), "query": query(rng),
        "headers": [("Host", rng.choice(["a.example", "autoscaling.eu-west-1.amazonaws.com"]))]
        + [(rng.choice(NAMES), text(rng, VALUE, 20)) for _ in range(rng.randint(0, 6))],
        "body": text(rng, TEXT, 60),
        "region": rng.choice(["us-east-1", "cn-north-1"]),
        "service": rng.choice(["autoscaling", "execute-api"]),
        "wall_s": rng.randint(0, 4102444800),
        "access_key_id": "AKIDEXAMPLE" + text(rng, "ABC", 9),
        "secret_access_key": "s" + text(rng, "abcXYZ0189+/", 39),
        "session_token": rng.choice(["", "t" + text(rng, "abcXYZ0189+/=", 900)]),
    }


def botocore_says(r):
    credentials = Credentials(r["access_key_id"], r["secret_access_key"], r["session_token"] or None)
    auth = SigV4Auth(credentials, r["service"], r["region"])
    url = f"https://{r['headers'][0][1]}{r['path']}" + ("?" + r["query"] if r["query"] else "")
    aws = AWSRequest(method=r["method"], url=url, data=r["body"].encode())
    for name, value in r["headers"]:
        aws.headers.add_header(name, value)
    aws.context["timestamp"] = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(r["wall_s"]))
    auth._modify_request_before_signing(aws)
    canonical = auth.canonical_request(aws)
    signature = auth.signature(auth.string_to_sign(aws, canonical), aws)
    auth._inject_signature_to_request(aws, signature)
    return aws.headers["Authorization"], canonical


def main():
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 32)
    rng = random.Random(seed)
    requests = [request(rng) for _ in range(N)]
    done = subprocess.run([sys.argv[1]], input="".join(json.dumps(r) + "\n" for r in requests),
                          stdout=subprocess.PIPE, text=True, check=False)
    ours = done.stdout.splitlines()
    different = 0
    for r, got in zip(requests, ours):
        expected, canonical = botocore_says(r)
        if got != expected:
            different += 1
            if different <= 3:
                print(f"{r}\n got      {got}\n expected {expected}\n canonical {canonical!r}")
    print(f"seed {seed}: {len(ours)} requests, {different} differences")
    return 0 if done.returncode == 0 and len(ours) == N and different == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
