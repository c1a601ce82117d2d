#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The SDK exports what otel.map lists, which is what its headers declare; a plugin exports svc_plugin alone.
srcdir=${CUPOLA_SRCDIR:-$(dirname "$0")/..}
builddir=${CUPOLA_BUILDDIR:-.}
export LC_ALL=C
n=0

# result NAME DIFFERENCES: a test that passes when there are none
result()
{
	n=$((n + 1))
	if [ -z "$2" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		echo "$2" | sed 's/^/# /'
	fi
}

# Names of the functions and objects that a shared object offers; its version nodes are of type A.
exports()
{
	nm -D --defined-only "$1" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u
}

map=$(sed -n 's/^[[:space:]]*\(otel_[a-z0-9_]*\);.*/\1/p' "$srcdir/otel/otel.map" | sort)
result "otel.map names nothing twice" "$(echo "$map" | uniq -d)"
map=$(echo "$map" | uniq)

# What follows OTEL_EXPORT: a call is the first name before a parenthesis, an object the last of all.
headers=$(cat "$srcdir"/otel/include/otel/*.h | awk '
	/^[ \t]*#/ || macro { macro = /\\$/; next }
	{ text = text " " $0 }
	END {
		gsub(/\/\*([^*]|\*+[^*\/])*\*+\//, " ", text)
		n = split(text, statement, ";")
		for (i = 1; i <= n; i++) {
			if (!match(statement[i], /OTEL_EXPORT[ \t]/))
				continue
			rest = substr(statement[i], RSTART + RLENGTH)
			if (match(rest, /otel_[a-z0-9_]+[ \t]*\(/)) {
				name = substr(rest, RSTART, RLENGTH - 1)
				sub(/[ \t]+$/, "", name)
			} else {
				m = split(rest, word, /[^a-z0-9_]+/)
				for (name = ""; m > 0 && name !~ /^otel_/; m--)
					name = word[m]
			}
			print name
		}
	}' | sort -u)

# only TITLE A B: lines of A that are not in B
only()
{
	echo "$2" | while read -r name; do
		echo "$3" | grep -qx "$name" || echo "$1: $name"
	done
}

result "every call of the headers is in otel.map" "$(only 'declared only' "$headers" "$map")"
result "every name in otel.map is declared in a header" "$(only 'listed only' "$map" "$headers")"

lib=$builddir/otel/.libs/libotel.so
if [ -e "$lib" ]; then
	have=$(exports "$lib")
	result "libotel.so exports what otel.map lists" "$(only missing "$map" "$have")"
	result "libotel.so exports nothing else" "$(only extra "$have" "$map")"
else
	result "libotel.so has been built" "$lib is not there"
fi

for plugin in "$builddir"/plugins/*/.libs/*.so; do
	[ -e "$plugin" ] || continue
	name=$(basename "$plugin" .so)
	have=$(exports "$plugin")
	[ "$have" = svc_plugin ] && have= || have="it exports: ${have:-nothing}"
	result "plugin $name exports svc_plugin alone" "$have"
done
echo "1..$n"
