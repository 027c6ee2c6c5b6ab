/* test-message.c: what comes over the stream from a child that may lie, stop in the middle, or say nothing. */
#include "loader-fixture.h"

#include "reader/message.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- facts ---------------------------------------------------------------------------------------- */

static EntroDataset
good_facts(void)
{
    return (EntroDataset){.id = 7,
                          .type = {ENTRO_CLASS_FLOAT, TRUE, ENTRO_F32, FALSE, TRUE, TRUE},
                          .stored = {3, {4, 5, 6}, {1, 5, 6}},
                          .element_size = 4,
                          .chunked = TRUE,
                          .chunk_bytes = 120,
                          .offset = HADDR_UNDEF,
                          .n_filters = 2,
                          .filters = {H5Z_FILTER_SHUFFLE, H5Z_FILTER_DEFLATE}};
}

static gboolean
tell(const EntroDataset *facts, EntroDataset *ret_taken)
{
    g_autoptr(GVariant) answer = g_variant_ref_sink(entro_facts_to_variant(facts));

    return entro_facts_from_variant(answer, ret_taken);
}

static void
test_facts_arrive(void)
{
    EntroDataset facts = good_facts(), taken;

    g_assert_true(tell(&facts, &taken));
    g_assert_cmpint(taken.id, ==, 7);
    g_assert_cmpmem(&taken.type, sizeof taken.type, &facts.type, sizeof facts.type);
    g_assert_cmpmem(&taken.stored, sizeof taken.stored, &facts.stored, sizeof facts.stored);
    g_assert_cmpuint(taken.n_filters, ==, 2);
    g_assert_cmpint(taken.filters[1], ==, H5Z_FILTER_DEFLATE);
    facts.chunked = FALSE;
    facts.n_filters = 0;
    facts.offset = 4096;
    g_assert_true(tell(&facts, &taken));
    g_assert_cmpuint(taken.offset, ==, 4096);
    g_assert_cmpuint(taken.stored.chunk[0], ==, 4); /* contiguous: the whole */
}

/* One fact after another that no file has. */
static void
test_facts_that_cannot_be(void)
{
    enum { N_LIES = 15 };

    for (guint lie = 0; lie < N_LIES; lie++) {
        EntroDataset facts = good_facts(), taken;
        switch (lie) {
        case 0:
            facts.stored.rank = 0;
            break;
        case 1:
            facts.element_size = 0;
            break;
        case 2:
            facts.element_size = (gsize)G_MAXUINT32 + 1;
            break;
        case 3:
            facts.type.class = (EntroClass)-1;
            break;
        case 4:
            facts.type.class = (EntroClass)(ENTRO_CLASS_OTHER + 1);
            break;
        case 5:
            facts.type.element = (EntroElement)-1;
            break;
        case 6:
            facts.type.element = (EntroElement)(ENTRO_F64 + 1);
            break;
        case 7:
            facts.offset = (haddr_t)G_MAXINT64 / 2 + 1;
            break;
        case 8:
            facts.filters[1] = H5Z_FILTER_SHUFFLE; /* twice */
            break;
        case 9:
            facts.filters[1] = H5Z_FILTER_SZIP;
            break;
        case 10:
            facts.filters[1] = ENTRO_FILTER_ZIP; /* which is none of HDF5 */
            break;
        case 11:
            facts.stored.dims[1] = G_MAXUINT64 / 2;
            break;
        case 12:
            facts.element_size = 8; /* of a type of 4 bytes */
            break;
        case 13:
            facts.chunked = FALSE; /* and has filters */
            break;
        default:
            facts.stored.rank = ENTRO_STORED_RANK_MAX;
            memset(facts.stored.dims, 1, sizeof facts.stored.dims);
        }
        if (tell(&facts, &taken))
            g_error("lie %u is believed", lie);
    }
}

/* Lists that are longer than ours, or of two lengths. */
static void
test_lists_of_another_length(void)
{
    static const struct {
        guint n_dims, n_chunk, n_filters;
    } rows[] = {{3, 2, 0},
                {ENTRO_STORED_RANK_MAX + 1, ENTRO_STORED_RANK_MAX + 1, 0},
                {0, 0, 0},
                {2, 2, ENTRO_FILTERS_MAX + 1},
                {2, 100000, 1}};

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree guint64 *ones = g_new(guint64, 100000);
        gint32 filters[ENTRO_FILTERS_MAX + 1] = {H5Z_FILTER_SHUFFLE, H5Z_FILTER_DEFLATE};
        EntroDataset taken;
        for (guint k = 0; k < 100000; k++)
            ones[k] = 1;
        g_autoptr(GVariant) answer = g_variant_ref_sink(g_variant_new(
            "(x@at@attbttt@aiibibbb)", (gint64)1,
            g_variant_new_fixed_array(G_VARIANT_TYPE_UINT64, ones, rows[i].n_dims, 8),
            g_variant_new_fixed_array(G_VARIANT_TYPE_UINT64, ones, rows[i].n_chunk, 8), (guint64)4,
            TRUE, (guint64)4, (guint64)0, (guint64)0,
            g_variant_new_fixed_array(G_VARIANT_TYPE_INT32, filters, rows[i].n_filters, 4),
            (gint32)ENTRO_CLASS_FLOAT, TRUE, (gint32)ENTRO_F32, FALSE, FALSE, FALSE));
        if (entro_facts_from_variant(answer, &taken))
            g_error("lists %u are believed", i);
    }
}

