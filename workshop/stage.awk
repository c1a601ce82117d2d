# SPDX-License-Identifier: Apache-2.0
# stage.awk - a file of the course as it stands after a step, made from the shipped file and its marks.
#
# The shipped file is the end of the course. Its marks, in marks/NAME.marks, say which of its lines come with
# which step, and what stood in their place before:
#
#	# A comment.
#	mark after-the-call
#	since start
#	|	return r;
#	since 1.2
#	|	if (r < 0)
#	|		otel_log(iss->host->logger, OTEL_ERROR, "no position of the ISS");
#	|	return r;
#
# A mark's blocks follow each other as the steps do; before the first there is nothing in that place. The last
# block quotes the shipped file, to the letter, and stands there exactly once. A long one may be quoted by its
# first and its last lines, with a line `...` between them. `behind |LINE`, under the mark's name, looks for it
# behind that line only, and takes the first. What is gone at the end is a mark whose last block is empty;
# `before |LINE` then says where it was. (A `|` alone is an empty line.) Marks do not overlap.
#
#	show the-call
#	|	struct svc_call call = { .url = iss->position_url,
#	...
#	|	int r = rsp->error;
#
# names lines of the shipped file without changing any, so that the text can quote what stands there at a step.
# A quotation is asked for by step, file and piece (see cut-stage, which runs this):
#
#	cut-stage 2.2 iss-distance-service/app.c                      the whole file
#	cut-stage 2.2 iss-distance-service/app.c after-the-call       a mark, or what `show` names
#	cut-stage 2.2 iss-distance-service/app.c 'api()'              a function, with the comment above it
#	cut-stage 2.2 iss-distance-service/app.c 'struct iss'         a structure, the same
#	cut-stage 2.2 host.conf '[plugin gateway]'                    a section, the same
#	cut-stage pieces iss-distance-service/app.c                   the names of marks, and their steps
#	cut-stage all DIR                                             every file at every step, as DIR/STEP/FILE
#
# Variables: steps (all of them, in order), marks and shipped (what the two files are called in messages), and
# either out and file (write out/STEP/file for each step), or step and piece ("": all), or pieces=1.
# Input: the marks, then the shipped file. It keeps to what every awk has.

function fail(line, text)
{
	print marks ":" line ": " text > "/dev/stderr"
	failed = 1
	exit 1
}

# Where a mark is used, for messages.
function called(m)
{
	return (is_show[m] ? "show" : "mark") " \"" name[m] "\""
}

function begin(kind, what)
{
	n_marks++
	name[n_marks] = what
	at[n_marks] = FNR
	is_show[n_marks] = kind == "show"
	n_blocks[n_marks] = 0
	if (what == "")
		fail(FNR, "a " kind " needs a name")
	if (what in named)
		fail(FNR, "the name \"" what "\" is taken by line " at[named[what]])
	named[what] = n_marks
	if (is_show[n_marks])
		block("")
}

# Begins the lines that hold since a step; b counts all blocks of the file.
function block(since)
{
	b++
	n_blocks[n_marks]++
	block_of[n_marks, n_blocks[n_marks]] = b
	since_of[b] = since
	line_of[b] = FNR
	n_text[b] = 0
	gap[b] = 0
}

