/* Whether this site has set OpenSSL up in a way of its own, in FIPS mode or with providers, engines
 * or algorithm properties: then nobody but OpenSSL itself may choose what a handshake is made of.
 */
#ifndef VPCE_PROBES_TLS_SITE_H
#define VPCE_PROBES_TLS_SITE_H

/* NULL: as the library comes, but for what the configuration says of TLS itself (MinProtocol,
 * CipherString, Groups …), which holds for every context. Else what it is, for a log line; static.
 */
const char *tls_site_policy(void);

#endif
