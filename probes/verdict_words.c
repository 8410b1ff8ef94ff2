/* The one table of what each verdict means, what was seen, what to change, and the commands that
 * do it. Remedies and commands are templates, filled in by verdict_fill.c:
 *
 *   {S} VPC endpoint service name   {H} host name   {A} host name and port, for a connection
 *   {R} Region   {P} port   {K} endpoint key   {C} the VPC's CIDRs, listed
 *   {D} the DNS options that only an interface endpoint for S3 needs
 *   {a} an address that fails   {d} a name server that fails   {n} the subnet's CIDR
 *
 * A command line may begin with a condition, or be repeated:
 *
 *   {i} only for an interface endpoint   {g} only for a gateway endpoint
 *   {e} only for the endpoints whose names the ECS agent keeps for hours
 *   {4} once for each IPv4 CIDR {c} of the VPC, or for <vpc-cidr>
 *   {6} once for each IPv6 CIDR {c} that is known   {v} the same, or for <vpc-ipv6-cidr>
 *
 * What only AWS knows is a placeholder in AWS's terms, <vpc-id>: a line in which one is left is
 * refused, by the shell or by AWS. Options are those of AWS CLI 1 and 2; the Region decides the
 * partition. Private DNS can only be enabled where both DNS attributes of the VPC are on. */
#include "probes/verdict_words.h"

#include "daemon/util.h"

/* clang-format off */

/* VPC endpoints. */
#define ENDPOINT_SHOW_OF(service) \
    "aws ec2 describe-vpc-endpoints --region {R} --filters Name=vpc-id,Values=<vpc-id>" \
    " Name=service-name,Values=" service \
    " --query 'VpcEndpoints[].[VpcEndpointId,VpcEndpointType,State,PrivateDnsEnabled,SubnetIds," \
    "Groups[].GroupId,RouteTableIds]'\n"
#define ENDPOINT_SHOW ENDPOINT_SHOW_OF("{S}")
#define ENDPOINTS_SHOW \
    "aws ec2 describe-vpc-endpoints --region {R} --filters Name=vpc-id,Values=<vpc-id>" \
    " --query 'VpcEndpoints[].[ServiceName,VpcEndpointId,VpcEndpointType,State," \
    "PrivateDnsEnabled]'\n"
#define INTERFACE_CREATE_OF(service) \
    "{i}aws ec2 create-vpc-endpoint --region {R} --vpc-id <vpc-id> --vpc-endpoint-type Interface" \
    " --service-name " service " --subnet-ids <subnet-id> --security-group-ids <endpoint-sg-id>" \
    " --private-dns-enabled{D}\n"
#define ENDPOINT_CREATE \
    INTERFACE_CREATE_OF("{S}") \
    "{g}aws ec2 create-vpc-endpoint --region {R} --vpc-id <vpc-id> --vpc-endpoint-type Gateway" \
    " --service-name {S} --route-table-ids <rtb-id>\n"
#define PRIVATE_DNS_ON \
    "{i}aws ec2 modify-vpc-endpoint --region {R} --vpc-endpoint-id <vpc-endpoint-id>" \
    " --private-dns-enabled{D}\n"
#define ROUTE_TABLE_ADD \
    "aws ec2 modify-vpc-endpoint --region {R} --vpc-endpoint-id <vpc-endpoint-id>" \
    " --add-route-table-ids <rtb-id>\n"
#define DNS_SUPPORT_SHOW \
    "aws ec2 describe-vpc-attribute --region {R} --vpc-id <vpc-id>" \
    " --attribute enableDnsSupport\n"
#define DNS_SUPPORT_ON \
    "aws ec2 modify-vpc-attribute --region {R} --vpc-id <vpc-id> --enable-dns-support\n"
#define VPC_DNS_SHOW \
    "{i}" DNS_SUPPORT_SHOW \
    "{i}aws ec2 describe-vpc-attribute --region {R} --vpc-id <vpc-id>" \
    " --attribute enableDnsHostnames\n"
#define VPC_DNS_ON \
    "{i}" DNS_SUPPORT_ON \
    "{i}aws ec2 modify-vpc-attribute --region {R} --vpc-id <vpc-id> --enable-dns-hostnames\n"

/* Security groups, network ACLs, routes. */
#define INSTANCE_SHOW \
    "aws ec2 describe-instances --region {R} --instance-ids <instance-id>" \
    " --query 'Reservations[].Instances[].[VpcId,SubnetId,SecurityGroups[].GroupId]'\n"
