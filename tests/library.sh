#!/bin/sh
# liboutlay as it is installed: the example builds against it as C89 by pkg-config, with the shared
# and the static library; it exports what its header declares and needs libc alone.
set -eu
cd "$(dirname "$0")/.."
to=$(mktemp -d build/install.XXXXXX)
trap 'rm -rf "$to"' EXIT
make -s --no-print-directory install DESTDIR="$to"

declared=$(grep -oh 'outlay_[a-z_]*(' "$to/usr/include/outlay/"*.h | tr -d '(' | sort -u)
for library in "-D $to/usr/lib/liboutlay.so.0" "$to/usr/lib/liboutlay.a"; do
	# shellcheck disable=SC2086 # an option and a file
	exported=$(nm --defined-only $library | awk '$2 == "T" { print $3 }' | sort)
	[ "$exported" = "$declared" ] || { echo "$library exports:" "$exported"; exit 1; }
done
needed=$(readelf -d "$to/usr/lib/liboutlay.so.0" | grep NEEDED)
case $needed in
*NEEDED*NEEDED*) echo "it needs more than libc: $needed"; exit 1 ;;
*libc.so.6*) ;;
*) echo "$needed"; exit 1 ;;
esac

export PKG_CONFIG_LIBDIR="$to/usr/lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$to"
flags=$(pkg-config --cflags outlay)
libs=$(pkg-config --libs outlay)
[ "$(pkg-config --modversion outlay)" = "$(build/outlay --version | awk '{ print $2 }')" ]
# shellcheck disable=SC2086 # lists of words
clang -std=c89 -pedantic -Wall -Wextra -Werror $flags -include outlay/peek.h -o "$to/shared" packaging/examples/ask.c $libs
# shellcheck disable=SC2086
clang -std=c89 $flags -o "$to/static" packaging/examples/ask.c "$to/usr/lib/liboutlay.a" -pthread

want='allow  no answer from /nowhere: No such file or directory'
for program in shared static; do
	said=$(OUTLAY_SOCKET=/nowhere LD_LIBRARY_PATH="$to/usr/lib" "$to/$program" openai gpt-4o 1 1)
	[ "$said" = "$want" ] || { echo "$program: $said"; exit 1; }
done
echo "6 passed, 0 failed"
