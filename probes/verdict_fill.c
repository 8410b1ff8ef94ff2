/* Fills in the templates of verdict_words.c. See verdict_text.h. */
#include "probes/verdict_words.h"

#include "probes/verdict_text.h"

/* CIDRs that are listed. */
#define LIST_MAX 6

/* What a template is filled in with. */
struct fill {
    const struct endpoint_spec *spec;
    const struct verdict_context *context;
    const struct verdict_places *places;
    const char *cidr; /* {c} */
    bool command;     /* placeholders in place of words */
};

static const struct verdict_places nowhere;

/* Stands for all of them. */
static const struct endpoint_spec any_endpoint = {
    .hostname = "", .service_name = "", .port = 443, .expected = EXPECTED_INTERFACE};

const char *
verdict_meaning(enum verdict_code code)
{
    return verdict_words_of(code)->meaning;
}

const char *
verdict_evidence(enum verdict_code code)
{
    return verdict_words_of(code)->evidence;
}

bool
verdict_parse(const char *name, enum verdict_code *ret)
{
    for (size_t i = 0; i < VERDICT_CODE_N; i++) {
        if (streq(verdict_str((enum verdict_code)i), name)) {
            *ret = (enum verdict_code)i;
            return true;
        }
    }
    return false;
}

/* And it is not for want of something on this host. */
static bool
fails(const struct addr_result *a)
{
    return a->judged && a->outcome != ADDR_OUTCOME_OK && a->outcome != ADDR_OUTCOME_NONE &&
           a->outcome != ADDR_OUTCOME_RESOURCES;
}

static const struct addr *
failing_address(const struct probe_result *result)
{
    for (size_t i = 0; i < result->n_addrs; i++) {
        if (fails(&result->addrs[i])) {
            return &result->addrs[i].addr;
        }
    }
    return NULL;
}

static const struct addr *
failing_server(const struct probe_result *result)
{
    for (size_t f = 0; f < FAMILY_N; f++) {
        const struct dns_result *dns = &result->dns[f];

        for (size_t i = 0; i < dns->n_attempts; i++) {
            if (dns_outcome_is_failure(dns->attempts[i].outcome)) {
                return &dns->attempts[i].server;
            }
        }
    }
    return NULL;
}

struct verdict_places
verdict_places_of(const struct probe_result *result)
{
    if (result == NULL) {
        return nowhere;
    }
    return (struct verdict_places){
        .address = failing_address(result), .server = failing_server(result)};
}

static bool
ends_with(const char *s, const char *end)
{
    size_t len = strlen(s);
    size_t end_len = strlen(end);

    return len >= end_len && streq(s + len - end_len, end);
}

/* S3 and DynamoDB have gateway endpoints, too: the usual choice where any path will do. */
static bool
wants_gateway(const struct endpoint_spec *spec)
{
    bool has_gateway =
        ends_with(spec->service_name, ".s3") || ends_with(spec->service_name, ".dynamodb");

    return spec->expected == EXPECTED_GATEWAY || (spec->expected == EXPECTED_ANY && has_gateway);
}

/* ECS tells the agent which names to use, and the agent keeps them. */
static bool
is_of_agent(const struct endpoint_spec *spec)
{
    return streq(spec->key, "ecs") || streq(spec->key, "ecs-agent") ||
           streq(spec->key, "ecs-telemetry");
}

static size_t
count_cidrs(const struct verdict_context *context)
{
    return context->nets != NULL ? context->nets->n_cidrs : 0;
}

static void
add_cidrs(struct text *t, const struct verdict_context *context)
{
    char cidr[CIDR_TEXT_SIZE];

    if (count_cidrs(context) == 0) {
        (void)text_add(t, "<vpc-cidr>");
    }
    for (size_t i = 0; i < count_cidrs(context) && i < LIST_MAX; i++) {
        (void)text_add(t, "%s%s", i == 0 ? "" : ", ", cidr_format(&context->nets->cidrs[i], cidr));
    }
}

static void
add_known(struct text *t, const char *fact, const char *placeholder)
{
    (void)text_add(t, "%s", fact != NULL && fact[0] != '\0' ? fact : placeholder);
}

static void
add_addr(struct text *t, const struct addr *addr, const char *placeholder)
{
    char buf[ADDR_TEXT_SIZE];

    add_known(t, addr != NULL ? addr_format(addr, buf) : NULL, placeholder);
}

