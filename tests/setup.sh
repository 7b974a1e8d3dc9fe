#!/bin/sh
# What the tests need besides the system's packages, into build/: Apache Kafka's jars in
# build/kafka, a Python environment in build/venv and, where npm can fetch it, bun in build/bun. Does
# nothing, without network, when they are there and their lists have not changed.
set -eu
cd "$(dirname "$0")/.."

# The clients must load the system's libssl, so it is the system's Python, not one of a version
# manager's that may be first in PATH.
python=/usr/bin/python3

# make_once DIR LIST COMMAND...: makes DIR anew unless it was made from this very LIST.
make_once() {
	dir=$1 list=$2
	shift 2
	cmp -s "$list" "$dir/.made-from" && return
	echo "setup: making $dir"
	rm -rf "$dir"
	mkdir -p "$dir"
	"$@"
	cp "$list" "$dir/.made-from"
}

copy_jars() {
	mvn -q -B -f tests/e2e/pom.xml dependency:copy-dependencies -DincludeScope=runtime \
		-DoutputDirectory="$PWD/build/kafka"
}

make_venv() {
	$python -m venv build/venv
	build/venv/bin/pip install --quiet --no-deps --requirement tests/e2e/requirements.txt
	build/venv/bin/python - <<-'P'
		import ssl
		maps = [line.split()[-1] for line in open('/proc/self/maps') if 'libssl' in line]
		assert maps and maps[0].startswith('/usr/lib/'), f'not the system OpenSSL: {maps}'
	P
}

copy_bun() {
	npm pack --silent --pack-destination build/bun "$(cat tests/e2e/npm.txt)" >/dev/null
	tar -xzf build/bun/*.tgz -C build/bun --strip-components=1
	rm build/bun/*.tgz
}

make_once build/kafka tests/e2e/pom.xml copy_jars
make_once build/venv tests/e2e/requirements.txt make_venv
if command -v npm >/dev/null && [ "$(uname -m)" = x86_64 ]; then
	make_once build/bun tests/e2e/npm.txt copy_bun
fi
