/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host/fiber-sanitize.h - telling the sanitizers that a stack is left for another; nothing without them.
 *
 * AddressSanitizer keeps a fake stack per real one and has to know the bounds of the one that it is on;
 * ThreadSanitizer has a history per fiber. Each side of a switch is told: leave before, arrive after.
 *
 * A program without them may still meet them, preloaded for a service that has them (memcheck.h): then
 * AddressSanitizer is told by the functions in fiber_hooks.
 */
#ifndef HOST_FIBER_SANITIZE_H
#define HOST_FIBER_SANITIZE_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define HOST_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define HOST_TSAN 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define HOST_ASAN 1
#endif
#ifdef __SANITIZE_THREAD__
#define HOST_TSAN 1
#endif

#ifdef HOST_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef HOST_TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if defined(HOST_ASAN) || defined(HOST_TSAN)
#define HOST_SANITIZED 1
#endif

/* NULL, all of them, unless memcheck_init() has found them. */
struct fiber_hooks {
	void (*start)(void **fake, const void *low, size_t len);
	void (*finish)(void *fake, const void **low, size_t *len);
	void (*unpoison)(const volatile void *low, size_t len);
};
extern struct fiber_hooks fiber_hooks;

#ifdef HOST_ASAN
#define FIBER_START(...)    __sanitizer_start_switch_fiber(__VA_ARGS__)
#define FIBER_FINISH(...)   __sanitizer_finish_switch_fiber(__VA_ARGS__)
#define FIBER_UNPOISON(...) __asan_unpoison_memory_region(__VA_ARGS__)
#else
#define FIBER_START(...)  (fiber_hooks.start ? fiber_hooks.start(__VA_ARGS__) : (void)0)
#define FIBER_FINISH(...) (fiber_hooks.start ? fiber_hooks.finish(__VA_ARGS__) : (void)0)
#define FIBER_UNPOISON(...) \
	(fiber_hooks.start ? fiber_hooks.unpoison(__VA_ARGS__) : (void)0)
#endif

/* What they keep for one stack. */
struct fiber_sanitize {
	void *fake;      /* AddressSanitizer's, while the stack is not in use */
	const void *low; /* of a loop's stack, which we did not make */
	size_t len;
	void *tsan;
};

/* The stack's memory is given back: what comes to lie there is no stack. */
static inline void
fiber_sanitize_forget(void *low, size_t len)
{
	FIBER_UNPOISON(low, len);
}

/*
 * A stack of our own making is used from its beginning; init and fini come once for each use, for the last
 * calls on it never return, and ThreadSanitizer's record of calls would grow.
 */
static inline void
fiber_sanitize_init(struct fiber_sanitize *s, void *low, size_t len)
{
	*s = (struct fiber_sanitize){ 0 };
	fiber_sanitize_forget(low, len);
#ifdef HOST_TSAN
	s->tsan = __tsan_create_fiber(0);
#endif
}

static inline void
fiber_sanitize_fini(struct fiber_sanitize *s)
{
	(void)s;
#ifdef HOST_TSAN
	__tsan_destroy_fiber(s->tsan);
#endif
}

/* For the stack that we are on. */
static inline void
fiber_sanitize_here(struct fiber_sanitize *s)
{
	(void)s;
#ifdef HOST_TSAN
	s->tsan = __tsan_get_current_fiber();
#endif
}

/* Before the switch from `from` (for good: `ends`) to `to`, whose bounds these are. */
static inline __attribute__((always_inline)) void
fiber_sanitize_leave(struct fiber_sanitize *from, bool ends, struct fiber_sanitize *to,
                     const void *low, size_t len)
{
	(void)to;
	FIBER_START(ends ? NULL : &from->fake, low, len);
#ifdef HOST_TSAN
	__tsan_switch_to_fiber(to->tsan, 0);
#endif
}

/* After the switch, on `on`; notes where we came from in *from, when that is not NULL. */
static inline __attribute__((always_inline)) void
fiber_sanitize_arrive(struct fiber_sanitize *on, struct fiber_sanitize *from)
{
	FIBER_FINISH(on->fake, from ? &from->low : NULL, from ? &from->len : NULL);
}

#endif
