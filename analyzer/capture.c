/* capture.c: the small things about captures: names, clearing, and the identity of a trace. */
#include "entro-analyzer.h"

#include <string.h>

const char *
entro_capture_status_name(EntroCaptureStatus status)
{
    return status == ENTRO_CAPTURE_COMPLETE ? "complete" : "partial";
}

void
entro_capture_clear(EntroCapture *capture)
{
    g_free(capture->detail);
    g_free(capture->heads);
    g_free(capture->layers);
    g_free(capture->head_params);
    g_free(capture->layer_params);
    *capture = (EntroCapture){0};
}

/* Never path or time: a copied trace is the same trace. */
char *
entro_fingerprint(const EntroTrace *trace, guint64 first_digest)
{
    g_autoptr(GString) text = g_string_new("entroscope trace 1\n");

    for (guint i = 0; i < trace->n_layers; i++) {
        const EntroLayer *layer = &trace->layers[i];
        g_string_append_printf(text,
                               "layer %u: %" G_GSIZE_FORMAT " %u %" G_GSIZE_FORMAT
                               " %" G_GSIZE_FORMAT " %s\n",
                               layer->index, layer->n_samples, layer->n_heads, layer->n_queries,
                               layer->n_keys, entro_element_name(layer->element));
    }
    g_string_append_printf(text, "first capture: %" G_GINT64_MODIFIER "x\n", first_digest);
    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text->str, text->len);
}
