#include "core/base/error.h"

#include "core/base/format.h"

#include <cerrno>
#include <iterator>
#include <system_error>

namespace hilum {

namespace {

struct Row {
    ErrorCode code;
    std::string_view name;
    std::string_view advice;
};

constexpr Row Rows[] = {
    {ErrorCode::Internal, "internal", "This is a fault of the program: please report it with the details."},
    {ErrorCode::Usage, "usage", "See `hilum --help` for the words this command understands."},
    {ErrorCode::NotFound, "not_found", "Check the path; a folder may have been moved or unmounted."},
    {ErrorCode::AccessDenied, "access_denied", "Check the permissions of the file or choose another folder."},
    {ErrorCode::BadData, "bad_data", "The file is damaged or mislabelled; obtain it again from its source."},
    {ErrorCode::Unsupported, "unsupported", "Convert it with a tool that knows this kind of file."},
    {ErrorCode::TooLarge, "too_large", "Load a region or a smaller copy, or use a machine with more memory."},
    {ErrorCode::NoSpace, "no_space", "Free some space on the disk or choose another folder."},
    {ErrorCode::Cancelled, "cancelled", "Nothing needs to be done."},
    {ErrorCode::WrongVersion, "wrong_version", "Prepare the data again with this version."},
    {ErrorCode::Device, "device", "Choose another device; `hilum selfcheck` lists those of this computer."},
    {ErrorCode::OutOfMemory, "out_of_memory", "Choose a smaller batch, image size or preset."},
    {ErrorCode::Mismatch, "mismatch", "Choose two that belong together."},
    {ErrorCode::Options, "options", "Correct the values; `hilum methods` lists every option with its range."},
    {ErrorCode::Busy, "busy", "Close the other program or wait until it has finished."},
    {ErrorCode::WorkerLost, "worker_lost", "Resume from the last checkpoint; the worker's log says more."},
    {ErrorCode::Protocol, "protocol", "The two programs may be of different versions: install both again."},
    {ErrorCode::Io, "io", "Check the disk or the network share and try again."},
    {ErrorCode::CheckFailed, "check_failed", "The details say what differs."},
    {ErrorCode::Empty, "empty", "Choose a folder that holds images."},
};

const Row& row(ErrorCode code)
{
    for (const Row& r : Rows)
        if (r.code == code)
            return r;
    return Rows[0];
}

} // namespace

std::string_view name(ErrorCode code)
{
    return row(code).name;
}

std::string_view advice(ErrorCode code)
{
    return row(code).advice;
}

std::string Error::sentence() const
{
    std::string text;
    for (auto it = context.rbegin(); it != context.rend(); ++it)
        text += *it + ": ";
    text += message;
    for (std::size_t i = 0; i < details.size(); ++i)
        text += (i == 0 && !message.empty() ? ": " : i == 0 ? "" : "; ") + details[i];
    return text;
}

Error withContext(Error error, std::string doing)
{
    error.context.push_back(std::move(doing));
    return error;
}

Error systemError(std::string_view doing, std::string_view path, int errnoValue)
{
    ErrorCode code = ErrorCode::Io;
    switch (errnoValue) {
    case ENOENT: case ENOTDIR: code = ErrorCode::NotFound; break;
    case EACCES: case EPERM: case EROFS: code = ErrorCode::AccessDenied; break;
    case ENOSPC: case EDQUOT: case EFBIG: code = ErrorCode::NoSpace; break;
    case ENOMEM: code = ErrorCode::OutOfMemory; break;
    default: break;
    }
    return Error{.code = code, .message = hilum::format("cannot {} {}: {}", doing, path, std::generic_category().message(errnoValue))};
}

} // namespace hilum
