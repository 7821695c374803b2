#pragma once

#include <c10/core/impl/LocalDispatchKeySet.h>

namespace hilum::learning {

/// Products in float32 for its scope, whatever autocast says: cosines over a small temperature lose too much in bfloat16, and equal ones would count as ties.
/// What goes in has to be float32.
class FullPrecision {
    c10::impl::ExcludeDispatchKeyGuard m_guard{c10::autocast_dispatch_keyset};
};

} // namespace hilum::learning
