#include "widgets/forms/schema_form.h"

#include "core/base/options_json.h"
#include "tests/support/compare.h"
#include "widgets/forms/option_field.h"

#include <QCheckBox>
#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QSignalSpy>
#include <QTest>
#include <QToolButton>

#include <cmath>

using hilum::Json;
using hilum::widgets::SchemaForm;

namespace {

enum class Kind { Uniform, Context };

struct Options {
    double ratio = 0.75, rate = 2.5e-4;
    std::int64_t steps = 300;
    bool normalise = true;
    Kind kind = Kind::Context;
    std::string note;
    std::vector<std::int64_t> strides{4, 4, 1};
    std::vector<double> betas{0.9, 0.95};

    template <class Self, class Visitor>
    static void visitFields(Self& self, Visitor&& visit)
    {
        using hilum::field;
        visit(field("mask_ratio").text("Mask ratio", "Share of patches that is hidden.").range(0.05, 0.95).from("MAE 3.1").in("Masking"), self.ratio);
        visit(field("kind").text("Mask", "How patches are chosen.").in("Masking").oneOf({{"uniform", "Uniform", "All alike."}, {"context", "Context", "By region."}}), self.kind);
        visit(field("lr").text("Learning rate", "Peak.").range(0, 1).in("Training").from("our setting"), self.rate);
        visit(field("steps").text("Steps", "Optimiser steps.").inUnit("steps").range(1, 1e6).in("Training"), self.steps);
        visit(field("normalise").text("Normalise", "Per patch.").in("Training"), self.normalise);
        visit(field("note").text("Note", "Free text.").in("Training"), self.note);
        visit(field("strides").text("Strides", "Of the tokeniser.").expert().in("Network"), self.strides);
        visit(field("betas").text("Betas", "Of AdamW.").range(0, 0.9999).expert().in("Optimiser"), self.betas);
    }
};

template <class W>
W* editor(const SchemaForm& form, const char* key)
{
    return form.findChild<W*>(QStringLiteral("option_") + QLatin1String(key));
}

} // namespace

