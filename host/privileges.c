/* SPDX-License-Identifier: Apache-2.0 */
#include "privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

int
host_privileges_drop(const char *user, struct otel_error *err)
{
	const struct passwd *pw;

	if (!*user || geteuid() != 0)
		return 0;
	pw = getpwnam(user);
	if (!pw)
		return otel_error_set(err, -ENOENT,
		                      "user %s: there is none on this system", user);
	if (initgroups(user, pw->pw_gid) < 0 || setgid(pw->pw_gid) < 0 ||
	    setuid(pw->pw_uid) < 0)
		return otel_error_set(err, -errno, "user %s: become it: %s", user,
		                      strerror(errno));
	if (pw->pw_uid != 0 && setuid(0) == 0)
		return otel_error_set(err, -EPERM, "user %s: could become root again",
		                      user);
	/* A change of user clears both. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE,
	      1); /* /proc/self stays ours: the crash handler reads its maps */
	return 0;
}
