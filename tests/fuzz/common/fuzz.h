/* What the fuzzers share. Each is one file with LLVMFuzzerTestOneInput: bytes as somebody outside
 * could send them, through the code that reads them, and then what must hold whatever they are. */
#ifndef VPCE_TESTS_FUZZ_FUZZ_H
#define VPCE_TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv); /* where a fuzzer has one */

/* What must hold. */
#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fuzz_fail(__FILE__, __LINE__, #condition);                                             \
        }                                                                                          \
    } while (0)

_Noreturn void fuzz_fail(const char *file, int line, const char *condition);

/* Input that is cut into parts. */
struct fuzz_input {
    const uint8_t *at;
    size_t left;
};

/* The next part: up to the next line that is "%%" alone, or the end. A terminated copy in a heap
 * block of just its size; caller frees. ret_len may be NULL: then a NUL byte ends what is looked
 * at, as in a C string. */
char *fuzz_part(struct fuzz_input *input, size_t *ret_len);

/* The input as one C string, likewise. */
char *fuzz_text(const uint8_t *data, size_t size);

/* The next number of bytes, at most 4, big-endian; 0 where there are none. */
uint32_t fuzz_number(struct fuzz_input *input, size_t n_bytes);

/* Well-formed UTF-8 without control characters. */
bool fuzz_is_printable(const char *text);

/* Printable ASCII. */
bool fuzz_is_ascii(const char *text);

/* Terminated within size. */
bool fuzz_is_ended(const char *array, size_t size);

/* A folder of our own in TMPDIR or here, removed at exit with the files that were written there;
 * not by a fuzzer that dies, so whoever runs it gives it a place that goes anyway. */
const char *fuzz_folder(void);

/* Writes a file in that folder; name may have one folder in it. */
void fuzz_write(const char *name, const void *bytes, size_t len);

/* FOLDER/name; the array is overwritten by the fourth next call. */
const char *fuzz_path(const char *name);

/* No line is logged. */
void fuzz_be_quiet(void);

/* A network of our own with nothing but a loopback device; ends the program with 77 ("skipped")
 * where the kernel gives none. */
void fuzz_own_network(void);

#endif
