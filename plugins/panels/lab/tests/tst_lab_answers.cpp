// Whose answer the Lab shows and records while another image, other weights or another setting are on their way.
#include "plugins/panels/lab/tests/lab_bench.h"

#include <QCheckBox>
#include <QImage>
#include <QSpinBox>
#include <QTableWidget>

#include <optional>

using namespace hilum;
using namespace hilum::widgets;
using tests::HeldRunner;
using tests::ramp;
using tests::Wait;

class TestLabAnswers : public QObject, tests::LabBench {
    Q_OBJECT

    QString note() const { return label("modelNote"); }
    path home() const { return path(m_home.path().toStdString()); }
    /// A radiograph with the weights of step 10.
    void openStep10() const
    {
        m_selection->setVolume(ramp());
        settle();
        m_selection->setModel({.checkpoint = checkpoint(10)});
        QTRY_COMPARE_WITH_TIMEOUT(label("checkpointStep"), QStringLiteral("step 10"), Wait);
        QTRY_VERIFY2_WITH_TIMEOUT(note().contains(QStringLiteral("step 10")), qPrintable(note()), Wait);
        settle();
    }
    void chooseFigure(const path& png)
    {
        answerDialog(png);
        press("Ctrl+E");
    }
    static Json record(const path& png)
    {
        const auto text = readTextFile(path(png).replace_extension(".json"));
        const auto read = text ? parseJson(*text) : Result<Json>(Json());
        return read ? *read : Json();
    }
    /// The options that a job is proposed with: those of the requests.
    Json options()
    {
        Json proposal;
        const auto listening = connect(m_selection.get(), &Selection::jobProposed, this, [&](const Json& p) { proposal = p; });
        press("T");
        disconnect(listening);
        return proposal.value("options", Json::object());
    }

private Q_SLOTS:
    void initTestCase() { setEnvironment(); }
    void init() { start(); }
    void cleanup() { stop(); }

