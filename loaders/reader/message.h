/* message.h: what a reader in a child is asked and answers, as bytes.
 *
 * GVariant holds the fields: it was made to read what cannot be trusted, and whatever bytes come, each
 * field has a value of its type.  What the values mean is checked by whoever takes them. */
#ifndef ENTRO_MESSAGE_H
#define ENTRO_MESSAGE_H

#include "reader.h"

typedef enum {
    ENTRO_ASK_FILE, /* opens the descriptor that the child was given */
    ENTRO_ASK_EXISTS,
    ENTRO_ASK_OPEN,
    ENTRO_ASK_CLOSE,
    ENTRO_ASK_FIND,
    ENTRO_ASK_ATTRIBUTE,
    ENTRO_ASK_LIST,
    ENTRO_ASK_WALK,
    ENTRO_ASK_READ_ERROR,
    ENTRO_N_QUESTIONS
} EntroQuestion;

typedef struct {
    const char *asked, *answered; /* types of GVariant */
} EntroQuestionRow;

extern const EntroQuestionRow entro_questions[ENTRO_N_QUESTIONS];

/* A (ttu) as it lies in an array. */
typedef struct {
    guint64 offset, size;
    guint32 mask, padding;
} EntroPlace;

#define ENTRO_ASK_BYTES_MAX    (64u << 10)
#define ENTRO_ANSWER_BYTES_MAX (128u << 20)
#define ENTRO_FIND_MAX         1024 /* chunks in one answer */
#define ENTRO_NAMES_BYTES_MAX  (ENTRO_ANSWER_BYTES_MAX / 2)
#define ENTRO_CHILD_MEMORY     2048 /* MiB */

/* One message on a stream: a number (of a question, or of an error: 0 is none) and a value. */
gboolean entro_message_send(int fd, guint32 number, GVariant *value);
/* Waits for `timeout` milliseconds at most, -1: for ever.  *ret_late tells that from a closed stream. */
GVariant *entro_message_receive(int fd, gsize max, int timeout, guint32 *ret_number,
                                gboolean *ret_late);

/* The bytes that were received as what the question says they are; never NULL. */
GVariant *entro_message_as(GVariant *bytes, const char *type);

/* ---- facts of a dataset ---------------------------------------------------------------------------- */

#define ENTRO_FACTS_TYPE "(xatattbtttaiibibbb)"

GVariant *entro_facts_to_variant(const EntroDataset *dataset);
/* FALSE: no dataset can have such facts.  Sizes over limits are for the caller to refuse. */
gboolean entro_facts_from_variant(GVariant *variant, EntroDataset *ret_dataset);

/* ---- the child -------------------------------------------------------------------------------------- */

/* For tests, NULL otherwise: sees every answer before it is sent, `number` as in a message. */
extern void (*entro_reader_before_answer)(EntroQuestion question, guint32 *number,
                                          GVariant **answer);

/* Descriptors that it is born with. */
enum { ENTRO_CHILD_STREAM = 3, ENTRO_CHILD_FILE = 4, ENTRO_CHILD_REDO = 5 };

/* Its life, as the parent sees it (child.c). */
typedef struct {
    pid_t pid;
    int stream; /* to it; negative: there is none */
} EntroChild;

/* With these files open (`redo` negative: none); an errno, or 0. */
int entro_child_start(EntroChild *child, int file, int redo);
int entro_child_end(EntroChild *child); /* its status, as of waitpid() */
char *entro_child_words(int status);    /* what that means; the caller frees it */
int entro_child_patience(void);         /* milliseconds to wait for an answer */
/* The descriptor above those of a child, so that giving it those closes none of ours; takes `fd`. */
int entro_child_lift(int fd);

/* From here on this process can only read what it has open and answer, and take so much memory. */
void entro_sandbox_enter(guint memory_mib);

#endif