class TestSchemaForm : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void valuesRoundTrip()
    {
        SchemaForm form;
        form.setSchema(hilum::optionsSchema<Options>());
        const auto defaults = form.values();
        HILUM_VERIFY_OK(defaults);
        QCOMPARE(*defaults, hilum::toJson(Options{}));
        Json other = {{"mask_ratio", 0.9}, {"kind", "uniform"}, {"lr", 1.5e-7}, {"steps", 40}, {"normalise", false}, {"note", "a = b, c"},
                      {"strides", {16, 4, 1}}, {"betas", {0.9, 0.999}}};
        QVERIFY(form.setValues(other).empty());
        HILUM_VERIFY_OK(form.values());
        QCOMPARE(*form.values(), other);
        Options read;
        HILUM_VERIFY_OK(hilum::fromJson(*form.values(), read));
        QCOMPARE(read.rate, 1.5e-7); // shortest text reads back as the same double
    }
    void typedTextBecomesValues()
    {
        SchemaForm form;
        form.setSchema(hilum::optionsSchema<Options>());
        QSignalSpy changed(&form, &SchemaForm::valuesChanged);
        editor<QLineEdit>(form, "mask_ratio")->setText(QStringLiteral(" 0.5 "));
        editor<QLineEdit>(form, "strides")->setText(QStringLiteral("2,2, 1"));
        editor<QComboBox>(form, "kind")->setCurrentIndex(0);
        editor<QCheckBox>(form, "normalise")->setChecked(false);
        QCOMPARE(changed.count(), 4);
        HILUM_VERIFY_OK(form.changes());
        QCOMPARE(*form.changes(), (Json{{"mask_ratio", 0.5}, {"strides", {2, 2, 1}}, {"kind", "uniform"}, {"normalise", false}}));
    }
    void allFaultsAreShownAtTheirFields()
    {
        SchemaForm form;
        form.setSchema(hilum::optionsSchema<Options>());
        form.show();
        editor<QLineEdit>(form, "mask_ratio")->setText(QStringLiteral("1.5"));
        editor<QLineEdit>(form, "steps")->setText(QStringLiteral("ten"));
        editor<QLineEdit>(form, "betas")->setText(QStringLiteral("0.9, 2"));
        const auto values = form.values();
        HILUM_VERIFY_ERROR(values, hilum::ErrorCode::Options);
        QCOMPARE(values.error().details.size(), std::size_t{3});
        QCOMPARE(form.faultCount(), 3);
        const auto* fault = form.findChild<QLabel*>(QStringLiteral("fault_mask_ratio"));
        QCOMPARE(fault->text(), QStringLiteral("1.5 is outside [0.05, 0.95]"));
        QVERIFY(fault->isVisible());
        QCOMPARE(form.findChild<QLabel*>(QStringLiteral("fault_steps"))->text(), QStringLiteral("ten is not a whole number"));
        QCOMPARE(editor<QLineEdit>(form, "mask_ratio")->text(), QStringLiteral("1.5")); // kept, not clamped
        editor<QLineEdit>(form, "mask_ratio")->setText(QStringLiteral("0.95"));
        QVERIFY(!fault->isVisible());
        QCOMPARE(form.faultCount(), 2);
    }
    void faultsFromElsewhereFindTheirField()
    {
        SchemaForm form;
        form.setSchema(hilum::optionsSchema<Options>());
        form.show();
        auto* fold = form.findChild<QToolButton*>(QStringLiteral("advancedFold"));
        QVERIFY(!editor<QLineEdit>(form, "betas")->isVisible());
        form.showFaults({"betas = [2] is outside [0, 0.9999]", "the data have one patient"});
        QVERIFY(editor<QLineEdit>(form, "betas")->isVisible()); // unfolded
        QVERIFY(fold->isChecked());
        QCOMPARE(form.field("betas")->faultText(), QStringLiteral("[2] is outside [0, 0.9999]"));
        QCOMPARE(form.findChild<QLabel*>(QStringLiteral("formFaults"))->text(), QStringLiteral("the data have one patient"));
        HILUM_VERIFY_ERROR(form.values(), hilum::ErrorCode::Options);
    }
    void aValueThatDoesNotFitIsShownAndExplained()
    {
        SchemaForm form;
        form.setSchema(hilum::optionsSchema<Options>());
        QCOMPARE(form.setValues({{"kind", "spiral"}, {"normalise", 3}, {"mask_rato", 0.5}}), (std::vector<std::string>{"unknown option mask_rato"}));
        HILUM_VERIFY_ERROR(form.values(), hilum::ErrorCode::Options);
        QCOMPARE(form.faultCount(), 2);
    }
    void resetGoesBackToThePreset()
    {
        SchemaForm form;
        form.setSchema(hilum::optionsSchema<Options>());
        form.show();
        form.setStandard({{"steps", 40}, {"lr", 0.001}});
        QCOMPARE(editor<QLineEdit>(form, "steps")->text(), QStringLiteral("40"));
        auto* reset = form.findChild<QToolButton*>(QStringLiteral("reset_steps"));
        QVERIFY(!reset->isVisible());
        editor<QLineEdit>(form, "steps")->setText(QStringLiteral("no number"));
        QVERIFY(reset->isVisible());
        QTest::mouseClick(reset, Qt::LeftButton);
        QCOMPARE(editor<QLineEdit>(form, "steps")->text(), QStringLiteral("40"));
        QVERIFY(!reset->isVisible());
        QVERIFY(!form.differs());
        form.setValues({{"lr", 0.5}, {"mask_ratio", 0.6}});
        form.showFaults({"the data have one patient"});
        QVERIFY(form.differs());
        form.resetToStandard();
        QVERIFY(!form.differs());
        QCOMPARE(form.faultCount(), 0);
        QCOMPARE((*form.values())["lr"], Json(0.001));
        QCOMPARE((*form.values())["mask_ratio"], Json(0.75));
        QVERIFY(form.changes()->empty());
    }
    void hiddenFieldsAreLeftOut()
    {
        SchemaForm form;
        form.setSchema(hilum::optionsSchema<Options>(), {"note", "strides", "betas"});
        QVERIFY(!editor<QLineEdit>(form, "note"));
        QVERIFY(!form.findChild<QToolButton*>(QStringLiteral("advancedFold")));
        QVERIFY(!form.values()->contains("note"));
        form.setSchema(hilum::optionsSchema<Options>());
        QVERIFY(editor<QLineEdit>(form, "note"));
    }
};

QTEST_MAIN(TestSchemaForm)
#include "tst_schema_form.moc"
