/*
 * Stands between a program and its C library (LD_PRELOAD). Two things, both for files below one folder:
 *
 *   trace   XASE_IOTRACE_LOG=FILE: every call that changes what is on disk is written to FILE, with its data, in the
 *           order in which it happened. What the program writes to XASE_IOTRACE_MARKS becomes a mark in the trace.
 *   faults  XASE_IOTRACE_FAULTS=FILE: a page shared with the test, which says which call is to fail, and how.
 *
 * XASE_IOTRACE_HOME is the folder. Memory-mapped files are not seen: SQLite maps only its -shm file, which it
 * rebuilds after a crash. tests/faults/iotrace.py is the other side of both files.
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
#include <sys/uio.h>
#include <unistd.h>

enum class { OPEN = 1, READ = 2, WRITE = 4, SYNC = 8, TRUNCATE = 16, NAME = 32, LOCK = 64 };
enum action { FAIL = 0, HALF = 1, KILL_BEFORE = 2, KILL_AFTER = 3 };

struct faults {            /* the shared page */
    volatile int32_t mask;     /* classes that count; 0: none */
    volatile int32_t skip;     /* so many calls go through first */
    volatile int32_t sticky;   /* 1: every later call of the classes fails too, until mask is 0 */
    volatile int32_t action;
    volatile int32_t error;    /* errno of a failing call */
    volatile int32_t seen;     /* calls of the classes since armed */
    volatile int32_t hits;     /* calls that were made to fail */
};

struct record {
    char op;
    uint64_t inode;
    uint64_t offset;
    uint64_t length;
} __attribute__((packed));

