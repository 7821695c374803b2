#include "core/learning/imports/mapped_file.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace hilum::learning::imports {

Result<MappedFile> MappedFile::open(const path& file)
{
    const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return std::unexpected(systemError("open", file.string(), errno));
    struct stat info{};
    if (::fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode)) {
        ::close(descriptor);
        return fail(ErrorCode::BadData, "{} is no regular file", file.string());
    }
    if (info.st_size == 0) {
        ::close(descriptor);
        return refuse(ErrorCode::BadData, "truncated", "{} is empty", file.string());
    }
    const auto length = static_cast<std::size_t>(info.st_size);
    void* const address = ::mmap(nullptr, length, PROT_READ, MAP_PRIVATE, descriptor, 0);
    const int error = errno;
    ::close(descriptor);
    if (address == MAP_FAILED)
        return std::unexpected(systemError("map", file.string(), error));
    return MappedFile(std::span(static_cast<const std::byte*>(address), length));
}

MappedFile::MappedFile(MappedFile&& other) noexcept : m_bytes(std::exchange(other.m_bytes, {})) {}

MappedFile::~MappedFile()
{
    if (!m_bytes.empty())
        ::munmap(const_cast<std::byte*>(m_bytes.data()), m_bytes.size());
}

} // namespace hilum::learning::imports
