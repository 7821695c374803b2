#pragma once

#include "core/learning/train/layer_order.h"

#include <QTest>

#include <map>
#include <string>

namespace hilum::tests {

/// Verifies the layer of all names that begin with each of these parts, and that there are such names.
inline void verifyLayers(const learning::LayerOrder& order, const std::map<std::string, std::int64_t>& layerOfPart)
{
    for (const auto& [part, layer] : layerOfPart) {
        bool known = false;
        for (const auto& [name, found] : order.layer)
            if (name.starts_with(part)) {
                QVERIFY2(found == layer, name.c_str());
                known = true;
            }
        QVERIFY2(known, part.c_str());
    }
}

} // namespace hilum::tests
