/* See ca_file.h. */
#include "tests/unit/ca_file.h"

#include "daemon/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/pem.h>

void
ca_file_write(char ret_path[static CA_FILE_SIZE], X509 *cert)
{
    int fd;
    FILE *stream;

    assert_true(str_copy(ret_path, CA_FILE_SIZE, "/tmp/vpce-ca-XXXXXX"));
    fd = mkstemp(ret_path);
    assert_true(fd >= 0);
    stream = fdopen(fd, "w");
    assert_non_null(stream);
    assert_int_equal(PEM_write_X509(stream, cert), 1);
    assert_int_equal(fclose(stream), 0);
}
