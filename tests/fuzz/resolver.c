/* resolv.conf(5) %% hosts(5) %% a name to look up in it. */
#include "fuzz.h"
#include "probes/resolvconf.h"

#define MAX 4

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    char *resolv_conf = fuzz_part(&input, NULL);
    char *hosts = fuzz_part(&input, NULL);
    char *name = fuzz_part(&input, NULL);
    struct nameservers servers;
    struct addr found[MAX];
    size_t n;

    resolvconf_parse(resolv_conf, &servers);
    FUZZ_CHECK(servers.n >= 1 && servers.n <= NAMESERVERS_MAX);
    FUZZ_CHECK(nameservers_equal(&servers, &servers));
    for (size_t i = 0; i < servers.n; i++) {
        FUZZ_CHECK(servers.servers[i].family != ADDR_FAMILY_NONE);
    }
    n = hosts_lookup(hosts, name, found, MAX);
    FUZZ_CHECK(n <= MAX);
    for (size_t i = 0; i < n; i++) {
        FUZZ_CHECK(found[i].family != ADDR_FAMILY_NONE);
        for (size_t j = 0; j < i; j++) {
            FUZZ_CHECK(!addr_equal(&found[i], &found[j]));
        }
    }
    free(resolv_conf);
    free(hosts);
    free(name);
    return 0;
}