#define RULES_SHOW(group) \
    "aws ec2 describe-security-group-rules --region {R}" \
    " --filters Name=group-id,Values=<" group ">\n"
#define INGRESS_4 \
    "{4}aws ec2 authorize-security-group-ingress --region {R} --group-id <endpoint-sg-id>" \
    " --protocol tcp --port {P} --cidr {c}\n"
#define INGRESS_6(each) \
    "{" each "}aws ec2 authorize-security-group-ingress --region {R} --group-id <endpoint-sg-id>" \
    " --ip-permissions 'IpProtocol=tcp,FromPort={P},ToPort={P},Ipv6Ranges=[{CidrIpv6={c}}]'\n"
#define EGRESS_4 \
    "{4}aws ec2 authorize-security-group-egress --region {R} --group-id <instance-sg-id>" \
    " --protocol tcp --port {P} --cidr {c}\n"
#define EGRESS_PREFIX_LIST \
    "aws ec2 authorize-security-group-egress --region {R} --group-id <instance-sg-id>" \
    " --ip-permissions 'IpProtocol=tcp,FromPort={P},ToPort={P}," \
    "PrefixListIds=[{PrefixListId=<pl-id>}]'\n"
/* Of a server of the user's own: nothing filters what goes to the Amazon resolver. */
#define EGRESS_DNS \
    "aws ec2 authorize-security-group-egress --region {R} --group-id <instance-sg-id>" \
    " --protocol udp --port 53 --cidr <own-dns-server>/32\n" \
    "aws ec2 authorize-security-group-egress --region {R} --group-id <instance-sg-id>" \
    " --protocol tcp --port 53 --cidr <own-dns-server>/32\n"
#define ACLS_SHOW(subnet) \
    "aws ec2 describe-network-acls --region {R}" \
    " --filters Name=association.subnet-id,Values=<" subnet ">\n"
#define ACL_ALLOW \
    "{4}aws ec2 create-network-acl-entry --region {R} --network-acl-id <acl-id> --ingress" \
    " --rule-number <rule-number> --protocol tcp --port-range From={P},To={P}" \
    " --rule-action allow --cidr-block {c}\n" \
    "{4}aws ec2 create-network-acl-entry --region {R} --network-acl-id <acl-id> --egress" \
    " --rule-number <rule-number> --protocol tcp --port-range From=1024,To=65535" \
    " --rule-action allow --cidr-block {c}\n"
/* Of the whole VPC: a subnet without an association of its own has the main route table. */
#define ROUTES_SHOW \
    "aws ec2 describe-route-tables --region {R} --filters Name=vpc-id,Values=<vpc-id>" \
    " --query 'RouteTables[].[RouteTableId,Associations[].[Main,SubnetId],Routes]'\n"
#define INTERFACE_SHOW \
    "aws ec2 describe-network-interfaces --region {R}" \
    " --filters Name=addresses.private-ip-address,Values={a}" \
    " --query 'NetworkInterfaces[].[NetworkInterfaceId,InterfaceType,Description,Status,SubnetId," \
    "AvailabilityZone,Groups[].GroupId]'\n"

/* DNS. */
#define DHCP_OPTIONS_SHOW \
    "aws ec2 describe-vpcs --region {R} --vpc-ids <vpc-id> --query 'Vpcs[].DhcpOptionsId'\n" \
    "aws ec2 describe-dhcp-options --region {R} --dhcp-options-ids <dopt-id>\n"
#define DHCP_OPTIONS_AMAZON \
    "aws ec2 create-dhcp-options --region {R}" \
    " --dhcp-configurations Key=domain-name-servers,Values=AmazonProvidedDNS\n" \
    "aws ec2 associate-dhcp-options --region {R} --vpc-id <vpc-id> --dhcp-options-id <dopt-id>\n"
#define RESOLVER_RULES_SHOW \
    "aws route53resolver list-resolver-rule-associations --region {R}" \
    " --filters Name=VPCId,Values=<vpc-id>\n" \
    "aws route53resolver list-resolver-rules --region {R}\n"
#define ZONES_SHOW \
    "aws route53 list-hosted-zones-by-vpc --region {R} --vpc-region {R} --vpc-id <vpc-id>\n" \
    "aws route53 list-resource-record-sets --region {R} --hosted-zone-id <hosted-zone-id>\n"

