/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/worker-boot.h - what the master hands to a worker process, and what they say to each other.
 *
 * The master starts a worker by fork and exec of itself, `cupola --worker NAME FD`. FD is a memfd with the
 * boot information as JSON; the sockets are inherited under the numbers that it names, everything else is
 * close-on-exec. host/main.c reads it, drops privileges if told to, and calls worker_main().
 *
 *	master                                worker
 *	  | -- memfd, sockets, exec ------------> | worker_main(boot)
 *	  | <------------- {"event":"loaded"} --- | one for each plugin that serves
 *	  | <-------------- {"event":"ready"} --- | all listeners serve
 *	  | -- {"id":7,"do":"reload",...} ------> |
 *	  | <-- {"event":"loaded",...} ---------- |
 *	  | <----- {"id":7,"ok":true,...} ------- |
 *	  | -- {"do":"stop","grace_ms":5000} ---> | drains, flushes telemetry, exits 0
 *
 * Messages are JSON objects, one a line, on `control_fd` (a stream socket). Requests have an id, and are
 * answered in any order by {"id":n,"ok":true,...} or {"id":n,"error":"one sentence"}. "error" is what the
 * user reads, so it says what was expected, what was found and what to do.
 *
 * master -> worker
 *	{"id","do":"reload","plugin":NAME[,"conf":{...}][,"same_code":B][,"only_telemetry":B]}  from the
 *	                                        configured path; conf: a new section (host_plugin_to_json), NULL:
 *	                                        as before; the rest as in struct load_order. Answer:
 *	                                        {"generation":3,"copy_ms","try_ms","start_ms","swap_ms",
 *	                                        "drain_ms","kept":B ...}
 *	{"id","do":"configure","conf":{...}}    another host.conf, whole: [telemetry], [resource] and what of
 *	                                        [host] may change in a running process hold for what is loaded
 *	                                        after this line; plugins are reloaded one by one. Answer: ok
 *	{"id","do":"load","conf":{...},"sockets":[{...}],"instance_id"}
 *	                                        a plugin that was not there; its sockets come as
 *	                                        SCM_RIGHTS with this line, in the order of "sockets", whose
 *	                                        "fd" are indices into them. Answer as for reload
 *	{"id","do":"unload","plugin":NAME}      stop it; its sockets are closed by the worker
 *	{"id","do":"status"}                    answer: {"plugins":[{"name","state","generation","requests",
 *	                                        "in_flight",...}], ...}; the master adds pid, restarts, last crash
 *	{"do":"crash","plugin":NAME,"crash":{...}}  a crash as crash_explain() has it, once it is symbolised, to
 *	                                        be emitted as a log record (boot->plugins[].crash has it, as
 *	                                        text, when it came earlier)
 *	{"do":"stop","grace_ms":n,"receiver":B}  drain and exit 0; a second one: exit now. B: it takes its
 *	                                        own telemetry, which it sends before it stops to listen
 *	{"id":n,"ok":true,"status":{...}}       the answer to the worker's status
 * worker -> master
 *	{"event":"ready"}                       every listener serves (plugins that failed answer 503)
 *	{"event":"loaded","plugin":NAME,"generation":n,"copy":PATH,"source":PATH,"same_code":B}
 *	                                        that generation serves now; PATH is its kept copy
 *	{"event":"refused","plugin":NAME,"error":TEXT}  it could not be loaded at the start
 *	{"event":"stalled","plugin":NAME,"ms":n[,"warning":{...}]}  for `status`; the worker logs it itself.
 *	                                        Without "warning": the same as before, again
 *	{"id":n,"do":"status"}                  the whole host's status, as `cupola status --json` has it
 *	{"id":n,"do":"reload","plugin":NAME}    as if it came by `cupola reload` (for --watch and admin)
 *
 * Copies. The worker keeps a generation's copy as COPIES/NAME.N.so until N - 2 has been replaced, so that
 * the master can name the current and the previous one; the master empties COPIES when it starts.
 * Start-up loads `start_from` of the plugin when it is set, not the configured path.
 *
 * Crashes. The handler of the worker (on an alternate stack, on the thread that crashed) writes one struct
 * worker_crash to `crash_fd`, then the text of /proc/self/maps, then re-raises. crash_fd is a memfd, not a
 * pipe: nothing is lost when it is long and nobody has to read in time. The master never looks further than
 * the struct: `cupola --symbolise` gets the memfd as its stdin.
 *
 * Stalls. The worker's watchdog thread reports a loop that has not come round for stall_report_ms; after
 * stall_kill_ms it writes the time into the record's `stalled_ms` and sends SIGABRT to that thread by
 * pthread_kill(), so that the crash handler runs where the loop hangs. The master has no part in it.
 */
