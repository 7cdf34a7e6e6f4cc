/* debounce: an editor that saves when the typing stops, and colours the text when it begins. Three lines are typed; each is a burst of
   key strokes, and a flush takes the place of the pause after it, so that the program need not wait. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "debounce.h"

#include <stdio.h>
#include <string.h>

struct editor {
    conc_mutex mutex; /* the debouncer's goroutine reads while others type */
    char text[200];
    int strokes;
};

static void save(struct editor *e) {
    conc_mutex_lock(&e->mutex);
    printf("saved after %2d key strokes: %s\n", e->strokes, e->text);
    conc_mutex_unlock(&e->mutex);
}
static void colour(struct editor *e) {
    conc_mutex_lock(&e->mutex);
    printf("colours at key stroke %d\n", e->strokes);
    conc_mutex_unlock(&e->mutex);
}

static void type(struct editor *e, const char *line, struct debounce *saving) {
    for (; *line != '\0'; line++) {
        conc_mutex_lock(&e->mutex);
        strncat(e->text, line, 1);
        e->strokes++;
        conc_mutex_unlock(&e->mutex);
        debounce_event(saving);
    }
}

int main(void) {
    static struct editor editor;
    struct debounce saving, colouring;
    debounce_init(&saving, CONC_MIN, save, &editor); /* a minute without a key stroke */
    debounce_init(&colouring, CONC_MIN, colour, &editor);
    colouring.leading = true;
    colouring.trailing = false;

    debounce_event(&colouring);
    if (debounce_flush(&colouring, NULL) != CONC_OK) return 1;
    type(&editor, "Never start a goroutine ", &saving);
    if (debounce_flush(&saving, NULL) != CONC_OK) return 1;
    type(&editor, "without knowing ", &saving);
    if (debounce_flush(&saving, NULL) != CONC_OK) return 1;
    debounce_event(&colouring); /* still the first burst: nothing happens */

    type(&editor, "WHAT", &saving);
    printf("undone before it was saved: %s\n", debounce_cancel(&saving) ? "yes" : "no");
    editor.text[strlen(editor.text) - 4] = '\0';
    type(&editor, "when it will stop.", &saving);
    if (debounce_flush(&saving, NULL) != CONC_OK) return 1;
    debounce_free(&saving);
    debounce_free(&colouring);
}
