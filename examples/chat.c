/* chat [-k] [-t seconds] host:port: a chat server with rooms, for telnet and nc. Port 0: any free one.
   The first line of a client is its name. Then every line goes to all in its room; /join room, /who, /quit.

   One goroutine reads from each client, one writes to it. Who says something does not wait for anybody: each client has room for some lines
   that it has not read yet, and then loses the oldest and is told how many (-k: and then it is disconnected). One that does not read
   at all for so many seconds (-t, 10) is disconnected in any case.

   The first SIGINT or SIGTERM stops it gracefully: no more clients, a last word to those that are there, and all that was said reaches who
   reads; after GRACE the others are cut off. A second signal ends it at once.
   Exit status 0: all have left in time and nothing is left behind; 1: not so; 2: wrong usage. */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include "patterns/pubsub.h"
#include "patterns/shutdown.h"
#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME = 16, LINE = 512, TEXT = 400, ROOM = 32, SEND = 32 * 1024 }; /* longest name, line with all around it, text; how many lines a
                                                                            client may be behind, and bytes the kernel may hold for it */
static const int64_t GRACE = 3 * CONC_SEC, LOOK = 100 * CONC_MS;

struct line { char text[LINE]; }; /* with its newline, and a zero */
struct order { struct line line; pubsub_sub(struct line) room; }; /* to the writer: say this; and from now on this room, if one is given */
struct place { char room[NAME + 1]; };

struct client {
    int fd;
    char name[NAME + 1], room[NAME + 1];
    chan(struct order) orders;
    conc_wg writing;
    const char *last; /* line of all, if the writer gets that far */
    char in[1024];
    size_t begin, end; /* of what has been read but not been used */
};

static bool kick;
static int64_t patience = 10 * CONC_SEC;
static struct shutdown server;
static pubsub(struct line) rooms;
static conc_map(const char *, struct place) present; /* by name */
static conc_wg serving;
static conc_atomic(long long) clients, lines, missed, slow;

static struct line vformat(const char *format, va_list args) {
    struct line l;
    int n = vsnprintf(l.text, LINE - 1, format, args);
    if (n > LINE - 2) n = LINE - 2;
    l.text[n] = '\n', l.text[n + 1] = '\0';
    return l;
}
__attribute__((format(printf, 2, 3))) static void say(const char *room, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)pubsub_publish(rooms, NULL, room, vformat(format, args));
    va_end(args);
}
__attribute__((format(printf, 3, 4))) static void tell(struct client *c, pubsub_sub(struct line) room, const char *format, ...) {
    va_list args;
    va_start(args, format);
    struct order o = { vformat(format, args), room };
    va_end(args);
    chan_send(c->orders, o);
}

/* ---- writing ---- */

