/* loader-error.c: the error domain of this stage. */
#include "entro-loader.h"

G_DEFINE_QUARK(entro - loader - error - quark, entro_loader_error)
