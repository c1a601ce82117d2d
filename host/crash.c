/* SPDX-License-Identifier: Apache-2.0 */
#include "crash.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "current.h"
#include "fiber.h"
#include "worker-boot.h"
#include <otel/trace.h>

/*
 *	frame pointer -> [ the caller's frame pointer ][ return address ]   toward the stack's start
 *
 * Memory is read by writing it to a scratch file, which fails with EFAULT where a load would be the next
 * crash. Code without frame pointers (libc's) leaves no chain: there the stack is searched for the first
 * address that lies in code of ours, and the chain goes on from what the register says, when that is a frame
 * above, or else from the next two words that look like one.
 */

#define ALTERNATE_STACK (64u << 10)
#define MAX_CODE        128
#define MAX_SEARCH      2048        /* words */
#define MAX_FRAME       (16u << 20) /* bytes between two frames that are believed */

struct code { /* written by one thread at a time, read by a handler at any moment */
	atomic_uintptr_t start, end; /* start 0: free */
	uintptr_t base;
};

static struct code codes[MAX_CODE];
static pthread_mutex_t codes_lock = PTHREAD_MUTEX_INITIALIZER;
static int crash_fd = -1, scratch_fd = -1;
static pid_t crash_pid; /* a child of a service's fork() is none of ours */
static atomic_uint_least64_t stalled_ms;
static atomic_bool stalled_waiting;
static atomic_flag crashing = ATOMIC_FLAG_INIT;

/* The C library's last words, as in its assert.c and malloc.c; for debuggers, and private by name. */
struct abort_message {
	unsigned int size;
	char text[];
};
static struct abort_message **abort_message; /* NULL: there is no such thing */

/*
 * One thread asks, one other answers, and a late answer must harm nobody:
 *
 *	IDLE -- crash_sample() --> ASKED -- the thread's handler --> ANSWERING --> IDLE, `done` posted
 *	  +-------- out of time -----+
 */
enum { IDLE, ASKED, ANSWERING };

static struct {
	atomic_int state;
	sem_t done;
	pthread_t thread;           /* whose answer it is */
	struct worker_crash record; /* of ANSWERING, and of the asker afterwards */
} sample;

static _Thread_local void *alternate_stack;

/* ---- code that we know ---- */

static bool
is_known_code(uintptr_t address)
{
	for (size_t i = 0; i < MAX_CODE; i++)
		if (address >= atomic_load(&codes[i].start) &&
		    address < atomic_load(&codes[i].end))
			return true;
	return false;
}

static int
note_code(struct dl_phdr_info *info, size_t size, void *arg)
{
	uintptr_t base = *(const uintptr_t *)arg;
	struct code *code = NULL;

	if (info->dlpi_addr != base)
		return 0;
	for (size_t i = 0; i < MAX_CODE && !code; i++)
		if (atomic_load(&codes[i].start) == 0)
			code = &codes[i];
	for (int i = 0; code && i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *seg = &info->dlpi_phdr[i];

		if (seg->p_type != PT_LOAD || !(seg->p_flags & PF_X))
			continue;
		code->base = base;
		atomic_store(&code->end, base + seg->p_vaddr + seg->p_memsz);
		atomic_store(&code->start, base + seg->p_vaddr);
		break;
	}
	return 1;
}

void
crash_know(uintptr_t base)
{
	pthread_mutex_lock(&codes_lock);
	dl_iterate_phdr(note_code, &base);
	pthread_mutex_unlock(&codes_lock);
}

void
crash_forget(uintptr_t base)
{
	pthread_mutex_lock(&codes_lock);
	for (size_t i = 0; i < MAX_CODE; i++)
		if (atomic_load(&codes[i].start) && codes[i].base == base) {
			atomic_store(&codes[i].end, 0);
			atomic_store(&codes[i].start, 0);
		}
	pthread_mutex_unlock(&codes_lock);
}

/* ---- the walk: system calls only ---- */

/* By bare system calls, which no sanitizer looks over: it is the point that the address may be bad. */
static bool
read_memory(uintptr_t address, void *out, size_t len)
{
	return address >= 4096 &&
	       syscall(SYS_pwrite64, scratch_fd, address, len, 0l) == (long)len &&
	       pread(scratch_fd, out, len, 0) == (ssize_t)len;
}

