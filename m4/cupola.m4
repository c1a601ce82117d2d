# SPDX-License-Identifier: Apache-2.0

# CUPOLA_NEED(VARIABLE, MODULES, DEBIAN-PACKAGE): looks for MODULES by pkg-config and notes what is missing.
AC_DEFUN([CUPOLA_NEED], [PKG_CHECK_MODULES([$1], [$2], [], [missing="$missing $3"])])

# CUPOLA_NEED_LIB(VARIABLE, LIBRARY, FUNCTION, DEBIAN-PACKAGE): the same for a library without a .pc file, which
# goes before VARIABLE_LIBS.
AC_DEFUN([CUPOLA_NEED_LIB], [
	AC_CHECK_LIB([$2], [$3], [$1_LIBS="-l$2 $$1_LIBS"], [missing="$missing $4"], [$$1_LIBS])])

# CUPOLA_WARNINGS(VARIABLE, FLAGS): those of FLAGS that the compiler knows.
AC_DEFUN([CUPOLA_WARNINGS], [
	$1=
	cupola_save_CFLAGS=$CFLAGS
	for cupola_flag in m4_normalize([$2]); do
		CFLAGS="$cupola_save_CFLAGS -Werror $cupola_flag"
		AC_MSG_CHECKING([whether $CC takes $cupola_flag])
		AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
			[AC_MSG_RESULT([yes]); $1="$$1 $cupola_flag"], [AC_MSG_RESULT([no])])
	done
	CFLAGS=$cupola_save_CFLAGS
	AC_SUBST([$1])])

# CUPOLA_VERSION_SCRIPT: sets HAVE_LD_VERSION_SCRIPT.
AC_DEFUN([CUPOLA_VERSION_SCRIPT], [
	AC_MSG_CHECKING([whether the linker takes a version script])
	AS_ECHO(["T { global: main; local: *; };"]) > conftest.map
	cupola_save_LDFLAGS=$LDFLAGS
	LDFLAGS="$LDFLAGS -Wl,--version-script=conftest.map"
	AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [have_version_script=yes], [have_version_script=no])
	LDFLAGS=$cupola_save_LDFLAGS
	rm -f conftest.map
	AC_MSG_RESULT([$have_version_script])
	AM_CONDITIONAL([HAVE_LD_VERSION_SCRIPT], [test "$have_version_script" = yes])])