function read_mark(line,    word, n, order)
{
	if (line ~ /^#/ || line ~ /^[ \t]*$/)
		return
	if (line ~ /^\|/) {
		if (!b || (!is_show[n_marks] && !n_blocks[n_marks]))
			fail(FNR, "a quoted line belongs under `since STEP` or `show NAME`")
		text[b, ++n_text[b]] = substr(line, 2)
		return
	}
	if (line == "...") {
		if (!b || !n_text[b] || gap[b])
			fail(FNR, "`...` stands once, between the first and the last lines of a quotation")
		gap[b] = n_text[b]
		return
	}
	n = split(line, word, /[ \t]+/)
	if (word[1] == "mark" || word[1] == "show") {
		if (n > 2)
			fail(FNR, "a name is one word: letters, digits and -")
		begin(word[1], word[2])
	} else if (!n_marks) {
		fail(FNR, "a `mark` or a `show` comes first")
	} else if (word[1] == "since" && n == 2 && !is_show[n_marks]) {
		order = order_of[word[2]]
		if (!order)
			fail(FNR, "there is no step \"" word[2] "\"; the steps are: " steps)
		if (n_blocks[n_marks] && order <= order_of[since_of[b]])
			fail(FNR, "step " word[2] " does not come behind step " since_of[b] ", whose lines stand above")
		block(word[2])
	} else if (word[1] == "before" || word[1] == "behind") {
		if (index(line, "|") != 8)
			fail(FNR, "`" word[1] "` is followed by one blank, |, and the line")
		if (n_blocks[n_marks] && !is_show[n_marks])
			fail(FNR, "`" word[1] "` stands above the mark's first `since`")
		anchor_kind[n_marks] = word[1]
		anchor[n_marks] = substr(line, 9)
		anchor_line[n_marks] = FNR
	} else {
		fail(FNR, "\"" line "\" is none of: mark NAME, show NAME, since STEP, before |LINE, behind |LINE, |LINE, ...")
	}
}

# Whether lines from..to of block k stand in the shipped file at line i.
function stands(k, from, to, i,    j)
{
	for (j = from; j <= to; j++)
		if (i + j - from > n_lines || lines[i + j - from] != text[k, j])
			return 0
	return 1
}

# Where the one line that the anchor quotes is.
function find_anchor(m,    i, found)
{
	for (i = 1; i <= n_lines; i++) {
		if (lines[i] != anchor[m])
			continue
		if (found)
			fail(anchor_line[m], called(m) ": its line stands in " shipped " more than once (lines " found " and " i ")")
		found = i
	}
	if (!found)
		fail(anchor_line[m], called(m) ": its line does not stand in " shipped ": " anchor[m])
	return found
}

# Says why block k stands nowhere: which of its lines is the first that the file does not have there.
function explain(m, k, from,    i, j, best, most)
{
	for (i = from; i <= n_lines; i++) {
		for (j = 1; j <= n_text[k] && lines[i + j - 1] == text[k, j]; j++)
			;
		if (j > most) {
			most = j
			best = i
		}
	}
	if (most <= 1)
		fail(line_of[k], called(m) ": does not stand in " shipped ": no line there is: " text[k, 1])
	fail(line_of[k], called(m) ": does not stand in " shipped ": line " best + most - 1 " there is not: " text[k, most])
}

# Finds the mark's last block in the shipped file: its lines are first[m] to last[m].
function place(m,    k, from, i, found, head, end)
{
	if (!n_blocks[m])
		fail(at[m], called(m) ": has no `since`")
	k = block_of[m, n_blocks[m]]
	if (!n_text[k]) {
		if (anchor_kind[m] != "before")
			fail(line_of[k], called(m) ": quotes nothing of " shipped "; where it was is said by `before |LINE`")
		first[m] = find_anchor(m)
		last[m] = first[m] - 1
		return
	}
	if (anchor_kind[m] == "before")
		fail(anchor_line[m], called(m) ": is at its place by the lines that it quotes; `before` is for what is gone")
	from = anchor_kind[m] == "behind" ? find_anchor(m) + 1 : 1
	head = gap[k] ? gap[k] : n_text[k]
	for (i = from; i <= n_lines; i++) {
		if (!stands(k, 1, head, i))
			continue
		if (found)
			fail(line_of[k], called(m) ": stands in " shipped " more than once (lines " found " and " i "); quote more of it, or say `behind |LINE`")
		found = i
		if (anchor_kind[m] == "behind")
			break
	}
	if (!found)
		explain(m, k, from)
	first[m] = found
	last[m] = found + head - 1
	if (!gap[k])
		return
	if (gap[k] == n_text[k])
		fail(line_of[k], called(m) ": no line stands behind its `...`")
	for (i = found + head; i <= n_lines; i++)
		if (stands(k, head + 1, n_text[k], i)) {
			last[m] = i + n_text[k] - head - 1
			return
		}
	fail(line_of[k], called(m) ": the lines behind its `...` do not stand in " shipped " after line " last[m])
}

function place_all(    m, i)
{
	for (m = 1; m <= n_marks; m++) {
		place(m)
		if (is_show[m])
			continue
		if (last[m] < first[m]) {
			insertions[first[m]] = insertions[first[m]] " " m
			continue
		}
		for (i = first[m]; i <= last[m]; i++) {
			if (owner[i])
				fail(at[m], called(m) ": shares line " i " of " shipped " with " called(owner[i]))
			owner[i] = m
		}
	}
}

function put(line)
{
	stage[++n_stage] = line
	if (line != "")
		left_out = 0
}

# Puts what mark m is at the step with that number: the last block that is not of a later step.
function put_mark(m, now,    k, j, i)
{
	for (j = n_blocks[m]; j >= 1; j--) {
		k = block_of[m, j]
		if (order_of[since_of[k]] <= now)
			break
	}
	mark_from[m] = n_stage + 1
	if (!j || (j < n_blocks[m] && !n_text[k]))
		left_out = 1
	if (j == n_blocks[m])
		for (i = first[m]; i <= last[m]; i++)
			put(lines[i])
	else if (j >= 1)
		for (i = 1; i <= n_text[k]; i++)
			put(text[k, i])
	mark_to[m] = n_stage
}

# Makes the stage: stage[1..n_stage], with the shipped file's line i at stage_from[i] to stage_to[i]. Where a
# mark has nothing yet between two empty lines, one of them is enough, and none behind a brace.
function make(now,    i, j, n, m)
{
	n_stage = 0
	for (i = 1; i <= n_lines; i++) {
		stage_from[i] = n_stage + 1
		n = split(insertions[i], m, " ")
		for (j = 1; j <= n; j++)
			put_mark(m[j], now)
		if (!owner[i] && lines[i] == "" && left_out && stage[n_stage] ~ /(^|[{])$/)
			;
		else if (!owner[i])
			put(lines[i])
		else if (first[owner[i]] == i)
			put_mark(owner[i], now)
		stage_to[i] = n_stage
	}
}

# Prints lines from..to of the stage without empty ones at the ends.
function cut(from, to)
{
	while (from <= to && stage[from] == "")
		from++
	while (from <= to && stage[to] == "")
		to--
	if (from > to)
		fail(1, shipped " has nothing called \"" piece "\" at step " step)
	for (; from <= to; from++)
		print stage[from]
}

# A function, a structure or a section: from its comment to its end.
function cut_by_shape(    i, from, shape)
{
	shape = piece ~ /\(\)$/ ? "function" : piece ~ /^struct / ? "struct" : piece ~ /^\[/ ? "section" : ""
	for (i = 1; i <= n_stage && !from; i++)
		if (shape == "function" ? index(stage[i], substr(piece, 1, length(piece) - 1)) == 1 : \
		    shape == "struct" ? stage[i] == piece " {" : shape == "section" && stage[i] == piece)
			from = i
	if (!from)
		fail(1, shipped " has nothing called \"" piece "\" at step " step)
	for (i = from; i < n_stage; i++)
		if (shape == "section" ? stage[i + 1] == "" : stage[i] ~ /^};?$/)
			break
	if (shape == "function" && stage[from - 1] ~ /^[a-z]/)
		from--
	if (stage[from - 1] ~ /\*\/$/)
		do
			from--
		while (stage[from] !~ /^\/\*/)
	while (shape == "section" && stage[from - 1] ~ /^#/)
		from--
	cut(from, i)
}

function print_pieces(    m, j, line)
{
	for (m = 1; m <= n_marks; m++) {
		line = name[m]
		if (is_show[m])
			line = line "  (show)"
		else
			for (j = 1; j <= n_blocks[m]; j++)
				line = line (j == 1 ? "  " : " ") since_of[block_of[m, j]]
		print line
	}
}

function write_all(    i, j, path)
{
	for (i = 1; i <= n_steps; i++) {
		make(i)
		path = out "/" step_at[i] "/" file
		printf "" > path
		for (j = 1; j <= n_stage; j++)
			print stage[j] > path
		close(path)
	}
}

BEGIN {
	n_steps = split(steps, step_at, " ")
	for (i = 1; i <= n_steps; i++)
		order_of[step_at[i]] = i
}

FILENAME == ARGV[1] { read_mark($0); next }
{ lines[++n_lines] = $0 }

END {
	if (failed)
		exit 1
	if (!n_lines)
		fail(1, shipped " is empty")
	place_all()
	if (pieces) {
		print_pieces()
	} else if (out != "") {
		write_all()
	} else {
		if (!order_of[step])
			fail(1, "there is no step \"" step "\"; the steps are: " steps)
		make(order_of[step])
		if (piece == "")
			cut(1, n_stage)
		else if (!(piece in named))
			cut_by_shape()
		else if (is_show[named[piece]])
			cut(stage_from[first[named[piece]]], stage_to[last[named[piece]]])
		else
			cut(mark_from[named[piece]], mark_to[named[piece]])
	}
}