static bool
peek(uintptr_t address, void *out, size_t len)
{
	return address % sizeof(void *) == 0 && read_memory(address, out, len);
}

static void
add_frame(struct worker_crash *record, uintptr_t address)
{
	if (record->n_frames < WORKER_CRASH_FRAMES)
		record->frames[record->n_frames++] = address;
}

/* Whether a call ends right before `address`: else it is a pointer to code, and nobody returns there. */
static bool
follows_call(uintptr_t address)
{
#if defined(__x86_64__)
	unsigned char code[8];

	/* call rel32; call *reg; call *disp8(reg); call *disp32(reg) or *disp32(%rip) */
	return read_memory(address - sizeof code, code, sizeof code) &&
	       (code[3] == 0xe8 || (code[6] == 0xff && (code[7] & 0xf8) == 0xd0) ||
	        (code[5] == 0xff && (code[6] & 0x38) == 0x10) ||
	        (code[2] == 0xff && (code[3] & 0x38) == 0x10));
#else
	return address >= 4096;
#endif
}

/* Looks for a return address into known code above `sp`; 0, or where it was found. */
static uintptr_t
search_stack(uintptr_t sp, uintptr_t *address)
{
	uintptr_t words[64];

	for (size_t done = 0; done < MAX_SEARCH; done += 64, sp += sizeof words) {
		/* Near the stack's start the last words have to be read one by one. */
		size_t n = peek(sp, words, sizeof words) ? 64 : 0;

		for (; n < 64 && peek(sp + n * sizeof *words, &words[n], sizeof *words);)
			n++;
		for (size_t i = 0; i < n; i++)
			if (is_known_code(words[i]) && follows_call(words[i])) {
				*address = words[i];
				return sp + i * sizeof *words;
			}
		if (n < 64)
			return 0;
	}
	return 0;
}

/*
 * Compilers give a function that calls nothing no frame, so the chain begins with its caller's caller. `link` is
 * where the caller's address is then: on top of the stack, or in a register.
 */
static void
add_caller_of_leaf(struct worker_crash *record, uintptr_t link, uintptr_t fp)
{
	uintptr_t frame[2];

	if (is_known_code(link) && follows_call(link) &&
	    (!peek(fp, frame, sizeof frame) || frame[1] != link))
		add_frame(record, link);
}

static bool
is_frame(uintptr_t fp, uintptr_t sp)
{
	uintptr_t frame[2];

	return fp >= sp && fp - sp <= MAX_FRAME && peek(fp, frame, sizeof frame) &&
	       is_known_code(frame[1]) && follows_call(frame[1]);
}

/* The first place above `sp` that holds a pointer further up the stack and then a return address; 0: none. */
static uintptr_t
search_frame(uintptr_t sp)
{
	uintptr_t up;

	for (uintptr_t at = sp; at < sp + MAX_SEARCH * sizeof at; at += sizeof at)
		if (peek(at, &up, sizeof up) && up > at && up - at <= MAX_FRAME &&
		    is_frame(at, sp))
			return at;
	return 0;
}

static void
walk(struct worker_crash *record, uintptr_t pc, uintptr_t sp, uintptr_t fp,
     uintptr_t link)
{
	uintptr_t frame[2], address;

	add_frame(record, pc);
	if (is_known_code(pc)) {
		add_caller_of_leaf(record, link, fp);
	} else {
		sp = search_stack(sp, &address);
		if (sp)
			add_frame(record, address);
		if (sp && !is_frame(fp, sp))
			fp = search_frame(sp + sizeof address);
	}
	while (record->n_frames < WORKER_CRASH_FRAMES) {
		if (fp < sp || fp - sp > MAX_FRAME || !peek(fp, frame, sizeof frame) ||
		    frame[1] < 4096)
			return;
		add_frame(record, frame[1]);
		sp = fp + sizeof frame;
		fp = frame[0];
	}
}

