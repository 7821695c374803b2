#include "core/learning/describe.h"
#include "tests/support/compare.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <QTest>

#include <algorithm>

using namespace hilum;
using namespace hilum::learning;

namespace {

MethodRegistry registry()
{
    MethodRegistry out;
    registerBuiltinMethods(out);
    return out;
}

} // namespace

/// What `hilum-worker describe` says of a method without building it is what the built one says.
class TestDescribe : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void theTokenGridIsThatOfTheBuiltMethod_data()
    {
        QTest::addColumn<QByteArray>("method");
        QTest::addColumn<QByteArray>("options");
        QTest::addColumn<QByteArray>("grid");
        const auto row = [](const char* name, const char* method, const char* options, const char* grid) {
            QTest::newRow(name) << QByteArray(method) << QByteArray(options) << QByteArray(grid);
        };
        row("mae", "mae", "{}", "[14,14]");
        row("mae, other sizes", "mae", R"({"image_size": 96, "tokeniser_strides": [4, 2]})", "[12,12]");
        row("hdxray-mae", "hdxray-mae", "{}", "[16,16]");
        row("hdxray-mae, other sizes", "hdxray-mae", R"({"image_size": 128, "tokeniser_strides": [8, 4, 1]})", "[4,4]");
        row("spcxr", "spcxr", "{}", "[8,8]");
        row("spcxr, other size", "spcxr", R"({"image_size": 128})", "[16,16]");
        row("unimedi", "unimedi", R"({"image_size": 64, "patch": 16})", "[4,4]");
        row("voco: none", "voco", "{}", "[]");
        row("dae: none", "dae", "{}", "[]");
    }
    void theTokenGridIsThatOfTheBuiltMethod()
    {
        QFETCH(QByteArray, method);
        QFETCH(QByteArray, options);
        QFETCH(QByteArray, grid);
        const MethodRegistry methods = registry();
        const auto entry = methods.find(method.toStdString());
        if (!entry)
            QSKIP("this build has other methods");
        const auto described = describeOne(methods, method.toStdString(), "", Json::parse(options.toStdString()));
        HILUM_VERIFY_OK(described);
        QCOMPARE(jsonLine(described->at("token_grid")), grid.toStdString());
        QCOMPARE(Json((*entry)->make(described->at("options"), Rng(0))->tokenGrid()), described->at("token_grid"));
    }

    // a product that overflows to zero divided the image
    void stridesBeyondAnyImageAreRefused()
    {
        const MethodRegistry methods = registry();
        if (!methods.find("mae"))
            QSKIP("this build has other methods");
        const auto refused = [&](const char* strides, const char* says) {
            const auto described = describeOne(methods, "mae", "", {{"tokeniser_strides", Json::parse(strides)}});
            QVERIFY2(!described && described.error().code == ErrorCode::Options && described.error().message.find(says) != std::string::npos, described ? strides : described.error().sentence().c_str());
        };
        refused("[256,256,256,256,256,256,256,256]", "tokeniser_strides = [256,256,256,256,256,256,256,256] make a patch outside [1, 4096] pixels");
        refused("[256,32]", "outside [1, 4096]");
        refused("[1,1,1,1,1,1,1,1,1]", "tokeniser_strides has 9 numbers; 8 are the most");
        refused("[]", "tokeniser_strides is empty");
    }

    void everyPresetTellsItsGrid()
    {
        const Json all = describeAll(registry());
        for (const Json& method : all.at("methods"))
            for (const Json& preset : method.at("presets")) {
                const Json& grid = preset.at("token_grid");
                const auto& shows = method.at("shows");
                const bool maps = std::ranges::any_of(shows, [](const Json& array) { return array == "mask"; }); // places of the image can be hidden: they have names
                QVERIFY2(grid.is_array() && (!maps || grid.size() == 2), jsonLine(preset).c_str());
            }
    }
};

QTEST_APPLESS_MAIN(TestDescribe)
#include "tst_describe.moc"
