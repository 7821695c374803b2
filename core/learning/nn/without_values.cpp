#include "core/learning/nn/without_values.h"

namespace hilum::learning {

namespace {

thread_local bool withoutValues = false;

} // namespace

WithoutValues::WithoutValues() : m_before(withoutValues) { withoutValues = true; }

WithoutValues::~WithoutValues() { withoutValues = m_before; }

bool WithoutValues::active() { return withoutValues; }

} // namespace hilum::learning
