/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One more walk for an assertion that does not hold. Each item that was not selected is given a distance
 * to the selection, and the nearest one tells the sentence. When none is near, what did arrive does.
 */
#include "check-miss.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check-series.h"
#include "near.h"

#define MAX_HEARD  32 /* services that are counted */
#define MAX_NAMES  5  /* names in a sentence */
#define FAR        60 /* a distance from which on an item is something else */
#define NAME_NEAR  10
#define SERVICE    30
#define OTHER      3
#define MAX_VALUES 6
#define MAX_KEYS   16

/* What a service has sent since. */
struct heard {
	char *service;
	size_t n[STORE_N_SIGNALS];
};

struct name {
	char *text;
	size_t n;
	unsigned apart;
};

struct search {
	struct check_judge *judge;
	const struct check_assertion *assertion;
	const struct check_tally *tally;
	const char *service, *name; /* that are asked for exactly; or NULL */

	unsigned score; /* of the nearest that is not selected */
	struct buf nearest;
	struct buf wrong;    /* of the first selected one that is wrong */
	struct buf selected; /* what the first selected one is */
	bool waiting;        /* `wrong` is of one that may yet become right */

	struct heard heard[MAX_HEARD];
	size_t n_heard;
	struct name names[MAX_NAMES]; /* the nearest names of the right service */
	size_t n_names, n_more;
	size_t n_orphans; /* spans of the service whose parent never arrived */
	struct {
		char *text;
		size_t n;
	} values[MAX_VALUES]; /* of the attribute that is told of */
	size_t n_values, value;
	struct {
		char *key;
		struct check_bag values;
	} keys[MAX_KEYS]; /* of series that are too many */
	size_t n_keys;
	bool failed;
};

static const char *const nouns[][2] = {
	{ "Resource", "Resources" },     { "span", "spans" },
	{ "log record", "log records" }, { "series", "series" },
	{ "trace", "traces" },
};

static const char *
noun(enum check_signal signal, size_t n)
{
	for (int i = 0; i < 5; i++)
		if (signal == 1u << i)
			return nouns[i][n != 1];
	return "item";
}

/* ---- what there is ---- */

static struct heard *
heard_of(struct search *s, const char *service)
{
	for (size_t i = 0; i < s->n_heard; i++)
		if (!strcmp(s->heard[i].service, service))
			return &s->heard[i];
	if (s->n_heard == MAX_HEARD)
		return NULL;
	s->heard[s->n_heard].service = strdup(service);
	if (!s->heard[s->n_heard].service) {
		s->failed = true;
		return NULL;
	}
	return &s->heard[s->n_heard++];
}

static int
hear(struct check_look *look, struct check_subject *subject, void *arg)
{
	struct search *s = arg;
	struct heard *heard = heard_of(s, subject->service);

	if (heard)
		heard->n[subject->signal == CHECK_SPANS  ? STORE_SPANS
		         : subject->signal == CHECK_LOGS ? STORE_LOGS
		                                         : STORE_METRICS]++;
	return s->failed ? -ENOMEM : 0;
}

/* Keeps the nearest few names, each once. */
static void
note_name(struct search *s, const char *text)
{
	unsigned apart = s->name ? near_apart(s->name, text) : 0;
	size_t i;

	for (i = 0; i < s->n_names; i++)
		if (!strcmp(s->names[i].text, text)) {
			s->names[i].n++;
			return;
		}
	if (s->n_names == MAX_NAMES) {
		s->n_more++;
		if (apart >= s->names[MAX_NAMES - 1].apart)
			return;
		free(s->names[--s->n_names].text);
	}
	for (i = s->n_names; i && s->names[i - 1].apart > apart; i--)
		s->names[i] = s->names[i - 1];
	s->names[i] = (struct name){ strdup(text), 1, apart };
	s->failed = s->failed || !s->names[i].text;
	s->n_names++;
}

