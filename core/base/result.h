#pragma once

#include "core/base/error.h"
#include "core/base/format.h"

#include <expected>
#include <format>
#include <utility>

namespace hilum {

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

/// A failure with its sentence: `return fail(ErrorCode::BadData, "{}: depth is {}", path, depth);`
template <class... Args>
[[nodiscard]] std::unexpected<Error> fail(ErrorCode code, std::format_string<Args...> text, Args&&... args)
{
    return std::unexpected(Error{.code = code, .message = hilum::format(text, std::forward<Args>(args)...)});
}

/// A failure with a machine-readable reason ("truncated", ...).
template <class... Args>
[[nodiscard]] std::unexpected<Error> refuse(ErrorCode code, std::string reason, std::format_string<Args...> text, Args&&... args)
{
    return std::unexpected(Error{.code = code, .message = hilum::format(text, std::forward<Args>(args)...), .reason = std::move(reason)});
}

} // namespace hilum

#define HILUM_JOIN_(a, b) a##b
#define HILUM_JOIN(a, b) HILUM_JOIN_(a, b)
#define HILUM_TRY_(tmp, declaration, ...)                                                                                        \
    auto tmp = (__VA_ARGS__);                                                                                                    \
    if (!tmp)                                                                                                                    \
        return std::unexpected(std::move(tmp).error());                                                                          \
    declaration = *std::move(tmp)

/// `HILUM_TRY(auto volume, readVolume(path));` declares `volume`, or returns the error to the caller.
#define HILUM_TRY(declaration, ...) HILUM_TRY_(HILUM_JOIN(hilumResult_, __COUNTER__), declaration, __VA_ARGS__)

/// `HILUM_TRY_STATUS(write(path));` for functions that return Status.
#define HILUM_TRY_STATUS(...)                                                                                                    \
    do {                                                                                                                         \
        if (auto hilumStatus_ = (__VA_ARGS__); !hilumStatus_)                                                                    \
            return std::unexpected(std::move(hilumStatus_).error());                                                             \
    } while (false)
