/* SPDX-License-Identifier: Apache-2.0 */
#include "elf-check.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * From outside in: the ELF header, the tables that it points to, the segments, then the dynamic section
 * and the names that it imports. All walks are loops over counts that were checked against the size.
 */

#if __SIZEOF_POINTER__ == 8
#define NATIVE_CLASS ELFCLASS64
#else
#define NATIVE_CLASS ELFCLASS32
#endif
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NATIVE_DATA ELFDATA2LSB
#else
#define NATIVE_DATA ELFDATA2MSB
#endif
#if defined(__x86_64__)
#define NATIVE_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define NATIVE_MACHINE EM_AARCH64
#elif defined(__i386__)
#define NATIVE_MACHINE EM_386
#elif defined(__arm__)
#define NATIVE_MACHINE EM_ARM
#elif defined(__riscv)
#define NATIVE_MACHINE EM_RISCV
#elif defined(__powerpc64__)
#define NATIVE_MACHINE EM_PPC64
#elif defined(__s390x__)
#define NATIVE_MACHINE EM_S390
#else
#define NATIVE_MACHINE EM_NONE /* not checked: dlopen() will say */
#endif

#define MAX_DYNAMIC 4096        /* entries; linkers write some thirty */
#define MAX_STRINGS (64u << 20) /* bytes of .dynstr */

struct image {
	int fd;
	const char *name;
	uint64_t size;
	ElfW(Ehdr) head;
	ElfW(Phdr) * segments;
	struct otel_error *err;
};

