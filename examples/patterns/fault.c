/* fault: three layers, of which the lowest fails. The user reads one sentence and a number, the log has all of it under the same number,
   and the code in between can ask what it was. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "fault.h"

#include <stdio.h>
#include <string.h>

enum { REPORT_FAILED = -1001 };

static struct fault *read_settings(const char *path) {
    if (strcmp(path, "/etc/good") == 0) return NULL;
    return fault_new(-ENOENT, "%s: no such file", path);
}

static struct fault *connect_to(const char *host, const char *settings) {
    return fault_wrap(read_settings(settings), -ECONNREFUSED, "cannot connect to %s", host); /* NULL, if there is nothing to wrap */
}

static void report(const char *settings, send_chan(struct fault *) out) {
    chan_send(out, fault_wrap(connect_to("db.example", settings), REPORT_FAILED, "today's report could not be made"));
}

static void tell(const char *text) { /* the number is another one in each run, so this program prints dots */
    for (bool number = false; *text != '\0'; text++) {
        if (*text == ']') number = false;
        putchar(number ? '.' : *text);
        if (*text == '[') number = true;
    }
    putchar('\n');
}

int main(void) {
    chan(struct fault *) results = chan_make(struct fault *);
    if (results == NULL) return 1;
    const char *const settings[] = { "/etc/good", "/etc/bad" };
    for (int i = 0; i < 2; i++) {
        char line[200];
        go(report, settings[i], results);
        struct fault *f = chan_recv(results);
        printf("%s: ", settings[i]);
        if (f == NULL) {
            printf("done\n");
            continue;
        }
        tell(fault_user(f, line, sizeof line));
        for (const struct fault *why = f->cause; why != NULL; why = why->cause) printf("  because %s, in %s()\n", why->message, why->func);
        printf("  a missing file, by the way: %s\n", fault_is(f, -ENOENT) != NULL ? "yes" : "no");
        printf("  all under one number: %s\n", fault_root(f)->id == f->id ? "yes" : "no");
        fault_log(f, STDERR_FILENO);
        fault_free(f);
    }
    chan_free(results);
}