/* ---- the stream ----------------------------------------------------------------------------------- */

typedef struct {
    guint32 size, number;
} Head;

typedef struct {
    int ours, theirs;
} Stream;

static Stream
stream_open(void)
{
    int pair[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
    return (Stream){pair[0], pair[1]};
}

static void
stream_close(Stream *stream)
{
    close(stream->ours);
    if (stream->theirs >= 0)
        close(stream->theirs);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Stream, stream_close)

static void
test_messages_arrive_in_order(void)
{
    g_auto(Stream) stream = stream_open();
    gboolean late;
    guint32 number;

    for (guint i = 0; i < 3; i++)
        g_assert_true(entro_message_send(stream.theirs, i, g_variant_new("(u)", 10 * i)));
    for (guint i = 0; i < 3; i++) {
        guint32 value;
        g_autoptr(GVariant) bytes =
            entro_message_receive(stream.ours, 100, i == 2 ? -1 : 1000, &number, &late);
        g_autoptr(GVariant) answer = entro_message_as(bytes, "(u)");
        g_variant_get(answer, "(u)", &value);
        g_assert_cmpuint(number, ==, i);
        g_assert_cmpuint(value, ==, 10 * i);
        g_assert_false(late);
    }
}

/* Bytes of another type are that type's defaults, never other memory. */
static void
test_an_answer_of_another_type(void)
{
    g_autoptr(GVariant) bytes =
        g_variant_ref_sink(g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE,
                                                     "\377\377\377\377\377\377\377\377\377", 9, 1));
    g_autoptr(GVariant) answer = entro_message_as(bytes, "(ayay)");
    const char *one, *two;

    g_variant_get(answer, "(^&ay^&ay)", &one, &two);
    g_assert_cmpstr(one, ==, "");
    g_assert_cmpstr(two, ==, "");
}

/* A child that stops anywhere, or goes on for ever. */
static void
test_messages_that_do_not_end(void)
{
    const Head heads[] = {{100, 1}, {101, 1}, {G_MAXUINT32, 1}};

    for (guint i = 0; i < 6; i++) {
        g_auto(Stream) stream = stream_open();
        const gboolean ends = i < 4; /* else it says nothing more */
        gboolean late;
        guint32 number;
        const gsize n = i % 4 == 0 ? 3 : sizeof(Head);

        g_assert_cmpint(send(stream.theirs, &heads[i % 4 < 2 ? 0 : i % 4 - 1], n, 0), ==, n);
        if (ends) {
            close(stream.theirs);
            stream.theirs = -1;
        }
        g_assert_null(entro_message_receive(stream.ours, 100, 50, &number, &late));
        g_assert_cmpint(late, ==, !ends);
    }
}

/* Who listens is gone, or the answer is larger than any may be. */
static void
test_messages_that_cannot_be_sent(void)
{
    g_auto(Stream) stream = stream_open();
    const gsize n = ENTRO_ANSWER_BYTES_MAX + 1;
    g_autofree guint8 *zeros = g_malloc0(n);

    g_assert_false(entro_message_send(stream.ours, 0,
                                      g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, zeros, n, 1)));
    close(stream.theirs);
    stream.theirs = -1;
    g_assert_false(entro_message_send(stream.ours, 0, g_variant_new("(u)", 1)));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(NAME, TEST) g_test_add_func("/message/" NAME, TEST)
    ADD("facts-arrive", test_facts_arrive);
    ADD("facts-that-cannot-be", test_facts_that_cannot_be);
    ADD("lists-of-another-length", test_lists_of_another_length);
    ADD("messages-arrive-in-order", test_messages_arrive_in_order);
    ADD("an-answer-of-another-type", test_an_answer_of_another_type);
    ADD("messages-that-do-not-end", test_messages_that_do_not_end);
    ADD("messages-that-cannot-be-sent", test_messages_that_cannot_be_sent);
    return g_test_run();
}
