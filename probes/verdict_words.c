/* The one table of what each verdict means and what to change; a remedy is a template with what is
 * known filled in. See verdict_text.h. */
#include "probes/verdict_text.h"

/* CIDRs that are listed. */
#define LIST_MAX 6

/* In a remedy: {S} VPC endpoint service name, {H} host name, {P} port, {C} the VPC's CIDRs,
 * {K} endpoint key. */
static const struct {
    const char *meaning;
    const char *remedy;
} words[VERDICT_CODE_N] = {
    [VERDICT_NONE] = {"Not judged yet.", ""},
    [VERDICT_OK] = {"Every address answers with a trusted certificate, on the expected path.", ""},
    [VERDICT_PUBLIC_PATH] = {"An interface endpoint is expected, but the name resolves to public "
                             "addresses and connects through a NAT or Internet gateway.",
        "Create the interface VPC endpoint {S} with private DNS enabled, or enable private DNS on "
        "the one that exists. If the public path is intended, set Expect=any in [Endpoint {K}]."},
    [VERDICT_DEPENDS_ON_ECS] = {"This endpoint works, but the ECS agent will be sent to public "
                                "names, because the endpoint for ecs itself is not private.",
        "Create the interface VPC endpoint for ecs with private DNS enabled, then restart the ECS "
        "agent."},
    [VERDICT_PARTLY_BLOCKED] = {"Some of the endpoint's addresses fail: clients see it as an "
                                "intermittent time-out.",
        "Look at the subnets of the addresses named: their network ACLs (inbound {P}, outbound "
        "1024-65535), their routes, and the endpoint's network interfaces there. Until it is "
        "mended, the subnet can be taken off the VPC endpoint {S}."},
    [VERDICT_FAMILY_SPLIT] = {"All addresses of one IP family fail, the other family works.",
        "Check the security group of the VPC endpoint {S}, the network ACLs and the routes for "
        "the family named: IPv4 and IPv6 need rules of their own."},
    [VERDICT_VIA_PROXY] = {"The direct path fails, and this host's clients use a proxy for the "
                           "name.",
        "If the proxy is not intended, add {H} to NO_PROXY."},
    [VERDICT_ENDPOINT_MISSING] = {"The name resolves to public addresses that cannot be reached: "
                                  "there is no VPC endpoint, or its private DNS is off.",
        "Create the VPC endpoint {S} with private DNS enabled, or enable private DNS on the one "
        "that exists; private DNS also needs enableDnsSupport and enableDnsHostnames on the VPC."},
    [VERDICT_RESOLVER_BYPASS] = {"The host's DNS server answers with public addresses, the Amazon "
                                 "resolver with private ones.",
        "Forward the zone of {H} from the custom DNS server to the Amazon resolver "
        "(169.254.169.253 or the VPC base +2), or use Route 53 Resolver rules."},
    [VERDICT_RESOLVER_BYPASS_OPEN] = {"The host's DNS server answers with public addresses, the "
                                      "Amazon resolver with private ones. The public ones connect, "
                                      "through a NAT or Internet gateway.",
        "Forward the zone of {H} from the custom DNS server to the Amazon resolver "
        "(169.254.169.253 or the VPC base +2), or use Route 53 Resolver rules."},
    [VERDICT_NAME_NOT_FOUND] = {"The DNS name does not exist.",
        "Check Region and account id in the name {H}. If a private hosted zone covers it, add the "
        "record or enable private DNS on the VPC endpoint {S}."},
    [VERDICT_NO_ADDRESS] = {"The DNS name exists but has no address.",
        "Check that the VPC endpoint {S} has at least one subnet, and the records of a private "
        "hosted zone that covers {H}."},
    [VERDICT_DNS_TIMEOUT] = {"No DNS server answered.",
        "Check that the servers named can be reached from this subnet on port 53 (security "
        "groups, network ACLs, routes), and that the host does not exceed 1024 packets per "
        "second to link-local addresses."},
    [VERDICT_DNS_FAILED] = {"The DNS servers answered with an error.",
        "Check the servers named: their forwarding to the Amazon resolver, their access lists, "
        "and the DHCP options set of the VPC."},
    [VERDICT_UNEXPECTED_ADDRESS] = {"The name resolves only to addresses where no endpoint can "
                                    "be.",
        "Check /etc/hosts and the DNS server for an override of {H}."},
    [VERDICT_BLOCKED] = {"The endpoint's addresses are private, and no connection attempt is "
                         "answered.",
        "Allow inbound TCP {P} from this host (VPC CIDRs {C}) in the security group of the VPC "
        "endpoint {S}; then check the network ACLs of its subnets (inbound {P}, outbound "
        "1024-65535)."},
    [VERDICT_GATEWAY_MISSING] = {"Reached through a gateway endpoint, and no connection attempt "
                                 "is answered.",
        "Associate the route table of this subnet with the gateway VPC endpoint {S}, and allow "
        "outbound TCP {P} to its prefix list in the security group and network ACL of this host."},
    [VERDICT_REFUSED] = {"Connection attempts are answered with a reset.",
        "Nothing listens there, or a firewall refuses: check that the addresses belong to the "
        "VPC endpoint {S}, and any firewall between."},
    [VERDICT_UNROUTABLE] = {"There is no way to the addresses.",
        "Check the route tables of this subnet and of the endpoint's, and the routes of this "
        "host."},
    [VERDICT_TLS_TIMEOUT] = {"The connection stands, but the TLS handshake gets no answer.",
        "Look for a firewall or proxy that inspects TLS between this host and the VPC endpoint "
        "{S}; if large packets are lost, lower the MTU to 1500 and try again."},
    [VERDICT_TLS_BLACKHOLE] = {"The connection stands, but large packets are lost on the way.",
        "Lower the MTU of this host to 1500 and try again; check for a tunnel or firewall with a "
        "smaller MTU that sends no ICMP."},
    [VERDICT_TLS_UNTRUSTED] = {"The certificate is not signed by an authority this host trusts: "
                               "TLS is probably intercepted.",
        "Exempt {H} from TLS inspection, or set CaFile= to a bundle that has the issuer."},
    [VERDICT_TLS_WRONG_NAME] = {"The certificate is for other names.",
        "Check DNS: a private hosted zone or a hosts file points {H} at another service's "
        "endpoint."},
    [VERDICT_TLS_EXPIRED] = {"The certificate has expired, or this host's clock is ahead.",
        "Check the clock of this host (chronyc tracking; Amazon Time Sync 169.254.169.123)."},
    [VERDICT_TLS_NOT_YET_VALID] = {"The certificate is not valid yet: this host's clock is "
                                   "probably behind.",
        "Check the clock of this host (chronyc tracking; Amazon Time Sync 169.254.169.123)."},
    [VERDICT_TLS_FAILED] = {"The TLS handshake failed.",
        "Look for a firewall or proxy between this host and the VPC endpoint {S}, and check that "
        "{H} port {P} speaks TLS 1.2 or later."},
    [VERDICT_HTTP_FAILED] =
        {"The TLS connection stands, but no AWS service answers an HTTP request.",
            "Look for a proxy, portal or firewall between this host and the VPC endpoint {S} that "
            "answers in its place, and exempt {H} from it."},
    [VERDICT_NO_RESOURCES] = {"No statement: this host itself ran out of something.",
        "Check the limits of the service (LimitNOFILE), free local ports, memory and CPU load."},
    [VERDICT_NO_PRIVATE_DNS] = {"No interface endpoint's name resolves to a private address.",
        "Check, in this order: the interface VPC endpoints exist; their private DNS is enabled; "
        "the VPC has enableDnsSupport and enableDnsHostnames."},
    [VERDICT_HOST_EGRESS_BLOCKED] = {"No address of any endpoint can be reached from this host.",
        "Allow outbound TCP 443 in the security group of this host; check the network ACL and "
        "route table of its subnet."},
    [VERDICT_CLOCK_SKEW] = {"This host's clock is wrong.",
        "Set the clock (chronyc makestep; Amazon Time Sync 169.254.169.123)."},
    [VERDICT_TLS_INTERCEPTION] = {"One issuer signs the certificates of many endpoints: TLS is "
                                  "intercepted.",
        "Exempt the AWS endpoints from TLS inspection."},
    [VERDICT_SUBNET_UNREACHABLE] = {"All addresses in one subnet fail.",
        "Check the network ACL and routes of the subnet named."},
    [VERDICT_RESOLVER_DOWN] = {"DNS fails alike for every name.",
        "Check the DNS servers of this host and the way to them."},
};

