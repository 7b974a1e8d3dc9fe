#!/bin/sh
# Installs what is missing, by the distribution's package manager: `deps.sh` what building and
# running need, `deps.sh dev` also what the tests need. Does nothing, without network, when nothing
# is missing. On a distribution it does not know it lists what is needed and stops.
set -eu

run='clang llvm libbpf-dev bpftool libevent-dev libcyaml-dev libyaml-dev libjansson-dev uthash-dev
librdkafka-dev libsqlite3-dev zlib1g-dev libbrotli-dev libzstd-dev nettle-dev libelf-dev libcapstone-dev libcurl4-openssl-dev libnghttp2-dev pkg-config make libc6-dev linux-libc-dev
tzdata'
dev='libcmocka-dev libssl-dev libhttp-parser-dev libclang-rt-14-dev clang-format-14 kcat openjdk-17-jre-headless maven
python3-venv python3-jsonschema python3-brotli python3-zstandard ruby php-cli php-curl nodejs
wget git curl faketime openssl iproute2 util-linux procps sudo'

want=$run
[ "${1:-}" != dev ] || want="$run $dev"

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	echo "deps: this distribution is not known here; please install the equivalents of these Debian packages:" >&2
	echo "$want" | fmt -w 90 >&2
	exit 1
fi

missing=
for p in $want; do
	case $(dpkg-query -W -f '${Status}' "$p" 2>/dev/null) in
	'install ok installed') ;;
	*) missing="$missing $p" ;;
	esac
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || { echo "deps: not root and no sudo; as root: apt-get install$missing" >&2; exit 1; }
	as_root='sudo env DEBIAN_FRONTEND=noninteractive'
fi
echo "deps: installing$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -q
# shellcheck disable=SC2086 # a list of words
$as_root apt-get install -y -q --no-install-recommends $missing
