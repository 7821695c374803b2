#include "core/learning/torch_guard.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <cctype>
#include <new>
#include <typeinfo>

namespace hilum::learning {

namespace {

/// The first line, without "Exception raised from ..." and what follows.
std::string firstSentence(std::string text)
{
    for (const char* mark : {"\nException raised from", "\n"})
        if (const auto at = text.find(mark); at != std::string::npos)
            text.resize(at);
    while (!text.empty() && (text.back() == '.' || std::isspace(static_cast<unsigned char>(text.back()))))
        text.pop_back();
    return text.empty() ? "an exception without words" : text;
}

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

} // namespace

Error errorFromException(const std::exception& exception)
{
    if (dynamic_cast<const std::bad_alloc*>(&exception))
        return Error{.code = ErrorCode::OutOfMemory, .message = "not enough memory"};
    if (dynamic_cast<const OptionsFault*>(&exception))
        return Error{.code = ErrorCode::Options, .message = firstSentence(exception.what())};
    std::string text = exception.what();
    if (const auto* c10Error = dynamic_cast<const c10::Error*>(&exception))
        text = c10Error->what_without_backtrace();
    const std::string sentence = firstSentence(text);
    // LibTorch has an exception type for CUDA's allocator only; the CPU's says so in words
    if (dynamic_cast<const c10::OutOfMemoryError*>(&exception) || contains(text, "out of memory") || contains(text, "can't allocate memory") || contains(text, "not enough memory"))
        return Error{.code = ErrorCode::OutOfMemory, .message = "not enough memory: " + sentence};
    if (contains(text, "CUDA error") || contains(text, "CUDA driver") || contains(text, "NVIDIA driver"))
        return Error{.code = ErrorCode::Device, .message = sentence};
    return Error{.code = ErrorCode::Internal, .message = sentence};
}

Status torchGuard(std::string_view doing, const std::function<Status()>& work)
{
    try {
        Status status = work();
        if (!status)
            return std::unexpected(std::move(status).error());
        return {};
    } catch (const std::exception& e) {
        return std::unexpected(withContext(errorFromException(e), std::string(doing)));
    }
}

} // namespace hilum::learning
