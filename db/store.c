/* store.c: the error domain of this stage. */
#include "entro-store.h"

G_DEFINE_QUARK(entro - store - error - quark, entro_store_error)