static void
walk_context(struct worker_crash *record, const ucontext_t *context)
{
#if defined(__x86_64__)
	const greg_t *regs = context->uc_mcontext.gregs;
	uintptr_t link = 0;

	(void)peek((uintptr_t)regs[REG_RSP], &link, sizeof link);
	walk(record, (uintptr_t)regs[REG_RIP], (uintptr_t)regs[REG_RSP],
	     (uintptr_t)regs[REG_RBP], link);
#elif defined(__aarch64__)
	walk(record, context->uc_mcontext.pc, context->uc_mcontext.sp,
	     context->uc_mcontext.regs[29], context->uc_mcontext.regs[30]);
#else
	(void)context;
	(void)walk;
#endif
}

static const void *
stack_pointer(const ucontext_t *context)
{
#if defined(__x86_64__)
	return (const void *)context->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
	return (const void *)context->uc_mcontext.sp;
#else
	(void)context;
	return (const void *)UINTPTR_MAX; /* unknown, and so on no stack */
#endif
}

/* ---- the record ---- */

static void
copy_text(char *to, size_t size, const char *from)
{
	size_t i = 0;

	for (; from && from[i] && i + 1 < size; i++)
		to[i] = from[i];
	to[i] = '\0';
}

static void
fill(struct worker_crash *record, int signo, const siginfo_t *info, const void *context)
{
	const struct host_current *current = host_current;
	struct timespec now;

	memset(record, 0, sizeof *record);
	clock_gettime(CLOCK_REALTIME, &now);
	record->magic = WORKER_CRASH_MAGIC;
	record->size = sizeof *record;
	record->signo = signo;
	record->code = info->si_code;
	/* si_addr means something for faults alone: elsewhere the field holds a sender. */
	if (signo == SIGSEGV || signo == SIGBUS || signo == SIGILL || signo == SIGFPE)
		record->address = (uintptr_t)info->si_addr;
	record->is_overflow = record->address &&
	                      host_fiber_is_overflow((const void *)record->address,
	                                             stack_pointer(context));
	record->unix_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	record->stalled_ms = signo == SIGABRT ? atomic_load(&stalled_ms) : 0;
	record->is_waiting = record->stalled_ms && atomic_load(&stalled_waiting);
	if (signo == SIGABRT && !record->stalled_ms && abort_message && *abort_message)
		copy_text(record->message, sizeof record->message,
		          (*abort_message)->text);
	if (current) {
		copy_text(record->plugin, sizeof record->plugin, current->plugin);
		copy_text(record->doing, sizeof record->doing, current->doing);
		record->generation = current->generation;
	}
	walk_context(record, context);
}

/* Follows pointers of the SDK, so it comes last: by then everything else is in the file. */
static void
fill_span(struct worker_crash *record)
{
	const struct otel_span *current = otel_span_current();
	const struct otel_span_context *span = otel_span_context(current);

	if (!otel_span_context_is_valid(span))
		return;
	otel_trace_id_format(span->trace_id, record->trace_id);
	otel_span_id_format(span->span_id, record->span_id);
	copy_text(record->span, sizeof record->span, otel_span_name(current));
}

void
crash_write(int fd, const struct worker_crash *record)
{
	char buf[4096];
	int maps;
	ssize_t n;

	if (pwrite(fd, record, sizeof *record, 0) < 0)
		return;
	lseek(fd, sizeof *record, SEEK_SET);
	maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	while (maps >= 0 && (n = read(maps, buf, sizeof buf)) > 0)
		if (write(fd, buf, (size_t)n) < 0)
			break;
	if (maps >= 0)
		close(maps);
}

/* ---- signals ---- */

static void
write_down(struct worker_crash *record)
{
	crash_write(crash_fd, record);
	fill_span(record);
	if (record->trace_id[0])
		(void)!pwrite(crash_fd, record, sizeof *record, 0);
}

static void
on_crash(int signo, siginfo_t *info, void *context)
{
	static struct worker_crash record;

	while (atomic_flag_test_and_set(&crashing))
		pause(); /* another thread is writing and will end us all */
	if (getpid() == crash_pid) {
		fill(&record, signo, info, context);
		write_down(&record);
	}
	/* It is blocked while this handler runs and takes its default course as soon as it returns. */
	signal(signo, SIG_DFL);
	raise(signo);
}

void
crash_exit(int status)
{
	static struct worker_crash record;
	const siginfo_t none = { .si_code = 0 };
	ucontext_t here;

	if (!host_current || crash_fd < 0 || getpid() != crash_pid)
		return;
	while (atomic_flag_test_and_set(&crashing))
		pause();
	getcontext(&here);
	fill(&record, 0, &none, &here);
	record.is_exit = 1;
	record.exit_status = status;
	write_down(&record);
	syscall(SYS_exit_group, status);
}

