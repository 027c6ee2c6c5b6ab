/* trainer.c: the error domain of this stage. */
#include "entro-trainer.h"

G_DEFINE_QUARK(entro - trainer - error - quark, entro_trainer_error)
