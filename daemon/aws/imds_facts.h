/* What the instance metadata (IMDS) says about this host: the paths that are asked for, and the way
 * from their texts to facts. Pure; who fetches the texts is daemon/aws/imds.c.
 *
 * Every text is taken for hostile. What is not exactly of the form AWS documents is BAD: it counts
 * as not answered, and imds_facts_complain says so. Nothing here grows.
 *
 * A round: facts = {0}; put the host's paths; imds_facts_settle; put the interfaces' paths;
 * imds_facts_finish. */
#ifndef VPCE_DAEMON_AWS_IMDS_FACTS_H
#define VPCE_DAEMON_AWS_IMDS_FACTS_H

#include "conf/conf.h"
#include "daemon/util.h"

#define IMDS_INTERFACES_MAX 16 /* a network card carries 15; more are cut, and it is said */
#define IMDS_SUBNET_CIDRS_MAX 4
#define IMDS_MAC_SIZE 18 /* "02:00:00:00:00:01" */
#define IMDS_NAME_SIZE 40
#define IMDS_PATH_SIZE 128

enum imds_path {
    /* of the host */
    IMDS_PATH_DOCUMENT, /* the instance identity document, JSON */
    IMDS_PATH_REGION,
    IMDS_PATH_ZONE,
    IMDS_PATH_ZONE_ID,
    IMDS_PATH_PARTITION,
    IMDS_PATH_DOMAIN,
    IMDS_PATH_GROUP, /* only when instance tags are in the metadata */
    IMDS_PATH_LIFECYCLE_STATE,
    IMDS_PATH_MAC,
    IMDS_PATH_MACS,
    /* of each interface */
    IMDS_PATH_VPC_IPV4,
    IMDS_PATH_VPC_IPV6,
    /* of the host's own interface */
    IMDS_PATH_VPC_ID,
    IMDS_PATH_SUBNET_ID,
    IMDS_PATH_SUBNET_IPV4,
    IMDS_PATH_SUBNET_IPV6,
};
#define IMDS_PATH_N (IMDS_PATH_SUBNET_IPV6 + 1)
#define IMDS_PATH_HOST_N (IMDS_PATH_MACS + 1) /* the paths of the host come first */

/* What became of a path. */
enum imds_answer {
    IMDS_ANSWER_NONE,   /* not asked, or nobody answered */
    IMDS_ANSWER_ABSENT, /* 404: there is no such fact */
    IMDS_ANSWER_GOOD,
    IMDS_ANSWER_BAD, /* it makes no sense */
};

struct imds_interface {
    char mac[IMDS_MAC_SIZE];
    uint8_t vpc_cidrs[FAMILY_N]; /* enum imds_answer */
};

/* All zero: nothing is known. Texts are "" while they are not known. */
struct imds_facts {
    uint8_t answers[IMDS_PATH_N]; /* enum imds_answer; of the interfaces' paths: the worst */
    char region[REGION_SIZE];
    char zone[IMDS_NAME_SIZE]; /* "ap-northeast-1a" */
    char zone_id[AZ_ID_SIZE];  /* "apne1-az4" */
    char account_id[ACCOUNT_ID_SIZE];
    char instance_id[IMDS_NAME_SIZE];
    char partition[IMDS_NAME_SIZE]; /* "aws-cn"; may be one that the catalogue does not know */
    char domain[DNS_SUFFIX_SIZE];   /* "amazonaws.com" */
    char group[CONF_NAME_SIZE];     /* EC2 Auto Scaling group; may hold any printable character */
    char lifecycle_state[IMDS_NAME_SIZE]; /* "InService", "Warmed:Stopped" */
    char vpc_id[IMDS_NAME_SIZE];
    char subnet_id[IMDS_NAME_SIZE];
    char mac[IMDS_MAC_SIZE];
    struct cidr vpc_cidrs[FAMILY_N][VPC_CIDRS_MAX]; /* of all interfaces, each once */
    size_t n_vpc_cidrs[FAMILY_N];
    bool vpc_cidrs_known[FAMILY_N]; /* the list is complete */
    struct cidr subnet_cidrs[FAMILY_N][IMDS_SUBNET_CIDRS_MAX];
    size_t n_subnet_cidrs[FAMILY_N];

    struct {
        char region[REGION_SIZE];
        char zone[IMDS_NAME_SIZE];
    } document; /* used where the paths of their own said nothing */
    struct imds_interface interfaces[IMDS_INTERFACES_MAX];
    size_t n_interfaces;
    bool has_own;        /* interfaces[0] is the host's own */
    bool interfaces_cut; /* there are more than IMDS_INTERFACES_MAX */
    bool cidrs_cut;      /* there are more CIDRs than fit */
};

/* "/latest/meta-data/placement/region"; mac: of the interface, ignored for a path of the host. */
void imds_path_format(enum imds_path path, const char *mac, char ret[static IMDS_PATH_SIZE]);

/* Take the answer of a path. interface: index into facts->interfaces, ignored for a path of the
 * host. text: len bytes of anything, borrowed; NULL unless answer is GOOD. */
void imds_facts_put(struct imds_facts *facts, enum imds_path path, size_t interface,
    enum imds_answer answer, const char *text, size_t len);

/* The paths of the host are in: brings the host's own interface to the front. */
void imds_facts_settle(struct imds_facts *facts);

/* All answers are in, or will not come: decides what is complete, and keeps of old (NULL: nothing)
 * what this time nobody answered well. What is absent now is not kept. */
void imds_facts_finish(struct imds_facts *facts, const struct imds_facts *old);

/* The same facts; how they were learnt does not count. */
bool imds_facts_equal(const struct imds_facts *a, const struct imds_facts *b);

/* Appends what made no sense and what was cut, in a few words; nothing when all is well. */
void imds_facts_complain(const struct imds_facts *facts, struct text *t);

#endif