static const char *
name_of(const struct check_subject *subject)
{
	switch (subject->signal) {
	case CHECK_SPANS:
		return subject->item->name;
	case CHECK_POINTS:
		return subject->series->report->metric->name;
	default:
		return NULL;
	}
}

/* ---- how near ---- */

/* The same thing from elsewhere, or a name mistyped; any item of another service is neither. */
static bool
is_near_service(const struct search *s, const struct check_subject *subject)
{
	if (s->name)
		return true;
	return s->service && subject->service &&
	       near_is_typo(s->service, subject->service);
}

static unsigned
distance(struct search *s, struct check_look *look, struct check_subject *subject)
{
	const struct check_select *select = &s->assertion->select;
	unsigned score = 0;

	/* What was to grow and did not is another's series, or one of a version before. */
	if (s->assertion->increase &&
	    check_subject_value(look, subject, FIELD_INCREASE).real <= 0)
		score += OTHER;
	for (size_t i = 0; i < select->n && score < s->score; i++) {
		const struct check_condition *condition = &select->conditions[i];

		if (check_condition(look, condition, subject) == CHECK_YES)
			continue;
		switch (condition->field->id) {
		case FIELD_SERVICE:
		case FIELD_TRACE_SERVICE:
			score += is_near_service(s, subject) ? SERVICE : FAR;
			break;
		case FIELD_NAME:
		case FIELD_METRIC: {
			unsigned apart = s->name ? near_apart(s->name, name_of(subject))
			                         : NEAR_APART - 1;

			score += apart < NEAR_APART ? NAME_NEAR + apart / 10 : FAR;
			break;
		}
		default:
			score += OTHER;
		}
	}
	return score;
}

static void
note_value(struct search *s, struct check_look *look, struct check_subject *subject)
{
	size_t n;
	otlp_key_value **list;
	struct check_value value;
	struct buf text = { 0 };

	list = check_subject_attributes(look, subject, FIELD_ATTRIBUTES, &n);
	value = check_attribute(list, n, s->assertion->values[s->value].key);
	if (value.type == CHECK_ABSENT)
		return;
	check_value_describe(&value, NULL, false, &text);
	s->failed = s->failed || text.failed;
	for (size_t i = 0; text.data && i < s->n_values; i++)
		if (!strcmp(s->values[i].text, text.data)) {
			s->values[i].n++;
			buf_fini(&text);
			return;
		}
	if (text.data && s->n_values < MAX_VALUES) {
		s->values[s->n_values].n = 1;
		s->values[s->n_values++].text = text.data;
		return;
	}
	buf_fini(&text);
}

/* Attributes by which series are told apart, to say which of them makes so many. */
static void
note_keys(struct search *s, struct check_look *look, struct check_subject *subject)
{
	size_t n;
	otlp_key_value **list = check_subject_attributes(look, subject, FIELD_ATTRIBUTES,
	                                                 &n);

	for (size_t i = 0; i < n; i++) {
		struct check_value value = check_value_of(list[i]->value);
		size_t k = 0;

		while (k < s->n_keys && strcmp(s->keys[k].key, list[i]->key) != 0)
			k++;
		if (k == MAX_KEYS || !value.any)
			continue;
		if (k == s->n_keys) {
			s->keys[k].key = strdup(list[i]->key);
			if (!s->keys[k].key) {
				s->failed = true;
				return;
			}
			s->n_keys++;
		}
		if (check_bag_add(&s->keys[k].values, &value) < 0)
			s->failed = true;
	}
}

static void
look_at_selected(struct search *s, struct check_look *look, struct check_subject *subject)
{
	enum check_verdict verdict;

	if (!s->selected.len)
		check_subject_describe(look, subject, &s->selected);
	if (s->assertion->n_values)
		note_value(s, look, subject);
	if (subject->series && s->assertion->count)
		note_keys(s, look, subject);
	if (s->wrong.len && !s->waiting)
		return;
	verdict = check_select(look, &s->assertion->each, subject);
	if (verdict == CHECK_YES || (verdict == CHECK_NOT_YET && s->wrong.len))
		return;
	s->wrong.len = 0;
	s->waiting = verdict == CHECK_NOT_YET;
	(void)check_why_not(look, &s->assertion->each, subject, &s->wrong);
}

