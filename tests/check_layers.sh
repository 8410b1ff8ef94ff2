#!/bin/sh
# The layers hold: each library's headers appear only where it lives, includes point downwards,
# banned functions are not used, files stay readable.
set -eu
cd "$(dirname "$0")/.."
status=0

fail() {
    echo "$*" >&2
    status=1
}

# only PATTERN FILE...: the pattern may appear in these files alone.
only() {
    pattern=$1
    shift
    for file in $(grep -lE "$pattern" -r daemon probes conf systemd --include='*.[ch]'); do
        case " $* " in
        *" $file "*) ;;
        *) fail "$file: \"$pattern\" belongs in: $*" ;;
        esac
    done
}

# not_in PATTERN FILE...: these files must not have it.
not_in() {
    pattern=$1
    shift
    for file in $(grep -lE "$pattern" "$@" || true); do
        fail "$file: must not include \"$pattern\""
    done
}

only '#include <ares' probes/dns_server.c
only '#include <openssl/' probes/tls.c probes/tls_cert.c probes/tls_keep.c probes/tls_lean.c probes/tls_memory.c probes/tls_site.c \
    probes/tls_store.c probes/tls_wire.c probes/tls_wire.h \
    daemon/aws/http_tls.c daemon/aws/sigv4.c
only '#include <event2/' daemon/loop.c daemon/aws/http.c daemon/aws/http_tls.c daemon/event_streams.c daemon/status_clients.c daemon/status_server.c
only '#include <expat.h>' daemon/aws/autoscaling_xml.c
only '#include <systemd/' systemd/fdstore.c systemd/history.c systemd/journal_library.c systemd/notify.c
only '#include <ini.h>' conf/conf.c conf/conf_line.c
only '#include <jansson.h>' daemon/html_picture.h daemon/report_html.h \
    daemon/report_json.h daemon/status_view.h daemon/timeline.h daemon/cli/cli.h daemon/cli/paint.h \
    daemon/aws/*.c

# the pure layers are what CMakeLists.txt lists as them
pure=
for layer in vpce_pure vpce_aws_pure vpce_autoscaling_pure; do
    found=$(sed -n "/^vpce_layer($layer/,/)/p" CMakeLists.txt | grep -oE '[a-z/_]+\.c' |
        sed 's/c$/[ch]/')
    [ -n "$found" ] || fail "CMakeLists.txt: no $layer"
    pure="$pure $found"
done
pure="$pure conf/span.h probes/spec.h"
# shellcheck disable=SC2086 # a list of patterns
not_in '#include "(daemon/(loop|log|prober|daemon|status_clients|status_server|aws/(credentials|http|imds|imds_request)\.h)|systemd/|daemon/cli/)' $pure
not_in '#include "(conf/|systemd/|daemon/[^lu]|daemon/cli/)' probes/*.[ch]
not_in '#include "(probes/(dns|tcp|tls|probe|addr_probe)|daemon/(loop|prober|aws/)|systemd/)' conf/*.[ch]

banned='\<(strcpy|strcat|sprintf|vsprintf|strncpy|atoi|atol|strtol|strtoul|alloca|gethostbyname|getaddrinfo|sleep|usleep|signal)\('
found=$(grep -nE "$banned" -r daemon probes conf systemd --include='*.[ch]' |
    grep -vE 'ares_getaddrinfo|^[^:]*:[0-9]+:( \*|/\*)' || true)
[ -z "$found" ] || fail "banned functions: $found"

for file in $(find daemon probes conf systemd -name '*.[ch]'); do
    [ "$(wc -l <"$file")" -le 600 ] || fail "$file: longer than 600 lines"
done
exit $status
