/* list-containers.c: what the readers of .npy, .npz and .safetensors find in a file, a line of
 * "name<TAB>key=value ..." for each array, for a script to compare. */
#include "containers/containers.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define INTEGERS_MAX 1000

static void
print_integers(int fd, const EntroArray *array)
{
    g_autoptr(GError) error = NULL;
    gsize n;
    g_autofree gint64 *values = entro_array_read_integers(fd, array, INTEGERS_MAX, &n, &error);

    if (values == NULL) {
        printf("\tno_integers=%s", error->message);
        return;
    }
    printf("\tintegers=");
    for (gsize i = 0; i < n; i++)
        printf("%s%" G_GINT64_FORMAT, i > 0 ? "," : "", values[i]);
}

static void
print_array(int fd, const EntroArray *array)
{
    static const char *const kinds[] = {"float", "integer", "bits16"};
    g_autofree char *name = entro_printable(array->name, -1);

    printf("%s", name);
    if (array->problem != NULL) {
        printf("\tproblem=%s\trefused=%d\n", array->problem, array->refused);
        return;
    }
    printf("\tkind=%s\telement=%s\tinteger_size=%u\tsigned=%d\tbig=%d\tfortran=%d\tdims=",
           kinds[array->kind], entro_element_name(array->element), array->integer_size,
           array->is_signed, array->big_endian, array->fortran);
    for (guint axis = 0; axis < array->rank; axis++)
        printf("%s%" G_GUINT64_FORMAT, axis > 0 ? "," : "", array->dims[axis]);
    printf("\toffset=%" G_GUINT64_FORMAT "\tsize=%" G_GUINT64_FORMAT "\tdeflated=%d\thead=%zu"
           "\tdecoded=%" G_GUINT64_FORMAT "\tcrc=%u",
           array->offset, array->size, array->deflated, array->head, array->decoded, array->crc);
    print_integers(fd, array);
    printf("\n");
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    int fd = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;

    if (fd < 0)
        return 2;
    EntroContainer kind = entro_container_probe(fd);
    g_autoptr(GPtrArray) list = entro_container_list(fd, kind, &error);
    if (list == NULL)
        printf("error\tkind=%d\tcode=%d\tmessage=%s\n", (int)kind, error->code, error->message);
    for (guint i = 0; list != NULL && i < list->len; i++)
        print_array(fd, list->pdata[i]);
    close(fd);
    return list == NULL;
}
