/* The instance metadata service, version 2: asks it for the facts of this host and keeps them
 * fresh. Never blocks; a round of questions ends within IMDS_ROUND_MS, whatever answers.
 *
 * A round: a token (PUT), then the paths (GET with it), at most two requests in flight. It is asked
 * at 169.254.169.254, else at fd00:ec2::254, or at the URL of Imds= alone. After a round that went
 * well the next one comes in an hour; after one that did not in 2 s, then 4 s, up to a minute. A
 * fact that a later round does not answer stays as it was.
 *
 * What is read here is believed as far as its form goes (imds_facts.h); the token is a secret of
 * the host and wiped when it is no longer needed. */
#ifndef VPCE_DAEMON_AWS_IMDS_H
#define VPCE_DAEMON_AWS_IMDS_H

#include "daemon/aws/imds_facts.h"
#include "daemon/aws/imds_state.h"

struct loop;
struct imds;

#define IMDS_ROUND_MS 2000
#define IMDS_REFRESH_MS 3600000
#define IMDS_BACKOFF_MIN_MS 2000
#define IMDS_BACKOFF_MAX_MS 60000

/* From the loop, whenever the facts have changed, and once when the first round has ended, whatever
 * its end. May call anything here, imds_free included. */
typedef void (*imds_fn)(void *arg);

/* url: of Imds=, "http://ADDRESS[:PORT]"; NULL or "": the usual addresses.
 * 0: *ret is the caller's, imds_free ends it. -EINVAL for a URL without a literal address, -ENOMEM.
 */
int imds_new(struct loop *loop, const char *url, imds_fn on_facts, void *arg, struct imds **ret);
void imds_free(struct imds *imds); /* nobody is called any more; NULL is fine */

/* Ask, and go on asking. Returns at once. */
void imds_start(struct imds *imds);

/* Ask now instead of when the next round is due; while one is under way, once more after it. */
void imds_refresh(struct imds *imds);

/* Between the rounds, ask for the target lifecycle state alone, this often; 0: no more. It changes
 * while an instance is launched or leaves a warm pool. While rounds fail they come often anyway,
 * and ask for it. */
void imds_watch(struct imds *imds, int64_t interval_ms);

/* What is known; NULL: nothing yet. Borrowed until the next callback. */
const struct imds_facts *imds_facts(const struct imds *imds);

/* How the newest round that has ended went; the worst of its requests. */
enum imds_state imds_state(const struct imds *imds);

/* Appends one clause: "IMDS at 169.254.169.254 does not answer". */
void imds_describe(const struct imds *imds, struct text *t);

#endif
