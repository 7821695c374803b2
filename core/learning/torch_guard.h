#pragma once

#include "core/base/guard.h"

#include <functional>
#include <stdexcept>

namespace hilum::learning {

/// Options that contradict each other or a model: the user's to change, so it becomes ErrorCode::Options.
class OptionsFault : public std::invalid_argument {
    using std::invalid_argument::invalid_argument;
};

/// As hilum::guard, and knows LibTorch's exceptions: memory that ran out (CPU allocator, CUDA) becomes OutOfMemory with the size that was
/// asked for, a failed CUDA call becomes Device, an OptionsFault Options, and C++ stack traces are cut from the sentence.
Status torchGuard(std::string_view doing, const std::function<Status()>& work);

/// The Error of an exception that was thrown by LibTorch or the standard library.
Error errorFromException(const std::exception& exception);

} // namespace hilum::learning
