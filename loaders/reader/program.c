/* program.c: entroscope-reader, the child that reads HDF5 files for entroscope and for users of the library.
 *
 * The whole program could be its own child, and is, where this one is not found beside it.  But it takes
 * 18 ms of the processor to load all its libraries, and this one a third of that: for each file, and for
 * each look at a file that is being watched, beside a training that wants the processor. */
#include "entro-loader.h"

#include <stdio.h>
#include <string.h>

int
main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], ENTRO_READER_ARGUMENT) == 0)
        entro_reader_serve(argc - 1, argv + 1);
    fputs("entroscope-reader: entroscope starts this program to read HDF5 files; it does nothing "
          "by itself\n",
          stderr);
    return 2;
}
