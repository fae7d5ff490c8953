/*
 * A preloaded library that makes a process meet faults at a chosen system call.
 *
 * Points are the calls that change a file below one folder or write to an internet socket, counted over all
 * threads from 1; with peers, the calls on a socket to one of them, be it of the internet or of this machine.
 * Until chaos_arm is called, and in programs started from there, it does nothing.
 * A mutex makes points one after the other, so that nothing happens between a fault and the end.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum mode { WATCH, KILL, TEAR, POWER, FAIL, SHORTEN, JUMP };
enum kind { WRITE = 1, SYNC = 2, SIZE = 4, NAME = 8, SEND = 16, RECEIVE = 32, CONNECT = 64 };
enum act { GO, REFUSE, HALVE, HALVE_AND_DIE };

#define SECTOR 512

/* What a file held when it was last synced. */
struct image {
    dev_t dev;
    ino_t ino;
    char path[PATH_MAX];
    char *bytes;
    off_t size;
    struct image *next;
};

/* What a name stood for before a change that its folder has not been synced after; bytes NULL: nothing. */
struct entry {
    char path[PATH_MAX];
    char *bytes;
    off_t size;
    struct entry *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int armed, mode, kinds, error_number, for_ever, journal_fd = -1;
static long at, count;
static uint64_t seed;
static int64_t jump_us, offset_us;
static char folder[PATH_MAX], inside[PATH_MAX], peers[PATH_MAX];
static struct image *images;
static struct entry *entries;

static void *real(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) abort();
    return found;
}
#define REAL(type, name) ((type)real(name))

/* below: only files below this folder; inside: and with this in their path. The log gets a line per point. */
void chaos_arm(const char *below, const char *within, const char *log, int what, long where, int which,
               int number, int ever, unsigned long long draw, long long jump) {
    snprintf(folder, sizeof folder, "%s/", below);
    snprintf(inside, sizeof inside, "%s", within);
    journal_fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    mode = what, at = where, kinds = which, error_number = number, for_ever = ever;
    seed = draw, jump_us = jump;
    if (mode == JUMP && at == 0) offset_us = jump;
    armed = 1;
}

/* Words as name=port or name=/path: only sockets to these are points, called by that name. Call it before. */
void chaos_peers(const char *words) { snprintf(peers, sizeof peers, "%s", words); }

static uint64_t draw(void) {
    seed += 0x9e3779b97f4a7c15ull;
    uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static int path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = 0;
    return length > 0;
}

static int ours(const char *path) {
    return !strncmp(path, folder, strlen(folder)) && strstr(path, inside);
}

/* Whether a socket to that address is one whose calls are points; what it is called. */
static int to_peer(const struct sockaddr *address, char *path) {
    char place[PATH_MAX], words[PATH_MAX], *rest;
    if (address->sa_family == AF_INET)
        snprintf(place, sizeof place, "%d", ntohs(((const struct sockaddr_in *)address)->sin_port));
    else if (address->sa_family == AF_INET6)
        snprintf(place, sizeof place, "%d", ntohs(((const struct sockaddr_in6 *)address)->sin6_port));
    else if (address->sa_family == AF_UNIX)
        snprintf(place, sizeof place, "%s", ((const struct sockaddr_un *)address)->sun_path);
    else return 0;
    snprintf(words, sizeof words, "%s", peers);
    for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        char *found = strchr(word, '=');
        if (!found || strcmp(found + 1, place)) continue;
        snprintf(path, PATH_MAX, "socket:%.*s", (int)(found - word), word);
        return 1;
    }
    return 0;
}

/* Whether an open file is one whose calls are points; its path, or "socket", with peers "socket:NAME". */
static int watched(int fd, char *path) {
    if (!armed || !path_of(fd, path)) return 0;
    if (!strncmp(path, "socket:", 7)) {
        struct sockaddr_storage name;
        memset(&name, 0, sizeof name);
        socklen_t length = sizeof name;
        if (*peers)
            return !getpeername(fd, (struct sockaddr *)&name, &length) && to_peer((struct sockaddr *)&name, path);
        strcpy(path, "socket");
        return !getsockname(fd, (struct sockaddr *)&name, &length) &&
               (name.ss_family == AF_INET || name.ss_family == AF_INET6);
    }
    return ours(path);
}

