/* Defer: say beside what is opened that it will be closed, on every way out of the block. */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <stdio.h>

static void close_file(FILE *f) {
    printf("closing\n");
    if (fclose(f) != 0) printf("it could not be written\n"), exit(1);
}

static bool write_file(const char *path, bool enough) {
    FILE *f = fopen(path, "w");
    if (f == NULL) return false;
    defer(close_file, f); /* the last one first, if there are several */
    if (!enough) return false;
    printf("writing\n");
    return fprintf(f, "data\n") > 0;
}

int main(void) {
    printf("%s\n", write_file("/dev/null", true) ? "written" : "not written");
    printf("%s\n", write_file("/dev/null", false) ? "written" : "not written");
    printf("%s\n", write_file("/nowhere/at/all", true) ? "written" : "not written");
}
