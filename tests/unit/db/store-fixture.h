/* store-fixture.h: what the tests of the database share: a folder that goes away, made-up runs,
 * and a second connection to look and to spoil with. */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include "db-private.h"

typedef struct {
    char *folder;
    char *path; /* of the database, not there yet */
} Fixture;

#define FIXTURE_TEST(name, function)                                                               \
    g_test_add(name, Fixture, NULL, fixture_set_up, function, fixture_tear_down)

void fixture_set_up(Fixture *fixture, gconstpointer data);
void fixture_tear_down(Fixture *fixture, gconstpointer data);

EntroStore *open_store(const char *path, EntroStoreMode mode); /* asserts success */
gint64 begin_run(EntroStore *store, const char *name, guint attempt);

/* A capture of n_layers x n_heads; its numbers follow from step, layer and head. */
void average_heads(EntroCapture *capture);
EntroCapture make_capture(gint64 step, guint n_layers, guint n_heads);
/* Learnable parameters of as many layers and heads. */
void add_params(EntroCapture *capture, guint n_layers, guint n_heads);
double expected_param(gint64 step, guint layer, guint head, guint column);
void free_capture(EntroCapture *capture);
double expected_entropy(gint64 step, guint layer, guint head);
void put_step(EntroStore *store, gint64 run_id, gint64 step);

void make_database(const char *path);       /* run "a" with captures 10 and 20 */
void make_sound_database(const char *path); /* the same, and entro_store_check() finds nothing */

void assert_open_fails(const char *path, EntroStoreMode mode, const char *sentence);
char *read_file(const char *path, gsize *ret_size);
void write_file(const char *path, const char *bytes, gsize size);

/* Through a plain connection, as `sqlite3 FILE SQL` would. */
void run_sql(const char *path, const char *sql);
gint64 query_int(const char *path, const char *sql);
char *query_text(const char *path, const char *sql);
char *dump_tables(const char *path); /* every row of every table, to compare */

#endif