static int
look_at(struct check_look *look, struct check_subject *subject, void *arg)
{
	struct search *s = arg;
	bool ours = !s->service ||
	            (subject->service && !strcmp(subject->service, s->service));
	const char *name = name_of(subject);
	unsigned score;

	if (check_select(look, &s->assertion->select, subject) == CHECK_YES) {
		look_at_selected(s, look, subject);
	} else {
		if (ours && name)
			note_name(s, name);
		if (subject->signal == CHECK_RESOURCES && *subject->service)
			note_name(s, subject->service);
		if (ours && subject->signal == CHECK_SPANS &&
		    check_has_id(subject->item->parent_id) &&
		    !check_find_span(look, subject->trace, subject->item->parent_id))
			s->n_orphans++;
		score = distance(s, look, subject);
		if (score < s->score) {
			s->score = score;
			s->nearest.len = 0;
			(void)check_why_not(look, &s->assertion->select, subject,
			                    &s->nearest);
		}
	}
	s->failed = s->failed || s->nearest.failed || s->wrong.failed ||
	            s->selected.failed || look->out_of_memory;
	return s->failed ? -ENOMEM : 0;
}

/* ---- sentences ---- */

static void
write_heard(const struct heard *heard, struct buf *buf)
{
	static const enum check_signal signals[] = { CHECK_SPANS, CHECK_LOGS,
		                                     CHECK_POINTS };
	bool first = true;

	for (int i = 0; i < STORE_N_SIGNALS; i++) {
		if (!heard->n[i])
			continue;
		buf_printf(buf, "%s%zu %s", first ? "" : ", ", heard->n[i],
		           i == STORE_METRICS ? heard->n[i] == 1 ? "series of metrics"
		                                                 : "series of metrics"
		                              : noun(signals[i], heard->n[i]));
		first = false;
	}
}

/* It may have been sent, and not been taken. */
static void
write_refusal(const struct search *s, struct buf *buf)
{
	if (s->judge->refused)
		buf_printf(buf, "; the station refused %s", s->judge->refused);
}

/* Nothing is near because nothing is there: who did send, and what. */
static void
write_silence(struct search *s, struct buf *buf)
{
	const char *since = s->judge->file->driven ? " since the requests began" : "";
	enum check_signal signal = s->assertion->select.signal;
	const char *what = signal == CHECK_POINTS ? "metrics" : noun(signal, 2);
	size_t shown = 0;

	if (!s->n_heard) {
		buf_printf(buf, "nothing at all has arrived%s, from any service", since);
		write_refusal(s, buf);
		return;
	}
	for (size_t i = 0; s->service && i < s->n_heard; i++)
		if (!strcmp(s->heard[i].service, s->service)) {
			buf_printf(buf, "`%s` sent no %s%s; it sent ", s->service, what,
			           since);
			write_heard(&s->heard[i], buf);
			write_refusal(s, buf);
			return;
		}
	if (s->service)
		buf_printf(buf, "nothing arrived from `%s`%s; ", s->service, since);
	else
		buf_printf(buf, "no %s arrived%s; ", what, since);
	for (size_t i = 0; i < s->n_heard && shown < 4; i++, shown++) {
		buf_printf(buf, "%s%s%s%s sent ", shown ? "; " : "",
		           *s->heard[i].service ? "`" : "",
		           *s->heard[i].service ? s->heard[i].service
		                                : "a service without a name",
		           *s->heard[i].service ? "`" : "");
		write_heard(&s->heard[i], buf);
	}
	write_refusal(s, buf);
}

