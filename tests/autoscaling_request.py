"""Whether a request to EC2 Auto Scaling is one: its form, its signature (by botocore's own signer)
and its parameters (by botocore's model of the API). Raises Refused with what AWS answers then.
"""

import calendar
import hmac
import re
import time
import urllib.parse

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.loaders import Loader

API_VERSION = "2011-01-01"
CONTENT_TYPE = "application/x-www-form-urlencoded"
SKEW_S = 300
AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/, ]+)/([0-9]{8})/([a-z0-9-]+)/"
                           r"([a-z0-9-]+)/aws4_request, SignedHeaders=([a-z0-9;-]+), "
                           r"Signature=([0-9a-f]{64})")
ENUMS = {"LifecycleActionResult": ("CONTINUE", "ABANDON"),
         "HealthStatus": ("Healthy", "Unhealthy")}  # the model has them in its prose only


class Refused(Exception):
    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def invalid(message):
    return Refused(400, "ValidationError", message)


# ---- the form -------------------------------------------------------------------------------------

def one(headers, name):
    values = headers.get_all(name) or []
    if len(values) > 1:
        raise Refused(400, "MalformedHeader", f"{name} is there {len(values)} times")
    return values[0] if values else None


def check_form(method, path, headers, hosts):
    if path != "/":
        raise Refused(404, "UnknownOperationException", f"no such path: {path}")
    if method != "POST":
        raise Refused(405, "MethodNotAllowed", f"{method} is not allowed")
    for name in ("Authorization", "X-Amz-Date", "X-Amz-Security-Token", "Content-Length", "Date"):
        one(headers, name)
    media, _, charset = (one(headers, "Content-Type") or "").partition(";")
    if media != CONTENT_TYPE or charset.strip().lower() not in ("", "charset=utf-8"):
        raise Refused(400, "MalformedInput", f"Content-Type is {media!r}")
    host = one(headers, "Host")
    if not host or (hosts is not None and host not in hosts):
        raise Refused(400, "MalformedHeader", f"Host is {host!r}")


# ---- who asks -------------------------------------------------------------------------------------

def stamp(seconds):
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))


def check_skew(date, wall):
    asked = calendar.timegm(time.strptime(date, "%Y%m%dT%H%M%SZ"))
    if asked < wall - SKEW_S:
        raise Refused(403, "SignatureDoesNotMatch", f"Signature expired: {date} is now earlier than "
                      f"{stamp(wall - SKEW_S)} ({stamp(wall)} - 5 min.)")
    if asked > wall + SKEW_S:
        raise Refused(403, "SignatureDoesNotMatch", f"Signature not yet current: {date} is still "
                      f"later than {stamp(wall + SKEW_S)} ({stamp(wall)} + 5 min.)")


def check_signed_headers(signed, headers):
    wanted = ["host", "x-amz-date", "content-type"]
    if headers.get("X-Amz-Security-Token") is not None:
        wanted.append("x-amz-security-token")
    for name in wanted:
        if name not in signed:
            raise Refused(403, "SignatureDoesNotMatch",
                          f"'{name}' must be a 'SignedHeader' in the AWS Authorization.")
    if signed != sorted(set(signed)):
        raise Refused(400, "IncompleteSignature", "SignedHeaders are not in order")
    for name in signed:
        if headers.get(name) is None:
            raise Refused(403, "SignatureDoesNotMatch", f"signed, but not there: {name}")


def signature_of(keys, scope, headers, signed, body):
    """As botocore would have signed the same request."""
    region, service, date = scope
    auth = SigV4Auth(Credentials(keys["AccessKeyId"], keys["SecretAccessKey"],
                                 keys.get("Token") or None), service, region)
    request = AWSRequest(method="POST", url=f"https://{headers['Host']}/", data=body)
    for name in signed:
        for value in headers.get_all(name):
            request.headers.add_header(name, value)
    request.context["timestamp"] = date
    canonical = auth.canonical_request(request)
    return auth.signature(auth.string_to_sign(request, canonical), request), canonical


def check_scope(region, service, wanted):
    if region != wanted:
        raise Refused(403, "SignatureDoesNotMatch",
                      f"Credential should be scoped to a valid region, not '{region}'. ")
    if service != "autoscaling":
        raise Refused(403, "SignatureDoesNotMatch",
                      "Credential should be scoped to correct service: 'autoscaling'. ")