const char *
verdict_meaning(enum verdict_code code)
{
    return (size_t)code < ARRAY_SIZE(words) ? words[code].meaning : "";
}

static void
add_cidrs(struct text *t, const struct vpc_nets *nets)
{
    char cidr[CIDR_TEXT_SIZE];

    if (nets->n_cidrs == 0) {
        (void)text_add(t, "not known");
    }
    for (size_t i = 0; i < nets->n_cidrs && i < LIST_MAX; i++) {
        (void)text_add(t, "%s%s", i == 0 ? "" : ", ", cidr_format(&nets->cidrs[i], cidr));
    }
}

static void
add_field(struct text *t, char field, const struct endpoint_spec *spec,
    const struct verdict_context *context)
{
    switch (field) {
    case 'S':
        (void)text_add(t, "%s", spec->service_name[0] != '\0' ? spec->service_name : spec->key);
        break;
    case 'H':
        (void)text_add(t, "%s", spec->hostname);
        break;
    case 'K':
        (void)text_add(t, "%s", spec->key);
        break;
    case 'P':
        (void)text_add(t, "%u", spec->port);
        break;
    case 'C':
        add_cidrs(t, context->nets);
        break;
    default:
        break;
    }
}

void
verdict_remedy(struct text *t, const struct endpoint_spec *spec, enum verdict_code code,
    const struct verdict_context *context)
{
    const char *p = (size_t)code < ARRAY_SIZE(words) ? words[code].remedy : "";

    while (*p != '\0') {
        size_t plain = strcspn(p, "{");

        (void)text_add(t, "%.*s", (int)plain, p);
        p += plain;
        if (p[0] == '{' && p[1] != '\0' && p[2] == '}') {
            add_field(t, p[1], spec, context);
            p += 3;
        }
    }
}
