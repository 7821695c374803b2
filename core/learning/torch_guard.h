#pragma once

#include "core/base/guard.h"

#include <functional>

namespace hilum::learning {

/// As hilum::guard, and knows LibTorch's exceptions: memory that ran out (CPU allocator, CUDA) becomes OutOfMemory with the size that was
/// asked for, a failed CUDA call becomes Device, and C++ stack traces are cut from the sentence.
Status torchGuard(std::string_view doing, const std::function<Status()>& work);

/// The Error of an exception that was thrown by LibTorch or the standard library.
Error errorFromException(const std::exception& exception);

} // namespace hilum::learning
