/* See fail.h: which call fails. */
#include "fail.h"

#include "fail_calls.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unwind.h>

#define FRAMES_MAX 64
#define MODULES_MAX 64

/* Of anybody: libraries allocate through a function of their own. */
#define NEAR_FRAMES 2

/* Our frames that make a way: who called, and on whose behalf. */
#define WAY_FRAMES 4

extern const char __executable_start;
extern const char etext;

static struct fail_state *state;
static bool inside;

const char *
fail_function_str(unsigned function)
{
    static const char *const names[] = {
#define NAME(name) #name,
        FAIL_FUNCTIONS(NAME)
#undef NAME
    };

    return function < sizeof(names) / sizeof(names[0]) ? names[function] : "unknown";
}

static const struct {
    enum fail_caller caller;
    const char *name;
} libraries[] = {
    {FAIL_CALLER_EVENT, "libevent"},
    {FAIL_CALLER_CARES, "libcares"},
    {FAIL_CALLER_OPENSSL, "libssl"},
    {FAIL_CALLER_OPENSSL, "libcrypto"},
    {FAIL_CALLER_JANSSON, "libjansson"},
    {FAIL_CALLER_SYSTEMD, "libsystemd"},
    {FAIL_CALLER_LIBC, "libc.so"},
};

const char *
fail_caller_str(enum fail_caller caller)
{
    if (caller == FAIL_CALLER_OURS) {
        return "ours";
    }
    for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
        if (libraries[i].caller == caller) {
            return libraries[i].name;
        }
    }
    return "other";
}

/* ---- where a call comes from ---- */

struct module {
    const char *start;
    const char *end;
    const char *name;
    enum fail_caller caller;
};
static struct module modules[MODULES_MAX];
static size_t n_modules;

/* OpenSSL and libevent allocate through hooks of ours, which would all be one place: whose call it
 * is says the hook's caller, and in OpenSSL its own file and line say more. */
static struct {
    const void *caller; /* NULL: no hook is at work */
    const char *file;   /* or NULL */
    int line;
} hook;

void
fail_hook(const void *caller, const char *file, int line)
{
    hook.caller = caller;
    hook.file = file;
    hook.line = line;
}

static int
on_module(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct module *module = &modules[n_modules];
    uintptr_t end = 0;

    (void)size;
    (void)arg;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type == PT_LOAD) {
            end = info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
        }
    }
    *module = (struct module){.start = (const char *)info->dlpi_addr,
        .end = (const char *)info->dlpi_addr + end,
        .name = n_modules == 0 ? "torture" : info->dlpi_name,
        .caller = n_modules == 0 ? FAIL_CALLER_OURS : FAIL_CALLER_OTHER};
    for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
        if (strstr(module->name, libraries[i].name) != NULL) {
            module->caller = libraries[i].caller;
        }
    }
    return ++n_modules == MODULES_MAX;
}

/* NULL: of none that was there when it began. */
static const struct module *
module_of(const void *address)
{
    for (size_t i = 0; i < n_modules; i++) {
        if ((const char *)address >= modules[i].start && (const char *)address < modules[i].end) {
            return &modules[i];
        }
    }
    return NULL;
}

static bool
is_ours(const void *address)
{
    return (const char *)address >= &__executable_start && (const char *)address < &etext;
}

static enum fail_caller
caller_of(const void *address)
{
    const struct module *module = module_of(address);

    return module != NULL ? module->caller : FAIL_CALLER_OTHER;
}

static uint64_t
mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15U;
    return hash ^ (hash >> 29);
}

/* The same in every life and in every run: modules are never at the same address twice. */
static uint64_t
mix_address(uint64_t hash, const void *address)
{
    const struct module *module = module_of(address);

    if (module == NULL) {
        return mix(hash, 1);
    }
    hash = mix(hash, (uint64_t)(module - modules) + 2);
    return mix(hash, (uint64_t)((const char *)address - module->start));
}

/* Cheap: most calls are told apart from the chosen one by it. */
static uint64_t
quick_hash(enum fail_function function, const void *caller)
{
    uint64_t hash =
        mix((uint64_t)function, (uintptr_t)(hook.caller != NULL ? hook.caller : caller));

    return mix(mix(hash, (uintptr_t)hook.file), (uint64_t)hook.line);
}

struct walk {
    const void *frames[FRAMES_MAX]; /* of the callers, the nearest first */
    size_t n;
    bool above; /* the caller has been met */
    const void *caller;
};

static _Unwind_Reason_Code
on_frame(struct _Unwind_Context *context, void *arg)
{
    struct walk *walk = arg;
    const void *address = (const void *)_Unwind_GetIP(context);

    walk->above |= address == walk->caller;
    if (walk->above) {
        walk->frames[walk->n++] = address;
    }
    return walk->n < FRAMES_MAX ? _URC_NO_REASON : _URC_END_OF_STACK;
}