/* A look now and then at whether it is still worth while. */
static bool write_line(struct client *c, pubsub_sub(struct line) room, const struct line *l) {
    size_t n = strlen(l->text), at = 0;
    for (int64_t until = conc_now() + patience; at < n;) {
        conc_ctx *turn = conc_ctx_with_timeout(shutdown_cut(&server), LOOK);
        ssize_t put = turn ? conc_write_ctx(turn, c->fd, l->text + at, n - at) : -1;
        bool waits = turn && (put >= 0 || errno == ETIMEDOUT) && conc_ctx_err(shutdown_cut(&server)) == CONC_OK;
        conc_ctx_free(turn);
        if (put > 0) at += (size_t)put;
        if (at < n && !waits) return false;
        if (at < n && (conc_now() >= until || (kick && room && pubsub_get_counts(room).dropped > 0))) {
            conc_atomic_fetch_add(&slow, 1);
            return false;
        }
    }
    return true;
}
/* A line of the room, after word of those that were lost before it. */
static bool write_from(struct client *c, pubsub_sub(struct line) room, const struct line *l, size_t *lost) {
    size_t n = pubsub_get_counts(room).dropped - *lost;
    *lost += n;
    if (n > 0 && kick) conc_atomic_fetch_add(&slow, 1);
    if (n > 0 && kick) return false;
    struct line gap;
    snprintf(gap.text, LINE, "* you have missed %zu lines\n", n);
    return (n == 0 || write_line(c, room, &gap)) && write_line(c, room, l);
}
static void leave_room(pubsub_sub(struct line) room) {
    if (room) conc_atomic_fetch_add(&missed, (long long)pubsub_get_counts(room).dropped);
    pubsub_sub_free(room);
}
/* Until there are no more orders. When the client cannot be written to any more, the reader is told by the end of its stream. */
static void write_to(struct client *c) {
    pubsub_sub(struct line) room = NULL;
    size_t lost = 0;
    bool alive = true;
    for (bool more = true; more;) {
        recv_chan(struct line) said = room ? pubsub_chan(room) : NULL;
        chan_select_ordered {
            on_recv_ok(o, ok, c->orders) {
                more = ok;
                if (ok && alive) alive = write_line(c, room, &o.line);
                if (ok && o.room) leave_room(room), room = o.room, lost = 0;
            }
            on_recv(l, said) alive = alive && write_from(c, room, &l, &lost);
        }
        if (!alive) (void)shutdown(c->fd, SHUT_RDWR);
    }
    if (room) {
        pubsub_unsubscribe(room);
        chan_range(l, pubsub_chan(room)) alive = alive && write_from(c, room, &l, &lost);
    }
    struct line last;
    snprintf(last.text, LINE, "%s\n", c->last);
    if (alive) (void)write_line(c, room, &last);
    leave_room(room);
}

/* ---- reading ---- */

/* The next line, without its end, and without characters that a terminal might obey; what is beyond TEXT is left out. False: there is none. */
static bool read_line(struct client *c, char text[TEXT + 1]) {
    for (size_t n = 0;;) {
        for (; c->begin < c->end; c->begin++) {
            char ch = c->in[c->begin];
            if (ch == '\n') {
                text[n > 0 && text[n - 1] == '\r' ? n - 1 : n] = '\0';
                for (char *p = text; *p; p++)
                    if ((unsigned char)*p < ' ' || *p == 127) *p = ' ';
                return c->begin++, true;
            }
            if (n < TEXT) text[n++] = ch;
        }
        ssize_t got = conc_read_ctx(shutdown_stopping(&server), c->fd, c->in, sizeof c->in);
        if (got <= 0) return false;
        c->begin = 0, c->end = (size_t)got;
    }
}
static bool is_name(const char *s) {
    size_t n = strlen(s);
    return n > 0 && n <= NAME && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == n;
}

static void join(struct client *c, const char *room) {
    if (!is_name(room)) {
        tell(c, NULL, "* a room's name is 1 to %d letters, digits, _ and -", NAME);
        return;
    }
    pubsub_sub(struct line) s = pubsub_subscribe(rooms, room, ROOM, PUBSUB_DROP_OLDEST);
    if (!s) {
        tell(c, NULL, "* there is no room for you");
        return;
    }
    struct place p;
    if (c->room[0]) say(c->room, "* %s has left for %s", c->name, room);
    snprintf(c->room, sizeof c->room, "%s", room);
    memcpy(p.room, c->room, sizeof p.room);
    conc_map_store(present, c->name, p);
    tell(c, s, "* you are in %s, %zu there", room, pubsub_count(rooms, room));
    say(room, "* %s has come", c->name);
}
static void who(struct client *c) {
    conc_map_range(const char *, name, struct place, p, present)
        if (p.room[0]) tell(c, NULL, "* %s in %s", name, p.room);
    tell(c, NULL, "* that is all");
}

