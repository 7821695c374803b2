#include "core/base/digest.h"
#include "tests/support/compare.h"

using namespace hilum;

class TestDigest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void sha256GivesThePublishedVectors_data()
    {
        QTest::addColumn<QByteArray>("text");
        QTest::addColumn<QByteArray>("expected");
        // FIPS 180-4 examples and the empty message
        QTest::newRow("empty") << QByteArray() << QByteArray("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        QTest::newRow("abc") << QByteArray("abc") << QByteArray("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        QTest::newRow("two blocks") << QByteArray("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")
                                    << QByteArray("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
        QTest::newRow("million a") << QByteArray(1000000, 'a') << QByteArray("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    }
    void sha256GivesThePublishedVectors()
    {
        QFETCH(QByteArray, text);
        QFETCH(QByteArray, expected);
        QCOMPARE(sha256Hex(std::string_view(text.data(), static_cast<std::size_t>(text.size()))), expected.toStdString());
        Sha256 pieces; // uneven pieces cross block borders
        for (qsizetype at = 0, step = 1; at < text.size(); at += step, step = step % 97 + 13)
            pieces.update(std::string_view(text.data() + at, static_cast<std::size_t>(std::min<qsizetype>(step, text.size() - at))));
        QCOMPARE(pieces.finishHex(), expected.toStdString());
    }

    void keyedHashIsHmac()
    {
        // RFC 4231, test case 2
        QCOMPARE(keyedHash("Jefe", "what do ya want for nothing?"), std::string("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
        // test case 6: a key longer than a block
        QCOMPARE(keyedHash(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First"),
                 std::string("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"));
    }

    void missingFileIsNotFound() { HILUM_VERIFY_ERROR(sha256File("/nowhere/at/all"), ErrorCode::NotFound); }
};

QTEST_APPLESS_MAIN(TestDigest)
#include "tst_digest.moc"