/* As backtrace(3), which loads a library and keeps memory for it. Hooks are left out. */
static void
walk_up(struct walk *walk, const void *caller)
{
    size_t n_hooks = 0;

    *walk = (struct walk){.caller = caller};
    (void)_Unwind_Backtrace(on_frame, walk);
    if (hook.caller != NULL) {
        while (n_hooks < walk->n && is_ours(walk->frames[n_hooks])) {
            n_hooks++;
        }
        walk->n -= n_hooks;
        memmove(walk->frames, walk->frames + n_hooks, walk->n * sizeof(walk->frames[0]));
    }
}

/* The place, nearest, and the way to it: the WAY_FRAMES nearest frames of ours and, when fine,
 * those of the libraries among them. */
static uint64_t
site_hash(enum fail_function function, const struct walk *walk)
{
    uint64_t hash = mix(14695981039346656037U, (uint64_t)function);
    size_t n_ours = 0;

    if (hook.file != NULL) {
        hash = mix(mix_address(hash, hook.file), (uint64_t)hook.line);
    }
    for (size_t i = 0; i < walk->n && i < NEAR_FRAMES; i++) {
        hash = mix_address(hash, walk->frames[i]);
    }
    for (size_t i = 0; i < walk->n && n_ours < WAY_FRAMES; i++) {
        bool our = is_ours(walk->frames[i]);

        hash = our || state->fine ? mix_address(hash, walk->frames[i]) : hash;
        n_ours += our;
    }
    return hash;
}

/* What addr2line wants: the module, and the place in it; and its name when it is a public one. */
static void
describe(char *text, size_t size, enum fail_function function, const struct walk *walk)
{
    size_t len = (size_t)snprintf(text, size, "%s", fail_function_str((unsigned)function));

    if (hook.file != NULL && len < size) {
        len += (size_t)snprintf(text + len, size - len, " %s:%d", hook.file, hook.line);
    }
    for (size_t i = 0; i < walk->n && len < size; i++) {
        const struct module *module = module_of(walk->frames[i]);
        const char *slash;
        Dl_info info;

        if (module == NULL) {
            continue;
        }
        slash = strrchr(module->name, '/');
        len += (size_t)snprintf(text + len, size - len, " %s+0x%zx",
            slash != NULL ? slash + 1 : module->name,
            (size_t)((const char *)walk->frames[i] - 1 - module->start));
        if (len < size && dladdr(walk->frames[i], &info) != 0 && info.dli_sname != NULL) {
            len += (size_t)snprintf(text + len, size - len, "(%s)", info.dli_sname);
        }
    }
}

static void
record(enum fail_function function, const void *caller)
{
    struct walk walk;
    struct fail_site *site;
    uint64_t hash;

    walk_up(&walk, caller);
    hash = site_hash(function, &walk);
    site = &state->sites[hash % FAIL_SITES_MAX];
    while (site->n_calls > 0 && site->hash != hash) {
        site = site + 1 < state->sites + FAIL_SITES_MAX ? site + 1 : state->sites;
    }
    if (site->n_calls++ > 0) {
        return;
    }
    *site = (struct fail_site){.hash = hash,
        .quick = quick_hash(function, caller),
        .n_calls = 1,
        .function = (uint16_t)function,
        .caller = (uint16_t)caller_of(hook.caller != NULL ? hook.caller : caller)};
    describe(site->where, sizeof(site->where), function, &walk);
    state->n_sites++;
    if (state->n_sites >= FAIL_SITES_MAX - 1) { /* the search above must end */
        abort();
    }
}

/* Whether it is a call of the chosen place, at its turn, or of the burst after it. */
static bool
is_target(enum fail_function function, const void *caller)
{
    struct walk walk;

    if (state->hits > 0) {
        return state->hits < state->burst;
    }
    if (quick_hash(function, caller) != state->target.quick) {
        return false;
    }
    walk_up(&walk, caller);
    if (site_hash(function, &walk) != state->target.hash || ++state->seen != state->nth) {
        return false;
    }
    describe(state->where, sizeof(state->where), function, &walk);
    return true;
}

/* One more call; whether it is to fail. */
bool
fail_now(enum fail_function function, const void *caller)
{
    bool hit = false;

    if (state == NULL || inside) {
        return false;
    }
    inside = true;
    if (state->recording && state->armed) {
        record(function, caller);
    } else if (state->armed && is_target(function, caller)) {
        state->hits++;
        hit = true;
    }
    inside = false;
    return hit;
}

bool
fail_ours_now(enum fail_function function, const void *caller)
{
    return is_ours(caller) && fail_now(function, caller);
}

bool
fail_inside(bool now)
{
    bool before = inside;

    inside = now;
    return before;
}

void
fail_use(struct fail_state *with)
{
    state = with;
    if (n_modules == 0) {
        (void)dl_iterate_phdr(on_module, NULL);
    }
}
