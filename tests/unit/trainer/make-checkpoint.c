/* make-checkpoint.c: trains a small model and leaves trace and checkpoint for check_checkpoint.py.
 *
 *     make-checkpoint ARCH FINAL_NORM TEXT TRACE CHECKPOINT */
#include "entro-trainer.h"
#include <stdio.h>
#include <stdlib.h>

static gboolean
run(const EntroTrainConfig *config, GError **error)
{
    g_autoptr(EntroTrainer) trainer = entro_trainer_new(config, error);
    EntroTrainReport report = {0};

    while (trainer != NULL && !report.finished)
        if (!entro_trainer_step(trainer, &report, error))
            return FALSE;
    return trainer != NULL;
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    EntroTrainConfig config = ENTRO_TRAIN_CONFIG_DEFAULT;

    if (argc != 6) {
        fprintf(stderr, "usage: %s ARCH FINAL_NORM TEXT TRACE CHECKPOINT\n", argv[0]);
        return EXIT_FAILURE;
    }
    const char *const data[] = {argv[3], NULL};
    config.arch = argv[1];
    config.final_norm = atoi(argv[2]);
    config.data = data;
    config.trace = argv[4];
    config.checkpoint = argv[5];
    config.n_layers = 3;
    config.n_heads = 4;
    config.d_model = 32;
    config.context = 48;
    config.batch = 6;
    config.n_steps = 60;
    config.lr = 5e-3;
    config.min_lr_fraction = 0.1;
    config.capture_every = 25;
    config.capture_samples = 3;
    config.element = ENTRO_F32;
    config.eval_batches = 1;
    if (run(&config, &error))
        return EXIT_SUCCESS;
    fprintf(stderr, "%s\n", error->message);
    return EXIT_FAILURE;
}
