/* Loaded with LD_PRELOAD into a server under test: kills it at its n-th operation on the log's files, makes operations
 * fail, records them, and shifts its clock.
 *
 *   FAULT_DIR      the folder whose files are watched: opens that write, writes, truncations, syncs, renames, unlinks
 *   FAULT_CONTROL  a file of `struct control`, shared with the script (scripts/fault_shim.py) while the server runs
 *   FAULT_RECORD   optional: every operation that succeeded is appended here, in order (scripts/fault_replay.py reads it)
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { OPEN = 1, WRITE = 2, SYNC = 4, RENAME = 8, SHORT = -1 };

/* All fields are 8 bytes. `error` is an errno, or SHORT: half of the first write, then ENOSPC. */
struct control {
    int64_t count;       /* operations so far, of the kinds that count */
    int64_t kinds;       /* which count: a sum of the above */
    int64_t kill_at;     /* the operation to die at, 0 for none */
    int64_t torn;        /* whether half of a write is made before dying */
    int64_t fail_from;   /* the first operation to fail, 0 for none */
    int64_t fail_calls;  /* how many fail */
    int64_t error;
    int64_t failed;      /* how many failed so far */
    int64_t clock_shift; /* seconds that CLOCK_REALTIME is ahead */
};

static struct control *control;
static const char *folder;
static size_t folder_length;
static int record = -1;
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAULT_CONTROL"), *log = getenv("FAULT_RECORD");
    folder = getenv("FAULT_DIR");
    if (!path || !folder) return;
    folder_length = strlen(folder);
    int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    if (fd < 0) abort();
    control = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (control == MAP_FAILED) abort();
    syscall(SYS_close, fd);
    if (log) record = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

static int watched(const char *path) {
    return control && !strncmp(path, folder, folder_length) && (path[folder_length] == '/' || !path[folder_length]);
}

/* The path of a regular file or folder that is watched. */
static int path_of(int fd, char *path) {
    struct stat status;
    char link[64];
    if (!control || fd == record) return 0;
    if (syscall(SYS_fstat, fd, &status) || !(S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return watched(path);
}

static void note(char kind, const char *path, uint64_t offset, const void *data, uint32_t length) {
    struct __attribute__((packed)) { char kind; uint16_t path; uint64_t offset; uint32_t data; } head = {
        kind, strlen(path), offset, length};
    if (record < 0) return;
    char *entry = malloc(sizeof head + head.path + length);
    memcpy(entry, &head, sizeof head);
    memcpy(entry + sizeof head, path, head.path);
    if (length) memcpy(entry + sizeof head + head.path, data, length);
    if (syscall(SYS_write, record, entry, sizeof head + head.path + length) < 0) abort();
    free(entry);
}

static void die(void) { syscall(SYS_kill, getpid(), SIGKILL); }

/* 0, or what the operation fails with. Dies where it is the one to die at, unless `torn` is given: then that is set. */
static int fault(int kind, int *torn) {
    if (!(control->kinds & kind)) return 0;
    int64_t now = __atomic_add_fetch(&control->count, 1, __ATOMIC_SEQ_CST);
    if (now == control->kill_at) {
        if (!torn || !control->torn) die();
        *torn = 1;
        return 0;
    }
    int64_t from = control->fail_from;
    if (!from || now < from || now - from >= control->fail_calls) return 0;
    int64_t failed = __atomic_add_fetch(&control->failed, 1, __ATOMIC_SEQ_CST);
    if (control->error == SHORT) return kind == WRITE && failed == 1 ? SHORT : ENOSPC;
    return control->error;
}

static int refused(int error) {
    errno = error;
    return -1;
}

static ssize_t watched_write(const char *path, int fd, const void *data, size_t length, int64_t offset, int at) {
    int torn = 0, error = fault(WRITE, &torn);
    if (error > 0) return refused(error);
    if (error == SHORT || torn) length = (length + 1) / 2;
    pthread_mutex_lock(&order);
    if (!at) offset = lseek(fd, 0, SEEK_CUR);
    ssize_t done = at ? syscall(SYS_pwrite64, fd, data, length, offset) : syscall(SYS_write, fd, data, length);
    if (done > 0) note('W', path, offset, data, done);
    pthread_mutex_unlock(&order);
    if (torn) die();
    return done;
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
    char path[PATH_MAX];
    if (path_of(fd, path)) return watched_write(path, fd, data, length, offset, 1);
    return syscall(SYS_pwrite64, fd, data, length, offset);
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) { return pwrite64(fd, data, length, offset); }

ssize_t write(int fd, const void *data, size_t length) {
    char path[PATH_MAX];
    if (path_of(fd, path)) return watched_write(path, fd, data, length, 0, 0);
    return syscall(SYS_write, fd, data, length);
}

int ftruncate64(int fd, off64_t length) {
    char path[PATH_MAX];
    int error, in = path_of(fd, path);
    if (in && (error = fault(WRITE, NULL))) return refused(error == SHORT ? ENOSPC : error);
    pthread_mutex_lock(&order);
    int done = syscall(SYS_ftruncate, fd, length);
    if (in && !done) note('T', path, length, NULL, 0);
    pthread_mutex_unlock(&order);
    return done;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

static int watched_sync(int fd, int number) {
    char path[PATH_MAX];
    int error, in = path_of(fd, path);
    if (in && (error = fault(SYNC, NULL))) return refused(error);
    int done = syscall(number, fd);
    if (in && !done) {
        pthread_mutex_lock(&order);
        note('S', path, 0, NULL, 0);
        pthread_mutex_unlock(&order);
    }
    return done;
}

int fsync(int fd) { return watched_sync(fd, SYS_fsync); }
int fdatasync(int fd) { return watched_sync(fd, SYS_fdatasync); }

static int watched_open(const char *path, int flags, mode_t mode) {
    int error;
    if (watched(path) && flags & (O_WRONLY | O_RDWR | O_CREAT) && (error = fault(OPEN, NULL))) return refused(error);
    int fd = syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    if (fd >= 0 && flags & O_CREAT && watched(path)) note('C', path, 0, NULL, 0);
    return fd;
}

#define OPENER(name)                                        \
    int name(const char *path, int flags, ...) {            \
        mode_t mode = 0;                                    \
        if (flags & (O_CREAT | __O_TMPFILE)) {              \
            va_list rest;                                   \
            va_start(rest, flags);                          \
            mode = va_arg(rest, mode_t);                    \
            va_end(rest);                                   \
        }                                                   \
        return watched_open(path, flags | O_LARGEFILE, mode); \
    }
OPENER(open)
OPENER(open64)

int rename(const char *from, const char *to) {
    int error, in = watched(to);
    if (in && (error = fault(RENAME, NULL))) return refused(error);
    pthread_mutex_lock(&order);
    int done = syscall(SYS_rename, from, to);
    if (in && !done) note('R', from, 0, to, strlen(to));
    pthread_mutex_unlock(&order);
    return done;
}

int unlink(const char *path) {
    int error, in = watched(path);
    if (in && (error = fault(RENAME, NULL))) return refused(error);
    pthread_mutex_lock(&order);
    int done = syscall(SYS_unlink, path);
    if (in && !done) note('U', path, 0, NULL, 0);
    pthread_mutex_unlock(&order);
    return done;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int done = syscall(SYS_clock_gettime, clock, now);
    if (!done && control && clock == CLOCK_REALTIME) now->tv_sec += control->clock_shift;
    return done;
}

time_t time(time_t *seconds) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (seconds) *seconds = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}
