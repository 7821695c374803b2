#include "core/learning/data/shard_reader.h"

#include "core/base/digest.h"
#include "core/base/job_protocol.h"
#include "core/base/numbers.h"
#include "core/learning/tensor_io.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <set>

namespace hilum::learning {

namespace fs = std::filesystem;

namespace {

Result<Json> readIndex(const path& cache)
{
    const path file = cache / "index.json";
    std::error_code ignored;
    if (!fs::is_directory(cache, ignored))
        return fail(ErrorCode::NotFound, "{} is no cache folder", cache.string());
    if (!fs::exists(file, ignored))
        return fail(ErrorCode::BadData, "{} holds no index.json: its preparation was not finished", cache.string());
    HILUM_TRY(const std::string text, readTextFile(file, 1u << 30));
    const auto index = parseJson(text);
    if (!index || !index->is_object())
        return fail(ErrorCode::BadData, "{} is no JSON object", file.string());
    const auto schema = index->find("schema");
    const std::string found = schema != index->end() && schema->is_string() ? schema->get<std::string>() : "";
    if (found != protocol::CacheSchema)
        return fail(ErrorCode::WrongVersion, "{} has schema \"{}\", this program reads \"{}\"", file.string(), found, protocol::CacheSchema);
    Json withoutDigest = *index;
    withoutDigest.erase("digest");
    if (const std::string digest = sha256Hex(withoutDigest.dump()); !index->contains("digest") || (*index)["digest"] != digest)
        return fail(ErrorCode::BadData, "{} was changed after it was written: its digest is {} and it says {}", file.string(), digest.substr(0, 12),
                    index->contains("digest") ? jsonLine((*index)["digest"]).substr(0, 13) : "none");
    if (!index->contains("pipeline") || !index->contains("shards") || !(*index)["shards"].is_array() || !index->contains("cases") || !(*index)["cases"].is_array())
        return fail(ErrorCode::BadData, "{} lacks pipeline, shards or cases", file.string());
    return *index;
}

} // namespace

Result<ShardReader> ShardReader::open(const path& cache)
{
    ShardReader reader;
    HILUM_TRY(reader.m_index, readIndex(cache));
    const auto damaged = [&](const std::string& what) { return fail(ErrorCode::BadData, "cache {}: {}", cache.string(), what); };
    try {
        for (const Json& shard : reader.m_index["shards"]) {
            const std::string name = shard.at("file").get<std::string>();
            if (name.find('/') != std::string::npos)
                return damaged(name + " is no plain file name");
            const auto wanted = shard.at("bytes").get<std::uint64_t>();
            std::error_code missing;
            const auto found = fs::file_size(cache / name, missing);
            if (missing)
                return damaged("shard " + name + " is missing");
            if (found != wanted)
                return damaged(hilum::format("shard {} has {} bytes where the index says {}", name, grouped(static_cast<std::int64_t>(found)), grouped(static_cast<std::int64_t>(wanted))));
            auto file = TensorFile::open(cache / name);
            if (!file)
                return std::unexpected(withContext(file.error(), "cache " + cache.string()));
            reader.m_shards.push_back(*std::move(file));
        }
        std::set<std::string> keys;
        for (const Json& one : reader.m_index["cases"]) {
            CacheCase c{one.at("key").get<std::string>(), one.at("patient").get<std::string>(), one.at("shard").get<std::size_t>(), one.at("prefix").get<std::string>(),
                        one.value("source_digest", ""), one.value("modality_class", ""), one.value("patient_from", "") == "image"};
            if (c.shard >= reader.m_shards.size())
                return damaged(hilum::format("case {} names shard {} of {}", c.key, c.shard, reader.m_shards.size()));
            if (!keys.insert(c.key).second)
                return damaged("the case key " + c.key + " occurs twice");
            reader.m_cases.push_back(std::move(c));
        }
    } catch (const Json::exception& e) {
        return damaged(std::string("its index.json has an entry of another form: ") + e.what());
    }
    if (reader.m_cases.empty())
        return fail(ErrorCode::Empty, "cache {} holds no case", cache.string());
    return reader;
}

std::optional<std::size_t> ShardReader::find(std::string_view key) const
{
    for (std::size_t i = 0; i < m_cases.size(); ++i)
        if (m_cases[i].key == key)
            return i;
    return std::nullopt;
}

Result<TensorMap> ShardReader::read(std::size_t caseNumber) const
{
    const CacheCase& c = m_cases.at(caseNumber);
    TensorMap arrays = readTensors(m_shards[c.shard], c.prefix);
    if (arrays.empty())
        return fail(ErrorCode::BadData, "{} holds no arrays of case {} (prefix \"{}\")", m_shards[c.shard].file().string(), c.key, c.prefix);
    if (!c.modality.empty())
        arrays["modality_class"] = at::tensor({modalityNumber(c.modality)}, at::kLong);
    return arrays;
}

namespace {

constexpr std::array<std::string_view, OtherModality + 1> ModalityWords{"ct", "t1", "t1ce", "t2", "flair", "mr", "other"};

} // namespace

std::int64_t modalityNumber(std::string_view modality)
{
    const auto known = std::ranges::find(ModalityWords, modality);
    return known == ModalityWords.end() ? OtherModality : known - ModalityWords.begin();
}

std::string_view modalityWord(std::int64_t number) { return ModalityWords.at(static_cast<std::size_t>(number)); }

} // namespace hilum::learning
