#include "tests/learning/toy_method.h"

#include "core/base/digest.h"
#include "core/learning/data/case_dataset.h"
#include "core/learning/data/loader.h"

#include "tests/support/compare.h"

#include <fstream>
#include <set>

using namespace hilum;
using namespace hilum::learning;
using namespace hilum::tests;

class TestCacheReading : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void readsWhatWasWritten()
    {
        const auto folder = TemporaryFolder::make();
        makeCache(folder->where() / "c", {.patients = 3, .imagesPerPatient = 2, .size = 8, .casesPerShard = 4, .withRegion = true});
        const auto cache = ShardReader::open(folder->where() / "c");
        HILUM_VERIFY_OK(cache);
        QCOMPARE(cache->cases().size(), std::size_t{6});
        const auto item = cache->read(5);
        HILUM_VERIFY_OK(item);
        QCOMPARE(item->size(), std::size_t{2});
        const auto expected = madeImage(8, Rng(1).fork(2).fork(1));
        const at::Tensor image = item->at("image");
        QCOMPARE(image.sizes().vec(), (std::vector<std::int64_t>{1, 8, 8}));
        QCOMPARE(std::memcmp(image.const_data_ptr(), expected.data(), expected.size() * 2), 0);
    }

    void refusesWithTheRightWords()
    {
        const auto folder = TemporaryFolder::make();
        const path c = folder->where() / "c";
        Json index = makeCache(c, {.patients = 2, .size = 8, .casesPerShard = 2});
        HILUM_VERIFY_ERROR(ShardReader::open(folder->where() / "nothing"), ErrorCode::NotFound);

        Json other = index;
        other["schema"] = "hilum.cache/2";
        writeIndex(c, other);
        HILUM_VERIFY_ERROR(ShardReader::open(c), ErrorCode::WrongVersion);

        other = index;
        other["cases"][0]["patient"] = "someone else"; // digest of the old content
        HILUM_VERIFY_OK(writeFileAtomically(c / "index.json", other.dump()));
        HILUM_VERIFY_ERROR(ShardReader::open(c), ErrorCode::BadData);

        writeIndex(c, index);
        HILUM_VERIFY_OK(ShardReader::open(c));
        std::filesystem::resize_file(c / "shard-00001.safetensors", 100);
        const auto shortShard = ShardReader::open(c);
        HILUM_VERIFY_ERROR(shortShard, ErrorCode::BadData);
        QVERIFY2(shortShard.error().message.find("shard-00001.safetensors has 100 bytes") != std::string::npos, shortShard.error().message.c_str());
        std::filesystem::remove(c / "shard-00001.safetensors");
        const auto missing = ShardReader::open(c);
        HILUM_VERIFY_ERROR(missing, ErrorCode::BadData);
        QVERIFY(missing.error().message.find("shard-00001.safetensors is missing") != std::string::npos);
        std::filesystem::remove(c / "index.json");
        HILUM_VERIFY_ERROR(ShardReader::open(c), ErrorCode::BadData);
    }

    void splitsByPatient()
    {
        std::vector<CacheCase> cases;
        for (int i = 0; i < 115; ++i)
            cases.push_back({std::to_string(i), "patient " + std::to_string(i % 73), 0, "", sha256Hex(std::to_string(i))});
        const Split split = splitByPatient(cases, 7, 0.2);
        QCOMPARE(split.heldOutPatients, std::int64_t{15}); // a fifth of 73, rounded
        QCOMPARE(split.trainPatients, std::int64_t{58});
        QCOMPARE(split.train.size() + split.heldOut.size(), std::size_t{115});
        std::set<std::string> held;
        for (const std::size_t i : split.heldOut)
            held.insert(cases[i].patient);
        for (const std::size_t i : split.train)
            QVERIFY(!held.contains(cases[i].patient));
        // the order of the cases changes nothing, the seed does
        std::vector<CacheCase> turned(cases.rbegin(), cases.rend());
        std::set<std::string> heldTurned;
        for (const std::size_t i : splitByPatient(turned, 7, 0.2).heldOut)
            heldTurned.insert(turned[i].patient);
        QVERIFY(held == heldTurned);
        QVERIFY(splitByPatient(cases, 8, 0.2).heldOut != split.heldOut);
        // another user's keyed hashes name the same images otherwise: the same ones are held out
        std::vector<CacheCase> renamed = cases;
        for (CacheCase& c : renamed) {
            c.key = sha256Hex("other " + c.key);
            c.patient = sha256Hex("other " + c.patient);
        }
        QVERIFY(splitByPatient(renamed, 7, 0.2).heldOut == split.heldOut);
    }

    void edgesOfTheSplit()
    {
        const std::vector<CacheCase> one{{"a", "p", 0, "", ""}};
        QCOMPARE(splitByPatient(one, 0, 0.2).heldOut.size(), std::size_t{0}); // somebody must be trained on
        const std::vector<CacheCase> two{{"a", "p", 0, "", ""}, {"b", "q", 0, "", ""}};
        QCOMPARE(splitByPatient(two, 0, 0.2).heldOut.size(), std::size_t{1});
        QCOMPARE(splitByPatient(two, 0, 0.0).heldOut.size(), std::size_t{0});
    }

    void batchesDoNotDependOnThreads()
    {
        const auto folder = TemporaryFolder::make();
        makeCache(folder->where(), {.patients = 7, .imagesPerPatient = 1, .size = 8});
        const auto cache = ShardReader::open(folder->where());
        HILUM_VERIFY_OK(cache);
        const ToyMethod::Views views;
        const std::vector<std::size_t> cases{0, 1, 3, 4, 6};
        std::vector<at::Tensor> first;
        for (const std::int64_t threads : {1, 2, 5}) {
            Loader loader(*cache, views, cases, {.batch = 3, .seed = 5, .threads = threads, .prefetch = threads});
            for (std::size_t b = 0; b < 6; ++b) {
                const auto batch = loader.next();
                HILUM_VERIFY_OK(batch);
                if (threads == 1)
                    first.push_back(batch->at("image"));
                else
                    QVERIFY(at::equal(batch->at("image"), first[b]));
            }
        }
        // and a loader that begins later gives the same batches
        Loader later(*cache, views, cases, {.batch = 3, .seed = 5, .threads = 2, .prefetch = 2}, 4);
        QVERIFY(at::equal(later.next()->at("image"), first[4]));
    }

    void everyEpochHoldsEveryCaseOnce()
    {
        for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
            std::set<std::size_t> seen;
            for (std::int64_t i = 0; i < 11; ++i) {
                const SamplePlace place = Loader::place(epoch * 11 + i, 11, 2);
                QCOMPARE(place.epoch, epoch);
                seen.insert(place.index);
            }
            QCOMPARE(seen.size(), std::size_t{11});
        }
    }
};

QTEST_APPLESS_MAIN(TestCacheReading)
#include "tst_cache_reading.moc"
