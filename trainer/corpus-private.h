/* corpus-private.h: text files as one run of bytes, part of it held out. */
#ifndef ENTRO_CORPUS_PRIVATE_H
#define ENTRO_CORPUS_PRIVATE_H

#include "entro-trainer.h"
#include "rng.h"

typedef struct {
    guint8 *bytes; /* held-out part first */
    gsize n_held_out, n_train;
    guint n_files;
    char *sha256; /* of all bytes in their order, in hexadecimal */
    char *about;  /* "2134 files, 31.2 MB training, 3.4 MB held out" */
} Corpus;

/* Reads all files; a path that is not there is an error, what a folder holds beside text is not. */
Corpus *corpus_new(const char *const *paths, double held_out, GError **error);
void corpus_free(Corpus *corpus);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Corpus, corpus_free)

/* n windows of context + 1 bytes; the last byte is target only.  [n][context] each. */
void corpus_draw(const Corpus *corpus, Rng *rng, gsize n, gsize context, guint8 *ret_inputs,
                 guint8 *ret_targets);
/* Windows first .. first + n of n_all that lie evenly over the held-out part: always the same. */
void corpus_held_out(const Corpus *corpus, gsize first, gsize n, gsize n_all, gsize context,
                     guint8 *ret_inputs, guint8 *ret_targets);

#endif
