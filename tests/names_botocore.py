#!/usr/bin/python3
"""Compares the host names of `vpce-probe endpoints` with those botocore resolves.

Usage: names_botocore.py BINARY

botocore's endpoints.json is an independent reference: for every Region of every partition it
knows, each name our catalogue makes must be the one an SDK connects to. Partitions that an older
botocore does not know are checked by tests/unit/test_catalogue.c.
Exit status: 0 all alike, 1 differences or an error, 77 botocore is absent.
"""

import os
import subprocess
import sys
import tempfile

try:
    import botocore.loaders
    import botocore.regions
except ImportError:
    print("botocore is not installed; skipped")
    sys.exit(77)

ACCOUNT = "123456789012"

# Our key -> botocore's name of the service, where the two differ.
SERVICE_OF = {
    "ecr.api": "api.ecr",
    "kinesis-firehose": "firehose",
}

# Names no SDK resolves by itself: key -> (reference service, what its name begins with, what ours
# begins with instead, why).
EXPLAINED = {
    "ecs-agent": ("ecs", "ecs.", "ecs-a.",
                  "ECS hands this name out in its DiscoverPollEndpoint answer"),
    "ecs-telemetry": ("ecs", "ecs.", "ecs-t.",
                      "ECS hands this name out in its DiscoverPollEndpoint answer"),
    "ecr.dkr": ("api.ecr", "api.ecr.", f"{ACCOUNT}.dkr.ecr.",
                "the account's registry, which Docker speaks to"),
    "s3": ("s3", "s3.", "prod-{region}-starport-layer-bucket.s3.",
           "ECR's layer bucket, named in the virtual-hosted style"),
    "ssmmessages": ("ssm", "ssm.", "ssmmessages.", "spoken by the SSM agent only"),
    "ec2messages": ("ssm", "ssm.", "ec2messages.", "spoken by the SSM agent only"),
    "guardduty-data": ("guardduty", "guardduty.", "guardduty-data.",
                       "spoken by the GuardDuty agent only"),
}


def our_names(binary, config, region):
    """Key -> host name, as the program prints them for the Region."""
    done = subprocess.run(
        [binary, "endpoints", "--config", config, "--all", "--region", region,
         "--account", ACCOUNT],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"--region {region}: exit status {done.returncode}: {done.stderr.strip()}")
        return None
    fields = [line.split("\t") for line in done.stdout.splitlines()]
    return {field[0]: field[1] for field in fields}


def reference_name(resolver, services, partition, region, key):
    """botocore's name for our key, or None when the partition has no such service there."""
    service, begins, instead, _ = EXPLAINED.get(key, (SERVICE_OF.get(key, key), "", "", ""))
    if service not in services:
        return None
    name = resolver.construct_endpoint(service, region, partition)["hostname"]
    if not name.startswith(begins):
        return name
    return instead.format(region=region) + name[len(begins):]


class Comparison:
    """Counts what was compared, prints what differs."""

    def __init__(self, binary, config):
        data = botocore.loaders.create_loader().load_data("endpoints")
        self.binary = binary
        self.config = config
        self.partitions = data["partitions"]
        self.resolver = botocore.regions.EndpointResolver(data)
        self.compared = {}
        self.differences = 0
        self.seen = set()

    def region(self, partition, region):
        """Compares all names of one Region."""
        names = our_names(self.binary, self.config, region)
        if names is None:
            self.differences += 1
            return
        for key, ours in names.items():
            self.seen.add(key)
            reference = reference_name(
                self.resolver, partition["services"], partition["partition"], region, key)
            if reference is None:
                continue
            self.compared[key] = self.compared.get(key, 0) + 1
            if ours != reference:
                self.differences += 1
                print(f"{region} {key}: ours {ours}, botocore's {reference}")

    def run(self):
        """Every Region of every partition. True when all names are alike."""
        n_regions = 0
        for partition in self.partitions:
            for region in sorted(partition["regions"]):
                self.region(partition, region)
                n_regions += 1
        total = sum(self.compared.values())
        print(f"botocore {botocore.__version__}: {len(self.partitions)} partitions, "
              f"{n_regions} Regions, {len(self.compared)} keys, {total} names compared, "
              f"{self.differences} differences")
        for key, (service, _, _, reason) in EXPLAINED.items():
            print(f"  {key} is compared by way of {service}: {reason}")
        for key in sorted(self.seen - set(self.compared)):
            print(f"  {key} is not known to botocore: not compared")
        return self.differences == 0 and total > 0


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="vpce-names-") as folder:
        # A configuration of our own, so that this machine's does not matter.
        config = os.path.join(folder, "empty.conf")
        with open(config, "w", encoding="ascii"):
            pass
        return 0 if Comparison(sys.argv[1], config).run() else 1


if __name__ == "__main__":
    sys.exit(main())
