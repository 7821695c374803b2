#include "core/project/storage.h"

#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace hilum::project {

namespace {

struct Kind {
    std::uint32_t magic; // f_type of statfs(2)
    const char* name;
};

constexpr Kind Remote[] = {
    {0x6969, "nfs"},       {0xFF534D42, "cifs"},  {0xFE534D42, "smb2"},   {0x517B, "smb"},        {0x65735546, "fuse"},      {0x01021997, "9p"},
    {0x5346414F, "afs"},   {0x00C36400, "ceph"},  {0x73757245, "coda"},   {0x0BD00BD0, "lustre"}, {0x47504653, "gpfs"},      {0x01161970, "gfs2"},
    {0x786F4256, "vboxsf"}, {0xBACBACBC, "vmhgfs"}, {0x7461636F, "ocfs2"}, {0x564C, "ncp"},        {0x19830326, "fhgfs"},
};

} // namespace

Storage probeStorage(const path& folder)
{
    Storage storage{.kind = "local"};
    struct statfs fs {};
    if (::statfs(folder.c_str(), &fs) == 0)
        for (const Kind& kind : Remote)
            if (static_cast<std::uint32_t>(fs.f_type) == kind.magic) {
                storage.local = false;
                storage.kind = kind.name;
            }
    struct statvfs vfs {};
    // root may write anywhere as far as access(2) knows, but not on a disk mounted read-only
    storage.writable = ::access(folder.c_str(), W_OK | X_OK) == 0 && !(::statvfs(folder.c_str(), &vfs) == 0 && (vfs.f_flag & ST_RDONLY));
    return storage;
}

} // namespace hilum::project
