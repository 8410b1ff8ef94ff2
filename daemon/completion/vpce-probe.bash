# Completion of vpce-probe for bash. Verbs, options, endpoints and verdicts are what the program
# itself tells, so nothing here grows old.

_vpce_probe_verbs() {
    "$1" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p'
}

# The options of a verb: of each line of its help, the words before the text.
_vpce_probe_options() {
    "$1" "$2" --help 2>/dev/null | sed -n 's/^ \{1,\}\(-.*\)/\1/p' | sed 's/  .*//' |
        grep -oE -- '(^|[ ,])--?[a-zA-Z0-9-]+' | tr -d ' ,'
}

_vpce_probe_endpoints() {
    # any Region will do: it is about the keys
    "$1" endpoints --all --region us-east-1 --account 000000000000 2>/dev/null |
        cut -f1
}

_vpce_probe_verdicts() {
    "$1" explain --color never 2>/dev/null |
        sed -n 's/^\([a-z][a-z-]*\)  .*/\1/p'
}

_vpce_probe() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local program=${COMP_WORDS[0]} verb=${COMP_WORDS[1]} words=

    COMPREPLY=()
    if [ "$COMP_CWORD" = 1 ]; then
        words="$(_vpce_probe_verbs "$program") --help --version"
    else
        case $previous in
        --config | --socket)
            compopt -o default 2>/dev/null
            return
            ;;
        --color) words="auto always never" ;;
        --launch-type) words="ec2 fargate fargate-1.3" ;;
        --for) words=$(_vpce_probe_endpoints "$program") ;;
        --timeout | --since | --region | --account) return ;;
        *)
            case $verb,$current in
            *,-*) words=$(_vpce_probe_options "$program" "$verb") ;;
            explain,*)
                words="$(_vpce_probe_endpoints "$program") $(_vpce_probe_verdicts "$program")"
                ;;
            esac
            ;;
        esac
    fi
    # no name has a blank or a pattern in it
    # shellcheck disable=SC2207
    COMPREPLY=($(compgen -W "$words" -- "$current"))
}

complete -F _vpce_probe vpce-probe