/* The first line: a name that nobody has. */
static bool enter(struct client *c) {
    char text[TEXT + 1];
    struct place nowhere = { "" }, old;
    tell(c, NULL, "* your name?");
    while (read_line(c, text)) {
        if (!is_name(text)) {
            tell(c, NULL, "* a name is 1 to %d letters, digits, _ and -", NAME);
        } else if (conc_map_load_or_store(present, text, nowhere, &old)) {
            tell(c, NULL, "* %s is here already", text);
        } else {
            memcpy(c->name, text, strlen(text) + 1);
            return true;
        }
    }
    return false;
}
static void talk(struct client *c) {
    char text[TEXT + 1];
    while (read_line(c, text)) {
        if (!strcmp(text, "/quit")) return;
        else if (!strcmp(text, "/who")) who(c);
        else if (!strncmp(text, "/join ", 6)) join(c, text + 6);
        else if (text[0] == '/') tell(c, NULL, "* /join room, /who, /quit");
        else if (text[0]) say(c->room, "%s: %s", c->name, text), conc_atomic_fetch_add(&lines, 1);
    }
}

static void serve(int fd) {
    const conc_wg none = CONC_WG_INIT;
    struct client c = { .fd = fd, .orders = chan_make(struct order, 1), .writing = none };
    if (c.orders) {
        conc_wg_go(&c.writing, write_to, &c);
        if (enter(&c)) {
            join(&c, "hall");
            talk(&c);
            say(c.room, "* %s has gone", c.name);
            (void)conc_map_delete(present, c.name);
        }
        c.last = conc_ctx_err(shutdown_stopping(&server)) == CONC_OK ? "* good bye" : "* the server closes";
        chan_close(c.orders);
        conc_wg_wait(&c.writing);
        chan_free(c.orders);
    }
    (void)conc_close(fd);
    shutdown_leave(&server, "client");
}

static void accept_all(int listener) {
    while (conc_ctx_err(shutdown_stopping(&server)) == CONC_OK) {
        int fd = conc_accept_ctx(shutdown_stopping(&server), listener, NULL, NULL);
        if (fd >= 0 && shutdown_enter(&server, "client")) {
            conc_wg_go(&serving, serve, fd);
            conc_atomic_fetch_add(&clients, 1);
        } else if (fd >= 0) {
            (void)conc_close(fd);
        } else if (errno != ECANCELED) { /* no descriptors: some may be free soon */
            (void)conc_sleep_ctx(shutdown_stopping(&server), 10 * CONC_MS);
        }
    }
    (void)conc_close(listener);
    shutdown_leave(&server, "listener");
}

int main(int argc, char **argv) {
    char *end = "";
    double seconds = 10;
    int c, listener, held = SEND;
    while ((c = getopt(argc, argv, "kt:")) == 'k' || c == 't')
        if (c == 'k') kick = true;
        else seconds = strtod(optarg, &end);
    if (c != -1 || argc - optind != 1 || *end || !(seconds > 0 && seconds < 1e9)) errx(2, "usage: chat [-k] [-t seconds] host:port");
    patience = (int64_t)(seconds * 1e9);

    rooms = pubsub_make(struct line), present = conc_map_make(const char *, struct place);
    if (!rooms || !present || shutdown_init(&server, true) != CONC_OK) err(1, "start");
    if ((listener = conc_listen_tcp(argv[optind])) < 0) err(1, "%s", argv[optind]);
    (void)setsockopt(listener, SOL_SOCKET, SO_SNDBUF, &held, sizeof held); /* those it accepts inherit it */
    server.grace = GRACE;
    printf("chat: port %d\n", conc_local_port(listener)), fflush(stdout);
    if (shutdown_enter(&server, "listener")) conc_wg_go(&serving, accept_all, listener);
    else (void)conc_close(listener); /* a signal came before */

    bool in_time = shutdown_run(&server, NULL) == CONC_OK;
    shutdown_free(&server);
    conc_wg_wait(&serving);
    pubsub_free(rooms), conc_map_free(present);
    long long left = conc_shutdown();
    printf("chat: %lld clients, %lld lines; %lld missed, %lld too slow; %s; left: %lld goroutines\n", (long long)clients, (long long)lines,
           (long long)missed, (long long)slow, server.report.text, left);
    return in_time && left == 0 ? 0 : 1;
}
