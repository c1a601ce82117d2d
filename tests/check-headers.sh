#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each installed header compiles by itself, in C and in C++, with nothing but the installed ones in reach.
srcdir=${CUPOLA_SRCDIR:-$(dirname "$0")/..}
builddir=${CUPOLA_BUILDDIR:-.}
cc=${CUPOLA_CC:-cc}
cxx=${CXX:-$(echo "$cc" | sed 's/clang/clang++/; s/gcc/g++/; s/\(^\|[ \/]\)cc\($\| \)/\1c++\2/')}
includes="-I$srcdir/otel/include -I$builddir/otel/include -I$srcdir/host/include"
warnings="-Wall -Wextra -Wno-unused-parameter -Werror"
n=0
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

have_cxx=no
echo 'int main() { return 0; }' >"$dir/try.cc"
$cxx -fsyntax-only "$dir/try.cc" 2>/dev/null && have_cxx=yes

# attempt HEADER LANGUAGE COMMAND...
attempt()
{
	header=$1 language=$2
	shift 2
	n=$((n + 1))
	if "$@" >"$dir/said" 2>&1; then
		echo "ok $n - <$header> compiles alone in $language"
	else
		echo "not ok $n - <$header> compiles alone in $language"
		sed 's/^/# /' "$dir/said"
	fi
}

seen=
for path in "$srcdir"/otel/include/otel/*.h "$builddir"/otel/include/otel/*.h \
	"$srcdir"/host/include/cupola/*.h; do
	[ -e "$path" ] || continue
	header=$(basename "$(dirname "$path")")/$(basename "$path")
	case $seen in *" $header "*) continue ;; esac
	seen="$seen $header "

	# Twice, so that the guard is tried as well.
	printf '#include <%s>\n#include <%s>\nextern int unused;\n' "$header" "$header" >"$dir/alone.c"
	cp "$dir/alone.c" "$dir/alone.cc"
	# shellcheck disable=SC2086 # lists of words
	attempt "$header" C $cc -std=gnu11 $warnings $includes -fsyntax-only "$dir/alone.c"
	if [ $have_cxx = yes ]; then
		# shellcheck disable=SC2086
		attempt "$header" C++ $cxx -std=gnu++11 $warnings $includes -fsyntax-only "$dir/alone.cc"
	else
		n=$((n + 1))
		echo "ok $n - <$header> compiles alone in C++ # SKIP no C++ compiler"
	fi

	n=$((n + 1))
	case $header in
	otel/*) list=$srcdir/otel/local.mk ;;
	*) list=$srcdir/host/local.mk ;;
	esac
	if grep -q "include/$header" "$list"; then
		echo "ok $n - <$header> is installed"
	else
		echo "not ok $n - <$header> is installed"
		echo "# $list does not name it"
	fi
done
echo "1..$n"
