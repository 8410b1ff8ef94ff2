"""What the benches probe: certificates as AWS has them, nginx, dnsmasq and their names."""

import os
import shutil
import subprocess
import tempfile
import time

SERVER = "10.1.255.53"
KEYS = {"rsa": (443, ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
        "ec": (444, ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])}
CA_EXTENSIONS = """basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
"""
LEAF_EXTENSIONS = """basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature,keyEncipherment
extendedKeyUsage=serverAuth,clientAuth
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
certificatePolicies=2.23.140.1.2.1
crlDistributionPoints=URI:http://crl.svc.test/m01.crl
authorityInfoAccess=OCSP;URI:http://ocsp.svc.test,caIssuers;URI:http://crt.svc.test/m01.cer
""" + "subjectAltName=" + ",".join(f"DNS:{name}" for name in (
    "svc.test", "*.svc.test", "*.eu-west-1.amazonaws.com", "*.ecr.eu-west-1.amazonaws.com",
    "*.dkr.ecr.eu-west-1.amazonaws.com", "*.s3.eu-west-1.amazonaws.com")) + "\n"
# the names of an ECS host's default endpoints
HOST_NAMES = [f"{name}.eu-west-1.amazonaws.com" for name in (
    "ecs", "ecs-a", "ecs-t", "api.ecr", "123456789012.dkr.ecr",
    "prod-eu-west-1-starport-layer-bucket.s3", "logs")]


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def hosts(letter, n_names, n_addresses, third=0):
    """Lines of a hosts file; the k-th address of each name is one of 10.k.0.0/16."""
    return "".join(f"10.{k + 1}.{third + i // 240}.{i % 240 + 1} {letter}{i}.svc.test\n"
                   for k in range(n_addresses) for i in range(n_names))


class Files:
    """A folder with certificates, and the settings of nginx and of dnsmasq's names."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="vpce-bench-")

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as f:
            return f.read()

    def certificate(self, key, name, subject, issuer=None, extensions="ca.ext", private=None):
        """A certificate for the key private.key (name.key), signed by issuer or by itself."""
        private = self.path(f"{key}.{private or name}.key")
        if not os.path.exists(private):
            run("openssl", "genpkey", *KEYS[key][1], "-out", private)
        request = self.path("request")
        run("openssl", "req", "-new", "-key", private, "-subj", subject, "-out", request)
        signer = ["-signkey", private] if issuer is None else \
            ["-CA", self.path(f"{key}.{issuer}.pem"), "-CAkey", self.path(f"{key}.{issuer}.key"),
             "-CAcreateserial"]
        run("openssl", "x509", "-req", "-in", request, "-sha256", "-days", "300", *signer,
            "-extfile", self.path(extensions), "-out", self.path(f"{key}.{name}.pem"))

    def certificates(self):
        """As AWS has them: leaf, intermediate, cross-signed root, older root."""
        self.write("ca.ext", CA_EXTENSIONS)
        self.write("leaf.ext", LEAF_EXTENSIONS)
        roots = ""
        for key in KEYS:
            root = f"/C=US/O=Bench/CN=Bench Root CA 1 {key}"
            self.certificate(key, "old", f"/C=US/O=Old Bench/CN=Old Root G2 {key}")
            self.certificate(key, "root", root)
            self.certificate(key, "cross", root, "old", private="root")
            self.certificate(key, "middle", f"/C=US/O=Bench/CN=Bench 2048 M01 {key}", "root")
            self.certificate(key, "leaf", "/CN=svc.test", "middle", "leaf.ext")
            self.write(f"{key}.chain.pem", "".join(
                self.read(f"{key}.{name}.pem") for name in ("leaf", "middle", "cross", "old")))
            roots += self.read(f"{key}.root.pem")
        self.write("roots.pem", roots)

    def names(self, n_names, n_addresses):
        """n0.svc.test and so on. No two names share an address."""
        self.write("hosts", hosts("n", n_names, n_addresses))
        self.write("names", "".join(f"n{i}.svc.test\n" for i in range(n_names)))
        self.write("resolv.conf", f"nameserver {SERVER}\n")

    def nginx_conf(self):
        """No tickets: nobody here resumes, and a fifth of nginx's CPU would go into them."""
        servers = "".join(f"""server {{
    listen {port} ssl backlog=16384;
    ssl_certificate {self.path(key + '.chain.pem')};
    ssl_certificate_key {self.path(key + '.leaf.key')};
}}
""" for key, (port, _) in KEYS.items())
        folders = "".join(f"{kind}_temp_path {self.path(kind)};\n" for kind in (
            "client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        self.write("nginx.conf", f"""user root;
worker_processes 1;
daemon off;
pid {self.path('nginx.pid')};
error_log {self.path('nginx.log')} warn;
events {{ worker_connections 16384; }}
http {{
access_log off;
ssl_protocols TLSv1.2 TLSv1.3;
ssl_ecdh_curve X25519:prime256v1:secp384r1;
ssl_conf_command NumTickets 0;
{folders}{servers}}}
""")

    def remove(self):
        shutil.rmtree(self.folder)

    def dnsmasq(self):
        return ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-hosts",
                f"--addn-hosts={self.path('hosts')}", "--no-resolv", "--local=/test/",
                f"--listen-address={SERVER}", "--bind-interfaces", "--user=root", "--pid-file="]

    def nginx(self):
        return ["nginx", "-c", self.path("nginx.conf"), "-p", self.folder]


def wait_for_servers(namespace):
    """Until they listen."""
    for _ in range(100):
        time.sleep(0.05)
        sockets = subprocess.run(["ip", "netns", "exec", namespace, "ss", "-lntuH"],
                                 capture_output=True, text=True, check=True).stdout
        if all(f":{port} " in sockets for port in (53, 443, 444)):
            return
    raise SystemExit("the servers did not start")
