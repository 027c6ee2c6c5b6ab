/* entroscope.h: every stage of the library at once. */
#ifndef ENTROSCOPE_H
#define ENTROSCOPE_H

#include "entro-loader.h"
#include "entro-analyzer.h"
#include "entro-compare.h"
#include "entro-cost.h"
#include "entro-findings.h"
#include "entro-rows.h"
#include "entro-store.h"
#include "entro-plot.h"
#include "entro-trainer.h"

#endif