/* Whether the service has sent anything of the signal that is looked at. */
static bool
has_sent(const struct search *s)
{
	enum check_signal signal = s->assertion->select.signal;
	int i = signal == CHECK_LOGS     ? STORE_LOGS
	        : signal == CHECK_POINTS ? STORE_METRICS
	                                 : STORE_SPANS;

	for (size_t k = 0; k < s->n_heard; k++)
		if ((!s->service || !strcmp(s->heard[k].service, s->service)) &&
		    (signal == CHECK_RESOURCES || s->heard[k].n[i]))
			return true;
	return false;
}

/* The right service, and nothing like the name: what it has. */
static void
write_names(struct search *s, struct buf *buf)
{
	if (s->assertion->select.signal == CHECK_RESOURCES) {
		buf_puts(buf, "no Resource");
		if (s->service)
			buf_printf(buf, " of `%s`", s->service);
		for (size_t i = 0; i < s->n_names; i++)
			buf_printf(buf, "%s`%.80s`", i ? ", " : "; found those of ",
			           s->names[i].text);
		buf_puts(buf, s->n_more    ? " and others"
		              : s->n_names ? ""
		                           : " has arrived");
		return;
	}
	buf_printf(buf, "no %s ",
	           s->assertion->select.signal == CHECK_POINTS
	                   ? "metric"
	                   : noun(s->assertion->select.signal, 1));
	if (s->name)
		buf_printf(buf, "`%s`", s->name);
	else
		buf_puts(buf, "that fits");
	if (s->service)
		buf_printf(buf, " from `%s`", s->service);
	for (size_t i = 0; i < s->n_names; i++)
		buf_printf(buf, "%s`%.80s`", i ? ", " : "; found ", s->names[i].text);
	buf_puts(buf, s->n_more ? " and others" : "");
	if (s->n_orphans)
		buf_printf(
			buf,
			"; the parent%s of %zu span%s never arrived (is it ended on every path?)",
			s->n_orphans == 1 ? "" : "s", s->n_orphans,
			s->n_orphans == 1 ? "" : "s");
}

/* A series that fits but has told nothing since. */
static bool
write_unreported(struct search *s, struct buf *buf)
{
	struct check_look *look = &s->judge->look;

	for (size_t i = 0; i < look->n_series; i++) {
		struct check_subject subject;

		if (look->series[i]->reported)
			continue;
		check_subject_series(&subject, look->series[i]);
		if (check_select(look, &s->assertion->select, &subject) != CHECK_YES)
			continue;
		check_subject_describe(look, &subject, buf);
		buf_puts(buf, " was last reported before the requests began (is its "
		              "interval longer than `within`?)");
		return true;
	}
	return false;
}

static void
write_nothing_selected(struct search *s, struct buf *buf)
{
	if (s->assertion->select.signal == CHECK_POINTS && write_unreported(s, buf))
		return;
	if (s->nearest.len && s->score < FAR)
		buf_add(buf, s->nearest.data, s->nearest.len);
	else if (has_sent(s) || s->assertion->select.signal == CHECK_RESOURCES)
		write_names(s, buf);
	else
		write_silence(s, buf);
}

static void
write_count(struct search *s, struct buf *buf)
{
	const struct check_assertion *assertion = s->assertion;
	size_t n = s->tally->n_selected;

	if (!n) {
		write_nothing_selected(s, buf);
		return;
	}
	buf_printf(buf, "%zu %s", n, noun(assertion->select.signal, n));
	if (s->name)
		buf_printf(buf, " %s`%s`",
		           assertion->select.signal == CHECK_POINTS ? "of " : "",
		           s->name);
	buf_puts(buf, " found; expected ");
	if (check_match_fits_number(assertion->count, 0) &&
	    check_match_is_exceeded(assertion->count, 1))
		buf_puts(buf, "none");
	else
		check_match_describe(assertion->count, false, buf);
	if (check_match_is_exceeded(assertion->count, (double)n) && s->n_keys) {
		size_t most = 0;

		for (size_t i = 1; i < s->n_keys; i++)
			if (s->keys[i].values.n > s->keys[most].values.n)
				most = i;
		buf_printf(buf, "; `%.80s` has %zu different value%s", s->keys[most].key,
		           s->keys[most].values.n,
		           s->keys[most].values.n == 1 ? "" : "s");
	} else if (check_match_is_exceeded(assertion->count, (double)n)) {
		if (!s->name && s->selected.len)
			buf_printf(buf, " (the first: %s)", s->selected.data);
	} else if (s->nearest.len && s->score < SERVICE) {
		buf_printf(buf, "; the nearest other: %s", s->nearest.data);
	}
}

