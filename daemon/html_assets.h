/* Style and script of the report page: daemon/report.css and daemon/report.js, as they are, with
 * their SHA-256. Generated when the build is configured. */
#ifndef VPCE_DAEMON_HTML_ASSETS_H
#define VPCE_DAEMON_HTML_ASSETS_H

extern const char report_css_text[];
extern const unsigned char report_css_sha256[32];
extern const char report_js_text[];
extern const unsigned char report_js_sha256[32];

#endif
