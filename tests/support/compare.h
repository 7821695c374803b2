#pragma once

#include "core/base/result.h"

#include <QTest>

#include <cstdlib>
#include <filesystem>
#include <string>

/// Verifies that a Result holds a value and prints its error otherwise.
#define HILUM_VERIFY_OK(...)                                                                                                       \
    do {                                                                                                                         \
        const auto& hilumResult_ = (__VA_ARGS__);                                                                                \
        QVERIFY2(hilumResult_.has_value(), hilumResult_ ? "" : hilumResult_.error().sentence().c_str());                         \
    } while (false)

/// Verifies that a Result holds an error with this code.
#define HILUM_VERIFY_ERROR(result, expectedCode)                                                                                   \
    do {                                                                                                                         \
        const auto& hilumResult_ = (result);                                                                                     \
        QVERIFY2(!hilumResult_.has_value(), "an error was expected");                                                            \
        QVERIFY2(hilumResult_.error().code == (expectedCode), hilumResult_.error().sentence().c_str());                          \
    } while (false)

namespace hilum::tests {

/// The folder of shared real data, or empty when it is absent: then a test calls HILUM_NEED_SHARED and is skipped visibly.
inline std::filesystem::path sharedFolder()
{
    const char* given = std::getenv("HILUM_SHARED");
    const char* source = std::getenv("HILUM_SOURCE_DIR");
    std::filesystem::path folder = given ? std::filesystem::path(given) : std::filesystem::path(source ? source : ".") / ".." / "shared";
    return std::filesystem::is_directory(folder / "data") ? std::filesystem::canonical(folder) : std::filesystem::path();
}

} // namespace hilum::tests

/// Skips the test when the shared data are absent; with HILUM_REQUIRE_SHARED=1 that is a failure.
#define HILUM_NEED_SHARED()                                                                                                        \
    do {                                                                                                                         \
        if (hilum::tests::sharedFolder().empty()) {                                                                              \
            const char* required = std::getenv("HILUM_REQUIRE_SHARED");                                                         \
            if (required && std::string(required) == "1")                                                                        \
                QFAIL("the shared data are absent");                                                                             \
            QSKIP("the shared data are absent");                                                                                 \
        }                                                                                                                        \
    } while (false)
