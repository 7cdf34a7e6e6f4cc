/* faults.h - failures of the system, put between conc.h and its I/O calls: included before conc.h by conc_impl.c, and by the tests that
   switch them on. A rate of n makes one call in n fail or transfer less than asked for; 0, the start, none. Only what a kernel may do at
   any time: EINTR, a short write, an aborted connection; the edge-triggered poller relies on EAGAIN being true. */
#ifndef FAULTS_H
#define FAULTS_H
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif
extern uint32_t fault_rate, fault_no_poller; /* the second: the poller takes no descriptor, with this error */
extern uint64_t fault_count;                /* put in so far */
#ifdef __cplusplus
}
#endif

#ifdef FAULTS_IMPLEMENTATION
uint32_t fault_rate, fault_no_poller;
uint64_t fault_count;
static uint32_t fault_state = 1;
static int fault_now(void) {
    uint32_t rate = __atomic_load_n(&fault_rate, __ATOMIC_RELAXED);
    if (!rate) return 0;
    uint32_t x = __atomic_add_fetch(&fault_state, 0x9e3779b9u, __ATOMIC_RELAXED);
    x ^= x >> 15, x *= 0x85ebca6bu, x ^= x >> 13;
    if (x % rate) return 0;
    __atomic_add_fetch(&fault_count, 1, __ATOMIC_RELAXED);
    return 1;
}
/* errno is the thread's here, not the goroutine's: ThreadSanitizer would see goroutines of one thread share it */
#define FAULT_FN __attribute__((no_sanitize("thread"), unused)) static
#define FAULT(call) return fault_now() ? (errno = EINTR, -1) : call
FAULT_FN ssize_t fault_recv(int fd, void *b, size_t n, int flags) { FAULT(recv(fd, b, n, flags)); }
FAULT_FN ssize_t fault_recvmsg(int fd, struct msghdr *m, int flags) { FAULT(recvmsg(fd, m, flags)); }
FAULT_FN ssize_t fault_sendmsg(int fd, const struct msghdr *m, int flags) { FAULT(sendmsg(fd, m, flags)); }
FAULT_FN ssize_t fault_readv(int fd, const struct iovec *v, int n) { FAULT(readv(fd, v, n)); }
FAULT_FN ssize_t fault_writev(int fd, const struct iovec *v, int n) { FAULT(writev(fd, v, n)); }
FAULT_FN ssize_t fault_pread(int fd, void *b, size_t n, off_t at) { FAULT(pread(fd, b, n, at)); }
FAULT_FN ssize_t fault_pwrite(int fd, const void *b, size_t n, off_t at) { return pwrite(fd, b, fault_now() && n > 1 ? n / 2 : n, at); }
FAULT_FN ssize_t fault_send(int fd, const void *b, size_t n, int flags) {
    if (fault_now()) return errno = EINTR, -1;
    return send(fd, b, fault_now() && n > 1 ? n / 2 : n, flags);
}
FAULT_FN int fault_accept4(int fd, struct sockaddr *a, socklen_t *len, int flags) {
    if (fault_now()) return errno = ECONNABORTED, -1;
    FAULT(accept4(fd, a, len, flags));
}
FAULT_FN int fault_accept(int fd, struct sockaddr *a, socklen_t *len) { return fault_accept4(fd, a, len, 0); }
FAULT_FN int fault_poll(struct pollfd *p, nfds_t n, int ms) { FAULT(poll(p, n, ms)); }
FAULT_FN int fault_ppoll(struct pollfd *p, nfds_t n, const struct timespec *t, const sigset_t *set) { FAULT(ppoll(p, n, t, set)); }
FAULT_FN int fault_connect(int fd, const struct sockaddr *a, socklen_t len) { return connect(fd, a, len); }
FAULT_FN int fault_socket(int family, int type, int protocol) { return socket(family, type, protocol); }
FAULT_FN int fault_open(const char *path, int flags, mode_t mode) { FAULT(open(path, flags, mode)); }
FAULT_FN int fault_epoll_ctl(int set, int op, int fd, struct epoll_event *e) {
    uint32_t err = __atomic_load_n(&fault_no_poller, __ATOMIC_RELAXED);
    return err ? (errno = (int)err, -1) : epoll_ctl(set, op, fd, e);
}
FAULT_FN int fault_fstat(int fd, struct stat *st) { /* where there is no epoll (CONC_PORTABLE) */
    uint32_t err = __atomic_load_n(&fault_no_poller, __ATOMIC_RELAXED);
    return err ? (errno = (int)err, -1) : fstat(fd, st);
}
#define CONC__SYS(call) fault_##call
#endif
#endif