static char *content(const char *path, off_t *size) {
    int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    struct stat found;
    if (fd < 0) return NULL;
    fstat(fd, &found);
    char *bytes = calloc(1, found.st_size + 1);
    for (off_t done = 0; done < found.st_size;) {
        ssize_t n = pread(fd, bytes + done, found.st_size - done, done);
        if (n <= 0) break;
        done += n;
    }
    syscall(SYS_close, fd);
    *size = found.st_size;
    return bytes;
}

static void put(const char *path, const char *bytes, off_t size) {
    int fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    for (off_t done = 0; done < size;) {
        ssize_t n = syscall(SYS_pwrite64, fd, bytes + done, size - done, done);
        if (n <= 0) break;
        done += n;
    }
    syscall(SYS_ftruncate, fd, size);
    syscall(SYS_close, fd);
}

/* Before a change of a file: keep what is on its disk. */
static void remember_image(int fd, const char *path) {
    struct stat found;
    size_t length = strlen(path);
    /* SQLite's shared memory is rebuilt at each start; cut under its mapping it would be a bus error. */
    if (length > 4 && !strcmp(path + length - 4, "-shm")) return;
    if (mode != POWER || fstat(fd, &found) || !S_ISREG(found.st_mode)) return;
    for (struct image *i = images; i; i = i->next)
        if (i->dev == found.st_dev && i->ino == found.st_ino) return;
    struct image *i = calloc(1, sizeof *i);
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    i->dev = found.st_dev, i->ino = found.st_ino, i->bytes = content(link, &i->size);
    snprintf(i->path, sizeof i->path, "%s", path);
    i->next = images, images = i;
}

/* Before a change of a name: keep what it stands for. */
static void remember_name(const char *path) {
    if (mode != POWER) return;
    struct entry *e = calloc(1, sizeof *e);
    snprintf(e->path, sizeof e->path, "%s", path);
    e->bytes = content(path, &e->size);
    e->next = entries, entries = e;
}

/* After a change of a name: what is unsynced of its file has moved along. */
static void follow(const char *path) {
    struct stat found;
    if (stat(path, &found)) return;
    for (struct image *i = images; i; i = i->next)
        if (i->dev == found.st_dev && i->ino == found.st_ino) snprintf(i->path, sizeof i->path, "%s", path);
}

/* After a sync of a file or folder: all of it is on the disk. */
static void forget(int fd, const char *path) {
    struct stat found;
    if (mode != POWER || fstat(fd, &found)) return;
    for (struct image **i = &images; *i;) {
        struct image *image = *i;
        if (image->dev == found.st_dev && image->ino == found.st_ino) *i = image->next;
        else i = &image->next;
    }
    size_t length = strlen(path);
    for (struct entry **e = &entries; *e;) {
        struct entry *entry = *e;
        if (!strncmp(entry->path, path, length) && strrchr(entry->path, '/') == entry->path + length)
            *e = entry->next;
        else e = &entry->next;
    }
}

/* The same of what is no point, as the folder of a watched file is none. */
static void settle(int fd, const char *path) {
    pthread_mutex_lock(&lock);
    forget(fd, path);
    pthread_mutex_unlock(&lock);
}

/* What was never synced goes: all of it without a seed, else what falls to each sector and each name. */
static void lose(void) {
    int all = seed == 0;
    for (struct image *i = images; i; i = i->next) {
        off_t now;
        char *bytes = content(i->path, &now);
        struct stat found;
        if (!bytes || stat(i->path, &found) || found.st_ino != i->ino) continue;
        off_t size = all || draw() & 1 ? i->size : now, most = now > i->size ? now : i->size;
        char *left = calloc(1, most + 1);
        if (i->bytes) memcpy(left, i->bytes, i->size);
        for (off_t start = 0; !all && start < now; start += SECTOR)
            if (draw() & 1) memcpy(left + start, bytes + start, now - start < SECTOR ? now - start : SECTOR);
        put(i->path, left, size);
    }
    for (struct entry *e = entries; e; e = e->next) {
        if (!all && draw() & 1) break; /* names are journalled in order: an older change is never lost alone */
        if (e->bytes) put(e->path, e->bytes, e->size);
        else syscall(SYS_unlink, e->path);
    }
}

