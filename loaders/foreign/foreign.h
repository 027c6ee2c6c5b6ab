/* foreign.h: attention that other programs have written, in files and under names of their own.
 *
 * A pattern says where the arrays lie, one for each step, layer or head that it names; axes say what
 * the axes of one array are.  Both are recognised, or given.  Behind that, all is as with a trace of
 * our own: boxes of rows, and where their bytes are. */
#ifndef ENTRO_FOREIGN_H
#define ENTRO_FOREIGN_H

#include "reader/reader.h"

#include <string.h>

/* ---- patterns (pattern.c) ------------------------------------------------------------------------ */

typedef enum { ENTRO_ROLE_STEP, ENTRO_ROLE_LAYER, ENTRO_ROLE_HEAD, ENTRO_N_ROLES } EntroRole;

/* The digits that stand for each role in one name; length 0 of a role that is not in the pattern. */
typedef struct {
    const char *text[ENTRO_N_ROLES];
    gsize length[ENTRO_N_ROLES];
    gint64 number[ENTRO_N_ROLES];
} EntroMatch;

extern const char *const entro_role_names[ENTRO_N_ROLES]; /* "step", "layer", "head" */

/* "steps/{step}/layer_{layer}/attn": known roles, each once, with text between them. */
gboolean entro_pattern_check(const char *pattern, GError **error);
gboolean entro_pattern_has(const char *pattern, EntroRole role);
gboolean entro_pattern_match(const char *pattern, const char *name, EntroMatch *ret_match);
/* The name that has these digits; the caller frees it. */
char *entro_pattern_expand(const char *pattern, const char *const texts[ENTRO_N_ROLES]);
/* Bytes of the part that names a file of a folder: up to the first ".npz", ".h5" ... that ends a
 * component; 0 when there is none. */
gsize entro_pattern_file_part(const char *pattern);
gboolean entro_is_container_name(const char *name);

/* ---- files of any kind (archive.c) --------------------------------------------------------------- */

/* An open file with named arrays: HDF5, .npy, .npz or .safetensors.  Counted: tiles keep theirs. */
typedef struct EntroArchive EntroArchive;

EntroArchive *entro_archive_open(const char *path, GError **error);
EntroArchive *entro_archive_ref(EntroArchive *archive);
void entro_archive_unref(EntroArchive *archive);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroArchive, entro_archive_unref)

int entro_archive_get_fd(const EntroArchive *archive);
EntroReader *entro_archive_get_reader(const EntroArchive *archive); /* NULL: not HDF5 */
const char *entro_archive_get_mode(const EntroArchive *archive);
const char *entro_archive_get_kind(const EntroArchive *archive); /* "HDF5", ".npz" ... */

/* Names of all arrays, in their order; of HDF5, paths without a leading slash, reached by hard links
 * alone.  *ret_cut: there are more than `max`, or some that are damaged. */
GPtrArray *entro_archive_list(EntroArchive *archive, gsize max, gboolean *ret_cut);

/* One array as it is stored. */
typedef struct {
    EntroDataset dataset; /* without a view */
    EntroElement element;
    gboolean big_endian;
    gboolean guessed; /* of 16 bits that do not say what they are */
    gboolean fortran; /* its axes are those of the file's shape, backwards */
} EntroMember;

/* Its size along an axis of the file's own shape, which is that of the bytes or its reverse. */
static inline hsize_t
entro_member_dim(const EntroMember *member, int axis)
{
    const EntroStored *stored = &member->dataset.stored;

    return stored->dims[member->fortran ? stored->rank - 1 - axis : axis];
}
/* Along the axis that a letter of `axes` names, a letter for each axis; 0: it names none. */
static inline hsize_t
entro_member_dim_of(const EntroMember *member, const char *axes, char letter)
{
    const char *at = strchr(axes, letter);

    return at ? entro_member_dim(member, (int)(at - axes)) : 0;
}
/* "step_3.npz/layer_2", of a folder, cut in two: *ret_file is the caller's, the rest a part of `name`. */
const char *entro_archive_split(const char *name, char **ret_file);

/* *ret_found FALSE, without an error: there is no such array.  The dataset is the caller's to clear. */
gboolean entro_archive_get(EntroArchive *archive, const char *name,
                           const EntroSourceOptions *options, EntroMember *ret_member,
                           gboolean *ret_found, GError **error);
/* A row of whole numbers, as steps are; NULL: there is none of that name, or with an error, none that can
 * be read. */
gint64 *entro_archive_get_integers(EntroArchive *archive, const char *name, gsize max, gsize *ret_n,
                                   GError **error);

/* ---- what is there (survey.c, roles.c) and what it may be (recognise.c) --------------------------- */

