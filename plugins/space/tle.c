/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The format is a punched card: fixed columns, some numbers without their decimal point. Columns below
 * are counted from 1, as every description of it does.
 */
#include "tle.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_LEN 69

/* Copies columns `first` to `last` without blanks at either end. */
static const char *
columns(const char *line, int first, int last, char field[24])
{
	while (first <= last && line[first - 1] == ' ')
		first++;
	while (last >= first && line[last - 1] == ' ')
		last--;
	memcpy(field, line + first - 1, (size_t)(last - first + 1));
	field[last - first + 1] = '\0';
	return field;
}

/* A decimal number, all of it; digits, sign, point and exponent only. */
static int
number(const char *text, double *out)
{
	char *end;

	if (!*text || text[strspn(text, "+-.0123456789e")] != '\0')
		return -EINVAL;
	*out = strtod(text, &end);
	return *end == '\0' && isfinite(*out) ? 0 : -EINVAL;
}

/* " 28098-4": a sign, digits that follow an unwritten point, and a power of ten. */
static int
packed(const char *line, int first, int last, double *out)
{
	char field[24], text[32];
	const char *digits = columns(line, first, last, field), *sign = "";
	size_t n;

	if (*digits == '-' || *digits == '+')
		sign = *digits++ == '-' ? "-" : "";
	n = strspn(digits, "0123456789");
	if (n == 0 || (digits[n] != '-' && digits[n] != '+' && digits[n] != '\0'))
		return -EINVAL;
	snprintf(text, sizeof text, "%s.%.*s%s%.4s", sign, (int)n, digits,
	         digits[n] ? "e" : "", digits + n);
	return number(text, out);
}

static int
plain(const char *line, int first, int last, double *out)
{
	char field[24];

	return number(columns(line, first, last, field), out);
}

/* Digits count as what they are, a minus sign as one, everything else as nothing. */
static int
check_digit(const char *line)
{
	int sum = 0;

	for (int i = 0; i < LINE_LEN - 1; i++)
		sum += isdigit((unsigned char)line[i]) ? line[i] - '0' : line[i] == '-';
	return '0' + sum % 10;
}

static int
check_line(const char *line, char which, struct otel_error *err)
{
	size_t len = strcspn(line, "\r\n");

	if (len != LINE_LEN)
		return otel_error_set(err, -EINVAL,
		                      "element set: line %c has %zu characters, not %d",
		                      which, len, LINE_LEN);
	if (line[0] != which || line[1] != ' ')
		return otel_error_set(err, -EINVAL,
		                      "element set: line %c begins with \"%.2s\"", which,
		                      line);
	if (line[LINE_LEN - 1] != check_digit(line))
		return otel_error_set(
			err, -EINVAL,
			"element set: line %c has check digit %c, counted %c", which,
			line[LINE_LEN - 1], check_digit(line));
	return 0;
}

/* Days of a year and a fraction, the first of January being 1, as Unix seconds. */
static double
epoch_seconds(int year, double day)
{
	int y = year - 1;
	long days = 365L * (year - 1970) + (y / 4 - 1969 / 4) - (y / 100 - 1969 / 100) +
	            (y / 400 - 1969 / 400);

	return ((double)days + day - 1) * 86400;
}

int
tle_parse(const char *name, const char *line1, const char *line2, struct tle *out,
          struct otel_error *err)
{
	static const double radians = M_PI / 180;
	struct tle t = { .name = "" };
	char eccentricity[24], field[24];
	double year, day, satellite, inclination, node, perigee, anomaly, revolutions;
	int r;

	r = check_line(line1, '1', err);
	if (r < 0)
		return r;
	r = check_line(line2, '2', err);
	if (r < 0)
		return r;
	if (strncmp(line1 + 2, line2 + 2, 5) != 0)
		return otel_error_set(err, -EINVAL,
		                      "element set: its lines are of %.5s and %.5s",
		                      line1 + 2, line2 + 2);
	snprintf(eccentricity, sizeof eccentricity, ".%.20s",
	         columns(line2, 27, 33, field));
	if (plain(line1, 3, 7, &satellite) < 0 || plain(line1, 19, 20, &year) < 0 ||
	    plain(line1, 21, 32, &day) < 0 || packed(line1, 54, 61, &t.bstar) < 0 ||
	    plain(line2, 9, 16, &inclination) < 0 || plain(line2, 18, 25, &node) < 0 ||
	    number(eccentricity, &t.eccentricity) < 0 ||
	    plain(line2, 35, 42, &perigee) < 0 || plain(line2, 44, 51, &anomaly) < 0 ||
	    plain(line2, 53, 63, &revolutions) < 0)
		return otel_error_set(err, -EINVAL,
		                      "element set: a field of %.5s is not a number",
		                      line1 + 2);
	if (!(day >= 1 && day < 367 && revolutions > 0 && inclination >= 0 &&
	      inclination <= 180))
		return otel_error_set(err, -EINVAL,
		                      "element set: a field of %.5s is out of range",
		                      line1 + 2);
	if (name)
		snprintf(t.name, sizeof t.name, "%.*s", (int)strcspn(name, "\r\n"), name);
	for (size_t n = strlen(t.name); n > 0 && t.name[n - 1] == ' '; n--)
		t.name[n - 1] = '\0';
	t.satellite = (int)satellite;
	t.epoch = epoch_seconds((int)year + (year < 57 ? 2000 : 1900), day);
	t.inclination = inclination * radians;
	t.node = node * radians;
	t.argument_of_perigee = perigee * radians;
	t.mean_anomaly = anomaly * radians;
	t.mean_motion = revolutions * 2 * M_PI / 1440;
	*out = t;
	return 0;
}

static const char *
next_line(const char *line)
{
	line += strcspn(line, "\n");
	return *line ? line + 1 : line;
}

int
tle_first(const char *text, struct tle *out, struct otel_error *err)
{
	const char *name = NULL;

	for (const char *line = text; *line; line = next_line(line)) {
		if (*line == '#' || *line == '\n' || *line == '\r')
			continue;
		if (strncmp(line, "1 ", 2) == 0)
			return tle_parse(name, line, next_line(line), out, err);
		name = line;
	}
	return otel_error_set(err, -EINVAL, "element set: there is none in the text");
}