static void die(void) {
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) pause();
}

/* Count a call and say what is to become of it. Holds the mutex. */
static enum act point(enum kind kind, const char *name, const char *path) {
    if (!(kinds & kind)) return GO;
    count++;
    char line[PATH_MAX + 64];
    const char *base = strrchr(path, '/');
    int length = snprintf(line, sizeof line, "%ld %s %s\n", count, name, base ? base + 1 : path);
    syscall(SYS_write, journal_fd, line, length);
    if (!at || count < at || (count > at && !for_ever)) return GO;
    switch (mode) {
    case KILL: die(); return GO;
    case TEAR:
        if (kind == WRITE || kind == SEND) return HALVE_AND_DIE;
        die();
        return GO;
    case POWER: lose(); die(); return GO;
    case FAIL: return REFUSE;
    case SHORTEN: return kind == WRITE || kind == SEND ? HALVE : GO;
    case JUMP: if (count == at) offset_us += jump_us; return GO;
    default: return GO;
    }
}

#define LESS(size) (act == HALVE || act == HALVE_AND_DIE ? ((size) + 1) / 2 : (size))

/* Counts a call, with `path` at hand; leaves with the error where the call is to fail. */
#define ENTER(sort, name)                                                                                     \
    pthread_mutex_lock(&lock);                                                                                \
    enum act act = point(sort, name, path);                                                                   \
    if (act == REFUSE) {                                                                                      \
        pthread_mutex_unlock(&lock);                                                                          \
        errno = error_number;                                                                                 \
        return -1;                                                                                            \
    }

#define LEAVE(type, result)                                                                                   \
    type done = result;                                                                                       \
    int code = errno;                                                                                         \
    if (act == HALVE_AND_DIE) die();                                                                          \
    pthread_mutex_unlock(&lock);                                                                              \
    errno = code;                                                                                             \
    return done;

/* The body of a function that does `call` on an open file, after `less` where it is to do less. */
#define THROUGH(type, fd, sort, name, less, call)                                                             \
    {                                                                                                         \
        char path[PATH_MAX];                                                                                  \
        if (!watched(fd, path)) {                                                                             \
            type other = call;                                                                                \
            if ((sort) == SYNC && armed && !other) settle(fd, path);                                          \
            return other;                                                                                     \
        }                                                                                                     \
        enum kind what = strncmp(path, "socket", 6) ? (sort) : SEND;                                              \
        ENTER(what, name)                                                                                     \
        if (what == WRITE || what == SIZE) remember_image(fd, path);                                          \
        less;                                                                                                 \
        type result = call;                                                                                   \
        if (what == SYNC && !result) forget(fd, path);                                                        \
        LEAVE(type, result)                                                                                   \
    }

ssize_t write(int fd, const void *data, size_t size)
THROUGH(ssize_t, fd, WRITE, "write", size = LESS(size), syscall(SYS_write, fd, data, size))

ssize_t pwrite(int fd, const void *data, size_t size, off_t start)
THROUGH(ssize_t, fd, WRITE, "pwrite", size = LESS(size), syscall(SYS_pwrite64, fd, data, size, start))

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t start) { return pwrite(fd, data, size, start); }

ssize_t writev(int fd, const struct iovec *parts, int number)
THROUGH(ssize_t, fd, WRITE, "writev", number = LESS(number), syscall(SYS_writev, fd, parts, number))

ssize_t sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t length)
THROUGH(ssize_t, fd, SEND, "send", size = LESS(size), syscall(SYS_sendto, fd, data, size, flags, to, length))

ssize_t send(int fd, const void *data, size_t size, int flags) { return sendto(fd, data, size, flags, NULL, 0); }

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
THROUGH(ssize_t, fd, SEND, "sendmsg", (void)0, syscall(SYS_sendmsg, fd, message, flags))

/* The body of a function that waits for a peer: counted, and then done without the mutex. */
#define FROM(fd, call)                                                                                        \
    {                                                                                                         \
        char path[PATH_MAX];                                                                                  \
        if (!(kinds & RECEIVE) || !watched(fd, path) || strncmp(path, "socket", 6)) return call;              \
        ENTER(RECEIVE, "receive")                                                                             \
        pthread_mutex_unlock(&lock);                                                                          \
        return call;                                                                                          \
    }

