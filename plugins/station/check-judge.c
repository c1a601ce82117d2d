/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One walk over each signal that is asked for; every assertion of that signal is held against each item.
 * Nothing is kept from one evaluation to the next but fingerprints, so what was evicted is not missed and
 * what arrives late, such as a parent, counts at once. Series alone are carried on, in the look.
 */
#include "check-judge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check-series.h"

int
check_judge_init(struct check_judge *judge, const struct check_file *file,
                 const struct store *store, uint64_t now_ns, uint64_t now_unix_ns)
{
	*judge = (struct check_judge){ .file = file, .begun_unix_ns = now_unix_ns };
	check_look_init(&judge->look, store, file->since);
	judge->states = calloc(file->n, sizeof *judge->states);
	if (!judge->states)
		return -ENOMEM;
	for (size_t i = 0; i < file->n; i++) {
		struct check_state *state = &judge->states[i];
		size_t n = file->assertions[i].n_values;

		state->changed_ns = now_ns;
		state->tally.bags = n ? calloc(n, sizeof *state->tally.bags) : NULL;
		if (n && !state->tally.bags)
			return -ENOMEM;
	}
	return 0;
}

static void
bags_clear(const struct check_assertion *assertion, struct check_tally *tally)
{
	for (size_t i = 0; tally->bags && i < assertion->n_values; i++) {
		free(tally->bags[i].hashes);
		tally->bags[i] = (struct check_bag){ 0 };
	}
}

void
check_judge_fini(struct check_judge *judge)
{
	for (size_t i = 0; judge->states && i < judge->file->n; i++) {
		bags_clear(&judge->file->assertions[i], &judge->states[i].tally);
		free(judge->states[i].tally.bags);
	}
	free(judge->states);
	check_look_fini(&judge->look);
}

/* ---- sets of values ---- */

static uint64_t
mix(uint64_t hash, const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3u;
	return hash;
}

static int
hash_value(const struct check_value *value, uint64_t *out)
{
	size_t len = protobuf_c_message_get_packed_size(&value->any->base);
	uint8_t *packed = malloc(len + 1);

	if (!packed)
		return -ENOMEM;
	protobuf_c_message_pack(&value->any->base, packed);
	*out = mix(0xcbf29ce484222325u, packed, len);
	free(packed);
	return 0;
}

int
check_bag_add(struct check_bag *bag, const struct check_value *value)
{
	uint64_t hash, *hashes;
	int r = hash_value(value, &hash);

	if (r < 0)
		return r;
	for (size_t i = 0; i < bag->n; i++)
		if (bag->hashes[i] == hash)
			return 0;
	if (bag->n == CHECK_MAX_DISTINCT)
		return 0;
	if ((bag->n & (bag->n - 1)) == 0) {
		hashes = realloc(bag->hashes, (bag->n ? 2 * bag->n : 1) * sizeof *hashes);
		if (!hashes)
			return -ENOMEM;
		bag->hashes = hashes;
	}
	bag->hashes[bag->n++] = hash;
	return 0;
}

static int
note_values(struct check_look *look, const struct check_assertion *assertion,
            struct check_subject *subject, struct check_tally *tally)
{
	size_t n;
	otlp_key_value **list;
	int r = 0;

	if (!assertion->n_values)
		return 0;
	list = check_subject_attributes(look, subject, FIELD_ATTRIBUTES, &n);
	for (size_t i = 0; r == 0 && i < assertion->n_values; i++) {
		const struct check_values *values = &assertion->values[i];
		struct check_value value = check_attribute(list, n, values->key);
		bool listed = false;

		if (value.type == CHECK_ABSENT || !value.any)
			continue;
		for (size_t k = 0; k < json_array_size(values->only) && !listed; k++)
			listed = check_value_equals(
				&value, json_array_get(values->only, k), CHECK_STRICT);
		if (values->only && !listed)
			tally->bags[i].stray = true;
		for (size_t k = 0; k < json_array_size(values->include); k++)
			if (check_value_equals(&value, json_array_get(values->include, k),
			                       CHECK_STRICT))
				tally->bags[i].include |= UINT64_C(1) << k;
		if (values->distinct)
			r = check_bag_add(&tally->bags[i], &value);
	}
	return r;
}

