/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workshop/tool/files.h - reading and writing whole files so that nothing of a learner's is ever lost.
 *
 * What is written appears by rename: a reader sees the old file or the new one, whatever ends us between.
 */
#ifndef WORKSHOP_FILES_H
#define WORKSHOP_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* 0 and owned bytes with a zero byte behind them, or -errno; -EFBIG past 16 MiB. */
int file_read(const char *path, char **out, size_t *len);
/* Writes, flushes to disk, and renames. 0 or -errno; then nothing has changed. */
int file_write(const char *path, const void *bytes, size_t len, mode_t mode);
/* Copies bytes and mode of a regular file, or the symbolic link itself. 0 or -errno. */
int file_copy(const char *from, const char *to);
/* Whether both are files of the same bytes. */
bool file_same(const char *a, const char *b);
bool file_exists(const char *path);
/* Makes `path` and what is missing above it. 0 or -errno. */
int dir_make(const char *path);
/* The same for the folder that `path` is to stand in. */
int dir_make_for(const char *path);
/* Copies everything below `from` over what is below `to`. 0, or -errno with *at the path; owned. */
int dir_copy(const char *from, const char *to, char **at);
/* Removes the folder and all below it; what cannot be removed stays. */
void dir_remove(const char *path);
/* Makes it certain that names in the folder are on the disk. */
void dir_flush(const char *path);
/* FNV-1a, to notice what changed. */
uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len);
uint64_t hash_file(uint64_t hash, const char *path);
#define HASH_START 14695981039346656037ull

#endif