ssize_t read(int fd, void *data, size_t size) FROM(fd, syscall(SYS_read, fd, data, size))

ssize_t recvfrom(int fd, void *restrict data, size_t size, int flags, struct sockaddr *restrict from,
                 socklen_t *restrict length)
FROM(fd, syscall(SYS_recvfrom, fd, data, size, flags, from, length))

ssize_t recv(int fd, void *data, size_t size, int flags) { return recvfrom(fd, data, size, flags, NULL, NULL); }

ssize_t recvmsg(int fd, struct msghdr *message, int flags) FROM(fd, syscall(SYS_recvmsg, fd, message, flags))

int connect(int fd, const struct sockaddr *address, socklen_t length) {
    char path[PATH_MAX];
    if (armed && kinds & CONNECT && to_peer(address, path)) {
        ENTER(CONNECT, "connect")
        pthread_mutex_unlock(&lock);
    }
    return syscall(SYS_connect, fd, address, length);
}

int fsync(int fd) THROUGH(int, fd, SYNC, "fsync", (void)0, syscall(SYS_fsync, fd))

int fdatasync(int fd) THROUGH(int, fd, SYNC, "fdatasync", (void)0, syscall(SYS_fdatasync, fd))

int ftruncate(int fd, off_t size)
THROUGH(int, fd, SIZE, "ftruncate", (void)0, syscall(SYS_ftruncate, fd, size))

int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }

int posix_fallocate(int fd, off_t start, off_t size) {
    char path[PATH_MAX];
    if (watched(fd, path)) {
        pthread_mutex_lock(&lock);
        enum act act = point(SIZE, "fallocate", path);
        pthread_mutex_unlock(&lock);
        if (act == REFUSE) return error_number;
    }
    return REAL(int (*)(int, off_t, off_t), "posix_fallocate")(fd, start, size);
}

int posix_fallocate64(int fd, off64_t start, off64_t size) { return posix_fallocate(fd, start, size); }

static int absolute(int directory, const char *name, char *path) {
    char place[PATH_MAX] = "";
    if (!armed) return 0;
    if (name[0] == '/') return snprintf(path, PATH_MAX, "%s", name), ours(path);
    if (directory == AT_FDCWD) {
        if (!getcwd(place, sizeof place)) return 0;
    } else if (!path_of(directory, place)) return 0;
    snprintf(path, PATH_MAX, "%.*s/%s", PATH_MAX / 2, place, name);
    return ours(path);
}

int renameat(int from, const char *old, int to, const char *new) {
    char path[PATH_MAX];
    if (!absolute(to, new, path)) return syscall(SYS_renameat, from, old, to, new);
    ENTER(NAME, "rename")
    remember_name(path);
    int result = syscall(SYS_renameat, from, old, to, new);
    if (!result) follow(path);
    LEAVE(int, result)
}

int rename(const char *old, const char *new) { return renameat(AT_FDCWD, old, AT_FDCWD, new); }

int unlinkat(int directory, const char *name, int flags) {
    char path[PATH_MAX];
    if (flags || !absolute(directory, name, path)) return syscall(SYS_unlinkat, directory, name, flags);
    ENTER(NAME, "unlink")
    remember_name(path);
    int result = syscall(SYS_unlinkat, directory, name, flags);
    /* Then there is room. */
    if (!result && for_ever == 2 && !strcmp(strrchr(path, '/'), "/ballast")) mode = WATCH;
    LEAVE(int, result)
}

int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*next)(clockid_t, struct timespec *);
    if (!next) next = REAL(int (*)(clockid_t, struct timespec *), "clock_gettime");
    int result = next(clock, now);
    if (!result && offset_us && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        int64_t us = now->tv_sec * 1000000ll + now->tv_nsec / 1000 + offset_us;
        now->tv_sec = us / 1000000, now->tv_nsec = us % 1000000 * 1000;
    }
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    (void)zone;
    struct timespec found;
    int result = clock_gettime(CLOCK_REALTIME, &found);
    now->tv_sec = found.tv_sec, now->tv_usec = found.tv_nsec / 1000;
    return result;
}

time_t time(time_t *into) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (into) *into = now.tv_sec;
    return now.tv_sec;
}
