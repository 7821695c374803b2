#pragma once

#include "tests/learning/toy_features.h"

#include "core/learning/downstream/classify.h"

#include "tests/support/compare.h"

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

namespace hilum::tests {

/// What a test of classifiers stands on: a folder of labelled toys (makeLabelledToys), another for each test. To be derived from.
class ProbeBench {
protected:
    /// To be called by init().
    void begin()
    {
        auto folder = TemporaryFolder::make();
        HILUM_VERIFY_OK(folder);
        m_folder = std::make_unique<TemporaryFolder>(*std::move(folder));
        makeLabelledToys(m_folder->where());
    }
    path at_(const std::string& name) const { return m_folder->where() / name; }
    ProbeRequest request(const char* out) const
    {
        return {.model = at_("model.safetensors"), .cache = at_("cache"), .labels = at_("labels.json"), .out = at_(out), .heldOutFraction = 0.4, .device = "cpu"};
    }

    /// What went on in `stopped` ended as the whole run in `out`.
    void compareWithWhole(const Json& resumed, const Json& whole) const
    {
        for (const char* part : {"trained", "untrained", "difference"})
            QCOMPARE(resumed.at(part).dump(), whole.at(part).dump());
        for (const char* file : {"predictions.csv", "head.safetensors"})
            QVERIFY2(*readTextFile(at_("stopped") / file) == *readTextFile(at_("out") / file), file);
        QVERIFY(!std::filesystem::exists(at_("stopped") / "results"));
    }

    std::unique_ptr<TemporaryFolder> m_folder;
};

} // namespace hilum::tests
