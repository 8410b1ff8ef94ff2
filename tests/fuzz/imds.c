/* What IMDS answers, a part for each path in the order of enum imds_path, then those of the further
 * interfaces. "-" is 404, an empty part is no answer. Two rounds: the second one hears nothing. */
#include "conf/plan.h"
#include "daemon/aws/host_merge.h"
#include "daemon/aws/imds_items.h"
#include "fuzz.h"

static void
answer(struct fuzz_input *input, const struct imds_item *item, struct imds_facts *facts)
{
    size_t len;
    char *text = fuzz_part(input, &len);
    bool absent = len >= 1 && text[0] == '-' && (len == 1 || text[1] == '\n');
    enum imds_answer how = len == 0 ? IMDS_ANSWER_NONE
                           : absent ? IMDS_ANSWER_ABSENT
                                    : IMDS_ANSWER_GOOD;

    imds_facts_put(facts, item->path, item->interface, how, how == IMDS_ANSWER_GOOD ? text : NULL,
        how == IMDS_ANSWER_GOOD ? len : 0);
    free(text);
}

/* As daemon/aws/imds.c goes about it. */
static void
play_round(struct fuzz_input *input, struct imds_facts *facts)
{
    struct imds_items items;
    bool settled = false;
    int i;

    imds_items_reset(&items);
    while ((i = imds_items_todo(&items)) >= 0 || !settled) {
        if (i < 0) {
            imds_facts_settle(facts);
            imds_items_add_interfaces(&items, facts);
            settled = true;
            continue;
        }
        char path[IMDS_PATH_SIZE];

        imds_path_format(
            items.items[i].path, facts->interfaces[items.items[i].interface].mac, path);
        FUZZ_CHECK(path[0] == '/' && fuzz_is_ascii(path));
        answer(input, &items.items[i], facts);
        items.items[i].state = IMDS_ITEM_DONE;
    }
    FUZZ_CHECK(imds_items_done(&items) && items.n <= IMDS_ITEMS_MAX);
}

static void
check_host(const struct imds_facts *facts)
{
    static struct conf conf;
    struct host host;
    struct plan plan = {0};
    char complaint[256] = "";
    struct text t = TEXT(complaint);

    imds_facts_complain(facts, &t);
    FUZZ_CHECK(fuzz_is_ascii(complaint));
    host_merge(&conf, facts, &host);
    FUZZ_CHECK(host.nets.n_cidrs <= VPC_CIDRS_MAX && host.nets.n_subnets <= SUBNETS_MAX);
    FUZZ_CHECK(fuzz_is_ascii(host.region) && fuzz_is_ascii(host.dns_suffix));
    FUZZ_CHECK(fuzz_is_printable(host.asg_name) && fuzz_is_ascii(host.lifecycle_state));
    FUZZ_CHECK(plan_build(&conf, &host, true, &plan) == 0);
    for (size_t i = 0; i < plan.n; i++) {
        FUZZ_CHECK(plan.specs[i].hostname[0] == '\0' || hostname_is_valid(plan.specs[i].hostname));
    }
    plan_reset(&plan);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct fuzz_input nothing = {data, 0};
    struct imds_facts first = {0};
    struct imds_facts second = {0};

    play_round(&input, &first);
    imds_facts_finish(&first, NULL);
    FUZZ_CHECK(first.n_interfaces <= IMDS_INTERFACES_MAX);
    for (size_t f = 0; f < FAMILY_N; f++) {
        FUZZ_CHECK(first.n_vpc_cidrs[f] <= VPC_CIDRS_MAX);
        FUZZ_CHECK(first.n_subnet_cidrs[f] <= IMDS_SUBNET_CIDRS_MAX);
    }
    FUZZ_CHECK(imds_facts_equal(&first, &first));
    check_host(&first);
    play_round(&nothing, &second);
    imds_facts_finish(&second, &first);
    for (size_t f = 0; f < FAMILY_N; f++) { /* an incomplete list is not kept */
        FUZZ_CHECK(second.vpc_cidrs_known[f] == first.vpc_cidrs_known[f]);
        if (!first.vpc_cidrs_known[f]) {
            first.n_vpc_cidrs[f] = 0;
        }
    }
    FUZZ_CHECK(imds_facts_equal(&first, &second));
    check_host(&second);
    return 0;
}
