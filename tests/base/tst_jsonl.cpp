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
    // copies and lines are made by recursion: 200,000 open brackets ended the worker
    void deepAndEndlessJsonIsRefused()
    {
        const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
        const auto allowed = parseJson(nested(256));
        HILUM_VERIFY_OK(allowed);
        QCOMPARE(jsonLine(Json(*allowed)), nested(256));
        for (const std::string& text : {nested(257), std::string(200000, '['), "{\"a\":" + nested(300) + "}"}) {
            const auto refused = parseJson(text);
            HILUM_VERIFY_ERROR(refused, ErrorCode::BadData);
            QVERIFY2(refused.error().message.find("more than 256 deep") != std::string::npos, refused.error().message.c_str());
        }
        HILUM_VERIFY_OK(parseJson("[\"" + std::string(1000, '{') + "\\\"" + std::string(1000, '[') + "\"]")); // words are no brackets
        std::string wide = "[";
        for (int i = 0; i < 1000; ++i)
            wide += "[1],";
        HILUM_VERIFY_OK(parseJson(wide + "[]]"));
        const auto endless = parseJson(std::string(33'000'000, ','));
        HILUM_VERIFY_ERROR(endless, ErrorCode::BadData);
        QVERIFY2(endless.error().message.find("more than 32000000 values") != std::string::npos, endless.error().message.c_str());

        JsonLineReader reader;
        const auto got = reader.feed("{\"id\":" + nested(200000) + "}\n{\"ok\":true}\n");
        QCOMPARE(got.size(), std::size_t{2});
        HILUM_VERIFY_ERROR(got[0], ErrorCode::Protocol);
        HILUM_VERIFY_OK(got[1]);
    }
    void aHelloOfAnotherProtocolIsAnError()
    {
        for (const Json& odd : {Json("x"), Json(1.5), Json(nullptr), Json(Json::array()), Json(protocol::Version + 1), Json(std::uint64_t{1} << 63)})
            HILUM_VERIFY_ERROR(protocol::kindOf({{"kind", "hello"}, {"protocol", odd}}), ErrorCode::Protocol);
        HILUM_VERIFY_OK(protocol::kindOf({{"kind", "hello"}, {"protocol", protocol::Version}}));
        HILUM_VERIFY_OK(protocol::kindOf({{"kind", "hello"}}));
    }
    void documentsTakeAnyNames() // the whole list was refused for one name
    {
        const std::string text = jsonDocument(Json{{"where", "/data/caf\xe9.png"}});
        QVERIFY(text.find('\n') != std::string::npos);
        const auto read = parseJson(text);
        QVERIFY(read.has_value());
        QCOMPARE((*read)["where"].get<std::string>(), std::string("/data/caf\uFFFD.png"));
    }
    void invalidUtf8IsReplaced() { QVERIFY(parseJson(jsonLine(Json{{"name", "\xff\xfe"}})).has_value()); }
};

QTEST_APPLESS_MAIN(TestJsonl)
#include "tst_jsonl.moc"