bool
check_values_hold(const struct check_assertion *assertion,
                  const struct check_tally *tally)
{
	for (size_t i = 0; i < assertion->n_values; i++) {
		const struct check_values *values = &assertion->values[i];
		size_t n = json_array_size(values->include);
		uint64_t all = n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;

		if (tally->bags[i].stray || tally->bags[i].include != all)
			return false;
		if (values->distinct &&
		    !check_match_fits_number(values->distinct, (double)tally->bags[i].n))
			return false;
	}
	return true;
}

/* ---- one item ---- */

/* What tells this item from others, and a series from itself a moment ago. */
static uint64_t
print_of(const struct check_subject *subject)
{
	const struct check_series *series = subject->series;
	uint64_t print = 0;

	if (subject->item)
		return mix(0x51, &subject->item->seq, sizeof subject->item->seq);
	if (series) {
		print = mix(0x52, series->key, series->key_len);
		return mix(print, &series->increase, sizeof series->increase);
	}
	if (subject->trace) {
		print = mix(0x53, subject->trace->id, 16);
		return mix(print, &subject->trace->seq, sizeof subject->trace->seq);
	}
	return mix(0x54, subject->resource_json, strlen(subject->resource_json));
}

static int
hold(struct check_judge *judge, size_t i, struct check_subject *subject)
{
	const struct check_assertion *assertion = &judge->file->assertions[i];
	struct check_tally *tally = &judge->states[i].tally;
	enum check_verdict verdict;

	verdict = check_select(&judge->look, &assertion->select, subject);
	if (verdict == CHECK_NOT_YET && subject->signal & (CHECK_SPANS | CHECK_LOGS))
		tally->n_unsure++;
	if (verdict != CHECK_YES)
		return 0;
	tally->n_selected++;
	tally->fingerprint ^= print_of(subject);
	if (subject->series) {
		tally->increase += subject->series->increase;
		tally->stale = tally->stale ||
		               subject->series->time_unix_ns < judge->begun_unix_ns;
	}
	verdict = check_select(&judge->look, &assertion->each, subject);
	tally->n_wrong += verdict == CHECK_NO;
	tally->n_waiting += verdict == CHECK_NOT_YET;
	return note_values(&judge->look, assertion, subject, tally);
}

static int
visit(struct check_look *look, struct check_subject *subject, void *arg)
{
	struct check_judge *judge = arg;
	int r = 0;

	if (subject->series && subject->series->time_unix_ns >= judge->begun_unix_ns)
		judge->any_report = true;
	for (size_t i = 0; r == 0 && i < judge->file->n; i++)
		if (judge->file->assertions[i].select.signal == subject->signal)
			r = hold(judge, i, subject);
	return r == 0 && look->out_of_memory ? -ENOMEM : r;
}

/* ---- what it comes to ---- */

static bool
count_holds(const struct check_assertion *assertion, const struct check_tally *tally)
{
	if (assertion->count)
		return check_match_fits_number(assertion->count,
		                               (double)tally->n_selected);
	return assertion->increase || tally->n_selected > 0;
}

static bool
holds(const struct check_assertion *assertion, const struct check_tally *tally)
{
	return count_holds(assertion, tally) && !tally->n_wrong && !tally->n_waiting &&
	       (!assertion->increase ||
	        check_match_fits_number(assertion->increase, tally->increase)) &&
	       check_values_hold(assertion, tally);
}

/* Whether nothing that arrives can break it. */
static bool
is_safe(const struct check_assertion *assertion)
{
	if (assertion->each.n ||
	    (assertion->count && !check_match_is_open(assertion->count)))
		return false;
	if (assertion->increase && !check_match_is_open(assertion->increase))
		return false;
	/* What traces and Resources say of themselves may change, so that they are not selected any more. */
	if (assertion->select.signal & (CHECK_TRACES | CHECK_RESOURCES))
		return false;
	for (size_t i = 0; i < assertion->n_values; i++)
		if (assertion->values[i].only ||
		    (assertion->values[i].distinct &&
		     !check_match_is_open(assertion->values[i].distinct)))
			return false;
	return true;
}

/* Whether nothing that arrives can mend it. */
static bool
is_lost(const struct check_assertion *assertion, const struct check_tally *tally)
{
	if (!(assertion->select.signal & (CHECK_SPANS | CHECK_LOGS)))
		return false;
	if (tally->n_wrong ||
	    (assertion->count &&
	     check_match_is_exceeded(assertion->count, (double)tally->n_selected)))
		return true;
	for (size_t i = 0; i < assertion->n_values; i++)
		if (tally->bags[i].stray)
			return true;
	return false;
}

