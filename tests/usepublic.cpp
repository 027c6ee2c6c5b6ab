/* usepublic.cpp: every public header on its own and together, from C++, linked to the library alone. */
#include "entro-plot.h"
#include "entro-store.h"
#include "entro-trainer.h"
#include "entro-analyzer.h"
#include "entro-compare.h"
#include "entro-cost.h"
#include "entro-findings.h"
#include "entro-loader.h"
#include "entro-rows.h"
#include "entroscope.h"

int
main()
{
    guint n_views = 0, n_archs = 0, n_layouts = 0;
    GError *error = nullptr;
    EntroSource *source = entro_source_open("/nonexistent", nullptr, &error);

    if (source != nullptr || error == nullptr || error->domain != ENTRO_LOADER_ERROR)
        return 1;
    g_clear_error(&error);
    if (entro_store_open("/nonexistent", ENTRO_STORE_READ, &error) != nullptr || error == nullptr)
        return 1;
    g_clear_error(&error);
    return entro_views(&n_views) != nullptr && entro_archs(&n_archs) != nullptr &&
                   entro_layouts(&n_layouts) != nullptr && entro_head_columns() != nullptr &&
                   entro_palettes() != nullptr && n_views > 0 && n_archs > 0 && n_layouts > 0
               ? 0
               : 1;
}