static void
add_subnet(struct text *t, const struct cidr *subnet)
{
    char buf[CIDR_TEXT_SIZE];

    add_known(t, subnet != NULL ? cidr_format(subnet, buf) : NULL, "<subnet-cidr>");
}

/* In a sentence an endpoint that is none of AWS's goes by its key. */
static void
add_service(struct text *t, const struct fill *fill)
{
    const char *service = fill->spec->service_name;
    bool by_key = service[0] == '\0' && !fill->command;

    add_known(t, by_key ? fill->spec->key : service, "<service-name>");
}

static void
add_port(struct text *t, const struct endpoint_spec *spec)
{
    if (spec->port == 0) {
        (void)text_add(t, "<port>");
    } else {
        (void)text_add(t, "%u", spec->port);
    }
}

/* RFC 3986 3.2.2: an IPv6 literal stands in brackets. */
static void
add_authority(struct text *t, const struct endpoint_spec *spec)
{
    bool literal = strchr(spec->hostname, ':') != NULL;

    (void)text_add(t, "%s", literal ? "[" : "");
    add_known(t, spec->hostname, "<host-name>");
    (void)text_add(t, "%s:", literal ? "]" : "");
    add_port(t, spec);
}

/* The private DNS of an interface endpoint for S3 is meant for on-premises clients unless told
 * otherwise: the VPC's own would keep the public addresses. */
static void
add_dns_options(struct text *t, const struct endpoint_spec *spec)
{
    if (ends_with(spec->service_name, ".s3")) {
        (void)text_add(t, " --dns-options PrivateDnsOnlyForInboundResolverEndpoint=false");
    }
}

static void
add_field(struct text *t, char field, const struct fill *fill)
{
    switch (field) {
    case 'S':
        add_service(t, fill);
        break;
    case 'H':
        add_known(t, fill->spec->hostname, "<host-name>");
        break;
    case 'K':
        add_known(t, fill->spec->key, "<endpoint>");
        break;
    case 'R':
        add_known(t, fill->context->region, "<region>");
        break;
    case 'P':
        add_port(t, fill->spec);
        break;
    case 'A':
        add_authority(t, fill->spec);
        break;
    case 'C':
        add_cidrs(t, fill->context);
        break;
    case 'D':
        add_dns_options(t, fill->spec);
        break;
    case 'c':
        add_known(t, fill->cidr, "<vpc-cidr>");
        break;
    case 'a':
        add_addr(t, fill->places->address, "<address>");
        break;
    case 'd':
        add_addr(t, fill->places->server, "<dns-server>");
        break;
    case 'n':
        add_subnet(t, fill->places->subnet);
        break;
    default:
        break;
    }
}

/* A brace that is not around one letter is text: the AWS CLI has some, too. */
static void
add_filled(struct text *t, const char *template, size_t len, const struct fill *fill)
{
    const char *end = template + len;

    for (const char *p = template; p < end; p++) {
        if (end - p >= 3 && p[0] == '{' && p[2] == '}') {
            add_field(t, p[1], fill);
            p += 2;
        } else {
            (void)text_add(t, "%c", *p);
        }
    }
}

void
verdict_remedy(struct text *t, const struct endpoint_spec *spec, enum verdict_code code,
    const struct verdict_context *context)
{
    const struct verdict_words *words = verdict_words_of(code);
    bool special = words->gateway_remedy != NULL && wants_gateway(spec);
    const char *remedy = special ? words->gateway_remedy : words->remedy;
    const struct vpc_nets *nets = context->nets;

    if (code == VERDICT_BLOCKED && nets != NULL && !nets->known[0] && !nets->known[1]) {
        (void)text_add(t,
            "Set VpcCidrs=, so that addresses of the VPC can be told from public ones: "
            "should these be public, the VPC endpoint is missing or its private DNS is "
            "off. Otherwise: ");
    }
    add_filled(t, remedy, strlen(remedy),
        &(struct fill){.spec = spec, .context = context, .places = &nowhere});
}

/* One line, whole or not at all: half a command is worse than none. */
static void
add_line(struct text *t, const char *template, size_t len, const struct fill *fill)
{
    char line[COMMAND_SIZE];
    struct text filled = TEXT(line);
    const char *separator = t->len > 0 ? "\n" : "";

    line[0] = '\0';
    add_filled(&filled, template, len, fill);
    if (filled.len + 1 < sizeof(line) && t->size - t->len > filled.len + 1) {
        (void)text_add(t, "%s%s", separator, line);
    }
}