static void
write_wrong(struct search *s, struct buf *buf)
{
	size_t wrong = s->tally->n_wrong + s->tally->n_waiting;

	buf_add(buf, s->wrong.data ? s->wrong.data : "", s->wrong.len);
	if (s->tally->n_selected > 1)
		buf_printf(buf, " (%zu of %zu %s)", wrong, s->tally->n_selected,
		           noun(s->assertion->select.signal, s->tally->n_selected));
}

static void
write_increase(struct search *s, struct buf *buf)
{
	if (!s->tally->n_selected) {
		write_nothing_selected(s, buf);
		return;
	}
	if (s->name)
		buf_printf(buf, "`%s`", s->name);
	else
		buf_printf(buf, "%zu series", s->tally->n_selected);
	buf_printf(buf, " grew by %.15g; expected ", s->tally->increase);
	check_match_describe(s->assertion->increase, false, buf);
	if (s->tally->stale && s->judge->file->driven)
		buf_puts(buf, " (nothing was reported since the last request)");
	else if (s->nearest.len && s->score <= OTHER &&
	         !check_match_is_exceeded(s->assertion->increase, s->tally->increase))
		buf_printf(buf, "; what grew is %s", s->nearest.data);
}

static void
write_found_values(const struct search *s, struct buf *buf)
{
	for (size_t i = 0; i < s->n_values; i++)
		buf_printf(buf, "%s%s", i ? ", " : "", s->values[i].text);
	buf_puts(buf, s->n_values == MAX_VALUES ? " …" : "");
}

static void
write_list(const json_t *list, struct buf *buf)
{
	char *dump = json_dumps(list, JSON_COMPACT | JSON_REAL_PRECISION(15));

	if (dump)
		buf_puts(buf, dump);
	buf->failed = buf->failed || !dump;
	free(dump);
}

static void
write_values(struct search *s, struct buf *buf)
{
	const struct check_values *values = &s->assertion->values[s->value];
	const struct check_bag *bag = &s->tally->bags[s->value];

	buf_printf(buf, "`%s` is ", values->key);
	if (!s->n_values) {
		buf_puts(buf, "absent in all of them");
	} else {
		write_found_values(s, buf);
	}
	if (bag->stray) {
		buf_puts(buf, "; expected only ");
		write_list(values->only, buf);
	} else if (values->distinct &&
	           !check_match_fits_number(values->distinct, (double)bag->n)) {
		buf_printf(buf, ", %zu different value%s; expected ", bag->n,
		           bag->n == 1 ? "" : "s");
		check_match_describe(values->distinct, false, buf);
	} else {
		for (size_t i = 0; i < json_array_size(values->include); i++)
			if (!(bag->include & UINT64_C(1) << i)) {
				char *dump = json_dumps(
					json_array_get(values->include, i),
					JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));

				buf_printf(buf, "; expected %s among them",
				           dump ? dump : "");
				buf->failed = buf->failed || !dump;
				free(dump);
				break;
			}
	}
}

/* Which of its values an assertion fails by. */
static size_t
failing_value(const struct check_assertion *assertion, const struct check_tally *tally)
{
	for (size_t i = 0; i < assertion->n_values; i++) {
		struct check_assertion one = { .values = &assertion->values[i],
			                       .n_values = 1 };
		struct check_tally its = { .bags = &tally->bags[i] };

		if (!check_values_hold(&one, &its))
			return i;
	}
	return 0;
}

