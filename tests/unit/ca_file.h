/* A trust store of one certificate, for tests. */
#ifndef VPCE_TESTS_UNIT_CA_FILE_H
#define VPCE_TESTS_UNIT_CA_FILE_H

#include <openssl/x509.h>

#define CA_FILE_SIZE 32

/* Makes a file for CaFile= and says where; the caller unlinks it. Fails the test if it cannot. */
void ca_file_write(char ret_path[static CA_FILE_SIZE], X509 *cert);

#endif