static int
read_at(const struct image *img, void *buf, size_t len, uint64_t offset)
{
	char *p = buf;

	while (len) {
		ssize_t n = pread(img->fd, p, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return otel_error_set(img->err, -errno, "%s: cannot be read: %s",
			                      img->name, strerror(errno));
		if (n == 0)
			return otel_error_set(img->err, -ENOEXEC,
			                      "%s: it shrank while it was being read; "
			                      "wait until it is written",
			                      img->name);
		p += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

/* [offset, offset + len) has to lie within the file. */
static int
within(const struct image *img, uint64_t offset, uint64_t len, const char *what)
{
	if (offset <= img->size && len <= img->size - offset)
		return 0;
	return otel_error_set(
		img->err, -ENOEXEC,
		"%s: truncated: %s should end at byte %llu and the file has "
		"%llu; wait until it is written, or build it again",
		img->name, what, (unsigned long long)(offset + len),
		(unsigned long long)img->size);
}

static int
check_ident(const struct image *img)
{
	const unsigned char *id = img->head.e_ident;

	if (id[EI_CLASS] != NATIVE_CLASS || id[EI_DATA] != NATIVE_DATA ||
	    (NATIVE_MACHINE != EM_NONE && img->head.e_machine != NATIVE_MACHINE))
		return otel_error_set(
			img->err, -ENOEXEC,
			"%s: built for another machine: expected ELF class %d, data %d, "
			"machine %d, found %d, %d, %d; build it for this one",
			img->name, NATIVE_CLASS, NATIVE_DATA, NATIVE_MACHINE,
			id[EI_CLASS], id[EI_DATA], img->head.e_machine);
	if (img->head.e_type != ET_DYN)
		return otel_error_set(
			img->err, -ENOEXEC,
			"%s: not a shared object: expected ELF type %d, found %d; "
			"link it with -shared",
			img->name, ET_DYN, img->head.e_type);
	return 0;
}

static int
read_head(struct image *img)
{
	unsigned char *id = img->head.e_ident;
	int r;

	if (img->size < SELFMAG)
		return otel_error_set(
			img->err, -ENOEXEC,
			"%s: not an ELF file: it has %llu bytes; `path` must name "
			"a shared object, as `cc -shared` makes it",
			img->name, (unsigned long long)img->size);
	r = read_at(img, id, SELFMAG, 0);
	if (r < 0)
		return r;
	if (memcmp(id, ELFMAG, SELFMAG) != 0)
		return otel_error_set(
			img->err, -ENOEXEC,
			"%s: not an ELF file: expected it to begin with 7f 45 4c 46, "
			"found %02x %02x %02x %02x; `path` must name a shared "
			"object, as `cc -shared` makes it",
			img->name, id[0], id[1], id[2], id[3]);
	r = within(img, 0, sizeof img->head, "the ELF header");
	if (r == 0)
		r = read_at(img, &img->head, sizeof img->head, 0);
	if (r == 0)
		r = check_ident(img);
	return r;
}

static int
read_segments(struct image *img)
{
	size_t n = img->head.e_phnum;
	int r;

	if (img->head.e_phentsize != sizeof(ElfW(Phdr)) || n == 0 || n == PN_XNUM)
		return otel_error_set(
			img->err, -ENOEXEC,
			"%s: damaged: it has %zu program headers of %d bytes; "
			"build it again",
			img->name, n, img->head.e_phentsize);
	r = within(img, img->head.e_phoff, n * sizeof(ElfW(Phdr)),
	           "the program header table");
	if (r < 0)
		return r;
	/* The section headers are not needed to run, but linkers write them last: they tell a half-written file. */
	r = within(img, img->head.e_shoff,
	           (uint64_t)img->head.e_shnum * img->head.e_shentsize,
	           "the section header table");
	if (r < 0)
		return r;
	img->segments = calloc(n, sizeof *img->segments);
	if (!img->segments)
		return otel_error_set(img->err, -ENOMEM, "%s: out of memory", img->name);
	return read_at(img, img->segments, n * sizeof *img->segments, img->head.e_phoff);
}

static int
check_segments(const struct image *img)
{
	bool loads = false;

	for (size_t i = 0; i < img->head.e_phnum; i++) {
		const ElfW(Phdr) *seg = &img->segments[i];
		int r;

		if (seg->p_type != PT_LOAD && seg->p_type != PT_DYNAMIC)
			continue;
		loads |= seg->p_type == PT_LOAD;
		r = within(img, seg->p_offset, seg->p_filesz, "a segment");
		if (r < 0)
			return r;
		if (seg->p_filesz > seg->p_memsz ||
		    seg->p_vaddr + seg->p_memsz < seg->p_vaddr)
			return otel_error_set(
				img->err, -ENOEXEC,
				"%s: damaged: segment %zu is larger in the file "
				"than in memory; build it again",
				img->name, i);
	}
	if (!loads)
		return otel_error_set(
			img->err, -ENOEXEC,
			"%s: damaged: it has nothing to load; build it again", img->name);
	return 0;
}

/* The file offset of an address, where `len` bytes of it are in the file. */
static bool
offset_of(const struct image *img, uint64_t address, uint64_t len, uint64_t *offset)
{
	for (size_t i = 0; i < img->head.e_phnum; i++) {
		const ElfW(Phdr) *seg = &img->segments[i];

		if (seg->p_type != PT_LOAD || address < seg->p_vaddr ||
		    address - seg->p_vaddr > seg->p_filesz ||
		    len > seg->p_filesz - (address - seg->p_vaddr))
			continue;
		*offset = seg->p_offset + (address - seg->p_vaddr);
		return true;
	}
	return false;
}

static bool
makes_threads(const char *symbol)
{
	static const char *const names[] = {
		"pthread_create", "pthread_key_create",   "thrd_create",
		"tss_create",     "__pthread_key_create", "_ZNSt6thread15_M_start_thread"
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strncmp(symbol, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

/*
 * The imports are found by their names alone: a string of .dynstr that is one of ours. It may also be
 * the name of something defined here; then a generation is kept that could have gone, which is harmless.
 */
static int
scan_strings(const struct image *img, uint64_t address, uint64_t size,
             struct elf_facts *facts)
{
	uint64_t offset;
	char *strings;
	int r;

	if (size == 0 || size > MAX_STRINGS || !offset_of(img, address, size, &offset))
		return 0; /* dlopen() will have its say */
	strings = malloc(size + 1);
	if (!strings)
		return otel_error_set(img->err, -ENOMEM, "%s: out of memory", img->name);
	r = read_at(img, strings, size, offset);
	strings[size] = '\0';
	for (uint64_t i = 0; r == 0 && i < size; i += strlen(strings + i) + 1)
		facts->threads |= makes_threads(strings + i);
	free(strings);
	return r;
}

static int
check_dynamic(const struct image *img, const ElfW(Phdr) * seg, struct elf_facts *facts)
{
	size_t n = seg->p_filesz / sizeof(ElfW(Dyn));
	uint64_t strings = 0, strings_size = 0;

	for (size_t i = 0; i < n && i < MAX_DYNAMIC; i++) {
		ElfW(Dyn) entry;
		int r = read_at(img, &entry, sizeof entry,
		                seg->p_offset + i * sizeof entry);

		if (r < 0)
			return r;
		if (entry.d_tag == DT_NULL)
			break;
		if (entry.d_tag == DT_FLAGS && entry.d_un.d_val & DF_STATIC_TLS)
			return otel_error_set(
				img->err, -ENOEXEC,
				"%s: needs static TLS (DF_STATIC_TLS), which runs out after "
				"a few reloads; build it with -fPIC and without "
				"-ftls-model=initial-exec",
				img->name);
		if (entry.d_tag == DT_FLAGS_1 && entry.d_un.d_val & DF_1_NODELETE)
			facts->nodelete = true;
		if (entry.d_tag == DT_STRTAB)
			strings = entry.d_un.d_ptr;
		if (entry.d_tag == DT_STRSZ)
			strings_size = entry.d_un.d_val;
	}
	return scan_strings(img, strings, strings_size, facts);
}

int
elf_check(int fd, const char *name, struct elf_facts *facts, struct otel_error *err)
{
	struct image img = { .fd = fd, .name = name, .err = err };
	struct elf_facts found = { false };
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return otel_error_set(err, -errno, "%s: cannot be read: %s", name,
		                      strerror(errno));
	if (!S_ISREG(st.st_mode))
		return otel_error_set(err, -ENOEXEC,
		                      "%s: not a file; `path` must name a shared object",
		                      name);
	img.size = (uint64_t)st.st_size;
	r = read_head(&img);
	if (r == 0)
		r = read_segments(&img);
	if (r == 0)
		r = check_segments(&img);
	for (size_t i = 0; r == 0 && i < img.head.e_phnum; i++)
		if (img.segments[i].p_type == PT_DYNAMIC)
			r = check_dynamic(&img, &img.segments[i], &found);
	free(img.segments);
	if (r == 0 && facts)
		*facts = found;
	return r;
}