def check_signature(headers, body, region, find_keys, wall):
    """find_keys: AccessKeyId -> a dict of AccessKeyId, SecretAccessKey, Token and expires (seconds
    since 1970), or None. Returns it."""
    text = headers.get("Authorization")
    if text is None:
        raise Refused(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
    parts = AUTHORIZATION.fullmatch(text)
    date = headers.get("X-Amz-Date") or ""
    if parts is None or not re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", date):
        raise Refused(400, "IncompleteSignature", "Authorization header or X-Amz-Date is not of "
                      "the documented form")
    key_id, day, got_region, service, signed, signature = parts.groups()
    keys = find_keys(key_id)
    token = headers.get("X-Amz-Security-Token")
    if keys is None or (keys.get("Token") or None) != token:
        raise Refused(403, "InvalidClientTokenId",
                      "The security token included in the request is invalid.")
    if keys["expires"] <= wall:
        raise Refused(403, "ExpiredToken", "The security token included in the request is expired")
    if day != date[:8]:
        raise Refused(403, "SignatureDoesNotMatch",
                      f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of "
                      f"date from HTTP: '{day}' != '{date[:8]}', from '{date}'.")
    check_scope(got_region, service, region)
    check_skew(date, wall)
    check_signed_headers(signed.split(";"), headers)
    expected, _ = signature_of(keys, (got_region, service, date), headers, signed.split(";"), body)
    if not hmac.compare_digest(expected, signature):
        raise Refused(403, "SignatureDoesNotMatch", "The request signature we calculated does not "
                      "match the signature you provided. Check your AWS Secret Access Key and "
                      "signing method. Consult the service documentation for details.")
    return keys


# ---- the parameters -------------------------------------------------------------------------------

def parse_body(body):
    """Name -> value; strictly what a form is."""
    try:
        text = body.decode("ascii")
        pairs = urllib.parse.parse_qsl(text, keep_blank_values=True, strict_parsing=True,
                                       errors="strict", max_num_fields=200)
    except ValueError as error:
        raise Refused(400, "MalformedQueryString", f"not a form: {error}") from error
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise Refused(400, "MalformedQueryString", f"{name} is there more than once")
    return dict(pairs)


def constraint(value, name, text):
    path = name[0].lower() + name[1:]
    return invalid(f"1 validation error detected: Value {value} at '{path}' failed to satisfy "
                   f"constraint: {text}")


class Model:
    """What botocore knows of the API."""

    def __init__(self):
        self._model = Loader().load_service_model("autoscaling", "service-2", API_VERSION)
        self.namespace = self._model["metadata"]["xmlNamespace"]
        self.operations = self._model["operations"]

    def wrapper(self, action):
        return self.operations[action].get("output", {}).get("resultWrapper")

    def parameters(self, body):
        """(action, its parameters with their types)."""
        given = parse_body(body)
        action, version = given.pop("Action", None), given.pop("Version", None)
        if action is None:
            raise Refused(400, "MissingAction", "Action is missing")
        if version != API_VERSION or action not in self.operations:
            raise Refused(400, "InvalidAction",
                          f"Could not find operation {action} for version {version}")
        shape = self._model["shapes"][self.operations[action]["input"]["shape"]]
        taken = {name: self._take(name, self._model["shapes"][member["shape"]], given)
                 for name, member in shape["members"].items()}
        taken = {name: value for name, value in taken.items() if value is not None}
        if given:
            raise Refused(400, "MalformedQueryString", f"unknown: {', '.join(sorted(given))}")
        for name in shape.get("required", []):
            if name not in taken:
                raise constraint("null", name, "Member must not be null")
        return action, taken

    def _take(self, name, shape, given):
        if shape["type"] != "list":
            value = given.pop(name, None)
            return None if value is None else self._read(name, shape, value)
        values = []
        while f"{name}.member.{len(values) + 1}" in given:
            values.append(self._read(name, self._model["shapes"][shape["member"]["shape"]],
                                     given.pop(f"{name}.member.{len(values) + 1}")))
        return values or None

    @staticmethod
    def _read(name, shape, value):
        if shape["type"] == "boolean":
            if value not in ("true", "false"):
                raise Refused(400, "MalformedInput", f"{name} is no boolean: {value!r}")
            return value == "true"
        if shape["type"] == "integer":
            if not re.fullmatch("[0-9]{1,9}", value):
                raise Refused(400, "MalformedInput", f"{name} is no number: {value!r}")
            return int(value)
        if len(value) < shape.get("min", 0):
            raise constraint(f"'{value}'", name, "Member must have length greater than or equal "
                             f"to {shape['min']}")
        if len(value) > shape.get("max", 1 << 30):
            raise constraint(f"'{value}'", name,
                             f"Member must have length less than or equal to {shape['max']}")
        # the model writes characters beyond the first plane as Java has them
        pattern = shape.get("pattern", "(?s:.*)").replace(
            r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")
        if not re.fullmatch(pattern, value):
            raise constraint(f"'{value}'", name, "Member must satisfy regular expression pattern: "
                             + shape["pattern"])
        if value not in ENUMS.get(name, (value,)):
            raise constraint(f"'{value}'", name, "Member must satisfy enum value set: "
                             f"[{', '.join(ENUMS[name])}]")
        return value