static void
settle(const struct check_assertion *assertion, struct check_state *state,
       uint64_t fingerprint_before, uint64_t now_ns)
{
	const struct check_tally *tally = &state->tally;

	if (tally->fingerprint != fingerprint_before)
		state->changed_ns = now_ns;
	if (holds(assertion, tally))
		state->kind = is_safe(assertion) ? CHECK_PASSED : CHECK_HOLDING;
	else
		state->kind = is_lost(assertion, tally) ? CHECK_FAILED : CHECK_FAILING;
}

int
check_judge_evaluate(struct check_judge *judge, uint64_t now_ns)
{
	const struct check_file *file = judge->file;
	uint64_t before[CHECK_MAX_ASSERTIONS];
	unsigned asked = 0;
	int r = 0;

	judge->any_report = false;
	for (size_t i = 0; i < file->n; i++) {
		struct check_tally *tally = &judge->states[i].tally;
		struct check_bag *bags = tally->bags;

		before[i] = tally->fingerprint;
		bags_clear(&file->assertions[i], tally);
		*tally = (struct check_tally){ .bags = bags };
		asked |= file->assertions[i].select.signal;
	}
	for (unsigned signal = 1; r == 0 && signal <= CHECK_TRACES; signal <<= 1)
		if (asked & signal)
			r = check_walk(&judge->look, signal, visit, judge);
	for (size_t i = 0; r == 0 && i < file->n; i++) {
		/* How many tell apart what cancels out in the rest. */
		judge->states[i].tally.fingerprint += judge->states[i].tally.n_selected;
		settle(&file->assertions[i], &judge->states[i], before[i], now_ns);
	}
	return r;
}

/* Whether an assertion that holds waits for something other than time. */
static bool
awaits_report(const struct check_judge *judge, size_t i)
{
	const struct check_assertion *assertion = &judge->file->assertions[i];
	const struct check_tally *tally = &judge->states[i].tally;

	if (tally->n_unsure)
		return true;
	if (assertion->select.signal != CHECK_POINTS || !judge->file->driven)
		return false;
	return tally->n_selected ? tally->stale : !judge->any_report;
}

bool
check_judge_is_decided(const struct check_judge *judge, uint64_t now_ns, int *ms)
{
	uint64_t settle_ns = (uint64_t)judge->file->settle_ns, wait = 0;
	bool decided = true;

	*ms = -1;
	for (size_t i = 0; i < judge->file->n; i++) {
		const struct check_state *state = &judge->states[i];
		uint64_t quiet = now_ns - state->changed_ns;

		if (state->kind == CHECK_PASSED || state->kind == CHECK_FAILED)
			continue;
		if (state->kind == CHECK_FAILING || awaits_report(judge, i)) {
			decided = false;
		} else if (quiet < settle_ns) {
			decided = false;
			wait = settle_ns - quiet > wait ? settle_ns - quiet : wait;
		}
	}
	if (wait)
		*ms = (int)(wait / 1000000u) + 1;
	return decided;
}

/* ---- where series stand ---- */

/* Whether an assertion of the file is about the series, by what does not change about it. */
static bool
is_asked_for(struct check_judge *judge, const struct check_series *series)
{
	for (size_t i = 0; i < judge->file->n; i++) {
		const struct check_select *select = &judge->file->assertions[i].select;
		bool fits = select->signal == CHECK_POINTS;

		for (size_t k = 0; fits && k < select->n; k++) {
			struct check_subject subject;

			if (select->conditions[k].field->id > FIELD_METRIC)
				break;
			check_subject_series(&subject, series);
			fits = check_condition(&judge->look, &select->conditions[k],
			                       &subject) == CHECK_YES;
		}
		if (fits)
			return true;
	}
	return false;
}

bool
check_judge_is_behind(struct check_judge *judge, uint64_t unix_ns, uint64_t now_unix_ns)
{
	for (size_t i = 0; i < judge->look.n_series; i++) {
		const struct check_series *series = judge->look.series[i];
		uint64_t silent = now_unix_ns > series->time_unix_ns
		                          ? now_unix_ns - series->time_unix_ns
		                          : 0;

		if (series->time_unix_ns < unix_ns &&
		    (!series->gap_ns || silent < 2 * series->gap_ns + 1000000000u) &&
		    is_asked_for(judge, series))
			return true;
	}
	return false;
}
