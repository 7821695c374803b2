#include "core/learning/features.h"

namespace hilum::learning {

Result<FeatureSource*> featureSource(PretrainingMethod& method, const std::string& methodId)
{
    if (auto* source = dynamic_cast<FeatureSource*>(&method))
        return source;
    return fail(ErrorCode::Unsupported, "method {} gives no features for a classifier", methodId);
}

} // namespace hilum::learning
