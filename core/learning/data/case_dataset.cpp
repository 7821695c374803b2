#include "core/learning/data/case_dataset.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace hilum::learning {

namespace {

void countPatients(Split& split, const std::vector<CacheCase>& cases)
{
    const auto count = [&](const std::vector<std::size_t>& part) {
        std::set<std::string_view> patients;
        for (const std::size_t i : part)
            patients.insert(cases[i].patient);
        return static_cast<std::int64_t>(patients.size());
    };
    split.trainPatients = count(split.train);
    split.heldOutPatients = count(split.heldOut);
}

} // namespace

Split splitByPatient(const std::vector<CacheCase>& cases, std::uint64_t seed, double heldOutFraction)
{
    // a patient's key differs from user to user; the images do not: the patient's smallest image digest gives the order before the shuffle
    std::map<std::string, std::string> smallest;
    for (const CacheCase& c : cases) {
        const auto [at, fresh] = smallest.emplace(c.patient, c.sourceDigest);
        if (!fresh)
            at->second = std::min(at->second, c.sourceDigest);
    }
    std::vector<std::pair<std::string, std::string>> patients;
    for (const auto& [patient, digest] : smallest)
        patients.emplace_back(digest, patient);
    std::ranges::sort(patients);
    Rng rng = Rng(seed).fork("split");
    rng.shuffle(std::span(patients));
    std::size_t count = static_cast<std::size_t>(std::llround(heldOutFraction * static_cast<double>(patients.size())));
    if (heldOutFraction > 0)
        count = std::max<std::size_t>(count, 1);
    count = std::min(count, patients.empty() ? 0 : patients.size() - 1);
    std::set<std::string> heldOut;
    for (std::size_t i = 0; i < count; ++i)
        heldOut.insert(patients[i].second);
    Split split;
    for (std::size_t i = 0; i < cases.size(); ++i)
        (heldOut.contains(cases[i].patient) ? split.heldOut : split.train).push_back(i);
    countPatients(split, cases);
    return split;
}

Json splitJson(const Split& split, const ShardReader& cache, std::uint64_t seed, double heldOutFraction)
{
    const auto keys = [&](const std::vector<std::size_t>& part) {
        std::vector<std::string> out;
        for (const std::size_t i : part)
            out.push_back(cache.cases()[i].key);
        std::sort(out.begin(), out.end());
        return out;
    };
    return {{"schema", "hilum.split/1"}, {"seed", seed}, {"fraction", heldOutFraction}, {"train", keys(split.train)}, {"held_out", keys(split.heldOut)},
            {"train_patients", split.trainPatients}, {"held_out_patients", split.heldOutPatients}, {"patients_known", cache.patientsKnown()}};
}

Result<Split> splitFromJson(const Json& json, const ShardReader& cache)
{
    Split split;
    std::set<std::size_t> seen;
    std::int64_t unknown = 0;
    const auto fill = [&](const char* part, std::vector<std::size_t>& out) -> Status {
        const auto it = json.find(part);
        if (it == json.end() || !it->is_array())
            return fail(ErrorCode::BadData, "split.json has no list \"{}\"", part);
        for (const Json& key : *it) {
            const auto found = key.is_string() ? cache.find(key.get<std::string>()) : std::nullopt;
            if (!found) {
                ++unknown;
                continue;
            }
            if (!seen.insert(*found).second)
                return fail(ErrorCode::BadData, "split.json names case {} twice", key.get<std::string>());
            out.push_back(*found);
        }
        std::sort(out.begin(), out.end()); // order of the cache, as splitByPatient gives it
        return {};
    };
    HILUM_TRY_STATUS(fill("train", split.train));
    HILUM_TRY_STATUS(fill("held_out", split.heldOut));
    if (unknown > 0 || seen.size() != cache.cases().size())
        return fail(ErrorCode::Mismatch, "split.json and the cache are not of the same cases: {} are unknown to the cache and {} have no part", unknown,
                    cache.cases().size() - seen.size());
    countPatients(split, cache.cases());
    return split;
}

} // namespace hilum::learning