/* Arrays whose names differ in the digits of a pattern alone. */
typedef struct {
    char *pattern, *first; /* `first`: the name of one, and what that is: */
    guint n;
    gboolean is_readable;
    EntroMember member;
    char *problem;             /* why it is no attention, or cannot be read; NULL: neither */
    EntroLoaderError code;     /* of the problem */
    const EntroLayout *layout; /* that fits, with `axes`; NULL: none, or several */
    char *axes;
    char *choices; /* of several: "SLHQK or LSHQK"; NULL otherwise */
} EntroTemplate;

/* Everything that a file or folder holds. */
typedef struct {
    char *root;
    gboolean is_folder;
    EntroArchive *archive; /* the file, or the first of the folder in which arrays can be read */
    char *archive_name;    /* its name in the folder; NULL: the file itself */
    GPtrArray *names;      /* char *; of a folder, "file/array" */
    gboolean cut;          /* there are more, or some are damaged */
    GPtrArray *problems;   /* char *: files before that one */
    GPtrArray *templates;  /* EntroTemplate, the most likely first */
} EntroSurvey;

/* `archive`: the file, if it is open already; NULL: it is not, or it is a folder. */
EntroSurvey *entro_survey_new(const char *path, EntroArchive *archive,
                              const EntroSourceOptions *options, GError **error);
void entro_survey_free(EntroSurvey *survey);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EntroSurvey, entro_survey_free)

/* Names sorted into templates, of which only pattern, first and n are set. */
GPtrArray *entro_names_to_templates(const GPtrArray *names);
void entro_template_free(EntroTemplate *template);
/* One array of the survey; `name` as in survey->names. */
gboolean entro_survey_get(EntroSurvey *survey, const char *name, const EntroSourceOptions *options,
                          EntroMember *ret_member, gboolean *ret_found, GError **error);
/* Steps that are stored beside stacked arrays; NULL: there are none, or with an error, none that can be
 * read. */
gint64 *entro_survey_get_steps(EntroSurvey *survey, gsize max, gsize *ret_n, GError **error);

/* What the options ask for, or what alone is likely to be attention; NULL with a sentence.  Every
 * template has been looked at then. */
const EntroTemplate *entro_survey_recognise(EntroSurvey *survey, const EntroSourceOptions *options,
                                            GError **error);

/* ---- the trace that they are (catalogue.c, members.c) --------------------------------------------- */

typedef struct {
    gint64 number;
    char *text; /* its digits as they stand in the names */
} EntroNumber;

/* The array opened last: tiles of the same follow each other. */
typedef struct {
    gboolean valid;
    guint layer;
    gsize capture;
    guint head;
    EntroRead read;
    char *problem; /* when it cannot be read */
    EntroDataset dataset;
    EntroArchive *archive; /* borrowed of the cache */
} EntroOpenMember;

typedef struct EntroForeign {
    char *root;
    gboolean is_folder;
    EntroSourceOptions options;
    char *pattern, *axes;
    GArray *numbers[ENTRO_N_ROLES]; /* EntroNumber, ascending; NULL: not in the pattern */
    GPtrArray *cache;               /* EntroArchive, the one opened first is the first */
    GPtrArray *cached_paths;        /* char *, of the same */
    EntroOpenMember open;
    GBytes *whole;          /* elements of the deflated array inflated last */
    EntroArchive *whole_of; /* and where it lies */
    guint64 whole_at;
} EntroForeign;

/* Reads what lies at `path` into source->trace, as entro_trace_read() does; source->archive is NULL for
 * a folder. */
gboolean entro_foreign_read(EntroSource *source, const char *path,
                            const EntroSourceOptions *options, GError **error);
void entro_foreign_free(EntroForeign *foreign);

/* One array, seen as the trace sees all of them; the archive is borrowed, the name the caller's.  EMPTY:
 * there is no such array. */
gboolean entro_foreign_open(EntroSource *source, guint layer, gsize capture, guint head,
                            EntroMember *ret_member, EntroArchive **ret_archive, char **ret_name,
                            GError **error);
gboolean entro_foreign_set_view(EntroSource *source, guint layer, EntroMember *member,
                                GError **error);

/* The array of a layer (position) that holds the capture and head; its problem stays ours.  The archive
 * is borrowed until the next call. */
EntroRead entro_foreign_find(EntroSource *source, guint layer, gsize capture, guint head,
                             const EntroDataset **ret_dataset, EntroArchive **ret_archive,
                             const char **ret_problem);
/* The elements of a deflated array that holds several layers, for the tiles of all of them; NULL: it does
 * not, or it is damaged, which each tile finds for itself. */
GBytes *entro_foreign_inflate(EntroForeign *foreign, EntroArchive *archive,
                              const EntroDataset *dataset);

#endif