static int
sample_signal(void)
{
	return SIGRTMIN + 7;
}

static void
on_sample(int signo, siginfo_t *info, void *context)
{
	int saved = errno, asked = ASKED;

	if (atomic_compare_exchange_strong(&sample.state, &asked, ANSWERING)) {
		if (pthread_equal(sample.thread, pthread_self())) {
			fill(&sample.record, 0, info, context);
			fill_span(&sample.record);
			atomic_store(&sample.state, IDLE);
			sem_post(&sample.done);
		} else { /* a signal of an earlier question, to another thread */
			atomic_store(&sample.state, ASKED);
		}
	}
	errno = saved;
}

int
crash_setup(int fd, struct otel_error *err)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS };
	struct sigaction crash = { .sa_sigaction = on_crash,
		                   .sa_flags = SA_SIGINFO | SA_ONSTACK };
	struct sigaction probe = { .sa_sigaction = on_sample,
		                   .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };

	crash_fd = fd;
	crash_pid = getpid();
	abort_message = dlvsym(RTLD_DEFAULT, "__abort_msg", "GLIBC_PRIVATE");
	scratch_fd = memfd_create("cupola-crash", MFD_CLOEXEC);
	if (scratch_fd < 0)
		return otel_error_set(err, -errno, "crash handler: memfd_create: %s",
		                      strerror(errno));
	sem_init(&sample.done, 0, 0);
	crash_know((uintptr_t)_r_debug.r_map->l_addr);
	/* All at once, so that a second fault inside the handler ends the process instead of waiting. */
	for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
		sigaddset(&crash.sa_mask, fatal[i]);
	for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
		sigaction(fatal[i], &crash, NULL);
	sigaction(sample_signal(), &probe, NULL);
	crash_thread_begin();
	return 0;
}

/* Loops block what is not a fault, but have to answer and to be ended. */
static void
unblock_ours(void)
{
	sigset_t ours;

	sigemptyset(&ours);
	sigaddset(&ours, SIGABRT);
	sigaddset(&ours, sample_signal());
	pthread_sigmask(SIG_UNBLOCK, &ours, NULL);
}

void
crash_thread_begin(void)
{
	stack_t stack = { .ss_size = ALTERNATE_STACK };

	unblock_ours();
	if (alternate_stack)
		return;
	stack.ss_sp = mmap(NULL, ALTERNATE_STACK, PROT_READ | PROT_WRITE,
	                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (stack.ss_sp == MAP_FAILED)
		return;
	if (sigaltstack(&stack, NULL) < 0)
		munmap(stack.ss_sp, ALTERNATE_STACK);
	else
		alternate_stack = stack.ss_sp;
}

void
crash_thread_end(void)
{
	stack_t none = { .ss_flags = SS_DISABLE };

	if (!alternate_stack)
		return;
	sigaltstack(&none, NULL);
	munmap(alternate_stack, ALTERNATE_STACK);
	alternate_stack = NULL;
}

int
crash_sample(pthread_t thread, int timeout_ms, struct worker_crash *out)
{
	struct timespec until;
	int asked;

	sample.thread = thread;
	atomic_store(&sample.state, ASKED);
	if (pthread_kill(thread, sample_signal()) != 0) {
		atomic_store(&sample.state, IDLE);
		return -ESRCH;
	}
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += (timeout_ms % 1000) * 1000000L;
	until.tv_sec += timeout_ms / 1000 + until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	while (sem_timedwait(&sample.done, &until) < 0)
		if (errno != EINTR) {
			asked = ASKED;
			if (atomic_compare_exchange_strong(&sample.state, &asked, IDLE))
				return -ETIMEDOUT;
			until.tv_sec++; /* the answer is being written */
		}
	*out = sample.record;
	return 0;
}

void
crash_kill_stalled(pthread_t thread, uint64_t ms, bool is_waiting)
{
	atomic_store(&stalled_waiting, is_waiting);
	atomic_store(&stalled_ms, ms);
	pthread_kill(thread, SIGABRT);
}
