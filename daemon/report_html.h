/* The report page: one HTML file that needs nothing else, in light and dark, on paper and offline.
 * It is also well-formed XML. Works on JSON, so that the daemon and `vpce-probe report` make the
 * same page; every text of it is hostile. Pure but for the heap. */
#ifndef VPCE_DAEMON_REPORT_HTML_H
#define VPCE_DAEMON_REPORT_HTML_H

#include <jansson.h>

enum html_mode {
    HTML_MODE_FILE, /* to keep or to send: nothing in it runs */
    HTML_MODE_LIVE, /* follows /v1/events of where it came from, without a script reloads */
};

/* status: as report_json makes it. timeline: as daemon/timeline.h makes it; NULL: there is none.
 * What is missing or of another type is shown as "-". NULL without memory; caller frees. */
char *report_html(const json_t *status, const json_t *timeline, enum html_mode mode);

/* The page's Content-Security-Policy, which also stands in the page: nothing is loaded, no style
 * but ours, no script but the live page's, by their hashes. */
#define REPORT_HTML_POLICY_SIZE 320
const char *report_html_policy(enum html_mode mode, char buf[static REPORT_HTML_POLICY_SIZE]);

#endif
