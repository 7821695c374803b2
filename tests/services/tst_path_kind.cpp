#include "core/services/path_kind.h"
#include "tests/support/compare.h"

#include <QTemporaryDir>
#include <QTest>

using namespace hilum;
using namespace hilum::services;

class TestPathKind : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void aPathIsWhatItHolds()
    {
        const QTemporaryDir folder;
        const path root = folder.path().toStdString();
        const auto file = [&](const char* name) {
            HILUM_VERIFY_OK(makeFolder((root / name).parent_path()));
            HILUM_VERIFY_OK(writeFileAtomically(root / name, "{}"));
        };
        for (const char* name : {"run/job.json", "run/model.safetensors", "cache/index.json", "checkpoint/model.safetensors", "images/a.png", "weights.safetensors", "table.csv"})
            file(name);
        const auto known = knownPaths({root / "run", root / "cache", root / "checkpoint", root / "images", root / "weights.safetensors", root / "table.csv", root / "gone", root / "gone.safetensors"});
        const std::vector<PathKind> expected{PathKind::RunFolder, PathKind::Cache, PathKind::Model, PathKind::Folder, PathKind::Model, PathKind::File, PathKind::Missing, PathKind::Missing};
        QCOMPARE(known.size(), expected.size());
        for (std::size_t n = 0; n < known.size(); ++n)
            QVERIFY2(known[n].kind == expected[n], known[n].where.c_str());
    }
};

QTEST_APPLESS_MAIN(TestPathKind)
#include "tst_path_kind.moc"