/* The line for each CIDR of a family; for a placeholder when none is known, unless that is NULL. */
static void
add_line_per_cidr(struct text *t, const char *template, size_t len, const struct fill *fill,
    enum addr_family family, const char *placeholder)
{
    struct fill each = *fill;
    unsigned n = 0;

    for (size_t i = 0; i < count_cidrs(fill->context) && n < LIST_MAX; i++) {
        const struct cidr *cidr = &fill->context->nets->cidrs[i];
        char buf[CIDR_TEXT_SIZE];

        if (cidr->base.family == family) {
            each.cidr = cidr_format(cidr, buf);
            add_line(t, template, len, &each);
            n++;
        }
    }
    each.cidr = placeholder;
    if (n == 0 && placeholder != NULL) {
        add_line(t, template, len, &each);
    }
}

/* One line of a template, with its condition. */
static void
add_template_line(struct text *t, const char *template, size_t len, const struct fill *fill)
{
    bool conditional = len > 3 && template[0] == '{' && template[2] == '}';
    const char *line = conditional ? template + 3 : template;
    size_t line_len = conditional ? len - 3 : len;

    switch (conditional ? template[1] : '\0') {
    case 'i':
    case 'g':
        if (wants_gateway(fill->spec) == (template[1] == 'g')) {
            add_line(t, line, line_len, fill);
        }
        break;
    case 'e':
        if (is_of_agent(fill->spec)) {
            add_line(t, line, line_len, fill);
        }
        break;
    case '4':
        add_line_per_cidr(t, line, line_len, fill, ADDR_FAMILY_IPV4, "<vpc-cidr>");
        break;
    case '6':
        add_line_per_cidr(t, line, line_len, fill, ADDR_FAMILY_IPV6, NULL);
        break;
    case 'v':
        add_line_per_cidr(t, line, line_len, fill, ADDR_FAMILY_IPV6, "<vpc-ipv6-cidr>");
        break;
    default:
        add_line(t, template, len, fill);
        break;
    }
}

static void
add_lines(struct text *t, const char *template, const struct endpoint_spec *spec,
    const struct verdict_places *places, const struct verdict_context *context)
{
    const struct fill fill = {.spec = spec, .context = context, .places = places, .command = true};

    while (*template != '\0') {
        size_t len = strcspn(template, "\n");

        add_template_line(t, template, len, &fill);
        template += len + (template[len] == '\n');
    }
}

/* Endpoints that none of AWS's services are behind share one line, with a placeholder. */
static void
add_creations(struct text *t, const struct endpoint_spec *const *specs, size_t n, bool gateways,
    const struct verdict_context *context)
{
    bool placeholder_done = false;

    for (size_t i = 0; i < n; i++) {
        bool nameless = specs[i]->service_name[0] == '\0';

        if (wants_gateway(specs[i]) != gateways || (nameless && placeholder_done)) {
            continue;
        }
        placeholder_done |= nameless;
        add_lines(t, verdict_create_commands, specs[i], &nowhere, context);
    }
}

/* Gateway endpoints first: image layers come from S3, without which no other helps a pull. */
static void
add_no_private_dns(struct text *t, const struct endpoint_spec *const *specs, size_t n,
    const struct verdict_context *context)
{
    const struct endpoint_spec *of_agent = NULL;

    add_lines(
        t, verdict_words_of(VERDICT_NO_PRIVATE_DNS)->commands, &any_endpoint, &nowhere, context);
    add_creations(t, specs, n, true, context);
    add_creations(t, specs, n, false, context);
    for (size_t i = 0; i < n && of_agent == NULL; i++) {
        of_agent = is_of_agent(specs[i]) ? specs[i] : NULL;
    }
    if (of_agent != NULL) {
        add_lines(t, verdict_restart_commands, of_agent, &nowhere, context);
    }
}

void
verdict_cause_commands(struct text *t, enum verdict_code code,
    const struct endpoint_spec *const *specs, size_t n, const struct verdict_places *places,
    const struct verdict_context *context)
{
    const struct endpoint_spec *example = n > 0 ? specs[0] : &any_endpoint;

    if (code == VERDICT_NO_PRIVATE_DNS) {
        add_no_private_dns(t, specs, n, context);
    } else {
        add_lines(t, verdict_words_of(code)->commands, example, places, context);
    }
}

void
verdict_commands(struct text *t, const struct endpoint_spec *spec, enum verdict_code code,
    const struct probe_result *result, const struct verdict_context *context)
{
    const struct verdict_places places = verdict_places_of(result);

    verdict_cause_commands(t, code, &spec, 1, &places, context);
}
