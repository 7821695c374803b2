#include "core/base/job_protocol.h"
#include "core/base/jsonl.h"
#include "tests/support/compare.h"

using namespace hilum;

class TestJsonl : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void linesCutAnywhereComeOutWhole()
    {
        const std::string text = "{\"a\":1}\n\n{\"b\":\"x\\ny\"}\r\n{\"c\":3}";
        for (std::size_t cut = 0; cut <= text.size(); ++cut) {
            JsonLineReader reader;
            auto got = reader.feed(std::string_view(text).substr(0, cut));
            for (auto& more : reader.feed(std::string_view(text).substr(cut)))
                got.push_back(std::move(more));
            QCOMPARE(got.size(), std::size_t{2});
            QCOMPARE((*got[1])["b"].get<std::string>(), std::string("x\ny"));
            QVERIFY(reader.hasPartialLine());
        }
    }
    void garbageIsOneErrorAndReadingGoesOn()
    {
        JsonLineReader reader(64);
        const auto got = reader.feed("what?\n[1]\n" + std::string(1000, 'x') + "\n{\"ok\":true}\n");
        QCOMPARE(got.size(), std::size_t{4});
        for (std::size_t i = 0; i < 3; ++i)
            HILUM_VERIFY_ERROR(got[i], ErrorCode::Protocol);
        QVERIFY((*got[3])["ok"].get<bool>());
    }
    void errorsCrossTheBorderWhole()
    {
        Error e{.code = ErrorCode::Options, .message = "2 options are wrong", .reason = "range", .details = {"a", "b"}, .context = {"job 7"}};
        const Error back = protocol::errorFrom(protocol::errorMessage(e));
        QCOMPARE(back.sentence(), e.sentence());
        QVERIFY(back.code == e.code);
        const Error tolerant = protocol::errorFrom(Json{{"code", 4000}, {"details", "no list"}});
        QVERIFY(tolerant.code == ErrorCode::Internal);
        QVERIFY(!tolerant.message.empty());
    }
    void invalidUtf8IsReplaced() { QVERIFY(parseJson(jsonLine(Json{{"name", "\xff\xfe"}})).has_value()); }
};

QTEST_APPLESS_MAIN(TestJsonl)
#include "tst_jsonl.moc"
