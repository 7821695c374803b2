#include "tests/learning/toy_method.h"

#include "core/base/digest.h"
#include "core/learning/data/case_dataset.h"
#include "core/learning/data/loader.h"
#include "core/learning/data/training_record.h"

#include "tests/support/compare.h"

#include <algorithm>
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

    void whoSharesAnImageIsOnePerson()
    {
        std::vector<CacheCase> cases;
        for (int i = 0; i < 40; ++i)
            cases.push_back({std::to_string(i), "patient " + std::to_string(i / 2), 0, "", sha256Hex(std::to_string(i))});
        QVERIFY(splitByPatient(cases, 7, 0.3).heldOut == splitByPatient(cases, 7, 0.3, Together::Patients).heldOut); // nothing is shared: the draw is as it was
        cases[7].sourceDigest = cases[2].sourceDigest;   // patients 1 and 3
        cases[20].sourceDigest = cases[6].sourceDigest;  // and 10
        bool wouldPart = false;
        for (std::uint64_t seed = 0; seed < 40; ++seed) {
            const auto isTested = [&](const Split& split, std::size_t n) { return std::ranges::contains(split.heldOut, n); };
            const Split split = splitByPatient(cases, seed, 0.3), apart = splitByPatient(cases, seed, 0.3, Together::Patients);
            for (const std::size_t n : {std::size_t{3}, std::size_t{6}, std::size_t{7}, std::size_t{20}, std::size_t{21}})
                QCOMPARE(isTested(split, n), isTested(split, 2));
            wouldPart = wouldPart || isTested(apart, 2) != isTested(apart, 7);
        }
        QVERIFY(wouldPart);
        QCOMPARE(patientGroups({{"a", "p", 0, "", ""}, {"b", "q", 0, "", ""}}), (std::vector<std::size_t>{0, 1})); // no digest is no shared file
    }

    void whomEarlierWeightsSawIsNotHeldOut()
    {
        std::vector<CacheCase> cases;
        for (int i = 0; i < 40; ++i)
            cases.push_back({"key" + std::to_string(i), sha256Hex("patient " + std::to_string(i / 2)), 0, "", sha256Hex(std::to_string(i))});
        const Split first = splitByPatient(cases, 1, 0.25); // 5 of 20 patients
        TrainingRecord record{.known = true};
        record.add(first, cases);
        const auto again = recordFromJson(recordJson(record));
        HILUM_VERIFY_OK(again);
        QVERIFY(again->seen.images == record.seen.images && again->heldOut.patients == record.heldOut.patients && again->complete);
        // other names for everything, and another user's keys: the images are the same
        std::vector<CacheCase> moved = cases;
        for (CacheCase& c : moved) {
            c.key = sha256Hex("moved " + c.key);
            c.patient = sha256Hex("another user's " + c.patient);
        }
        for (const auto& some : {cases, moved}) {
            const KnownCases known = knownCases(some, *again);
            for (const std::size_t n : first.train)
                QVERIFY(known.seen[n] && !known.heldOut[n]);
            for (const std::size_t n : first.heldOut)
                QVERIFY(!known.seen[n] && known.heldOut[n]);
            for (std::uint64_t seed = 0; seed < 10; ++seed) {
                const Split next = splitAmongUnseen(some, known.seen, seed, 0.5);
                QVERIFY(next.heldOut == first.heldOut); // half would be 10 patients, and 5 are left
                QCOMPARE(splitAmongUnseen(some, known.seen, seed, 0.1).heldOutPatients, std::int64_t{2});
            }
        }
        // a second training on two who were held out: they are seen from then on, with all their images
        Split second;
        second.train = {first.heldOut[0]};
        record.add(second, cases);
        const KnownCases known = knownCases(moved, record);
        QVERIFY(known.seen[first.heldOut[0]] && known.seen[first.heldOut[1]]);
        QVERIFY(known.heldOut[first.heldOut[2]]);
        const std::vector<CacheCase> other{moved[first.heldOut[1]]}; // alone, of another user: not seen for sure, and not believed to be held out
        QVERIFY(!knownCases(other, record).anyHeldOut);
        // the same path elsewhere is another image, unless its key stands for a known patient
        std::vector<CacheCase> stranger{{cases[first.train[0]].key, cases[first.train[0]].patient, 0, "", sha256Hex("something else")}};
        QVERIFY(knownCases(stranger, record).anySeen);
        stranger[0].patientIsImage = true;
        QVERIFY(!knownCases(stranger, record).anySeen);
        // weights of which nothing is known make the record one of a part
        TrainingRecord imported;
        imported.add(first, cases);
        QVERIFY(imported.known && !imported.complete && recordLimits(imported).find("not known") != std::string::npos);
    }

    void splitFilesOfEarlierVersionsAreRead()
    {
        const auto folder = TemporaryFolder::make();
        makeCache(folder->where() / "c", {.patients = 6, .imagesPerPatient = 2, .size = 8});
        const auto cache = ShardReader::open(folder->where() / "c");
        HILUM_VERIFY_OK(cache);
        const Split split = splitByPatient(cache->cases(), 3, 0.4);
        Json json = splitJson(split, *cache, 3, 0.4);
        QCOMPARE(json.at("cases").at(cache->cases()[0].key).at("source_digest"), Json(cache->cases()[0].sourceDigest));
        QCOMPARE(json.at("cases").at(cache->cases()[0].key).at("patient"), Json(cache->cases()[0].patient));
        const auto now = recordOfSplit(json);
        HILUM_VERIFY_OK(now);
        QVERIFY(now->known && !now->byKey && now->seen.patients.size() == 4);
        json.erase("cases");
        const auto before = recordOfSplit(json);
        HILUM_VERIFY_OK(before);
        QVERIFY(before->byKey && recordLimits(*before).find("an earlier version") != std::string::npos);
        std::string because;
        QVERIFY(unseenSplit(cache->cases(), *before, because).heldOut == split.heldOut);
        QVERIFY2(because.starts_with("the patients that the training held out; "), because.c_str());
        json["train"] = "all";
        HILUM_VERIFY_ERROR(recordOfSplit(json), ErrorCode::BadData);
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
