#include "core/base/options_json.h"
#include "tests/support/compare.h"

#include <cmath>

using namespace hilum;

namespace {

enum class Fill { Noise, Zeros };

struct Options {
    double ratio = 0.75;
    std::int64_t steps = 100;
    bool flip = false;
    Fill fill = Fill::Noise;
    std::vector<std::int64_t> strides{4, 4, 1};
    std::string note;

    template <class Self, class Visitor>
    static void visitFields(Self& self, Visitor&& visit)
    {
        visit(field("mask_ratio").text("Mask ratio", "Share of patches that is hidden.").range(0.05, 0.95).from("MAE 3.1"), self.ratio);
        visit(field("steps").text("Steps", "Optimiser steps.").range(1, 1e9).inUnit("steps"), self.steps);
        visit(field("flip").text("Flip", "Mirrors half of the images."), self.flip);
        visit(field("fill").text("Fill", "What stands in hidden places.").oneOf({{"noise", "Noise", ""}, {"zeros", "Zeros", ""}}), self.fill);
        visit(field("strides").text("Strides", "Of the tokeniser.").range(1, 64), self.strides);
        visit(field("note").text("Note", "For people."), self.note);
    }
};

} // namespace

class TestOptions : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void jsonThereAndBack()
    {
        Options a;
        a.ratio = 0.5;
        a.fill = Fill::Zeros;
        a.strides = {16, 4, 1};
        Options b;
        HILUM_VERIFY_OK(fromJson(toJson(a), b));
        QCOMPARE(toJson(b), toJson(a));
        QCOMPARE(b.fill, Fill::Zeros);
    }

    void allFaultsAtOnceAndNothingChanged()
    {
        Options o;
        const auto status = fromJson(Json{{"mask_ratio", 1.5}, {"step", 5}, {"fill", "water"}, {"flip", "yes"}}, o);
        HILUM_VERIFY_ERROR(status, ErrorCode::Options);
        const std::string text = status.error().sentence();
        QVERIFY2(text.find("mask_ratio = 1.5 is outside [0.05, 0.95]") != std::string::npos, text.c_str());
        QVERIFY2(text.find("unknown option step (did you mean steps?)") != std::string::npos, text.c_str());
        QVERIFY2(text.find("fill = \"water\" is none of noise, zeros") != std::string::npos, text.c_str());
        QVERIFY2(text.find("flip = \"yes\" is not true or false") != std::string::npos, text.c_str());
        QCOMPARE(toJson(o), toJson(Options{}));
    }

    void numbersThatCannotBeHeldAreRefused()
    {
        Options o;
        const Options before = o;
        const auto status = fromJson(Json{{"strides", Json::array({18446744073709551615u})}, {"mask_ratio", std::nan("")}}, o); // the first one was read as -1
        HILUM_VERIFY_ERROR(status, ErrorCode::Options);
        QCOMPARE(status.error().details.size(), std::size_t{2});
        QVERIFY2(status.error().sentence().find("18446744073709551615 is not a whole number of at most 9223372036854775807") != std::string::npos, status.error().sentence().c_str());
        QCOMPARE(toJson(o), toJson(before));
    }

    void settingsFromTheCommandLine()
    {
        Options o;
        const std::vector<std::string> good{"mask_ratio=0.9", "flip=true", "strides=8,2,1", "fill=zeros"};
        HILUM_VERIFY_OK(applySettings(good, o));
        QCOMPARE(o.ratio, 0.9);
        QVERIFY(o.flip);
        QCOMPARE(o.strides, (std::vector<std::int64_t>{8, 2, 1}));
        const std::vector<std::string> bad{"mask_ratio=many", "colour=red", "steps"};
        const auto status = applySettings(bad, o);
        HILUM_VERIFY_ERROR(status, ErrorCode::Options);
        QCOMPARE(status.error().details.size(), std::size_t{3});
        QCOMPARE(o.ratio, 0.9);
    }

    void schemaChecksLikeTheStruct()
    {
        const Json schema = optionsSchema<Options>();
        QCOMPARE(schema.size(), std::size_t{6});
        QCOMPARE(schema[0]["default"].get<double>(), 0.75);
        HILUM_VERIFY_OK(checkAgainstSchema(toJson(Options{}), schema));
        const Json wrong{{"mask_ratio", 2}, {"strides", {0, 4}}};
        Options o;
        QCOMPARE(checkAgainstSchema(wrong, schema).error().details, fromJson(wrong, o).error().details);
        QVERIFY(schemaTable(schema).find("| `mask_ratio` | 0.75 | [0.05, 0.95] |") != std::string::npos);
    }
};

QTEST_APPLESS_MAIN(TestOptions)
#include "tst_options.moc"
