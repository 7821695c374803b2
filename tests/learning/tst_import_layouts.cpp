#include "core/learning/describe.h"
#include "core/learning/imports/import_weights.h"
#include "core/learning/nn/swin_encoder.h"
#include "core/learning/tensor_io.h"
#include "tests/learning/published_names.h"
#include "tests/support/write_checkpoint.h"

#include <torch/types.h>

#include "tests/support/compare.h"

#include <QTemporaryDir>
#include <QTest>

#include <cmath>
#include <cstdint>
#include <string>

using namespace hilum;
using namespace hilum::learning;
using namespace hilum::learning::imports;
using namespace hilum::tests;

namespace {

/// Values that are other ones in each tensor and at each place: what lands elsewhere shows. Whole numbers are those that the public codes keep.
TensorMap filled(const Shapes& names)
{
    TensorMap out;
    double first = 1;
    for (const auto& [name, shape] : names) {
        std::int64_t count = 1;
        for (const std::int64_t n : shape)
            count *= n;
        if (name.ends_with("relative_position_index"))
            out[name] = relativePositionIndex(std::llround(std::cbrt(static_cast<double>(shape.front()))));
        else if (name.ends_with("position_ids") || name.ends_with("num_batches_tracked"))
            out[name] = at::arange(count, at::kLong).reshape(shape);
        else
            out[name] = (at::arange(count, at::kFloat) / static_cast<double>(count) + first++).reshape(shape);
    }
    return out;
}

MethodRegistry registry()
{
    MethodRegistry out;
    registerBuiltinMethods(out);
    return out;
}

/// Verifies that each tensor of a file was loaded or left out as `published` says, and where some of them went.
void verifyImported(const Result<Json>& report, const Published& published, const TensorMap& state, const path& out)
{
    HILUM_VERIFY_OK(report);
    for (const char* none : {"missing", "mismatched", "unexpected", "adapted"})
        QVERIFY2(report->at(none).empty(), (std::string(none) + " " + jsonLine(report->at(none))).c_str());
    QCOMPARE(report->at("loaded").size(), published.loaded);
    QCOMPARE(report->at("dropped").size(), published.dropped);
    QCOMPARE(report->at("fresh").size(), published.fresh);
    QCOMPARE(report->at("coverage").get<double>(), 1.0);
    QCOMPARE(published.loaded + published.dropped, state.size());
    const auto file = TensorFile::open(out);
    HILUM_VERIFY_OK(file);
    const TensorMap written = readTensors(*file);
    QCOMPARE(written.size(), published.loaded + published.fresh);
    for (const auto& [ours, theirs] : published.places)
        QVERIFY2(at::equal(written.at(ours), state.at(theirs)), ours.c_str());
}

} // namespace

/// Files with the names of the published ones, each by its layout: nothing is missing, nothing is unexpected.
class TestImportLayouts : public QObject {
    Q_OBJECT

    QTemporaryDir m_folder;
    path at_(const char* name) const { return path(m_folder.path().toStdString()) / name; }
    Result<Json> import(const char* file, const Published& published) const
    {
        return importWeights(registry(), {at_(file), at_("out.safetensors"), published.layout, 0.95, published.settings});
    }

private Q_SLOTS:
    void namesOfPublishedFilesAreKnown_data()
    {
        QTest::addColumn<QString>("file");
        for (const auto& [name, published] : publishedFiles())
            QTest::newRow(name.c_str()) << QString::fromStdString(name);
    }
    void namesOfPublishedFilesAreKnown()
    {
        QFETCH(QString, file);
        const Published published = publishedFiles().at(file.toStdString());
        const auto layout = findLayout(published.layout);
        HILUM_VERIFY_OK(layout);
        if (!(*layout)->method.empty() && !registry().find((*layout)->method))
            QSKIP("this build does not carry the layout's method (HILUM_METHODS)");
        const TensorMap state = filled(published.names);
        writeCheckpoint(at_("in.pth"), state, published.wrapper, {}, published.beside);
        const auto report = import("in.pth", published);
        verifyImported(report, published, state, at_("out.safetensors"));
        if (QTest::currentTestFailed())
            return;
        QCOMPARE(report->at("wrapper").get<std::string>(), published.wrapper);
        QCOMPARE(report->at("format").get<std::string>(), std::string("zip"));
        QCOMPARE(report->at("opaque").size(), published.opaque);
    }

    void safetensorsGoTheSameWay()
    {
        const Published published = publishedFiles().at("Bio_ClinicalBERT, pytorch_model.bin");
        const TensorMap state = filled(published.names);
        HILUM_VERIFY_OK(writeTensors(at_("model.safetensors"), state, {{"format", "pt"}}));
        const auto report = import("model.safetensors", published);
        verifyImported(report, published, state, at_("out.safetensors"));
        if (QTest::currentTestFailed())
            return;
        QCOMPARE(report->at("format").get<std::string>(), std::string("safetensors"));
        QVERIFY(report->at("wrapper").get<std::string>().empty());
    }

    void onlyMgcaHasNoTokenTypes()
    {
        QCOMPARE(architectureOf("MGCA, text encoder").at("segments"), Json(0));
        QCOMPARE(architectureOf("Bio_ClinicalBERT, pytorch_model.bin").at("segments"), Json(2));
        Published bert = publishedFiles().at("Bio_ClinicalBERT, pytorch_model.bin");
        bert.names.erase("bert.embeddings.token_type_embeddings.weight");
        writeCheckpoint(at_("in.pth"), filled(bert.names), bert.wrapper);
        const auto report = import("in.pth", bert);
        HILUM_VERIFY_ERROR(report, ErrorCode::Mismatch);
        QVERIFY2(report.error().sentence().find("embeddings.token_type_embeddings.weight is missing") != std::string::npos, report.error().sentence().c_str());
    }

private:
    /// What an import says of the network.
    Json architectureOf(const char* file) const
    {
        const Published published = publishedFiles().at(file);
        writeCheckpoint(at_("in.pth"), filled(published.names), published.wrapper, {}, published.beside);
        const auto report = import("in.pth", published);
        return report ? report->at("architecture") : Json{{"segments", report.error().sentence()}};
    }
};

QTEST_APPLESS_MAIN(TestImportLayouts)
#include "tst_import_layouts.moc"