#ifndef HOST_WORKER_BOOT_H
#define HOST_WORKER_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <otel/error.h>

struct host_conf;
struct host_plugin;
struct json_t;

/* A listening socket, non-blocking, one for each plugin, address and loop. Owned by the worker. */
struct worker_socket {
	char *plugin; /* "" : the admin page */
	char *label;  /* "" when the address has none */
	char *address;
	uint16_t port; /* the real one, never 0 */
	int loop;      /* 0 ... workers - 1; the admin page has one socket, of loop 0 */
	int fd;
};

struct worker_plugin {     /* what the master remembers of a plugin of this process */
	char *name;
	char *instance_id; /* service.instance.id: a UUID, kept over reload and restart */
	char *start_from; /* the kept copy to load instead of the configured path; NULL: the path */
	int generation;      /* the number of start_from; 0 without one */
	int last_generation; /* the highest number so far; what is loaded next is one more */
	char *failed; /* why it must not be loaded and answers 503; NULL: load it */
	char *crash; /* the last crash as JSON, to be emitted once as a log record; NULL: none */
	struct host_plugin *own; /* its section, when `dev` brought it; NULL: the one in the file */
};

struct worker_boot {
	char *process;          /* "main" */
	struct host_conf *conf; /* owned by the boot information */
	int restarts;           /* 0: the first start of this process */
	int control_fd;         /* JSON lines, both ways */
	int life_fd;            /* EOF: the master is gone, end at once */
	int crash_fd;           /* see above */
	char *copies_dir;       /* absolute, writable, 0700 */
	struct worker_socket *sockets;
	size_t n_sockets;
	struct worker_plugin *plugins;
	size_t n_plugins;
};

#define WORKER_CRASH_MAGIC  0x48535243u /* "CRSH" */
#define WORKER_CRASH_FRAMES 64

struct worker_crash {
	uint32_t magic, size; /* WORKER_CRASH_MAGIC, sizeof(struct worker_crash) */
	int32_t signo, code;  /* of siginfo */
	uint64_t address;     /* si_addr */
	uint64_t unix_ns;
	uint64_t stalled_ms;            /* not 0: ended by the watchdog after so long */
	char plugin[64];                /* whose code ran; "" : the host's */
	char doing[16];                 /* "handle", as in struct host_current; "" : nothing of a service */
	char trace_id[33], span_id[17]; /* hexadecimal; "" : none */
	char span[96];                  /* the name of the span that was current; "" : none */
	char message[200]; /* what the C library said before it gave up; "" : nothing */
	uint32_t generation;
	uint32_t is_overflow; /* the stack of the fiber that ran was full */
	uint32_t is_exit;     /* it called exit(exit_status); no signal */
	int32_t exit_status;
	uint32_t is_waiting; /* of a stall: the thread slept in a call and used no processor */
	uint32_t n_frames;
	uint64_t frames
		[WORKER_CRASH_FRAMES]; /* [0] the instruction that failed, then return addresses */
};

/* The worker's own: takes *boot and returns the exit status. */
int worker_main(struct worker_boot *boot);

/* Reads FD of `--worker` and closes it. 0 and an owned *out, or a negative errno with *err. */
OTEL_MUST_USE int worker_boot_read(int fd, struct worker_boot **out,
                                   struct otel_error *err);
/* Takes nothing; returns a memfd without FD_CLOEXEC that holds *boot, or a negative errno. */
OTEL_MUST_USE int worker_boot_write(const struct worker_boot *boot,
                                    struct otel_error *err);
/* Does not close the descriptors. */
void worker_boot_free(struct worker_boot *boot);
/* The "sockets" of a load message, appended to *sockets; "fd" is still an index there. 0 or -EBADMSG. */
OTEL_MUST_USE int worker_sockets_from_json(const struct json_t *array,
                                           struct worker_socket **sockets, size_t *n);
void worker_sockets_free(struct worker_socket *sockets, size_t n);

#endif
