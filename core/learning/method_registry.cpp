#include "core/base/format.h"
#include "core/learning/method.h"

#include <stdexcept>

namespace hilum::learning {

void MethodRegistry::add(MethodEntry entry)
{
    for (const MethodEntry& known : m_entries)
        if (known.info.id == entry.info.id)
            throw std::invalid_argument(hilum::format("MethodRegistry: {} is registered twice", entry.info.id));
    if (!entry.make)
        throw std::invalid_argument(hilum::format("MethodRegistry: {} cannot be built", entry.info.id));
    m_entries.push_back(std::move(entry));
}

Result<const MethodEntry*> MethodRegistry::find(std::string_view id) const
{
    std::string known;
    for (const MethodEntry& entry : m_entries) {
        if (entry.info.id == id)
            return &entry;
        known += (known.empty() ? "" : ", ") + entry.info.id;
    }
    return fail(ErrorCode::NotFound, "no method is called \"{}\"; this worker knows {}", id, known.empty() ? "none" : known);
}

} // namespace hilum::learning
