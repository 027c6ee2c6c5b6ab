/* network.c: file systems whose other end is another machine. */
#include "entro-loader.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#ifndef CIFS_SUPER_MAGIC
#define CIFS_SUPER_MAGIC 0xff534d42
#endif
#ifndef SMB2_SUPER_MAGIC
#define SMB2_SUPER_MAGIC 0xfe534d42
#endif
#ifndef CEPH_SUPER_MAGIC
#define CEPH_SUPER_MAGIC 0x00c36400
#endif
#ifndef FUSE_SUPER_MAGIC
#define FUSE_SUPER_MAGIC 0x65735546
#endif
#define LUSTRE_SUPER_MAGIC 0x0bd00bd0 /* not in the kernel's headers, as the next */
#define GPFS_SUPER_MAGIC   0x47504653

const char *
entro_network_name(const char *path)
{
    static const struct {
        guint32 magic;
        const char *name;
    } rows[] = {{NFS_SUPER_MAGIC, "NFS"},   {SMB_SUPER_MAGIC, "SMB"},
                {CIFS_SUPER_MAGIC, "SMB"},  {SMB2_SUPER_MAGIC, "SMB"},
                {AFS_SUPER_MAGIC, "AFS"},   {LUSTRE_SUPER_MAGIC, "Lustre"},
                {GPFS_SUPER_MAGIC, "GPFS"}, {CEPH_SUPER_MAGIC, "Ceph"},
                {CODA_SUPER_MAGIC, "Coda"}, {NCP_SUPER_MAGIC, "NCP"},
                {FUSE_SUPER_MAGIC, "FUSE"}};
    struct statfs info;

    if (statfs(path, &info) != 0)
        return NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if ((guint32)info.f_type == rows[i].magic)
            return rows[i].name;
    return NULL;
}