    void nothingIsRecordedWhileAModelIsLoaded()
    {
        m_selection->setVolume(ramp());
        settle();
        QString noted;
        connect(m_messages.get(), &Messages::noteReported, this, [&](const QString& text) { noted = text; });
        m_selection->setModel({.model = model("broken")});
        const QString notYet = QStringLiteral("The reconstruction of this model and image is not there yet");
        press("Ctrl+Shift+P");
        QCOMPARE(label("labStatus"), notYet);
        press("Ctrl+E");
        QCOMPARE(noted, notYet);
        // it does not load: what was on screen is of weights that are chosen no more
        QTRY_VERIFY2_WITH_TIMEOUT(label("labStatus").contains(QStringLiteral("broken is no model")), qPrintable(label("labStatus")), Wait);
        QVERIFY(hash("arraysHash").isEmpty());
        QVERIFY(label("maskStats").isEmpty());
        press("Ctrl+Shift+P");
        QCOMPARE(label("labStatus"), QStringLiteral("There is no reconstruction yet"));
        // and the Lab goes on with others
        m_selection->setModel({.checkpoint = checkpoint(10)});
        settle();
        QVERIFY(!hash("arraysHash").isEmpty());
    }
    void whatIsPinnedAndWrittenIsOfTheWeightsThatMadeIt()
    {
        openStep10();
        const std::string arrays = hash("arraysHash").toStdString();
        const path figure = home() / "of-step-10.png";
        {
            HeldRunner held(*m_runner); // no other answer can come
            m_selection->setModel({.checkpoint = checkpoint(20)});
            QTRY_VERIFY_WITH_TIMEOUT(note().contains(QStringLiteral("step 20")), Wait);
            press("K");
            QVERIFY2(label("pinLabel").startsWith(QStringLiteral("step 10 ")), qPrintable(label("pinLabel")));
            find<QSpinBox>("seedSpin")->setValue(5);
            chooseFigure(figure);
        }
        QTRY_VERIFY_WITH_TIMEOUT(record(figure).is_object(), Wait);
        const Json written = record(figure);
        QCOMPARE(written.value("arrays_sha256", ""), arrays);
        QCOMPARE(path(written["model"].value("path", "")).filename().string(), std::string("step-10"));
        QCOMPARE(written["provenance"]["model"].value("step", 0), 10);
        QCOMPARE(written["request_fields"].value("seed", 99), 0);
        QCOMPARE(written["provenance"].value("seed", 99), 0);
        settle();
        press("K");
        QVERIFY2(label("pinLabel").contains(QStringLiteral("step 20 ")), qPrintable(label("pinLabel")));
    }
    void paintingOutlivesAChangeOfTheWeightsWhileAnAnswerIsRead()
    {
        openStep10();
        std::optional<HeldRunner> held;
        const auto listening = connect(m_models.get(), &services::ModelServer::busyChanged, this, [&](bool busy) {
            if (busy && !held)
                held.emplace(*m_runner); // the request is written, its answer will not be read
        });
        auto* view = find<QWidget>("labView3");
        m_actions->find(QStringLiteral("actionMaskBrush"))->setChecked(true);
        find<QSpinBox>("brushRadius")->setValue(3);
        QTest::mouseClick(view, Qt::RightButton, {}, at(view, 8, 8));
        const QString painted = hash("maskHash");
        QTRY_VERIFY_WITH_TIMEOUT(held && !m_models->busy(), Wait);
        disconnect(listening);
        QCoreApplication::processEvents(); // the answer is handed to be read
        const path next = checkpoint(20);
        const auto wait = writeFileAtomically(next / "wait", "");
        HILUM_VERIFY_OK(wait);
        m_selection->setModel({.checkpoint = next});
        bool read = false;
        m_runner->run<bool>(this, [](const Work&) -> Result<bool> { return true; }, [&](Result<bool>) { read = true; });
        held->letGo(1);
        QTRY_VERIFY_WITH_TIMEOUT(read, Wait);
        QCOMPARE(hash("maskHash"), painted);
        held.reset();
        QVERIFY(std::filesystem::remove(next / "wait"));
        QTRY_VERIFY_WITH_TIMEOUT(note().contains(QStringLiteral("step 20")), Wait);
        settle(); // asked with the painted mask
        QCOMPARE(hash("maskHash"), painted);
        press("K");
        QVERIFY2(label("pinLabel").startsWith(QStringLiteral("step 20 ")), qPrintable(label("pinLabel")));
    }
    void anotherImageHasNoNumbersOfTheOneBefore()
    {
        m_selection->setVolume(ramp());
        settle();
        auto* worst = find<QTableWidget>("patchErrorTable");
        QVERIFY(worst->rowCount() > 0);
        m_selection->setVolume(ramp());
        QVERIFY(label("maskStats").isEmpty());
        QVERIFY(label("tokenProbe").isEmpty());
        QCOMPARE(worst->rowCount(), 0);
        QVERIFY(hash("maskHash").isEmpty()); // nothing is darkened, and a brush has nothing to paint on
        settle();
        QVERIFY(worst->rowCount() > 0);
    }
    void optionsAreThoseOfTheForm()
    {
        openStep10();
        m_selection->setModel({.model = model("spcxr")});
        QTRY_VERIFY_WITH_TIMEOUT(find<QLineEdit>("option_max_corrupted"), Wait);
        find<QLineEdit>("option_max_corrupted")->setText(QStringLiteral("0.3"));
        QTRY_COMPARE_WITH_TIMEOUT(options().value("max_corrupted", 0.0), 0.3, Wait);
        // another run of the method, with an own value
        m_selection->setModel({.model = model("spcxr-half")});
        QTRY_VERIFY_WITH_TIMEOUT(find<QLineEdit>("option_max_corrupted") && find<QLineEdit>("option_max_corrupted")->text() == QStringLiteral("0.5"), Wait);
        QVERIFY(!options().contains("max_corrupted"));
    }
    void attentionIsOfALayerThatTheModelHas()
    {
        openStep10();
        auto* view = find<QWidget>("labView1");
        const auto attends = [&] {
            move(view, at(view, 3, 10));
            move(view, at(view, 3, 9));
            return label("tokenProbe").contains(QStringLiteral("attn "));
        };
        find<QComboBox>("attentionKind")->setCurrentIndex(2); // one head
        find<QSpinBox>("attentionHead")->setValue(6);
        find<QCheckBox>("attentionShown")->setChecked(true);
        QTRY_VERIFY_WITH_TIMEOUT(attends(), Wait);
        m_selection->setModel({.model = model("shallow")});
        auto* layer = find<QSpinBox>("attentionLayer");
        QTRY_COMPARE_WITH_TIMEOUT(layer->maximum(), 2, Wait);
        QTRY_VERIFY2_WITH_TIMEOUT(attends(), qPrintable(label("labStatus")), Wait);
        settle();
        const path figure = home() / "attention.png";
        chooseFigure(figure);
        QTRY_VERIFY_WITH_TIMEOUT(record(figure).is_object(), Wait);
        const Json asked = record(figure).value("attention", Json::object()).value("request_fields", Json::object()); // there is none where it was refused
        QCOMPARE(asked.value("layer", -1), layer->value() - 1);
        QCOMPARE(asked.value("head", -1), find<QSpinBox>("attentionHead")->value() - 1);
    }
    void aFigureWritesOverNoOtherFile()
    {
        m_selection->setVolume(ramp());
        settle();
        const path folder = home() / "weights";
        HILUM_VERIFY_OK(makeFolder(folder));
        HILUM_VERIFY_OK(writeFileAtomically(folder / "model.safetensors", "trained"));
        HILUM_VERIFY_OK(writeFileAtomically(folder / "notes.json", "{}"));
        for (const char* name : {"model", "notes"}) {
            const path png = folder / (std::string(name) + ".png");
            chooseFigure(png);
            const QString taken = QStringLiteral("%1.%2 is there already").arg(QLatin1String(name), QLatin1String(name == std::string("model") ? "safetensors" : "json"));
            QTRY_VERIFY2_WITH_TIMEOUT(label("labStatus").contains(taken), qPrintable(label("labStatus")), Wait);
            QVERIFY(!std::filesystem::exists(png));
        }
        QCOMPARE(readTextFile(folder / "model.safetensors").value_or(std::string()), std::string("trained"));
        QCOMPARE(readTextFile(folder / "notes.json").value_or(std::string()), std::string("{}"));
        // an earlier figure of the same name is another thing
        const path figure = folder / "figure.png";
        chooseFigure(figure);
        QTRY_VERIFY_WITH_TIMEOUT(record(figure).is_object(), Wait);
        QVERIFY(std::filesystem::remove(figure));
        chooseFigure(figure);
        QTRY_VERIFY_WITH_TIMEOUT(std::filesystem::exists(figure), Wait);
    }
    void theOtherImageIsTheOneChosenLast()
    {
        openStep10();
        m_selection->setModel({.model = model("spcxr")});
        auto* disrupted = find<QWidget>("labView2");
        QTRY_COMPARE_WITH_TIMEOUT(disrupted->property("hatch").toString(), QStringLiteral("filled with mean grey"), Wait);
        QImage picture(512, 512, QImage::Format_Grayscale8);
        picture.fill(200);
        const path file = home() / "donor.png";
        QVERIFY(picture.save(QString::fromStdString(file.string())));
        auto* other = find<QComboBox>("otherCombo");
        const auto choose = [&](int index) {
            other->setCurrentIndex(index);
            if (index == 2)
                answerDialog(file);
            Q_EMIT other->activated(index);
        };
        bool read = false;
        {
            HeldRunner held(*m_runner);
            choose(2);
            choose(0); // and does without, before the file is read
            m_runner->run<bool>(this, [](const Work&) -> Result<bool> { return true; }, [&](Result<bool>) { read = true; });
            held.letGo(1);
            QTRY_VERIFY_WITH_TIMEOUT(read, Wait);
        }
        QVERIFY(label("otherNote").isEmpty());
        QTRY_VERIFY_WITH_TIMEOUT(!m_panel->property("waiting").toBool(), Wait);
        QCOMPARE(disrupted->property("hatch").toString(), QStringLiteral("filled with mean grey"));
        choose(2);
        QTRY_COMPARE_WITH_TIMEOUT(disrupted->property("hatch").toString(), QStringLiteral("filled from another image"), Wait);
        QCOMPARE(label("otherNote"), QStringLiteral("donor.png"));
    }
};

QTEST_MAIN(TestLabAnswers)
#include "tst_lab_answers.moc"