/* TLS and what stands between. */
#define CERTIFICATE_SHOW \
    "openssl s_client -connect {A} -showcerts </dev/null\n"
#define FIREWALLS_SHOW \
    "aws network-firewall list-firewalls --region {R} --vpc-ids <vpc-id>\n"
#define INSPECTION_SHOW \
    FIREWALLS_SHOW \
    "aws network-firewall list-tls-inspection-configurations --region {R}\n" \
    ROUTES_SHOW
#define ISSUER_TRUST \
    "sudo install -m 644 <ca-file> /etc/pki/ca-trust/source/anchors/\n" \
    "sudo update-ca-trust\n"
#define MTU_SHOW \
    "ip route get {a}\n" \
    "ip link show dev <interface>\n" \
    "tracepath -n {H}\n"
#define MTU_LOWER \
    "sudo ip link set dev <interface> mtu <smaller-mtu>\n"
#define CLOCK_SHOW \
    "timedatectl\n" \
    "chronyc tracking\n" \
    "chronyc sources -v\n"
#define CLOCK_SET \
    "sudo chronyc makestep\n"

/* The agent caches for 12 hours what ECS told it when the name was still public. */
#define AGENT_RESTART \
    "{e}sudo systemctl restart ecs\n"

const char verdict_create_commands[] = ENDPOINT_CREATE;
const char verdict_restart_commands[] = AGENT_RESTART;

