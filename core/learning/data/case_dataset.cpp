#include "core/learning/data/case_dataset.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

namespace hilum::learning {

namespace {

/// Draws among the groups of which nobody was seen.
Split draw(const std::vector<CacheCase>& cases, const std::vector<std::size_t>& groups, const std::vector<bool>& seen, std::uint64_t seed, double heldOutFraction)
{
    // a patient's key differs from user to user; the images do not: the patient's smallest image digest gives the order before the shuffle
    std::map<std::size_t, std::pair<std::string, std::string>> smallest; // group -> image digest, patient
    for (std::size_t i = 0; i < cases.size(); ++i) {
        const auto [at, fresh] = smallest.emplace(groups[i], std::pair(cases[i].sourceDigest, cases[i].patient));
        if (!fresh) {
            at->second.first = std::min(at->second.first, cases[i].sourceDigest);
            at->second.second = std::min(at->second.second, cases[i].patient);
        }
    }
    std::vector<std::pair<std::pair<std::string, std::string>, std::size_t>> patients;
    for (const auto& [group, names] : smallest)
        if (!seen[group]) // a group's number is one of its cases
            patients.emplace_back(names, group);
    std::ranges::sort(patients);
    Rng rng = Rng(seed).fork("split");
    rng.shuffle(std::span(patients));
    std::size_t count = static_cast<std::size_t>(std::llround(heldOutFraction * static_cast<double>(smallest.size())));
    if (heldOutFraction > 0)
        count = std::max<std::size_t>(count, 1);
    const std::size_t most = patients.size() < smallest.size() ? patients.size() : patients.empty() ? 0 : patients.size() - 1; // somebody must be trained on
    count = std::min(count, most);
    std::set<std::size_t> heldOut;
    for (std::size_t i = 0; i < count; ++i)
        heldOut.insert(patients[i].second);
    Split split;
    for (std::size_t i = 0; i < cases.size(); ++i)
        (heldOut.contains(groups[i]) ? split.heldOut : split.train).push_back(i);
    countPatients(split, cases);
    return split;
}

} // namespace

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

std::vector<std::size_t> patientGroups(const std::vector<CacheCase>& cases, Together together)
{
    std::vector<std::size_t> parent(cases.size());
    std::iota(parent.begin(), parent.end(), std::size_t{0});
    const auto root = [&](std::size_t i) {
        while (parent[i] != i)
            i = parent[i] = parent[parent[i]];
        return i;
    };
    std::map<std::string_view, std::size_t> byPatient, byImage;
    for (std::size_t i = 0; i < cases.size(); ++i) {
        const auto join = [&](std::map<std::string_view, std::size_t>& known, const std::string& name) {
            const auto [at, fresh] = known.emplace(name, i);
            if (fresh)
                return;
            const std::size_t a = root(at->second), b = root(i);
            parent[std::max(a, b)] = std::min(a, b);
        };
        join(byPatient, cases[i].patient);
        if (together == Together::SharedImages && !cases[i].sourceDigest.empty())
            join(byImage, cases[i].sourceDigest);
    }
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < cases.size(); ++i)
        out.push_back(root(i));
    return out;
}

Split splitByPatient(const std::vector<CacheCase>& cases, std::uint64_t seed, double heldOutFraction, Together together)
{
    return draw(cases, patientGroups(cases, together), std::vector<bool>(cases.size()), seed, heldOutFraction);
}

Split splitAmongUnseen(const std::vector<CacheCase>& cases, const std::vector<bool>& seen, std::uint64_t seed, double heldOutFraction)
{
    return draw(cases, patientGroups(cases), seen, seed, heldOutFraction);
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
    Json cases = Json::object(); // who they are, whatever the data are called
    for (const auto* part : {&split.train, &split.heldOut})
        for (const std::size_t i : *part) {
            const CacheCase& c = cache.cases()[i];
            cases[c.key] = {{"source_digest", c.sourceDigest}, {"patient", c.patientIsImage ? Json() : Json(c.patient)}};
        }
    return {{"schema", "hilum.split/1"}, {"seed", seed}, {"fraction", heldOutFraction}, {"train", keys(split.train)}, {"held_out", keys(split.heldOut)},
            {"train_patients", split.trainPatients}, {"held_out_patients", split.heldOutPatients}, {"patients_known", cache.patientsKnown()}, {"cases", std::move(cases)}};
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