#define FDS 4096
static ino_t tracked[FDS]; /* inode of the home file behind a descriptor, 0 for every other */
static int marks[FDS];
static char home[PATH_MAX], marks_path[PATH_MAX];
static size_t home_length;
static int trace = -1;
static struct faults *faults;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))real(#name, &real_##name))
#define DECLARE(name) static void *real_##name
static void *real(const char *name, void **slot) {
    if (!*slot) *slot = dlsym(RTLD_NEXT, name);
    return *slot;
}
DECLARE(openat64); DECLARE(close); DECLARE(read); DECLARE(pread64); DECLARE(write); DECLARE(pwrite64);
DECLARE(ftruncate64); DECLARE(fsync); DECLARE(fdatasync); DECLARE(rename); DECLARE(unlink); DECLARE(link);
DECLARE(mkdir); DECLARE(fcntl64);

__attribute__((constructor)) static void start(void) {
    const char *folder = getenv("XASE_IOTRACE_HOME"), *log = getenv("XASE_IOTRACE_LOG");
    const char *mark = getenv("XASE_IOTRACE_MARKS"), *page = getenv("XASE_IOTRACE_FAULTS");
    if (!folder) return;
    snprintf(home, sizeof home, "%s", folder);
    home_length = strlen(home);
    if (mark) snprintf(marks_path, sizeof marks_path, "%s", mark);
    if (log) trace = REAL(openat64)(AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (page) {
        int fd = REAL(openat64)(AT_FDCWD, page, O_RDWR | O_CLOEXEC, 0);
        void *at = mmap(NULL, sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (at != MAP_FAILED) faults = at;
        REAL(close)(fd);
    }
}

/* ---------------------------------------------------------------- what is ours */

static int below_home(const char *path) {
    return home_length && !strncmp(path, home, home_length) && (path[home_length] == '/' || !path[home_length]);
}

static ino_t ours(int fd) {
    struct stat s;
    if (fd < 0 || fd >= FDS || !tracked[fd]) return 0;
    if (fstat(fd, &s) || s.st_ino != tracked[fd] || !(S_ISREG(s.st_mode) || S_ISDIR(s.st_mode))) return tracked[fd] = 0;
    return s.st_ino;
}

static const char *absolute(int folder, const char *path, char *room) {
    char link[64];
    ssize_t n;
    if (path[0] == '/') return path;
    snprintf(link, sizeof link, folder == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", folder);
    n = readlink(link, room, PATH_MAX - 1);
    if (n < 0 || n + 2 + strlen(path) > PATH_MAX) return path;
    room[n] = '/';
    strcpy(room + n + 1, path);
    return room;
}

/* ---------------------------------------------------------------- trace */

static void put(char op, ino_t inode, uint64_t offset, const void *data, size_t length) {
    struct record head = {op, inode, offset, length};
    struct iovec parts[2] = {{&head, sizeof head}, {(void *)data, length}};
    if (trace >= 0 && writev(trace, parts, 2) != (ssize_t)(sizeof head + length)) abort(); /* a trace with a hole proves nothing */
}

static void put_paths(char op, ino_t inode, const char *one, const char *two) {
    char both[2 * PATH_MAX];
    size_t n = strlen(one) + 1, m = two ? strlen(two) + 1 : 0;
    memcpy(both, one, n);
    if (two) memcpy(both + n, two, m);
    put(op, inode, 0, both, n + m - 1);
}

/* ---------------------------------------------------------------- faults */

static int strikes(int class) {
    if (!faults || !(faults->mask & class)) return 0;
    int32_t number = faults->seen++;
    int hit = faults->sticky ? number >= faults->skip : number == faults->skip;
    if (hit) faults->hits++;
    if (hit && faults->action == KILL_BEFORE) kill(getpid(), SIGKILL);
    return hit;
}

static int fails(int class) { /* 1: the call is not to happen, errno is set */
    if (!strikes(class) || faults->action == KILL_AFTER) return 0;
    errno = faults->error;
    return 1;
}

static int after(int class) { /* for KILL_AFTER: the call just made was the one */
    if (faults && (faults->mask & class) && faults->action == KILL_AFTER && faults->hits) kill(getpid(), SIGKILL);
    return 0;
}

/* ---------------------------------------------------------------- names */

static int open_ours(int folder, const char *given, int flags, mode_t mode) {
    char room[PATH_MAX];
    const char *path = absolute(folder, given, room);
    int mark = marks_path[0] && !strcmp(path, marks_path);
    if (!mark && !below_home(path)) return REAL(openat64)(folder, given, flags, mode);
    pthread_mutex_lock(&lock);
    struct stat s;
    int existed = !stat(path, &s), fd = -1;
    int changes = (flags & O_TRUNC) || ((flags & O_CREAT) && !existed);
    if (mark || !fails(OPEN)) fd = REAL(openat64)(folder, given, flags, mode);
    if (fd >= 0 && fd < FDS) {
        fstat(fd, &s);
        marks[fd] = mark;
        tracked[fd] = mark ? 0 : s.st_ino;
        if (!mark && !existed) put_paths('C', s.st_ino, path, NULL);
        if (!mark && existed && (flags & O_TRUNC)) put('T', s.st_ino, 0, NULL, 0);
        if (!mark && changes) after(OPEN);
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); }
int open(const char *path, int flags, ...) { MODE(flags) return open_ours(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return open_ours(AT_FDCWD, path, flags, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE(flags) return open_ours(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { MODE(flags) return open_ours(folder, path, flags, mode); }
int __open_2(const char *path, int flags) { return open_ours(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return open_ours(AT_FDCWD, path, flags, 0); }

int close(int fd) {
    if (fd >= 0 && fd < FDS) tracked[fd] = marks[fd] = 0;
    return REAL(close)(fd);
}

#define NAMING(ours_, call, note) \
    if (!(ours_)) return call; \
    pthread_mutex_lock(&lock); \
    int done = fails(NAME) ? -1 : call; \
    if (!done) { note; after(NAME); } \
    pthread_mutex_unlock(&lock); \
    return done;
int rename(const char *from, const char *to) {
    char a[PATH_MAX], b[PATH_MAX];
    const char *one = absolute(AT_FDCWD, from, a), *two = absolute(AT_FDCWD, to, b);
    NAMING(below_home(two), REAL(rename)(from, to), put_paths('R', 0, one, two))
}
int unlink(const char *path) {
    char a[PATH_MAX];
    const char *one = absolute(AT_FDCWD, path, a);
    NAMING(below_home(one), REAL(unlink)(path), put_paths('U', 0, one, NULL))
}
int link(const char *from, const char *to) {
    char a[PATH_MAX], b[PATH_MAX];
    const char *one = absolute(AT_FDCWD, from, a), *two = absolute(AT_FDCWD, to, b);
    NAMING(below_home(two), REAL(link)(from, to), put_paths('L', 0, one, two))
}
int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    char a[PATH_MAX], b[PATH_MAX];
    (void)flags;
    return link(absolute(from_folder, from, a), absolute(to_folder, to, b));
}
int unlinkat(int folder, const char *path, int flags) {
    char a[PATH_MAX];
    return flags & AT_REMOVEDIR ? rmdir(absolute(folder, path, a)) : unlink(absolute(folder, path, a));
}
int mkdir(const char *path, mode_t mode) {
    char a[PATH_MAX];
    const char *one = absolute(AT_FDCWD, path, a);
    NAMING(below_home(one), REAL(mkdir)(path, mode), put_paths('K', 0, one, NULL))
}

/* ---------------------------------------------------------------- data */

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
    ino_t inode = ours(fd);
    if (!inode) return REAL(pwrite64)(fd, data, length, offset);
    pthread_mutex_lock(&lock);
    ssize_t done = -1;
    int struck = strikes(WRITE);
    if (struck && faults->action == FAIL) errno = faults->error;
    else done = REAL(pwrite64)(fd, data, struck && faults->action == HALF ? length / 2 : length, offset);
    if (done > 0) put('W', inode, offset, data, done);
    if (struck) after(WRITE);
    pthread_mutex_unlock(&lock);
    return done;
}
ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) { return pwrite64(fd, data, length, offset); }

ssize_t write(int fd, const void *data, size_t length) {
    if (fd >= 0 && fd < FDS && marks[fd]) {
        pthread_mutex_lock(&lock);
        put('M', 0, 0, data, length);
        pthread_mutex_unlock(&lock);
    }
    if (!ours(fd)) return REAL(write)(fd, data, length);
    struct stat s;
    fstat(fd, &s);
    off64_t at = fcntl(fd, F_GETFL) & O_APPEND ? s.st_size : lseek64(fd, 0, SEEK_CUR);
    ssize_t done = pwrite64(fd, data, length, at);
    if (done > 0) lseek64(fd, at + done, SEEK_SET);
    return done;
}

ssize_t pread64(int fd, void *data, size_t length, off64_t offset) {
    if (ours(fd) && fails(READ)) return -1;
    return REAL(pread64)(fd, data, length, offset);
}
ssize_t pread(int fd, void *data, size_t length, off_t offset) { return pread64(fd, data, length, offset); }
ssize_t read(int fd, void *data, size_t length) {
    if (ours(fd) && fails(READ)) return -1;
    return REAL(read)(fd, data, length);
}

#define CHANGING(class, call, note) \
    ino_t inode = ours(fd); \
    if (!inode) return call; \
    pthread_mutex_lock(&lock); \
    int done = fails(class) ? -1 : call; \
    if (!done) { note; after(class); } \
    pthread_mutex_unlock(&lock); \
    return done;
int ftruncate64(int fd, off64_t length) { CHANGING(TRUNCATE, REAL(ftruncate64)(fd, length), put('T', inode, length, NULL, 0)) }
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

static void put_sync(int fd, ino_t inode) {
    char link[64], path[PATH_MAX];
    struct stat s;
    fstat(fd, &s);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = S_ISDIR(s.st_mode) ? readlink(link, path, sizeof path) : 0;
    put(S_ISDIR(s.st_mode) ? 'D' : 'S', inode, 0, path, n > 0 ? n : 0);
}
#define SYNCING(call) \
    ino_t inode = ours(fd); \
    if (!inode) return call; \
    pthread_mutex_lock(&lock); \
    int failed = fails(SYNC), done = failed ? -1 : call; \
    if (failed) put('F', inode, 0, NULL, 0); \
    if (!done) { put_sync(fd, inode); after(SYNC); } \
    if (failed) errno = faults->error; \
    pthread_mutex_unlock(&lock); \
    return done;
int fsync(int fd) { SYNCING(REAL(fsync)(fd)) }
int fdatasync(int fd) { SYNCING(REAL(fdatasync)(fd)) }

int fcntl64(int fd, int command, ...) {
    va_list more;
    va_start(more, command);
    void *argument = va_arg(more, void *);
    va_end(more);
    int locking = command == F_SETLK || command == F_SETLKW || command == F_GETLK;
    // a local file system always takes a lock back; SQLite counts on that, and would hold it until the process ends
    if (locking && ((struct flock *)argument)->l_type != F_UNLCK && ours(fd) && fails(LOCK)) return -1;
    return REAL(fcntl64)(fd, command, argument);
}
