/* recipe-private.h: a recipe as it was read. */
#ifndef ENTRO_RECIPE_PRIVATE_H
#define ENTRO_RECIPE_PRIVATE_H

#include "view-private.h"

struct EntroRecipe {
    char *path;
    GKeyFile *file;
    GHashTable *lines; /* "group\nkey", or "group\n": GUINT_TO_POINTER(line) */
    char **groups;     /* in the order of the file; NULL-terminated */
};

#define ENTRO_RECIPE_FIGURE "figure"

/* Adds file, line, group and key before the message; key NULL: of the group.  Returns FALSE. */
gboolean entro_recipe_blame(const EntroRecipe *recipe, const char *group, const char *key,
                            GError **error);
/* ARGUMENT with those before it.  Returns FALSE. */
gboolean entro_recipe_refuse(const EntroRecipe *recipe, const char *group, const char *key,
                             GError **error, const char *format, ...) G_GNUC_PRINTF(5, 6);
gboolean entro_recipe_is_panel(const char *group);
/* A path in a recipe is relative to the recipe. */
char *entro_recipe_resolve(const EntroRecipe *recipe, const char *path);

#endif
