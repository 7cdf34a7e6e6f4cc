/* The explorer's timeline: the page of a recorded schedule. That it is well-formed is checked by tests/frameworks/run.sh. */
#include "harness.h"

#if defined(CONC_TEST) && !HARNESS_TSAN
static char dir[64];
/* The page of fn's schedule by this token; freed by the caller. */
static char *page_of(void (*fn)(void *), const char *token) {
    char path[128], *text = NULL;
    size_t n = 0;
    (void)strcpy(dir, "/tmp/conc-timeline-XXXXXX");
    if (!mkdtemp(dir)) return NULL;
    (void)setenv("CONC_TIMELINE", dir, 1);
    conc_report r = conc_replay(fn, NULL, token);
    (void)unsetenv("CONC_TIMELINE");
    (void)snprintf(path, sizeof path, "%s/replay.html", dir);
    CHECK_SAY(strstr(r.text, path) && !strstr(r.text, "did not fit"), "%s", r.text);
    FILE *f = fopen(path, "r");
    if (f) {
        (void)!getdelim(&text, &n, 0, f);
        (void)fclose(f);
    }
    (void)unlink(path);
    (void)rmdir(dir);
    return text;
}
static int count(const char *text, const char *what) {
    int n = 0;
    for (; text && (text = strstr(text, what)) != NULL; text++) n++;
    return n;
}
/* An arrow of this kind from the row to the row, counted from 0. */
static bool arrow(const char *page, const char *kind, int from, int to) {
    char begin[32], end[32];
    (void)snprintf(begin, sizeof begin, "<path class=\"%s\"", kind);
    for (const char *line = page; line && (line = strstr(line, begin)) != NULL; line++) {
        int x1, y1, x2, y2;
        if (sscanf(strstr(line, "d=\"M"), "d=\"M%d %d", &x1, &y1) != 2) return false;
        (void)snprintf(end, sizeof end, "%d\" marker", 60 + 22 * to);
        x2 = (int)strcspn(line, "\n");
        y2 = (int)(strstr(line, end) ? strstr(line, end) - line : x2);
        if (y1 == 60 + 22 * from && y2 < x2) return true;
    }
    return false;
}
static void send_two(chan(int) c) {
    chan_send(c, 1);
    chan_send(c, 2);
}
static void receive_two(chan(int) c, conc_mutex *m) {
    conc_mutex_lock(m);
    (void)chan_recv(c);
    (void)chan_recv(c);
    conc_mutex_unlock(m);
}
static void transfers(int room) {
    chan(int) c = chan_make(int, (size_t)room);
    conc_mutex m = CONC_MUTEX_INIT;
    conc_wg wg = CONC_WG_INIT;
    conc_wg_go(&wg, send_two, c);
    conc_wg_go(&wg, receive_two, c, &m);
    conc_wg_wait(&wg);
    conc_mutex_lock(&m);
    conc_assert(room < 0);
}
static void rendezvous(void *arg) { (void)arg, transfers(0); }
static void buffered(void *arg) { (void)arg, transfers(1); }

TEST(arrows_of_a_rendezvous) {
    /* 0 g0 starts, 1-2 adds, 3 g1 starts, 4 sends (blocks), 5 g2 starts, 6 locks, 7 receives from the blocked, 8 receives (blocks), 9 g1 goes on,
       10 sends to who waits, 11 done, 12 g2 goes on, 13 unlocks, 14 done, 15 g0 waits, 16 locks */
    char *page = page_of(rendezvous, "c1=0x3,1x2,2x4,1x3,2x3,0x2");
    CHECK_EQ(count(page, "<path class=\"send\""), 2);
    CHECK(arrow(page, "send", 4, 7));
    CHECK(arrow(page, "send", 10, 12));
    CHECK(arrow(page, "unlock", 13, 16));
    CHECK(arrow(page, "done", 14, 15));
    CHECK_EQ(count(page, "<line class=\"blocked\""), 2);
    CHECK(strstr(page, "conc_assert(room &#60; 0) failed") != NULL);
    free(page);
}
TEST(arrows_through_a_buffer) {
    /* 4 g1 sends, 5 sends (blocks), 7 g2 locks, 8 receives the first and lets the second in, 9 receives it */
    char *page = page_of(buffered, "c1=0x3,1x3,2x6,1x2,0x2");
    CHECK_EQ(count(page, "<path class=\"send\""), 2);
    CHECK(arrow(page, "send", 4, 8));
    CHECK(arrow(page, "send", 5, 9));
    CHECK_EQ(count(page, "<line class=\"blocked\""), 1);
    free(page);
}
TEST(only_failures_have_pages) {
    conc_report r = conc_test(rendezvous, NULL, .timeline = "/nowhere/at/all.html");
    CHECK(strstr(r.text, "timeline: /nowhere/at/all.html: No such file or directory") != NULL);
    r = conc_test(rendezvous, NULL);
    CHECK(strstr(r.text, "timeline: ") == NULL);
}
#else
TEST(unavailable) { CHECK_EQ(conc_bubble(NULL, NULL).kind, CONC_FAIL_UNAVAILABLE); }
#endif
