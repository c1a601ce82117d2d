/* SPDX-License-Identifier: Apache-2.0 */
/*
 * station/check-judge.h - all assertions of a file over what the store holds at one moment. [fiber]
 */
#ifndef STATION_CHECK_JUDGE_H
#define STATION_CHECK_JUDGE_H

#include "check-select.h"

enum check_state_kind {
	CHECK_FAILING, /* may hold later */
	CHECK_FAILED,  /* cannot hold any more */
	CHECK_HOLDING, /* later telemetry may break it */
	CHECK_PASSED,  /* nothing can */
};

#define CHECK_MAX_DISTINCT 4096

/* The values of one attribute over all selected items. */
struct check_bag {
	uint64_t *hashes; /* of the different ones; owned */
	size_t n;
	bool stray;       /* one is not among `only` */
	uint64_t include; /* a bit for each of `include` that was seen */
};

/* What one evaluation came to for an assertion. */
struct check_tally {
	size_t n_selected;
	size_t n_wrong, n_waiting; /* of those: by `each`, for good or not yet */
	size_t n_unsure;           /* may come to be selected */
	double increase;
	bool stale; /* points: a selected series has told nothing since the end of the requests */
	uint64_t fingerprint;   /* of what is selected */
	struct check_bag *bags; /* one for each of the assertion's values; owned */
};

struct check_state {
	struct check_tally tally;
	enum check_state_kind kind;
	uint64_t changed_ns; /* when the fingerprint last changed; monotonic */
};

struct check_judge {
	const struct check_file *file;
	struct check_look look;
	struct check_state *states; /* one for each assertion; owned */
	uint64_t begun_unix_ns;     /* when the requests were over */
	bool any_report;            /* some metric was reported since */
	const char *
		refused; /* what the receiver did not take meanwhile; borrowed, or NULL */
};

/* `look` is to be given its yield by the caller. 0 or -ENOMEM. */
OTEL_MUST_USE int check_judge_init(struct check_judge *judge,
                                   const struct check_file *file,
                                   const struct store *store, uint64_t now_ns,
                                   uint64_t now_unix_ns);
void check_judge_fini(struct check_judge *judge);

/*
 * Whether a series that an assertion may select has yet to tell how it stood at that moment. One that has
 * missed its own interval by far is not waited for.
 */
bool check_judge_is_behind(struct check_judge *judge, uint64_t unix_ns,
                           uint64_t now_unix_ns);
/* Looks at everything once and sets every state. 0, -ENOMEM, or what yield returned. */
OTEL_MUST_USE int check_judge_evaluate(struct check_judge *judge, uint64_t now_ns);
/* Whether nothing that comes can change the outcome; if not, in *ms how long it may take by itself. */
bool check_judge_is_decided(const struct check_judge *judge, uint64_t now_ns, int *ms);
/* Counts one more value of an attribute in `hashes` and `n`. 0 or -ENOMEM. */
OTEL_MUST_USE int check_bag_add(struct check_bag *bag, const struct check_value *value);
/* Whether the sets of values are as they should be. */
bool check_values_hold(const struct check_assertion *assertion,
                       const struct check_tally *tally);

#endif
