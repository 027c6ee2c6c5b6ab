/* analyzer-error.c: the error domain of this stage. */
#include "entro-analyzer.h"

G_DEFINE_QUARK(entro - analyzer - error - quark, entro_analyzer_error)
