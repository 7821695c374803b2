#include "core/view/run_record.h"

#include <QTest>

using namespace hilum;
using namespace hilum::view;

namespace {

const RunRecord::Curve* find(const RunRecord& record, RunPlot plot, const std::string& name)
{
    for (const RunRecord::Curve& one : record.curves)
        if (one.plot == plot && one.curve == name)
            return &one;
    return nullptr;
}

Json preview(int step, const char* file)
{
    return {{"kind", "preview"}, {"step", step}, {"file", file}, {"numbers", {{"loss", 0.5}}}};
}

} // namespace

class TestRunRecord : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void pointsOfEvents()
    {
        RunRecord record;
        for (int step = 1; step <= 30; ++step)
            record.add({{"kind", "metric"}, {"step", step}, {"loss", 1.0 / step}, {"loss_inside", 2.0}, {"lr", 1e-3}, {"grad_norm", 2.0}, {"volumes_per_s", 12.5}, {"memory_bytes", 5}, {"device", "cpu"}});
        record.add({{"kind", "checkpoint"}, {"step", 30}, {"held_out_loss", 0.25}, {"bytes", 5}});
        record.add({{"kind", "progress"}, {"step", 31}, {"loss", 9.0}}); // not a metric
        record.add({{"kind", "metric"}, {"loss", 9.0}});                 // without a step
        record.add({{"kind", 7}, {"step", 32}});
        record.add(Json::array());
        QCOMPARE(record.lastStep, std::int64_t{30});
        QCOMPARE(record.curves.size(), std::size_t{6});
        QCOMPARE(find(record, RunPlot::Loss, "loss")->points.size(), std::size_t{30});
        QCOMPARE(find(record, RunPlot::Loss, "loss")->points.points().back().y, 1.0 / 30);
        QVERIFY(find(record, RunPlot::Loss, "held_out_loss")->dots && find(record, RunPlot::Loss, "loss_inside"));
        QCOMPARE(find(record, RunPlot::Speed, "images_per_s")->points.points().back().y, 12.5);
        QVERIFY(find(record, RunPlot::Rate, "lr") && find(record, RunPlot::Gradient, "grad_norm"));
        record.add({{"kind", "metric"}, {"step", 21}, {"loss", 7.0}}); // resumed at the checkpoint of step 20
        QCOMPARE(find(record, RunPlot::Loss, "loss")->points.size(), std::size_t{21});
    }

    void bothNetworksCountFromTheirOwnFirstStep()
    {
        RunRecord record;
        record.add({{"kind", "metric"}, {"step", 1}, {"own_step", 1}, {"loss", 1.0}, {"lr", 1e-3}, {"weights", "pre-trained"}});
        record.add({{"kind", "metric"}, {"step", 2}, {"own_step", 1}, {"loss", 2.0}, {"lr", 1e-3}, {"weights", "untrained"}});
        QCOMPARE(record.lastStep, std::int64_t{2});
        QCOMPARE(find(record, RunPlot::Rate, "lr")->points.size(), std::size_t{1});
        QVERIFY(find(record, RunPlot::Loss, "loss, untrained")->points.points() == (std::vector<CurvePoint>{{1, 2}}));
    }

    void picturesOfTheWatchCase()
    {
        RunRecord record;
        for (const int step : {0, 10, 20})
            record.add(preview(step, "previews/case.safetensors"));
        record.add(preview(30, "../elsewhere.safetensors")); // outside of the run
        record.add(preview(30, "/elsewhere.safetensors"));
        record.add({{"kind", "preview"}, {"step", 30}});
        QCOMPARE(record.previews.size(), std::size_t{3});
        QCOMPARE(record.previews.back().numbers, Json({{"loss", 0.5}}));
        record.add(preview(10, "previews/again.safetensors")); // resumed
        QCOMPARE(record.previews.size(), std::size_t{2});
        QCOMPARE(record.previews.back().file, path("previews/again.safetensors"));
        QVERIFY(record.curves.empty());
    }
};

QTEST_APPLESS_MAIN(TestRunRecord)
#include "tst_run_record.moc"
