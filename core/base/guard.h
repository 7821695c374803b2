#pragma once

#include "core/base/result.h"

#include <exception>
#include <new>
#include <type_traits>

namespace hilum {

/// Runs `work` and turns any std::exception into an Error; c10, ITK and SQLite errors derive from it.
/// `doing` becomes the context. `work` may return a value, a Result or nothing.
template <class Work>
auto guard(std::string_view doing, Work&& work)
{
    using R = std::invoke_result_t<Work>;
    constexpr bool isResult = requires(R r) { r.error(); r.has_value(); };
    using Out = std::conditional_t<isResult, R, Result<R>>;
    const auto failed = [&](ErrorCode code, std::string text) -> Out {
        return std::unexpected(withContext(Error{.code = code, .message = std::move(text)}, std::string(doing)));
    };
    try {
        if constexpr (std::is_void_v<R>) {
            std::forward<Work>(work)();
            return Out{};
        } else {
            return Out{std::forward<Work>(work)()};
        }
    } catch (const std::bad_alloc&) {
        return failed(ErrorCode::OutOfMemory, "not enough memory");
    } catch (const std::exception& e) {
        return failed(ErrorCode::Internal, e.what());
    }
}

} // namespace hilum
