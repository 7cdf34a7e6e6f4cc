/* TCP server: a goroutine per connection. It blocks there, and no thread. Without a port it talks to itself. */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

static void serve(int fd) {
    char line[1024];
    ssize_t n = conc_read(fd, line, sizeof line);
    for (ssize_t i = 0; i < n; i++) line[i] = (char)toupper((unsigned char)line[i]);
    if (n > 0 && (conc_write(fd, "ACK: ", 5) < 0 || conc_write(fd, line, (size_t)n) < 0)) perror("write");
    (void)conc_close(fd);
}

static void accept_all(int listener) {
    for (int fd; (fd = conc_accept(listener, NULL, NULL)) >= 0;) go(serve, fd); /* until the listener is closed */
}

static void client(int port, const char *text) {
    char to[32], answer[1024];
    snprintf(to, sizeof to, "127.0.0.1:%d", port);
    int fd = conc_dial_tcp(NULL, to);
    if (fd < 0 || conc_write(fd, text, strlen(text)) < 0) perror(to);
    for (ssize_t n; (n = conc_read(fd, answer, sizeof answer)) > 0;) fwrite(answer, 1, (size_t)n, stdout);
    if (fd >= 0) (void)conc_close(fd);
}

int main(int argc, char **argv) {
    int listener = conc_listen_tcp(argc > 1 ? argv[1] : "127.0.0.1:0");
    if (listener < 0) return perror("listen"), 1;
    if (argc > 1) return accept_all(listener), 1;
    conc_wg wg = CONC_WG_INIT;
    conc_wg_go(&wg, accept_all, listener);
    client(conc_local_port(listener), "hello from a client\n");
    client(conc_local_port(listener), "and another\n");
    (void)conc_close(listener); /* wakes who waits in accept */
    conc_wg_wait(&wg);
}
