/* bridge: a log is written to one file after another; each file is a channel of its own, and the files come in a channel. The reader sees
   lines, and no files. It leaves when it has found what it wanted; the files that nobody has opened are given back with the scope. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "pipeline.h"

#include <stdio.h>
#include <string.h>

typedef struct line { char text[24]; } line;
typedef recv_chan(line) file;

static void write_files(conc_ctx *ctx, send_chan(file) files) {
    for (int n = 1; n <= 4; n++) {
        chan(line) f = chan_make(line, 3); /* all of it has room */
        if (f == NULL) break;
        for (int i = 1; i <= 3; i++) {
            line l;
            snprintf(l.text, sizeof l.text, "file %d, line %d", n, i);
            chan_send(f, l);
        }
        chan_close(f);
        if (chan_send_ctx(files, f, ctx) == CONC_OK) continue; /* its reference has gone with it */
        chan_free(f);
        break;
    }
    chan_close(files);
}

static int search(const char *wanted) {
    conc_scope_begin(s);
    chan(file) files = conc_scope_chan(s, file, 1);
    conc_scope_go(s, write_files, conc_scope_ctx(s), files);
    chan_range(l, pipeline_bridge(s, files)) {
        puts(l.text);
        if (strcmp(l.text, wanted) == 0) break;
    }
    return pipeline_end(s);
}

int main(void) { return search("file 2, line 2"); }