/* That something is missing which had been there. */
static void
write_losses(struct search *s, struct buf *buf)
{
	struct store_stats stats;
	int i = s->assertion->select.signal == CHECK_LOGS     ? STORE_LOGS
	        : s->assertion->select.signal == CHECK_POINTS ? STORE_METRICS
	                                                      : STORE_SPANS;
	const struct store_item *first = TAILQ_FIRST(
		store_items(s->judge->look.store, i));

	store_get_stats(s->judge->look.store, &stats);
	if (stats.evicted[i] && (!first || first->seq > s->judge->file->since + 1))
		buf_puts(buf, "; the station had to drop older telemetry, a larger "
		              "`budget` keeps it");
	if (s->judge->look.too_many_series && i == STORE_METRICS)
		buf_printf(buf,
		           "; there are more than %d series, and not all were looked at",
		           CHECK_MAX_SERIES);
}

static void
search_fini(struct search *s)
{
	for (size_t i = 0; i < s->n_heard; i++)
		free(s->heard[i].service);
	for (size_t i = 0; i < s->n_names; i++)
		free(s->names[i].text);
	for (size_t i = 0; i < s->n_values; i++)
		free(s->values[i].text);
	for (size_t i = 0; i < s->n_keys; i++) {
		free(s->keys[i].key);
		free(s->keys[i].values.hashes);
	}
	buf_fini(&s->nearest);
	buf_fini(&s->wrong);
	buf_fini(&s->selected);
}

static void
write_sentence(struct search *s, struct buf *buf)
{
	const struct check_assertion *assertion = s->assertion;
	const struct check_tally *tally = s->tally;
	bool count = assertion->count ? check_match_fits_number(assertion->count,
	                                                        (double)tally->n_selected)
	                              : assertion->increase || tally->n_selected;

	if (tally->n_selected && tally->n_wrong)
		write_wrong(s, buf);
	else if (!count)
		write_count(s, buf);
	else if (tally->n_waiting)
		write_wrong(s, buf);
	else if (assertion->increase &&
	         !check_match_fits_number(assertion->increase, tally->increase))
		write_increase(s, buf);
	else if (assertion->n_values)
		write_values(s, buf);
	if (!buf->len) /* the store has changed since the evaluation, and now it holds */
		buf_puts(buf, "it did not hold a moment ago, and does now");
	write_losses(s, buf);
}

/* Names come from files and from telemetry, and a terminal obeys what it is sent. */
static void
make_one_line(struct buf *buf, size_t from)
{
	for (size_t i = from; i < buf->len; i++)
		if ((unsigned char)buf->data[i] < ' ' || buf->data[i] == 0x7f)
			buf->data[i] = ' ';
}

int
check_miss_write(struct check_judge *judge, size_t i, struct buf *buf)
{
	struct search s = { .judge = judge,
		            .assertion = &judge->file->assertions[i],
		            .tally = &judge->states[i].tally,
		            .score = 1000 };
	const struct check_select *select = &s.assertion->select;
	size_t from = buf->len;
	int r;

	for (size_t k = 0; k < select->n; k++) {
		const struct check_condition *condition = &select->conditions[k];

		if (condition->field->id == FIELD_SERVICE ||
		    condition->field->id == FIELD_TRACE_SERVICE)
			s.service = check_match_text(condition->match);
		if (condition->field->id == FIELD_NAME ||
		    condition->field->id == FIELD_METRIC)
			s.name = check_match_text(condition->match);
	}
	s.value = failing_value(s.assertion, s.tally);
	r = check_walk(&judge->look, select->signal, look_at, &s);
	if (r == 0 && !s.tally->n_selected && s.score >= FAR) {
		r = check_walk(&judge->look, CHECK_SPANS, hear, &s);
		if (r == 0)
			r = check_walk(&judge->look, CHECK_LOGS, hear, &s);
		if (r == 0)
			r = check_walk(&judge->look, CHECK_POINTS, hear, &s);
	}
	if (r == 0)
		write_sentence(&s, buf);
	make_one_line(buf, from);
	if (r == 0 && (buf->failed || s.failed))
		r = -ENOMEM;
	search_fini(&s);
	return r;
}