static const struct verdict_words words[VERDICT_CODE_N] = {
[VERDICT_NONE] = {
    .meaning = "Not judged yet.",
    .evidence = "Too few runs so far, or none.",
    .remedy = "",
    .commands = "",
},
[VERDICT_OK] = {
    .meaning = "Every address answers with a trusted certificate, on the expected path.",
    .evidence = "Every address of the DNS answer completed a TCP connection and a TLS handshake "
        "with a certificate that is valid for the name.",
    .remedy = "",
    .commands = "",
},
[VERDICT_PUBLIC_PATH] = {
    .meaning = "An interface endpoint is expected, but the name resolves to public addresses and "
        "connects through a NAT or Internet gateway.",
    .evidence = "The DNS answer holds addresses outside the VPC's CIDRs and the private ranges, "
        "and a TLS handshake succeeded all the same.",
    .remedy = "Create the interface VPC endpoint {S} with private DNS enabled, or enable private "
        "DNS on the one that exists. If the public path is intended, set Expect=any in "
        "[Endpoint {K}].",
    .commands = ENDPOINT_SHOW VPC_DNS_SHOW VPC_DNS_ON PRIVATE_DNS_ON ENDPOINT_CREATE AGENT_RESTART,
},
[VERDICT_DEPENDS_ON_ECS] = {
    .meaning = "This endpoint works, but the ECS agent will be sent to public names, because the "
        "endpoint for ecs itself is not private.",
    .evidence = "Its addresses are private and answer, while those of ecs are public. Only when "
        "the agent reaches ecs through its interface endpoint does ECS hand out the names that "
        "have endpoints; otherwise numbered ones (ecs-a-1, ecs-t-1), which are always public.",
    .remedy = "Create the interface VPC endpoint for ecs with private DNS enabled, then restart "
        "the ECS agent: it keeps the names it was given for 12 hours.",
    .commands = ENDPOINT_SHOW_OF("com.amazonaws.{R}.ecs") VPC_DNS_SHOW VPC_DNS_ON PRIVATE_DNS_ON
        INTERFACE_CREATE_OF("com.amazonaws.{R}.ecs") AGENT_RESTART,
},
[VERDICT_PARTLY_BLOCKED] = {
    .meaning = "Some of the endpoint's addresses fail, most often those of one Availability Zone: "
        "clients see it as an intermittent time-out.",
    .evidence = "Of the addresses in one DNS answer some complete a TLS handshake and others do "
        "not. A private address counts only after failing in as many runs in a row as Fall= says.",
    .remedy = "Look at the subnets of the addresses named: their network ACLs (inbound {P}, "
        "outbound 1024-65535), their routes, and the endpoint network interfaces there. Until it "
        "is mended, the subnet can be taken off the VPC endpoint {S}.",
    .commands = "ip route get {a}\n"
        INTERFACE_SHOW ACLS_SHOW("endpoint-subnet-id") ROUTES_SHOW ACL_ALLOW
        "{i}aws ec2 modify-vpc-endpoint --region {R} --vpc-endpoint-id <vpc-endpoint-id>"
        " --remove-subnet-ids <endpoint-subnet-id>\n",
},
[VERDICT_FAMILY_SPLIT] = {
    .meaning = "All addresses of one IP family fail, the other family works.",
    .evidence = "The name has A and AAAA records, and this host has addresses of both families. "
        "Every address of one family fails, at least one of the other completes a TLS handshake.",
    .remedy = "Check the security group of the VPC endpoint {S}, the network ACLs and the routes "
        "for the family that fails: IPv4 and IPv6 need rules of their own.",
    .commands = "ip -br address\n"
        "ip route get {a}\n"
        ENDPOINT_SHOW RULES_SHOW("endpoint-sg-id") ACLS_SHOW("endpoint-subnet-id") ROUTES_SHOW
        INGRESS_4 INGRESS_6("v"),
},
[VERDICT_VIA_PROXY] = {
    .meaning = "The direct path fails, and this host's clients use a proxy for the name.",
    .evidence = "The direct connection failed, and the settings of this host's clients send the "
        "name to a proxy that NO_PROXY does not exempt it from. The proxy itself is not probed.",
    .remedy = "If the proxy is not intended, add {H} to NO_PROXY.",
    .commands = "grep -i proxy /etc/ecs/ecs.config\n"
        "systemctl show --property=Environment --property=EnvironmentFiles ecs docker\n"
        "curl -sv --noproxy '*' -o /dev/null https://{A}/\n"
        "sudo sed -i '/^NO_PROXY=/s/$/,'{H}'/' /etc/ecs/ecs.config\n"
        "sudo systemctl restart ecs\n",
},
[VERDICT_ENDPOINT_MISSING] = {
    .meaning = "The name resolves to public addresses that cannot be reached: there is no VPC "
        "endpoint, or its private DNS is off.",
    .evidence = "Every address of the DNS answer is public, and no TCP connection to any of them "
        "came about: the SYNs got no answer, a reset, or an ICMP error.",
    .remedy = "Create the VPC endpoint {S} with private DNS enabled, or enable private DNS on the "
        "one that exists; private DNS also needs enableDnsSupport and enableDnsHostnames on the "
        "VPC.",
    .commands = "dig +short {H}\n"
        ENDPOINT_SHOW VPC_DNS_SHOW VPC_DNS_ON PRIVATE_DNS_ON "{g}" ROUTES_SHOW "{g}"
        ROUTE_TABLE_ADD ENDPOINT_CREATE AGENT_RESTART,
},
[VERDICT_RESOLVER_BYPASS] = {
    .meaning = "The host's DNS server answers with public addresses, the Amazon resolver with "
        "private ones: the server does not ask the Amazon resolver.",
    .evidence = "The same question went to the server of /etc/resolv.conf and to 169.254.169.253; "
        "only the latter answered with addresses of a VPC endpoint. While the public addresses "
        "connect the endpoint is degraded, unless PublicPath=failed is set; two such endpoints or "
        "more are a cause of the host.",
    .remedy = "Forward the zone of {H} from the custom DNS server to the Amazon resolver "
        "(169.254.169.253 or the VPC base +2; from outside the VPC, an inbound endpoint of Route "
        "53 Resolver), or set AmazonProvidedDNS in the DHCP option set of the VPC.",
    .commands = "cat /etc/resolv.conf\n"
        "dig +short {H}\n"
        "dig +short @169.254.169.253 {H}\n"
        DHCP_OPTIONS_SHOW
        "aws route53resolver list-resolver-endpoints --region {R}"
        " --filters Name=Direction,Values=INBOUND\n"
        DHCP_OPTIONS_AMAZON,
},
[VERDICT_NAME_NOT_FOUND] = {
    .meaning = "The DNS name does not exist.",
    .evidence = "A DNS server answered NXDOMAIN.",
    .remedy = "Check Region and account id in the name {H}. If a private hosted zone covers it, "
        "add the record or enable private DNS on the VPC endpoint {S}.",
    .commands = "dig {H}\n"
        "dig @169.254.169.253 {H}\n"
        ENDPOINT_SHOW ZONES_SHOW RESOLVER_RULES_SHOW PRIVATE_DNS_ON,
},
[VERDICT_NO_ADDRESS] = {
    .meaning = "The DNS name exists but has no address of an IP family that is probed.",
    .evidence = "The A and AAAA queries, or the one of the only family that is probed, were "
        "answered without an error and without a record (NODATA).",
    .remedy = "Check that the VPC endpoint {S} has at least one subnet, and the records of a "
        "private hosted zone that covers {H}. Where only IPv6 is probed, the endpoint's IP "
        "address type and DNS record type must be dualstack; or probe IPv4, too "
        "(AddressFamily=any).",
    .gateway_remedy = "Check the records of a private hosted zone that covers {H}: a gateway "
        "endpoint does not change DNS. Where only IPv6 is probed, AAAA records are at the "
        "service's dual-stack name (Names=dualstack); or probe IPv4, too (AddressFamily=any).",
    .commands = "dig {H} A\n"
        "dig {H} AAAA\n"
        ENDPOINT_SHOW ZONES_SHOW
        "{i}aws ec2 modify-vpc-endpoint --region {R} --vpc-endpoint-id <vpc-endpoint-id>"
        " --add-subnet-ids <subnet-id>\n"
        "{i}aws ec2 modify-vpc-endpoint --region {R} --vpc-endpoint-id <vpc-endpoint-id>"
        " --ip-address-type dualstack --dns-options DnsRecordIpType=dualstack\n",
},
[VERDICT_DNS_TIMEOUT] = {
    .meaning = "No DNS server answered.",
    .evidence = "Each server of /etc/resolv.conf was asked and given DnsTimeout= to answer; none "
        "did.",
    .remedy = "Of the Amazon resolver (169.254.169.253, fd00:ec2::253, or the VPC base +2) check "
        "enableDnsSupport of the VPC, the limit of 1024 packets per second for each network "
        "interface, and this host's own firewall: security groups and network ACLs do not filter "
        "it. Of a DNS server of your own check that it runs and that UDP and TCP port 53 reach "
        "it: security groups, network ACLs, routes.",
    .commands = "cat /etc/resolv.conf\n"
        "dig @{d} {H}\n"
        "dig @169.254.169.253 {H}\n"
        "ip route get {d}\n"
        "ethtool -S <interface> | grep linklocal_allowance_exceeded\n"
        "sudo nft list ruleset\n"
        INSTANCE_SHOW DNS_SUPPORT_SHOW DHCP_OPTIONS_SHOW
        RULES_SHOW("instance-sg-id") ACLS_SHOW("instance-subnet-id")
        DNS_SUPPORT_ON EGRESS_DNS,
},
[VERDICT_DNS_FAILED] = {
    .meaning = "The DNS servers answered with an error.",
    .evidence = "Every server that was asked answered with SERVFAIL or REFUSED, with what is no "
        "DNS message, or not at all, or an ICMP error came back.",
    .remedy = "Check the servers named: their forwarding to the Amazon resolver, their access "
        "lists, and the DHCP option set of the VPC. Where the Amazon resolver itself fails, "
        "check enableDnsSupport of the VPC, and the Route 53 Resolver rules: one may forward the "
        "name to servers that do not answer.",
    .commands = "cat /etc/resolv.conf\n"
        "dig @{d} {H}\n"
        "dig @169.254.169.253 {H}\n"
        DNS_SUPPORT_SHOW DHCP_OPTIONS_SHOW RESOLVER_RULES_SHOW DNS_SUPPORT_ON
        "aws route53resolver disassociate-resolver-rule --region {R} --vpc-id <vpc-id>"
        " --resolver-rule-id <resolver-rule-id>\n",
},
[VERDICT_UNEXPECTED_ADDRESS] = {
    .meaning = "The name resolves only to addresses where no endpoint can be.",
    .evidence = "Every address is a loopback, link-local, unspecified, multicast or documentation "
        "address.",
    .remedy = "Check /etc/hosts and the DNS server for an override of {H}.",
    .commands = "getent ahosts {H}\n"
        "grep -nF {H} /etc/hosts\n"
        "dig {H}\n"
        ZONES_SHOW
        "sudo sed -i.bak '/{H}/s/^/# /' /etc/hosts\n",
},
[VERDICT_BLOCKED] = {
    .meaning = "The endpoint's addresses are private, and no connection attempt is answered.",
    .evidence = "SYNs went to every address for as long as ConnectTimeout= says. Neither a "
        "SYN-ACK nor a reset nor an ICMP error came back: so do a security group or a network ACL "
        "drop packets.",
    .remedy = "Allow inbound TCP {P} from this host (VPC CIDRs {C}) in the security group of the "
        "VPC endpoint {S}; then check the network ACLs of its subnets (inbound {P}, outbound "
        "1024-65535).",
    .commands = ENDPOINT_SHOW RULES_SHOW("endpoint-sg-id") INGRESS_4 INGRESS_6("6")
        ACLS_SHOW("endpoint-subnet-id") ACLS_SHOW("instance-subnet-id")
        RULES_SHOW("instance-sg-id") EGRESS_4,
},
[VERDICT_GATEWAY_MISSING] = {
    .meaning = "A gateway endpoint is expected, and no connection attempt is answered: the subnet "
        "has no route to the service's prefix list, or a rule drops the packets.",
    .evidence = "The addresses are public, as they always are behind a gateway endpoint, which "
        "changes routes and not names. SYNs to them got no answer at all.",
    .remedy = "Associate the route table of this subnet with the gateway VPC endpoint {S}, and "
        "allow outbound TCP {P} to its prefix list in the security group and network ACL of this "
        "host.",
    .commands = ENDPOINT_SHOW INSTANCE_SHOW ROUTES_SHOW
        "aws ec2 describe-prefix-lists --region {R} --filters Name=prefix-list-name,Values={S}\n"
        RULES_SHOW("instance-sg-id") ACLS_SHOW("instance-subnet-id")
        ROUTE_TABLE_ADD ENDPOINT_CREATE EGRESS_PREFIX_LIST,
},
[VERDICT_REFUSED] = {
    .meaning = "Connection attempts are answered with a reset.",
    .evidence = "SYNs were answered with RST. Security groups and network ACLs never do that: "
        "either nothing listens at the address, or a firewall answers.",
    .remedy = "Check that the addresses belong to the VPC endpoint {S}, and any firewall between, "
        "that of this host too.",
    .commands = "dig +short {H}\n"
        "ip route get {a}\n"
        INTERFACE_SHOW ENDPOINT_SHOW
        "sudo iptables-save\n"
        "sudo nft list ruleset\n"
        FIREWALLS_SHOW,
},
[VERDICT_UNROUTABLE] = {
    .meaning = "There is no way to the addresses.",
    .evidence = "The kernel had no route to the address, or an ICMP message said that it cannot "
        "be reached.",
    .remedy = "Check the route tables of this subnet and of the endpoint's, and the routes of "
        "this host.",
    .commands = "ip route get {a}\n"
        "ip -br address\n"
        "ip route show table all\n"
        ROUTES_SHOW
        "{i}aws ec2 create-route --region {R} --route-table-id <rtb-id>"
        " --destination-cidr-block <endpoint-vpc-cidr> --transit-gateway-id <tgw-id>\n"
        "{g}" ENDPOINT_SHOW "{g}" ROUTE_TABLE_ADD,
},
[VERDICT_TLS_TIMEOUT] = {
    .meaning = "The connection stands, but the TLS handshake gets no answer.",
    .evidence = "TCP connections came about, the ClientHello was sent, and nothing came back "
        "within TlsTimeout=.",
    .remedy = "Look for a firewall or proxy that inspects TLS between this host and the VPC "
        "endpoint {S}; if large packets are lost, try a smaller MTU than the one in use "
        "(1500 in place of 9001, 1400 in place of 1500).",
    .commands = "openssl s_client -connect {A} </dev/null\n"
        MTU_SHOW FIREWALLS_SHOW ROUTES_SHOW MTU_LOWER,
},
[VERDICT_TLS_BLACKHOLE] = {
    .meaning = "The connection stands, but large packets are lost on the way.",
    .evidence = "TCP connections came about, then the handshake fell silent, and the kernel saw "
        "the marks of lost large packets: segments out of order, retransmissions, or a path MTU "
        "below that of the interface. Interface endpoints send no ICMP that would lower it.",
    .remedy = "Try a smaller MTU on this host than the one in use: 1500 in place of 9001 (jumbo "
        "frames), 1400 in place of 1500. If that helps, a tunnel or firewall on the way has a "
        "smaller MTU: let its ICMP through (\"fragmentation needed\", with IPv6 \"packet too "
        "big\"), or keep the smaller one.",
    .commands = MTU_SHOW
        "ss -tinm dst {a}\n"
        ROUTES_SHOW MTU_LOWER,
},
[VERDICT_TLS_UNTRUSTED] = {
    .meaning = "The certificate is not signed by an authority this host trusts: TLS is probably "
        "intercepted.",
    .evidence = "The handshake brought a certificate chain that does not end at an authority of "
        "CaFile=; the summary names its issuer. The certificates of AWS are signed by Amazon.",
    .remedy = "Exempt {H} from TLS inspection, or set CaFile= to a bundle that has the issuer; "
        "this host's clients need the issuer, too.",
    .commands = CERTIFICATE_SHOW "dig +short {H}\n" INSPECTION_SHOW ISSUER_TRUST,
},
[VERDICT_TLS_WRONG_NAME] = {
    .meaning = "The certificate is for other names.",
    .evidence = "The handshake brought a certificate of a trusted authority whose names do not "
        "match the host name; the summary lists them.",
    .remedy = "Check DNS: a private hosted zone or a hosts file points {H} at another service's "
        "endpoint.",
    .commands = "dig +short {H}\n"
        "grep -nF {H} /etc/hosts\n"
        "openssl s_client -connect {A} </dev/null |"
        " openssl x509 -noout -subject -ext subjectAltName\n"
        INTERFACE_SHOW ZONES_SHOW,
},
[VERDICT_TLS_EXPIRED] = {
    .meaning = "The certificate has expired, or this host's clock is ahead.",
    .evidence = "The handshake brought a certificate whose last day lies before this host's clock.",
    .remedy = "Check the clock of this host (chronyc tracking; Amazon Time Sync Service "
        "169.254.169.123). If it is right, look for what intercepts TLS: AWS renews in time.",
    .commands = CLOCK_SHOW
        "openssl s_client -connect {A} </dev/null | openssl x509 -noout -issuer -dates\n"
        CLOCK_SET,
},
[VERDICT_TLS_NOT_YET_VALID] = {
    .meaning = "The certificate is not valid yet: this host's clock is probably behind.",
    .evidence = "The handshake brought a certificate whose first day lies after this host's clock.",
    .remedy = "Check the clock of this host (chronyc tracking; Amazon Time Sync Service "
        "169.254.169.123).",
    .commands = CLOCK_SHOW
        "openssl s_client -connect {A} </dev/null | openssl x509 -noout -issuer -dates\n"
        CLOCK_SET,
},
[VERDICT_TLS_FAILED] = {
    .meaning = "The TLS handshake failed.",
    .evidence = "TCP connections came about, and the handshake ended with an alert, a reset, a "
        "closed connection, or with what is not TLS; the summary has OpenSSL's reason.",
    .remedy = "Look for a firewall or proxy between this host and the VPC endpoint {S}, and check "
        "that {H} port {P} speaks TLS 1.2 or later.",
    .commands = "openssl s_client -connect {A} -tls1_2 </dev/null\n"
        "openssl s_client -connect {A} -tls1_3 </dev/null\n"
        "ip route get {a}\n"
        INTERFACE_SHOW FIREWALLS_SHOW ROUTES_SHOW,
},
[VERDICT_HTTP_FAILED] = {
    .meaning = "The TLS connection stands, but no AWS service answers an HTTP request.",
    .evidence = "After a verified handshake a request got no answer, or one without a request id "
        "of AWS.",
    .remedy = "Look for a proxy, portal or firewall between this host and the VPC endpoint {S} "
        "that answers in its place, and exempt {H} from it.",
    .commands = "curl -sv --noproxy '*' -o /dev/null https://{A}/\n"
        CERTIFICATE_SHOW INSPECTION_SHOW,
},
[VERDICT_NO_RESOURCES] = {
    .meaning = "No statement: this host itself ran out of something.",
    .evidence = "The run had no descriptor, local port or memory, or this host was so slow that "
        "its time-outs mean nothing.",
    .remedy = "Check the limits of the service (LimitNOFILE), free local ports, memory and CPU "
        "load.",
    .commands = "systemctl show --property=LimitNOFILE --property=TasksMax --property=MemoryMax"
        " vpce-probe\n"
        "ss -s\n"
        "cat /proc/sys/net/ipv4/ip_local_port_range\n"
        "cat /proc/sys/fs/file-nr\n"
        "free -m\n"
        "uptime\n"
        "sudo systemctl edit vpce-probe\n",
},
[VERDICT_NO_PRIVATE_DNS] = {
    .meaning = "No interface endpoint's name resolves to a private address: the endpoints do not "
        "exist, their private DNS is off, or a DNS attribute of the VPC is off. From the host "
        "these look alike.",
    .evidence = "Every name for which an interface endpoint is expected resolves to public "
        "addresses only.",
    .remedy = "Check, in this order: the interface VPC endpoints exist; their private DNS is "
        "enabled; the VPC has enableDnsSupport and enableDnsHostnames.",
    .commands = ENDPOINTS_SHOW VPC_DNS_SHOW RESOLVER_RULES_SHOW VPC_DNS_ON PRIVATE_DNS_ON,
},
[VERDICT_HOST_EGRESS_BLOCKED] = {
    .meaning = "No address of any endpoint can be reached from this host: what blocks is most "
        "likely on its own side.",
    .evidence = "SYNs to private addresses got no answer, and of all addresses of all endpoints "
        "not one connects.",
    .remedy = "Allow outbound TCP {P} in the security group of this host; check the network ACL "
        "and route table of its subnet.",
    .commands = "ip route get {a}\n"
        "sudo nft list ruleset\n"
        INSTANCE_SHOW RULES_SHOW("instance-sg-id") ACLS_SHOW("instance-subnet-id") ROUTES_SHOW
        EGRESS_4,
},
[VERDICT_CLOCK_SKEW] = {
    .meaning = "This host's clock is wrong: certificates look invalid, and AWS refuses signed "
        "requests that are more than five minutes off.",
    .evidence = "The Date of HTTP answers differs from this host's clock by more than 60 seconds, "
        "or the certificates of several endpoints are all outside their validity, on the same "
        "side.",
    .remedy = "Set the clock (chronyc makestep; Amazon Time Sync Service 169.254.169.123).",
    .commands = CLOCK_SHOW
        "grep -rsn 169.254.169.123 /etc/chrony.conf /etc/chrony.d /etc/chrony /run/chrony.d\n"
        CLOCK_SET
        "sudo systemctl enable --now chronyd\n",
},
[VERDICT_TLS_INTERCEPTION] = {
    .meaning = "One issuer signs the certificates of many endpoints: TLS is intercepted.",
    .evidence = "The handshakes with several endpoints brought chains that this host does not "
        "trust, all of the same issuer.",
    .remedy = "Exempt the AWS endpoints from TLS inspection.",
    .commands = CERTIFICATE_SHOW INSPECTION_SHOW ISSUER_TRUST,
},
[VERDICT_SUBNET_UNREACHABLE] = {
    .meaning = "All addresses in one subnet fail, those of other subnets do not.",
    .evidence = "Every address that was probed in the subnet fails, of all endpoints that have one "
        "there.",
    .remedy = "Check the network ACL and the routes of the subnet named. Until it is mended, it "
        "can be taken off the VPC endpoints.",
    .commands = "aws ec2 describe-subnets --region {R}"
        " --filters Name=vpc-id,Values=<vpc-id> Name=cidr-block,Values={n}\n"
        ACLS_SHOW("endpoint-subnet-id") ROUTES_SHOW ACL_ALLOW
        "aws ec2 modify-vpc-endpoint --region {R} --vpc-endpoint-id <vpc-endpoint-id>"
        " --remove-subnet-ids <endpoint-subnet-id>\n",
},
[VERDICT_RESOLVER_DOWN] = {
    .meaning = "DNS fails alike for every name.",
    .evidence = "The queries for all names ended in the same way, a time-out or an error.",
    .remedy = "Check the DNS servers of this host and the way to them. Of the Amazon resolver: "
        "enableDnsSupport of the VPC, and this host's own firewall. Of a DNS server of your own: "
        "security groups, network ACLs and routes, too.",
    .commands = "cat /etc/resolv.conf\n"
        "dig @{d} {H}\n"
        "dig @169.254.169.253 {H}\n"
        "ip route get {d}\n"
        "sudo nft list ruleset\n"
        INSTANCE_SHOW DNS_SUPPORT_SHOW DHCP_OPTIONS_SHOW RESOLVER_RULES_SHOW
        RULES_SHOW("instance-sg-id") ACLS_SHOW("instance-subnet-id")
        DNS_SUPPORT_ON EGRESS_DNS,
},
};

/* clang-format on */

const struct verdict_words *
verdict_words_of(enum verdict_code code)
{
    if (code == VERDICT_RESOLVER_BYPASS_OPEN) {
        code = VERDICT_RESOLVER_BYPASS; /* the same name, and the same to do */
    }
    return &words[(size_t)code < ARRAY_SIZE(words) ? code : VERDICT_NONE];
}
