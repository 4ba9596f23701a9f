#!/bin/sh
# Stands in for a container engine: runs the program as the image would, with the paths of volumes in the place of paths in the
# container, and port $PORT of every address in the place of 8000. Unknown options are errors.
set -eu
fail() { echo "docker: $*" >&2; exit 125; }

# The program, as user 10001, with the image's settings, those of the container, and nothing else.
inside() {
    place=$1; shift
    words=""
    for word in "$@"; do words="$words '$(printf %s "$word" | sed -f "$place/volumes")'"; done
    as=""; if [ "$(id -u)" = 0 ]; then as="setpriv --reuid 10001 --regid 10001 --clear-groups"; fi
    eval "exec env -i PATH=/usr/bin:/bin COUNTERSIGN_CONFIG=$place/countersign.toml $(cat "$place/environment") $as $PROGRAM $words"
}

verb=$1; shift
case $verb in
build)
    [ "$*" = "--tag countersign ." ] && [ -f Dockerfile ] || fail "build $*"
    touch "$ENGINE/image" ;;
run)
    [ -f "$ENGINE/image" ] || fail "there is no image"
    place=$(mktemp -d "$ENGINE/container.XXXX"); chmod 755 "$place"
    name=""; detach=""; file=/dev/null; : > "$place/volumes"
    while [ $# -gt 0 ]; do
        case $1 in
        --rm | --interactive) shift ;;
        --detach) detach=yes; shift ;;
        --name) name=$2; shift 2 ;;
        --restart) [ "$2" = unless-stopped ] || fail "$1 $2"; shift 2 ;;
        --publish) [ "$2" = 127.0.0.1:8000:8000 ] || fail "$1 $2"; shift 2 ;;
        --env-file) file=$2; shift 2 ;;
        --volume)
            [ -d "${2%%:*}" ] || fail "there is no ${2%%:*}"
            echo "s|${2#*:}|${2%%:*}|" >> "$place/volumes"; shift 2 ;;
        -*) fail "$1" ;;
        *) break ;;
        esac
    done
    [ "$1" = countersign ] || fail "there is no image $1"; shift
    sed -f "$place/volumes" -e "s|:8000|:$PORT|" packaging/container.toml > "$place/countersign.toml"
    sed -f "$place/volumes" "$file" | tr '\n' ' ' > "$place/environment"
    if [ -n "$detach" ]; then
        ln -s "$place" "$ENGINE/running.$name"
        (inside "$place" "${@:-serve}") > "$ENGINE/log" 2>&1 < /dev/null &
    else
        inside "$place" "${@:-serve}"
    fi ;;
exec)
    [ -d "$ENGINE/running.$1" ] || fail "$1 does not run"
    [ "$2" = countersign ] || fail "there is no $2"
    place="$ENGINE/running.$1"; shift 2
    inside "$place" "$@" ;;
*) fail "$verb" ;;
esac
