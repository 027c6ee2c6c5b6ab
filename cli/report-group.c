/* report-group.c: what one rule found in many places, in one sentence. */
#include "report.h"

/* So many layers are told of what many heads have. */
#define PLACES 8

static const char *
phrase_of(EntroFindingKind kind)
{
    static const char *const phrases[] = {
        [ENTRO_FINDING_COLLAPSE] = "attend to almost a single key (entropy collapse)",
        [ENTRO_FINDING_OVERLOAD] = "attend to almost everything alike (entropic overload)",
        [ENTRO_FINDING_NAN] = "are not a number any more",
        [ENTRO_FINDING_DEAD] = "are dead or attend to nothing",
        [ENTRO_FINDING_REDUNDANT] = "have heads that all do nearly the same",
        [ENTRO_FINDING_RUNAWAY] = "have a learnable parameter out of its range",
        [ENTRO_FINDING_SPIKE] = "had a jump of the loss beside an event of the entropy",
    };

    G_STATIC_ASSERT(G_N_ELEMENTS(phrases) == ENTRO_N_FINDING_KINDS);
    return phrases[kind];
}

static int
compare_places(gconstpointer first, gconstpointer second)
{
    const EntroFinding *a = *(const EntroFinding *const *)first;
    const EntroFinding *b = *(const EntroFinding *const *)second;
    int order = (a->layer > b->layer) - (a->layer < b->layer);

    return order != 0 ? order : (a->head > b->head) - (a->head < b->head);
}

/* 0-3, 5: numbers that follow each other, ascending; one may come again. */
typedef struct {
    GString *text;
    gint64 first, last; /* -1: none yet */
} Ranges;

static void
end_range(Ranges *ranges)
{
    if (ranges->first < 0)
        return;
    g_string_append_printf(ranges->text, "%s%" G_GINT64_FORMAT, ranges->text->len > 0 ? ", " : "",
                           ranges->first);
    if (ranges->last > ranges->first)
        g_string_append_printf(ranges->text, "-%" G_GINT64_FORMAT, ranges->last);
    ranges->first = -1;
}

static void
add_number(Ranges *ranges, gint64 number)
{
    if (ranges->first >= 0 && (number == ranges->last || number == ranges->last + 1)) {
        ranges->last = number;
        return;
    }
    end_range(ranges);
    ranges->first = ranges->last = number;
}

/* The heads of one layer, or of several that follow each other and have the same. */
typedef struct {
    gint64 first, last;
    char *heads; /* "0-3, 5" */
} Place;

static void
clear_place(gpointer place)
{
    g_free(((Place *)place)->heads);
}

static void
add_place(GArray *places, gint64 layer, Ranges *ranges)
{
    Place *before = places->len > 0 ? &g_array_index(places, Place, places->len - 1) : NULL;

    end_range(ranges);
    if (before != NULL && before->last + 1 == layer &&
        g_str_equal(before->heads, ranges->text->str)) {
        before->last = layer;
    } else {
        Place place = {layer, layer, g_strdup(ranges->text->str)};
        g_array_append_val(places, place);
    }
    g_string_truncate(ranges->text, 0);
}

/* Place elements of findings that are sorted by layer and head. */
static GArray *
collect_places(const GPtrArray *sorted)
{
    GArray *places = g_array_new(FALSE, FALSE, sizeof(Place));
    g_autoptr(GString) text = g_string_new(NULL);
    Ranges ranges = {text, -1, -1};

    g_array_set_clear_func(places, clear_place);
    for (guint i = 0; i < sorted->len; i++) {
        const EntroFinding *finding = sorted->pdata[i];
        const EntroFinding *next = i + 1 < sorted->len ? sorted->pdata[i + 1] : NULL;

        add_number(&ranges, finding->head);
        if (next == NULL || next->layer != finding->layer)
            add_place(places, finding->layer, &ranges);
    }
    return places;
}

/* "layers 0-2: 0-7; layer 3: 2" */
static void
append_heads(GString *out, const GPtrArray *sorted)
{
    g_autoptr(GArray) places = collect_places(sorted);

    for (guint i = 0; i < places->len && i < PLACES; i++) {
        const Place *place = &g_array_index(places, Place, i);

        g_string_append_printf(out, "%slayer%s %" G_GINT64_FORMAT, i > 0 ? "; " : "",
                               place->last > place->first ? "s" : "", place->first);
        if (place->last > place->first)
            g_string_append_printf(out, "-%" G_GINT64_FORMAT, place->last);
        g_string_append_printf(out, ": %s", place->heads);
    }
    if (places->len > PLACES)
        g_string_append_printf(out, "; and in layers up to %" G_GINT64_FORMAT " (--all)",
                               g_array_index(places, Place, places->len - 1).last);
}

/* "0-2, 5" */
static void
append_layers(GString *out, const GPtrArray *sorted)
{
    g_autoptr(GString) text = g_string_new(NULL);
    Ranges ranges = {text, -1, -1};

    for (guint i = 0; i < sorted->len; i++)
        add_number(&ranges, ((const EntroFinding *)sorted->pdata[i])->layer);
    end_range(&ranges);
    g_string_append(out, text->str);
}

/* A place may have several findings, one after the other. */
static guint
count_places(const GPtrArray *sorted)
{
    guint n = 0;

    for (guint i = 0; i < sorted->len; i++)
        n += i == 0 || compare_places(&sorted->pdata[i - 1], &sorted->pdata[i]) != 0;
    return n;
}

static void
append_onsets(GString *text, const GPtrArray *group)
{
    gint64 first = G_MAXINT64, last = G_MININT64;
    guint n_over = 0;

    for (guint i = 0; i < group->len; i++) {
        const EntroFinding *finding = group->pdata[i];

        first = MIN(first, finding->onset_step);
        last = MAX(last, finding->onset_step);
        n_over += finding->last_step != ENTRO_STILL_SO;
    }
    g_string_append_printf(text, "; since step%s %" G_GINT64_FORMAT, last > first ? "s" : "",
                           first);
    if (last > first)
        g_string_append_printf(text, " to %" G_GINT64_FORMAT, last);
    if (n_over == group->len)
        g_string_append(text, ", not seen at the last capture");
    else if (n_over > 0)
        g_string_append_printf(text, ", %u of %u not seen at the last capture", n_over, group->len);
}

char *
entro_report_group(const EntroRunReport *report, const GPtrArray *group)
{
    const EntroFinding *any = group->pdata[0];
    const EntroEvidence *evidence = report->one->evidence;
    gboolean of_heads = any->head >= 0;
    g_autoptr(GPtrArray) sorted = g_ptr_array_new();
    g_autoptr(GString) places = g_string_new(NULL);
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < group->len; i++)
        g_ptr_array_add(sorted, group->pdata[i]);
    g_ptr_array_sort(sorted, compare_places);
    if (any->layer < 0) {
        g_string_printf(text, "%u times", group->len);
    } else {
        guint n = count_places(sorted);

        (of_heads ? append_heads : append_layers)(places, sorted);
        g_string_printf(text, "%u of %" G_GSIZE_FORMAT " %s", n,
                        of_heads ? evidence->heads->n_heads : evidence->layers->n_heads,
                        of_heads ? "heads" : "layers");
    }
    g_string_append_printf(text, " %s%s%s", phrase_of(any->kind), places->len > 0 ? ": " : "",
                           places->str);
    append_onsets(text, group);
    return g_string_free(g_string_append_c(text, '.'), FALSE);
}
